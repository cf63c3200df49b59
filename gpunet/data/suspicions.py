"""What looks as if data were not what they seem: features that tell the target, numbers for nothing, bytes."""

from collections.abc import Iterator

import numpy as np

from .codes import CategoryCode, NumberCode
from .dataset import Dataset

WIDE = 1000  # features that are looked at one by one
ROWS = 5000  # samples that decide whether a feature is looked at on all of them
FEW = 20  # samples below which anything may be chance
CHANCE = 1e-3  # probability that classes fall together so
NOTHING = (-99999, -9999, -999, -99, 99, 999, 9999, 99999)  # numbers that are written where there is none
GAP = 3  # ranges of all other numbers between them and such a number
BYTE = 255


def suspicious(dataset: Dataset) -> list[str]:
    """Sentences about what the user should look at before training."""
    x = dataset.x
    found: list[str] = []
    if x.ndim == 2 and not dataset.vocabulary and len(x) > 2 and x.shape[1] <= WIDE:
        for name, values in _columns(dataset):
            found += _telling(dataset, name, values)
            found += _standing_for_nothing(name, values)
    whole = x.dtype.kind == "f" and x.ndim > 2 and dataset.scale == 1 and bool((x == np.floor(x)).all())
    if whole and 1 < float(x.max()) <= BYTE:
        found.append(f"images of whole numbers up to {x.max():g} of type {x.dtype}: are they bytes?")
    return found


def _columns(dataset: Dataset) -> Iterator[tuple[str, np.ndarray]]:
    """Each column of a table, or feature of an array, with one number for each of its values."""
    codes = dataset.contract.codes if dataset.contract is not None else ()
    if not codes:
        for number, values in enumerate(dataset.x.T):
            yield f"column {number + 1}", values
        return
    at = 0
    for code in codes:
        end = at + len(code.names)
        block, name = dataset.x[:, at:end], repr(code.column) if code.column else f"column {code.place + 1}"
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
    shares = np.bincount(dataset.y) / len(dataset.y)
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
