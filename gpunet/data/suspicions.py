"""What looks as if data were not what they seem: features that tell the target, numbers for nothing, bytes."""

from collections.abc import Iterator

import numpy as np

from .codes import CategoryCode, NumberCode
from .dataset import Dataset
from .passes import extent

WIDE = 1000  # features that are looked at one by one
ROWS = 5000  # samples that decide whether a feature is looked at on all of them
FEW = 20  # samples below which anything may be chance
CHANCE = 1e-3  # probability that classes fall together so
NOTHING = (-99999, -9999, -999, -99, 99, 999, 9999, 99999)  # numbers that are written where there is none
GAP = 3  # ranges of all other numbers between them and such a number
BYTE = 255
ROUNDING = 1e-5  # of float32, in a sum of probabilities
SEPARATORS = "|;,"  # between several labels in one cell


def suspicious(dataset: Dataset) -> list[str]:
    """Sentences about what the user should look at before training."""
    x = dataset.x
    found: list[str] = []
    if isinstance(x, np.ndarray) and x.ndim == 2 and not dataset.vocabulary and len(x) > 2 and x.shape[1] <= WIDE:
        for name, values in _columns(dataset, x):
            found += _telling(dataset, name, values)
            found += _standing_for_nothing(name, values)
    found += [*_spelled(dataset), *_several(dataset), *_of_targets(dataset)]
    if x.dtype.kind == "f" and x.ndim > 2 and dataset.scale == 1:
        span = extent(x)
        if span.whole and 1 < span.high <= BYTE:
            found.append(f"images of whole numbers up to {span.high:g} of type {x.dtype}: are they bytes?")
    return found


def _columns(dataset: Dataset, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each column of a table, or feature of an array, with one number for each of its values."""
    codes = dataset.contract.codes if dataset.contract is not None else ()
    if not codes:
        for number, values in enumerate(x.T):
            yield f"column {number + 1}", values
        return
    at = 0
    for code in codes:
        end = at + len(code.names)
        block, name = x[:, at:end], repr(code.column) if code.column else f"column {code.place + 1}"
        if isinstance(code, NumberCode):
            yield name, block[:, 0] if not code.offset else block[:, 0] + np.float64(code.offset)
        elif isinstance(code, CategoryCode):
            yield name, block[:, 0] if code.ordinal else np.where(block.any(axis=1), block.argmax(axis=1), -1)
        at = end


def _telling(dataset: Dataset, name: str, values: np.ndarray) -> list[str]:
    """A feature each of whose values goes with one target."""
    y = dataset.y if dataset.classes else dataset.y[:, 0] if dataset.y.shape[-1:] == (1,) else None
    if y is None:
        return []
    if dataset.partly:
        known = dataset.labelled(np.arange(len(y)))
        values, y = values[known], y[known]
    step = max(1, len(y) // ROWS)
    if not _goes_with_one(values[::step], y[::step]) or (step > 1 and not _goes_with_one(values, y)):
        return []
    distinct, sizes = np.unique(values, return_counts=True)
    again = int(sizes[sizes > 1].sum())
    if len(distinct) == len(values):
        order = np.argsort(values, kind="stable")
        alone = bool(dataset.classes) and int((np.diff(y[order]) != 0).sum()) == len(dataset.classes) - 1
        whole = bool((values == np.floor(values)).all())
        said = f"{name} alone tells the classes, and all its whole numbers differ: is it an index?"
        return [said] if alone and whole else []
    if len(distinct) < 2 or 2 * again < len(values):
        return []
    if not dataset.classes:
        targets = f"every value of {name} goes with one value of the target: would it be known before the target is?"
        return [targets] if len(values) >= FEW else []
    shares = np.bincount(y) / len(y)
    with np.errstate(divide="ignore", under="ignore"):
        odds = float(np.log((shares[:, None] ** sizes[None, :ROWS]).sum(axis=0)).sum())
    if odds > np.log(CHANCE):
        return []
    if len(distinct) == len(dataset.classes):
        return [f"each class has one value of {name}: is it the target again?"]
    return [f"every value of {name} goes with one class: would it be known before the target is?"]


def _goes_with_one(values: np.ndarray, y: np.ndarray) -> bool:
    """Whether samples of one value always have one target."""
    order = np.lexsort((y, values))
    values, y = values[order], y[order]
    return not bool(((values[1:] == values[:-1]) & (y[1:] != y[:-1])).any())


def _standing_for_nothing(name: str, values: np.ndarray) -> list[str]:
    """A number like -999 that comes several times, far from all others."""
    found = []
    for edge in (values.min(), values.max()):
        if edge not in NOTHING:
            continue
        rest = values[values != edge]
        count = len(values) - len(rest)
        if count < 2 or len(rest) < FEW:
            continue
        low, high = float(rest.min()), float(rest.max())
        if max(low - edge, edge - high) > GAP * max(high - low, 1.0):
            remedy = f"set missing=['{edge:g}'] if it stands for none"
            found.append(f"{name} is {edge:g} in {count:,} rows, far from its other numbers; {remedy}")
    return found


def _spelled(dataset: Dataset) -> list[str]:
    """Classes and categories that differ in their capitals alone."""
    codes = dataset.contract.codes if dataset.contract is not None else ()
    kept = [(f"categories of {code.column!r}", code.levels) for code in codes if isinstance(code, CategoryCode)]
    found = []
    for what, names in [("classes", dataset.classes), *kept]:
        seen: dict[str, str] = {}
        for one in filter(None, names):
            other = seen.setdefault(one.casefold(), one)
            if other != one:
                found.append(f"{what} {other!r} and {one!r} differ in capitals alone: are they the same?")
                break
    return found


def _several(dataset: Dataset) -> list[str]:
    """Classes that are made of other classes, as ``red|round`` beside ``red``."""
    names = set(dataset.classes)
    for sign in SEPARATORS:
        made = [one for one in dataset.classes if sign in one]
        parts = [[part.strip() for part in one.split(sign)] for one in made]
        if any(len(set(each)) > 1 and all(part in names for part in each) for each in parts):
            remedy = "write a column of 0 and 1 for each and name them all in target"
            return [f"each combination such as {made[0]!r} is a class of its own; for several labels {remedy}"]
    return []


def _of_targets(dataset: Dataset) -> list[str]:
    """Numbers that are the same for all samples, or that look like probabilities of classes."""
    if dataset.task != "regression" or len(dataset.y) < 2:
        return []
    y = dataset.y.astype(np.float64)
    if (y == y[0]).all(axis=0).any():
        number = int((y == y[0]).all(axis=0).argmax())
        name = repr(dataset.targets[number]) if number < len(dataset.targets) else f"target {number + 1}"
        return [f"{name} is {y[0, number]:g} for all samples: there is nothing to learn"]
    shares = y.shape[1] > 1 and y.min() >= 0 and bool((np.abs(y.sum(axis=1) - 1) < ROUNDING).all())
    if shares:
        return ["the targets of each sample sum to 1: give class numbers (their argmax) if they are classes"]
    return []
