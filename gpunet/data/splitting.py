"""Training, validation and test parts."""

import re
from dataclasses import dataclass
from typing import Any, Literal

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


Order = Literal["stratified", "tail", "group", "date", "column"]


def split(
    dataset: Dataset,
    *,
    validation: float | int,
    test: float | int,
    seed: int,
    order: Order = "stratified",
) -> Split:
    """Divide a data set.

    Args:
        dataset: whose ``test_from``, where set, fixes the test part and makes ``test`` meaningless, and whose
            ``validation_from`` does so for validation.
        validation: a fraction below 1 or a count, of the samples that the files do not fix.
        test: likewise.
        seed: of the random choice.
        order: ``stratified`` takes from each class in proportion; ``tail`` takes the last samples of the file; the
            others go by ``dataset.divided_by``: ``group`` keeps samples of one value together, ``date`` takes the
            latest for the test and those before them for validation, ``column`` takes its words for the parts.

    Raises:
        DataError: where a part leaves nothing to train on.
    """
    labels = dataset.y if dataset.classes else None
    return divide(
        dataset.name, len(dataset.x), labels, dataset.divided_by, dataset.test_from,
        validation=validation, test=test, seed=seed, order=order, validation_from=dataset.validation_from,
    )  # fmt: skip


def divide(
    name: str,
    samples: int,
    labels: np.ndarray | None,
    by: np.ndarray | None,
    test_from: int | None,
    *,
    validation: float | int,
    test: float | int,
    seed: int,
    order: Order,
    validation_from: int | None = None,
) -> Split:
    """Divide so many samples; see :func:`split`.

    Args:
        name: of the data, for messages.
        samples: how many there are.
        labels: class numbers (samples,), or None where there are no classes; samples without a label, whose number is
            -1, all train, since nothing can be measured on them.
        by: (samples,) values of the column that parts are made by, numbers or texts.
        test_from: first sample of a test part that is fixed.
        validation: a fraction below 1 or a count.
        test: likewise.
        seed: of the random choice.
        order: how.
        validation_from: first sample of a validation part that is fixed, in front of a fixed test part.
    """
    if labels is not None and (labels < 0).any():
        how = {"validation": validation, "test": test, "seed": seed, "order": order}
        return _known_divided(name, labels, by, test_from, validation_from, how)
    if validation_from is not None:
        held = np.arange(validation_from, samples if test_from is None else test_from)
        rest = divide(
            name, samples - len(held), None if labels is None else np.delete(labels, held),
            None if by is None else np.delete(by, held), None if test_from is None else validation_from,
            validation=0, test=test, seed=seed, order="stratified" if order == "column" else order,
        )  # fmt: skip
        back = np.delete(np.arange(samples), held)
        return Split(back[rest.train], held, back[rest.test])
    free = np.arange(samples if test_from is None else test_from)
    fixed = np.arange(len(free), samples)
    if order in ("group", "date", "column") and by is None:
        remedy = 'Set split_column to the name of a column, or split="stratified"'
        raise DataError(name, f"needs a column to be split by {order}", "none", remedy)
    if order == "column":
        return _by_words(name, by, free, fixed)  # type: ignore[arg-type]
    sizes = [_count(validation, len(free)), 0 if test_from is not None else _count(test, len(free))]
    if sum(sizes) >= len(free):
        parts = f"{sizes[0]} for validation and {sizes[1]} for test of {len(free)} samples"
        raise DataError(name, "must have samples left to train on", parts, "Lower validation or test")
    generator = np.random.Generator(np.random.Philox(key=[seed, STREAM]))
    chosen = []
    if order == "date":
        free = free[np.argsort(_sortable(name, by[free]), kind="stable")]  # type: ignore[index]
    for size in reversed(sizes):  # the test part first, so that it does not depend on the validation part
        if order in ("tail", "date"):
            part = free[len(free) - size :]
            free = free[: len(free) - size]
            chosen.append(np.sort(part))
            continue
        if order == "group":
            part = _grouped(by[free], free, size, generator)  # type: ignore[index]
        elif labels is not None:
            part = _stratified(free, labels[free], size, generator)
        else:
            part = np.sort(generator.permutation(free)[:size])
        chosen.append(part)
        free = np.setdiff1d(free, part)
    if not len(free):
        raise DataError(
            name, "must have samples left to train on", "groups that fill the other parts", "Lower the parts"
        )
    return Split(np.sort(free), chosen[1], fixed if test_from is not None else chosen[0])


def _known_divided(
    name: str,
    labels: np.ndarray,
    by: np.ndarray | None,
    test_from: int | None,
    validation_from: int | None,
    how: dict[str, Any],
) -> Split:
    """Samples with a label divided among the parts, and all others in the training part.

    Raises:
        DataError: groups or dates, which cannot keep samples without a label out of a part, or such samples in a part
            that is fixed.
    """
    (known,), (unknown,) = np.nonzero(labels >= 0), np.nonzero(labels < 0)
    order, remedy = how["order"], "Remove them, or fill in their labels"
    if order in ("group", "date"):
        raise DataError(
            name, f"needs a label for each sample to be split by {order}", f"{len(unknown):,} without", remedy
        )
    ends = [end for end in (validation_from, test_from) if end is not None]
    held = unknown >= min(ends) if ends else np.zeros(len(unknown), bool)
    if order == "column" and by is not None:
        held |= [str(word).strip().lower() not in PART_WORDS["train"] for word in by[unknown].tolist()]
    if held.any():
        rule = "needs a label for each sample of the validation and test parts"
        raise DataError(name, rule, f"{int(held.sum()):,} without", remedy)
    before, between = (None if end is None else int((known < end).sum()) for end in (test_from, validation_from))
    own = None if by is None else by[known]
    found = divide(name, len(known), labels[known], own, before, validation_from=between, **how)
    train = np.sort(np.concatenate([known[found.train], unknown]))
    return Split(train, known[found.validation], known[found.test])


def _sortable(name: str, values: np.ndarray) -> np.ndarray:
    """Numbers as they are; of texts only dates that begin with the year sort by time."""
    if values.dtype.kind != "O":
        return values
    texts = [str(value) for value in values.tolist()]
    odd = next((text for text in texts if not re.match(r"\d{4}[-/.]\d{2}([-/.]\d{2})?", text)), None)
    if odd is not None:
        remedy = "Write dates as 2024-05-31, or use a column of numbers"
        raise DataError(name, "needs dates that begin with the year to be split by date", repr(odd), remedy)
    return np.array(texts)


def _grouped(groups: np.ndarray, samples: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Whole groups in random order, as many as come nearest to ``size`` samples."""
    _, numbers = np.unique(groups.astype(str), return_inverse=True)
    counts = np.bincount(numbers)
    order = generator.permutation(len(counts))
    after = np.cumsum(counts[order])
    missed = np.abs(np.concatenate([[0], after]) - size)
    taken = order[: int(missed.argmin())]
    if size and not len(taken) and len(order) > 1:
        taken = order[:1]
    return samples[np.isin(numbers, taken)]


PART_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}


def _by_words(name: str, by: np.ndarray, free: np.ndarray, fixed: np.ndarray) -> Split:
    """The parts that a column names."""
    words = np.array([str(value).strip().lower() for value in by.tolist()])
    known = {word for words_of_part in PART_WORDS.values() for word in words_of_part}
    if odd := sorted(set(words.tolist()) - known):
        rule = "needs the words train, validation and test in the column that parts are made by"
        raise DataError(name, rule, repr(odd[0]), "Correct it, or set split=group")
    parts = {part: free[np.isin(words[free], spelled)] for part, spelled in PART_WORDS.items()}
    if not len(parts["train"]):
        raise DataError(name, "must have samples left to train on", "none called train", "Check the column")
    return Split(parts["train"], parts["validation"], np.concatenate([parts["test"], fixed]))


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
