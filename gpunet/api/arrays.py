"""What a Python user passes as data: arrays, data frames and nested lists become checked host arrays."""

from typing import Any

import numpy as np

from ..backend.exchange import host_array
from ..data import as_float32
from ..errors import DataError
from .frames import check_column, columns_of, is_frame

NUMBERS = "biuf"


def feature_array(x: Any, name: str = "x") -> np.ndarray:
    """Features as an array (samples, *shape) of numbers.

    Args:
        x: array, data frame of numbers or nested lists.
        name: of the argument, for messages.

    Raises:
        DataError: no numbers, too few axes, a sparse matrix.

    >>> feature_array([[1, 2], [3, 4]]).dtype.kind
    'i'
    """
    if x is None:
        raise DataError(name, "must be given", "none", f"Pass {name} as an array, a data frame or nested lists")
    if is_frame(x):
        return _from_frame(x, name)
    array = plain_array(x, name)
    if array.dtype.kind not in NUMBERS:
        received = f"an array of {_kind(array)}"
        raise DataError(name, "must hold real numbers", received, "Turn texts and categories into numbers first")
    if array.ndim < 2:
        remedy = f"Use {name}.reshape(-1, 1) for one feature, or {name}.reshape(1, -1) for one sample"
        raise DataError(name, "needs one row for each sample", f"an array of shape {array.shape}", remedy)
    if array.size == 0:
        raise DataError(name, "needs samples with features", f"an array of shape {array.shape}", "Pass some samples")
    if array.dtype.kind == "f":
        as_float32(name, array)  # refuses what does not fit; whoever takes them subtracts in float64 first
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        sample, *place = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        where = f"{array[(sample, *place)]} in sample {sample}, feature {place[0] if len(place) == 1 else tuple(place)}"
        raise DataError(name, "must hold finite numbers", where, "Remove or fill such samples")
    return array


def target_array(y: Any, samples: int | None = None, name: str = "y") -> np.ndarray:
    """Targets as an array of numbers or texts, (samples,) or (samples, outputs).

    Raises:
        DataError: another number than samples, or things that are neither numbers nor texts.
    """
    if is_frame(y):
        array = _from_frame(y, name)
    else:
        array = plain_array(y, name)
    if array.dtype.kind == "O":
        values = array.ravel().tolist()
        if not all(isinstance(value, str) for value in values):
            odd = next(value for value in values if not isinstance(value, str))
            remedy = "Fill or remove what is missing, and use one type"
            raise DataError(name, "must hold numbers, or texts alone", f"{type(odd).__name__} {odd!r}", remedy)
        array = np.array(values, str).reshape(array.shape)
    if array.dtype.kind not in NUMBERS + "US":
        raise DataError(name, "must hold numbers or texts", f"an array of {_kind(array)}", "Convert it first")
    if array.ndim == 0:
        raise DataError(name, "needs one target for each sample", "a single value", "Pass an array")
    if array.ndim > 2 and array.size != len(array):
        received, remedy = f"an array of shape {array.shape}", f"Use {name}.reshape(len({name}), -1)"
        raise DataError(name, "must have shape (samples,) or (samples, outputs)", received, remedy)
    if samples is not None and len(array) != samples:
        remedy = "Pass as many of one as of the other"
        raise DataError(name, f"needs one target for each of the {samples:,} samples of x", f"{len(array):,}", remedy)
    return array


def plain_array(thing: Any, name: str) -> np.ndarray:
    """Anything that is an array as one on the host.

    Raises:
        DataError: a sparse matrix, missing values of a masked array, nested lists of unequal lengths, other things.
    """
    if hasattr(thing, "toarray") and hasattr(thing, "nnz"):
        received = f"a sparse matrix of shape {thing.shape}"
        raise DataError(name, "must be a dense array", received, f"Pass {name}.toarray() where memory allows")
    if isinstance(thing, np.ma.MaskedArray) and np.ma.getmaskarray(thing).any():
        masked = int(np.ma.getmaskarray(thing).sum())
        raise DataError(name, "must hold no masked values", f"{masked} of them", f"Use {name}.filled(...)")
    try:
        array = host_array(thing)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError, ImportError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        remedy = "Pass an array of one shape, with as many values in each row"
        raise DataError(name, "must be an array of numbers", f"{type(thing).__name__}: {reason}", remedy) from None
    if array.dtype.kind == "O" and array.size == 1 and array.ndim == 0:
        raise DataError(
            name, "must be an array, a data frame or nested lists", type(thing).__name__, "See gpunet.train"
        )
    if array.dtype.kind == "O":  # a table of several types of numbers comes as objects
        try:
            numbers = np.array(array.tolist())
        except ValueError:
            received, remedy = "rows of unequal lengths", "Pass an array of one shape, with as many values in each row"
            raise DataError(name, "must be an array of numbers", received, remedy) from None
        array = numbers if numbers.dtype.kind in NUMBERS and numbers.shape == array.shape else array
    return np.asarray(array)


def split_frame(frame: Any, target: Any, name: str = "x") -> tuple[Any, tuple[str, ...]]:
    """The target columns of a table, and their names.

    Raises:
        DataError: the table has no such column.
    """
    columns = columns_of(frame, name)
    several = isinstance(target, list | tuple)
    names = tuple(map(str, target)) if several else (str(target),)
    for wanted in names:
        check_column(wanted, list(columns), name)
    arrays = [target_array(columns[wanted].to_numpy(), name=f"{name}: column {wanted}") for wanted in names]
    if several and not all(array.dtype.kind in NUMBERS for array in arrays):
        raise DataError("target", "must name one column of classes, or numbers", ", ".join(names), "Choose one")
    return (arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)), names


def _from_frame(frame: Any, name: str) -> np.ndarray:
    """A table of numbers as an array."""
    found = columns_of(frame, name)
    if not found or not len(next(iter(found.values()))):
        raise DataError(name, "needs samples", "an empty table", "Pass some rows and columns")
    return np.stack([_numeric_column(series, column, name) for column, series in found.items()], axis=1)


def _numeric_column(series: Any, column: str, name: str) -> np.ndarray:
    numeric = series.dtype.is_numeric() or str(series.dtype) == "Boolean"
    if not numeric:
        remedy = f"Leave it out, or turn it into numbers before ({name}.drop(columns=[{column!r}]) in pandas)"
        raise DataError(f"{name}: column {column}", "must be numeric", str(series.dtype), remedy)
    missing = int(series.is_null().sum())
    array = np.asarray(series.to_numpy())
    if not missing and array.dtype.kind == "f":
        missing = int((~np.isfinite(array)).sum())
    if missing:
        row = int(np.flatnonzero(np.asarray(series.is_null().to_numpy()) | ~_finite(array))[0])
        received = f"{missing} missing or infinite values, the first in row {row}"
        raise DataError(f"{name}: column {column}", "must hold finite numbers", received, "Fill or remove such rows")
    return array.astype(np.float64) if array.dtype.kind == "O" else array


def _finite(array: np.ndarray) -> np.ndarray:
    return np.isfinite(array) if array.dtype.kind == "f" else np.ones(len(array), bool)


def _kind(array: np.ndarray) -> str:
    kinds = {"U": "texts", "S": "bytes", "O": "objects", "c": "complex numbers", "M": "dates", "m": "durations"}
    return kinds.get(array.dtype.kind, str(array.dtype))
