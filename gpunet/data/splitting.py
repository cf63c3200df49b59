"""Training, validation and test parts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import DataError
from .dataset import Dataset

STREAM = 3  # second word of the generator's key, so that a split shares no numbers with a training of the same seed


@dataclass(frozen=True, eq=False)
class Split:
    """Sorted, disjoint sample numbers, int64, that together are the whole data set."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def split(
    dataset: Dataset,
    *,
    validation: float | int,
    test: float | int,
    seed: int,
    order: Literal["stratified", "tail"] = "stratified",
) -> Split:
    """Divide a data set.

    Args:
        dataset: whose ``test_from``, where set, fixes the test part and makes ``test`` meaningless.
        validation: a fraction below 1 or a count, of the samples that the files do not fix.
        test: likewise.
        seed: of the random choice.
        order: ``stratified`` takes from each class in proportion; ``tail`` takes the last samples of the file.

    Raises:
        DataError: where a part leaves nothing to train on.
    """
    free = np.arange(len(dataset.x) if dataset.test_from is None else dataset.test_from)
    fixed = np.arange(len(free), len(dataset.x))
    sizes = [_count(validation, len(free)), 0 if dataset.test_from is not None else _count(test, len(free))]
    if sum(sizes) >= len(free):
        parts = f"{sizes[0]} for validation and {sizes[1]} for test of {len(free)} samples"
        raise DataError(dataset.name, "must have samples left to train on", parts, "Lower validation or test")
    generator = np.random.Generator(np.random.Philox(key=[seed, STREAM]))
    chosen = []
    for size in reversed(sizes):  # the test part first, so that it does not depend on the validation part
        if order == "tail":
            part = free[len(free) - size :]
        elif dataset.classes:
            part = _stratified(free, dataset.y[free], size, generator)
        else:
            part = np.sort(generator.permutation(free)[:size])
        chosen.append(part)
        free = np.setdiff1d(free, part)
    return Split(free, chosen[1], fixed if dataset.test_from is not None else chosen[0])


def _count(part: float | int, total: int) -> int:
    return part if isinstance(part, int) else round(part * total)


def _stratified(samples: np.ndarray, labels: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """``size`` samples, from each class its share by largest remainder, but never a class's last sample."""
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * (size / len(samples))
    shares = np.minimum(np.floor(exact).astype(int), counts - 1)
    order = np.argsort(-(exact - shares), kind="stable")
    while shares.sum() < size:
        room = [i for i in order if shares[i] < counts[i] - 1] or [i for i in order if shares[i] < counts[i]]
        for i in room[: size - shares.sum()]:
            shares[i] += 1
    parts = [generator.permutation(samples[labels == c])[:share] for c, share in zip(classes, shares)]
    return np.sort(np.concatenate(parts)) if parts else samples[:0]
