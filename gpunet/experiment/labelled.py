"""Which samples of the training part an epoch learns from: those with labels, as often as an epoch needs them."""

import numpy as np

from ..backend import Purpose, host_generator
from ..config import Config
from ..errors import ConfigError


def epoch_rows(
    config: Config, y: np.ndarray, classes: int, wants_targets: bool, all_samples: bool = False
) -> np.ndarray | None:
    """Sample numbers of one epoch, ([members,] n), or None where an epoch is one pass over all samples.

    With ``data.labels`` only so many samples have targets, drawn by each member's seed alone, so that any two models
    of a seed share them.  With ``training.updates`` they come as often as it takes for so many updates.

    Args:
        config: of the run.
        y: targets of the training part.
        classes: how many there are, 0 for regression.
        wants_targets: whether the targets are looked at; what does not look sees all samples.
        all_samples: whether samples without a label are learned from as well: they are there as ``~number``.

    Raises:
        ConfigError: more labels than samples, or fewer than classes.
    """
    count = config.data.labels if wants_targets else None
    known = np.flatnonzero(y >= 0) if classes else np.arange(len(y))
    without = np.setdiff1d(np.arange(len(y)), known)  # a label to begin with
    if count is not None and not max(classes, 1) <= count <= len(known):
        what = "labels" if len(without) else "samples"
        rule = f"must be between the {max(classes, 1)} classes and the {len(known):,} {what} of the training part"
        raise ConfigError("labels", rule, count, "Leave it out to use all labels")
    if count is None and len(without):
        count = len(known)
    samples = len(y) if count is None or all_samples else count
    batches = -(-(config.training.updates or 0) * config.training.batch_size // samples)
    if count is None and batches <= 1:
        return None
    seeds = [config.seeds] if isinstance(config.seeds, int) else config.seeds
    orders = [np.arange(len(y)) if count is None else known[stratified_order(y[known], classes, s)] for s in seeds]
    orders = [np.concatenate([order, without]) for order in orders]
    once = np.stack([order if count is None else _with_the_rest(order, count, all_samples) for order in orders])
    rows = np.tile(once, max(batches, 1)).astype(np.int32)
    return rows if config.population > 1 else rows[0]


def _with_the_rest(order: np.ndarray, count: int, all_samples: bool) -> np.ndarray:
    """The samples that keep their labels, and where all are wanted the others as their complements."""
    return np.concatenate([order[:count], ~order[count:]]) if all_samples else order[:count]


def stratified_order(y: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """All sample numbers in a random order whose every beginning holds each class in proportion.

    So more labels are a superset of fewer.  One sample of each class comes first, then each class is spread evenly;
    for regression the order is simply random.

    >>> y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> y[stratified_order(y, 2, seed=3)].reshape(4, 2).sum(axis=1).tolist()
    [1, 1, 1, 1]
    """
    shuffled = host_generator(seed, Purpose.LABELS).permutation(len(y))
    place = np.zeros(len(y))  # between 0 and 1; ties stay in their random order
    for c in range(classes):
        (own,) = np.nonzero(y[shuffled] == c)
        place[own[1:]] = (np.arange(1, len(own)) + 0.5) / len(own)
    return shuffled[place.argsort(kind="stable")]
