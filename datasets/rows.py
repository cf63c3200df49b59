"""Rows of numbers that lie one behind the other in a file, read by their place.

They are read with ``pread`` rather than mapped: a mapped file that another program cuts short ends the process by a
signal, and what of it is in memory is for the system to say.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import NoReturn

import numpy as np

from gpunet.data import Features, Streamed
from gpunet.errors import DataError, printable
from gpunet.paths import fill

from .opening import open_regular

HELD = 3  # copies of the features that a training of data in memory holds at its beginning
MB = 1_000_000
AGAIN = "Leave it as it is while it is trained on, and begin again"


class FileRows:
    """Rows in a regular file, from a byte on; the file must stay as it is.

    Args:
        path: of the file.
        offset: where the first row begins.
        shape: (rows, *shape of a row).
        dtype: of the numbers in the file, which come in the order of bytes of this machine.

    Raises:
        DataError: missing, unreadable, or shorter than its rows.
    """

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype):
        with open_regular(path) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._name = printable(str(path))
        self.shape, self._kept, self._offset = shape, dtype, offset
        self.dtype = dtype.newbyteorder("=")
        self._row = prod(shape[1:]) * dtype.itemsize
        self._state = self._now()
        if self._state[0] < offset + shape[0] * self._row:
            rule = f"must hold {shape[0]:,} rows of {self._row:,} bytes"
            raise DataError(self._name, rule, f"{self._state[0]:,} bytes", "Fetch the file again")

    def read(self, start: int, out: np.ndarray) -> None:
        """Fill ``out``, contiguous (count, *shape of a row), with the rows from ``start`` on; from any thread.

        Raises:
            DataError: the file is not what it was, or the disk refuses.
        """
        try:
            whole = fill(self._descriptor, out.reshape(-1).view(np.uint8).data, self._offset + start * self._row)
        except OSError as error:
            raise DataError(self._name, "must be readable", error.strerror, "Check the disk") from None
        if not whole:
            raise DataError(self._name, "must stay as long as it was", "an earlier end", AGAIN)
        if self._now() != self._state:
            raise DataError(self._name, "must stay as it was", "a file that was changed meanwhile", AGAIN)
        if self._kept != self.dtype:
            out.byteswap(inplace=True)

    def _now(self) -> tuple[int, int]:
        """Size and time of the last change."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def __reduce__(self) -> NoReturn:
        """Other machines have no such file."""
        rule = "cannot be sent to workers, since it streams from a file of this machine"
        raise DataError(self._name, rule, None, "Leave memory out, or train here")


def exceeds(size: int, memory: int | None) -> bool:
    """Whether features of so many bytes take more memory than allowed, as they would be trained on in memory.

    >>> exceeds(100, 250), exceeds(100, 300), exceeds(100, None)
    (True, False, False)
    """
    return memory is not None and HELD * size > memory


def streamed(name: str, parts: Sequence[FileRows], memory: int) -> Streamed:
    """Features that stay in files, the rows of one behind those of the other."""
    dtype = np.result_type(*(part.dtype for part in parts))
    return Streamed(printable(name), tuple(parts), memory, parts[0].shape[1:], dtype)


def joined(x: Features, after: Features) -> Features:
    """Samples behind each other, both in memory or both streamed.

    Raises:
        ValueError: types that nothing has in common, or other shapes.
    """
    if isinstance(x, Streamed) and isinstance(after, Streamed):
        if x.row != after.row:
            raise ValueError("samples of several shapes")
        return replace(x, parts=(*x.parts, *after.parts), dtype=np.result_type(x.dtype, after.dtype), known={})
    return np.concatenate([x, after])


def cannot_stream(name: str, size: int, memory: int, why: str, remedy: str) -> DataError:
    """The error of data that are too large for the memory they may take, and do not lie so that they can be streamed.

    Args:
        name: of the data.
        size: bytes of their features.
        memory: bytes that they may take.
        why: what they are.
        remedy: what to do about it, beside raising ``memory``.
    """
    needed = -(-HELD * size // MB)
    rule = f"must lie so that it can be streamed, since it needs {needed:,} MB and memory={memory / MB:g}"
    return DataError(printable(name), rule, why, f"{remedy}, or set memory={needed}")
