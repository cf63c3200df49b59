"""What a Python user passes as targets: arrays, columns and lists, of which some labels may be missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .arrays import NUMBERS, kind_of, plain_array, table_array
from .frames import check_column, columns_of, is_frame

NOTHING = ("NAType", "NaTType", "MaskedConstant")  # types whose values stand for nothing, of pandas and NumPy
SERIES = (("is_null", "drop_nulls"), ("isna", "dropna"), ("is_null", "drop_null"))  # polars, pandas, pyarrow


@dataclass(frozen=True, eq=False)
class Known:
    """The targets of those rows that have one.

    Attributes:
        values: numbers or texts, (known,) or (known, outputs).
        rows: numbers of the rows that have one, (known,) int64, in order.
        count: how many rows there are.
        name: of the argument, for messages.
    """

    values: np.ndarray
    rows: np.ndarray
    count: int
    name: str = "y"

    @property
    def whole(self) -> bool:
        """Whether every row has one."""
        return len(self.rows) == self.count

    def complete(self) -> np.ndarray:
        """The values, of all rows.

        Raises:
            DataError: some are missing.
        """
        if self.whole:
            return self.values
        row = int(np.setdiff1d(np.arange(self.count), self.rows)[0])
        missing = self.count - len(self.rows)
        received = f"none in row {row} ({missing:,} of {self.count:,} are missing)"
        remedy = "Remove such rows; where they lack labels of classes, classrbm with unlabelled=1 learns from them"
        raise DataError(self.name, "must hold a value in every row", received, remedy)


def target_array(y: Any, samples: int | None = None, name: str = "y") -> np.ndarray:
    """Targets as an array of numbers or texts, (samples,) or (samples, outputs).

    Raises:
        DataError: another number than samples, missing ones, or things that are neither numbers nor texts.
    """
    return known_targets(y, samples, name).complete()


def known_targets(y: Any, samples: int | None = None, name: str = "y") -> Known:
    """The targets that are there: None, NaN, ``pandas.NA``, masked and null values and empty texts are none.

    Args:
        y: array, series, table of numbers, table of one column, or nested lists.
        samples: how many rows there must be.
        name: of the argument, for messages.

    Raises:
        DataError: another number than samples, or things that are neither numbers nor texts.

    >>> known_targets(["a", None, "b", ""]).rows.tolist(), known_targets(np.array([2, np.nan])).values.tolist()
    ([0, 2], [2.0])
    """
    if is_frame(y):
        found = columns_of(y, name)
        if len(found) == 1:
            y, name = next(iter(found.values())), f"{name}: column {next(iter(found))}"
        else:
            y = table_array(y, name)
    values, there = _with_nulls_apart(y, name)
    if values.ndim == 0:
        raise DataError(name, "needs one target for each sample", "a single value", "Pass an array")
    if values.ndim > 2 and values.size != len(values):
        received, remedy = f"an array of shape {values.shape}", f"Use {name}.reshape(len({name}), -1)"
        raise DataError(name, "must have shape (samples,) or (samples, outputs)", received, remedy)
    if samples is not None and len(there) != samples:
        remedy = "Pass as many of one as of the other"
        raise DataError(name, f"needs one target for each of the {samples:,} samples of x", f"{len(there):,}", remedy)
    gaps = _gaps(values).reshape(len(values), -1).any(axis=1)
    if gaps.any():
        values = values[~gaps]
        there[np.flatnonzero(there)[gaps]] = False
    return Known(_of_one_type(values, name), np.flatnonzero(there), len(there), name)


def split_frame(frame: Any, target: Any, name: str = "x") -> tuple[Any, tuple[str, ...]]:
    """The target columns of a table, as :func:`known_targets` takes them, and their names.

    Raises:
        DataError: the table has no such column.
    """
    columns = columns_of(frame, name)
    several = isinstance(target, list | tuple)
    names = tuple(map(str, target)) if several else (str(target),)
    for wanted in names:
        check_column(wanted, list(columns), name)
    if len(names) == 1:
        return columns[names[0]], names
    arrays = [target_array(columns[wanted], name=column_of(name, wanted)) for wanted in names]
    if not all(array.dtype.kind in NUMBERS for array in arrays):
        raise DataError("target", "must name one column of classes, or numbers", ", ".join(names), "Choose one")
    return np.stack(arrays, axis=1), names


def column_of(name: str, names: str | Sequence[str]) -> str:
    """What a column is called in messages, or several.

    >>> column_of("x", "side")
    'x: column side'
    """
    return f"{name}: column {names if isinstance(names, str) else ', '.join(names)}"


def _with_nulls_apart(y: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The values that are no nulls of a library, and which rows they stand in, bool (rows,)."""
    for ask, rest in SERIES:  # whole numbers beside nulls would else become fractions
        if hasattr(y, ask) and hasattr(y, rest):
            missing = np.asarray(getattr(y, ask)(), bool)
            return plain_array(getattr(y, rest)(), name), np.logical_not(missing)
    if isinstance(y, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(y).reshape(len(y), -1).any(axis=1) if y.ndim else np.zeros(1, bool)
        return np.asarray(y.data[~masked] if y.ndim else y.data), np.logical_not(masked)
    if isinstance(y, list | tuple) and any(isinstance(value, str) for value in y):
        held = np.empty(len(y), object)  # an array of texts would make texts of all the rest
        held[:] = y
        return held, np.ones(len(held), bool)
    values = plain_array(y, name)
    return values, np.ones(len(values) if values.ndim else 1, bool)


def _gaps(values: np.ndarray) -> np.ndarray:
    """Which values stand for nothing, bool of their shape."""
    kind = values.dtype.kind
    if kind == "f":
        return np.isnan(values)
    if kind in "US":
        return np.char.str_len(np.char.strip(values)) == 0
    if kind == "O":
        return np.array([_says_nothing(value) for value in values.ravel().tolist()], bool).reshape(values.shape)
    return np.zeros(values.shape, bool)


def _says_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ in NOTHING


def _of_one_type(values: np.ndarray, name: str) -> np.ndarray:
    """Numbers, truth values or texts.

    Raises:
        DataError: something else, or several of these.
    """
    if values.dtype.kind == "O":
        held = values.ravel().tolist()
        texts = sum(isinstance(value, str) for value in held)
        made = np.array(held, str if texts else None) if texts in (0, len(held)) else None
        if made is None or (made.dtype.kind not in NUMBERS + "U") or made.shape != (len(held),):
            odd = next((value for value in held if not isinstance(value, str)), None)
            received = f"{type(odd).__name__} {odd!r}"
            raise DataError(name, "must hold numbers, or texts alone", received, "Use one type")
        values = made.reshape(values.shape)
    if values.dtype.kind not in NUMBERS + "US":
        raise DataError(name, "must hold numbers or texts", f"an array of {kind_of(values)}", "Convert it first")
    return values
