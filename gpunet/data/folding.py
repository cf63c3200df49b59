"""Folds: every sample is held out once, in stratified or whole groups, repeatedly where that is asked for."""

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError, DataError, shortened
from .dataset import Dataset
from .splitting import Order, Split, divide

STREAM = 13  # second word of the generator's key, beside that of splits


def folded(
    dataset: Dataset,
    rows: np.ndarray,
    *,
    folds: int,
    repeats: int = 1,
    validation: float | int,
    seed: int,
    order: Order = "stratified",
) -> list[Split]:
    """Splits whose test parts are the folds: of each repetition together all ``rows``, each once.

    What is left of ``rows`` is divided into a training and a validation part for each fold, so that the epoch is never
    chosen on samples that are then scored.

    Args:
        dataset: whose samples.
        rows: sample numbers to fold; others, as of a fixed test part, stay out.
        folds: into how many.
        repeats: how often, each time by another order.
        validation: of each training part, a fraction below 1 or a count.
        seed: of the random choice.
        order: ``stratified`` spreads each class evenly, ``group`` keeps samples of one group in one fold, ``tail``
            takes blocks in the order of the file; ``column`` is taken for ``stratified``.

    Returns:
        ``folds * repeats`` of them.

    Raises:
        ConfigError: fewer than two folds, or more than samples or groups.
        DataError: an order by date, by which the past would be predicted from the future.
    """
    if order == "date":
        remedy = 'Set split="group" or split="stratified", or leave folds out'
        raise DataError(dataset.name, "has dates, and folds would predict the past from the future", "date", remedy)
    if folds < 2:
        raise ConfigError("folds", "must be at least 2", folds, "For example folds=5")
    found = []
    for repeat in range(repeats):
        for held in held_out(dataset, rows, folds, seed + repeat, order):
            left = np.setdiff1d(rows, held)
            found.append(inner_split(dataset, left, held, validation=validation, seed=seed + repeat, order=order))
    return found


def held_out(
    dataset: Dataset, rows: np.ndarray, folds: int, seed: int, order: Order = "stratified"
) -> list[np.ndarray]:
    """The folds alone: disjoint sorted sample numbers that together are ``rows``; see :func:`folded`.

    Raises:
        ConfigError: more folds than samples or groups.
        DataError: labels that are missing, of which nothing can be measured.
    """
    if dataset.partly:
        rule, remedy = "needs a label for each sample to be divided into folds", "Remove samples without one"
        raise DataError(dataset.name, rule, "labels that are missing", remedy)
    generator = np.random.Generator(np.random.Philox(key=[seed, STREAM]))
    if order == "group" and dataset.divided_by is not None:
        groups = dataset.divided_by[rows].astype(str)
        count, what = len(np.unique(groups)), "groups"
    else:
        count, what = len(rows), "samples"
    if folds > count:
        raise ConfigError("folds", f"must be at most the {count:,} {what}", folds, f"Set folds={min(5, count)}")
    if what == "groups":
        place = _by_groups(groups, folds, generator)
    elif order == "tail":
        place = np.arange(len(rows)) * folds // len(rows)
    else:
        place = _by_classes(dataset.y[rows] if dataset.classes else np.zeros(len(rows)), folds, generator)
    return [np.sort(rows[place == number]) for number in range(folds)]


def thin_classes(dataset: Dataset, rows: np.ndarray, folds: int, order: Order = "stratified") -> list[str]:
    """A line where classes have fewer samples than there are folds, so that some folds test nothing of them.

    Args:
        dataset: whose samples.
        rows: sample numbers that are folded.
        folds: into how many.
        order: as for :func:`folded`; groups and blocks promise nothing about classes.
    """
    if not dataset.classes or dataset.partly or order in ("group", "tail", "date"):
        return []
    counts = np.bincount(dataset.y[rows], minlength=len(dataset.classes))
    thin = [int(number) for number in np.flatnonzero((counts > 0) & (counts < folds))]
    if not thin:
        return []
    rarest = min(thin, key=lambda number: int(counts[number]))
    least, more = int(counts[rarest]), len(thin) - 1
    samples = f"{least} sample{'s' * (least > 1)}"
    others = f" and {more} more class{'es' * (more > 1)} too few" if more else ""
    without = f"{folds - least} fold{'s' * (folds - least > 1)}"
    most = f"at most folds={least} have some of each class" if least > 1 else "no number of folds has some in each"
    said = shortened(str(dataset.classes[rarest]), 40)
    return [f"class {said} has {samples}{others}, so {without} of {folds} test none of it; {most}"]


def inner_split(
    dataset: Dataset, left: np.ndarray, held: np.ndarray, *, validation: float | int, seed: int, order: Order
) -> Split:
    """Training and validation part out of what is left, beside what is held out as the test part."""
    by = None if dataset.divided_by is None else dataset.divided_by[left]
    inner: Order = "group" if order == "group" and by is not None else "stratified"
    labels = dataset.y[left] if dataset.classes else None
    parts = divide(
        dataset.name, len(left), labels, by, None, validation=validation, test=0, seed=seed, order=inner
    )  # fmt: skip
    return Split(left[parts.train], left[parts.validation], held)


def _by_classes(labels: np.ndarray, folds: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of each sample: classes are dealt one after the other, so that folds differ by one sample at most."""
    shuffled = generator.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.empty(len(labels), int)
    place[order] = np.arange(len(labels)) % folds
    return place


def _by_groups(groups: Sequence[str] | np.ndarray, folds: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of each sample: the largest group that is left goes to the fold that has fewest samples."""
    names, numbers, counts = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = generator.permutation(len(names))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    filled, fold = np.zeros(folds, int), np.empty(len(names), int)
    for group in order:
        fold[group] = int(filled.argmin())
        filled[fold[group]] += counts[group]
    return fold[numbers]


def repeated(
    dataset: Dataset, rows: np.ndarray, *, repeats: int, validation: int, seed: int, order: Order = "stratified"
) -> list[Split]:
    """Random divisions into training and validation part, without a test part.

    Args:
        dataset: whose samples.
        rows: sample numbers to divide; others stay out.
        repeats: how many divisions.
        validation: samples of the validation part.
        seed: of the first division; the others take those that follow.
        order: ``group`` keeps samples of one group together, else parts are stratified.

    Raises:
        DataError: an order by date, or blocks of the file, which are one division and not several.
    """
    if order in ("date", "tail"):
        remedy = 'Set split="stratified", or repeats=1'
        raise DataError(dataset.name, "has one division in the order of its samples", f"{repeats} repeats", remedy)
    return [
        inner_split(dataset, rows, rows[:0], validation=validation, seed=seed + number, order=order)
        for number in range(repeats)
    ]
