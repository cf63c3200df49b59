"""What a Python user passes as data: arrays, data frames and nested lists become checked host arrays."""

from typing import Any

import numpy as np

from ..backend.exchange import host_array
from ..data import as_float32
from ..errors import DataError
from .frames import columns_of, is_frame

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
        return table_array(x, name)
    array = plain_array(x, name)
    if array.dtype.kind not in NUMBERS:
        received = f"an array of {kind_of(array)}"
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


def table_array(frame: Any, name: str) -> np.ndarray:
    """A table of numbers as an array (rows, columns).

    Raises:
        DataError: an empty one, or columns that are no finite numbers.
    """
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


def kind_of(array: np.ndarray) -> str:
    """What an array holds, in words."""
    kinds = {"U": "texts", "S": "bytes", "O": "objects", "c": "complex numbers", "M": "dates", "m": "durations"}
    return kinds.get(array.dtype.kind, str(array.dtype))
