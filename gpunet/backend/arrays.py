"""Which array module an array belongs to, and how it comes back to the host."""

import sys
from types import ModuleType
from typing import Any

import numpy as np

# A NumPy or CuPy array. CuPy has no type stubs, so the checker sees Any; the name says what is meant.
Array = Any


def array_module(*arrays: Array) -> ModuleType:
    """Return ``cupy`` where any of the arrays is a CuPy array, else ``numpy``.

    CuPy is never imported for this: where nobody has imported it, no array can belong to it.

    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    cupy = sys.modules.get("cupy")
    if cupy is not None and any(isinstance(a, cupy.ndarray) for a in arrays):
        return cupy
    return np


def strided(array: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """A view of an array's memory with any shape and strides in bytes; they must stay inside of it."""
    if isinstance(array, np.ndarray):
        return np.lib.stride_tricks.as_strided(array, shape, strides, subok=True)
    return array_module(array).lib.stride_tricks.as_strided(array, shape, strides)


def address(array: Array) -> int:
    """Where the first number of an array lies in the memory of its device."""
    return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr


def to_host(array: Array) -> np.ndarray:
    """Copy a device array to the host (waits for the device); a NumPy array comes back as it is."""
    return array.get() if hasattr(array, "get") and not isinstance(array, np.ndarray) else np.asarray(array)
