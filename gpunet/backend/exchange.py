"""Arrays of other libraries: whatever speaks DLPack or NumPy's array protocol becomes a host array."""

import importlib
from typing import Any

import numpy as np

from .arrays import to_host

CUDA_DEVICES = (2, 13)  # numbers of CUDA and of its managed memory in DLPack's list of devices


def host_array(thing: Any) -> np.ndarray:
    """An array, tensor, series or nested list as a NumPy array on the host, without a copy where none is needed.

    Args:
        thing: a NumPy or CuPy array, anything with ``__dlpack__`` or ``__array__``, a number, or nested lists.

    Raises:
        ValueError: nested lists of unequal lengths.
        TypeError: a thing that is no array in any of these ways.

    >>> host_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if isinstance(thing, np.ndarray):
        return thing
    if _on_cuda(thing):
        return to_host(importlib.import_module("cupy").from_dlpack(thing))
    if hasattr(thing, "__array__"):
        return np.asarray(thing)
    if hasattr(thing, "__dlpack__"):
        return np.from_dlpack(thing)
    return np.asarray(thing)


def _on_cuda(thing: Any) -> bool:
    if hasattr(thing, "__cuda_array_interface__"):
        return True
    where = getattr(thing, "__dlpack_device__", None)
    return where is not None and where()[0] in CUDA_DEVICES
