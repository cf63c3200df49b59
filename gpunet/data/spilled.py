"""Features that are computed once and kept in a temporary file, since they are too large for memory."""

import os
import tempfile
import weakref
from math import prod

import numpy as np

from ..errors import DataError, WriteError
from ..paths import fill
from .streamed import Streamed


class Spilled:
    """Rows in a file without a name, which is gone when nobody holds them any more.

    It lies in the folder for temporary files, which ``TMPDIR`` names.

    Args:
        row: shape of a row.
        dtype: of the numbers.
    """

    def __init__(self, row: tuple[int, ...], dtype: np.dtype):
        with tempfile.TemporaryFile(prefix="gpunet-") as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._row, self.dtype, self._rows = row, dtype, 0

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, *shape of a row)."""
        return (self._rows, *self._row)

    def add(self, rows: np.ndarray) -> None:
        """Put rows behind those that are there.

        Raises:
            WriteError: the disk is full.
        """
        kept = np.ascontiguousarray(rows, self.dtype)
        view = kept.reshape(-1).view(np.uint8).data
        try:
            while view:
                view = view[os.write(self._descriptor, view[: 1 << 30]) :]
        except OSError as error:
            remedy = "Set TMPDIR to a folder with more room"
            rule = "must have room for what layers make of samples that stream"
            raise WriteError(tempfile.gettempdir(), rule, error.strerror, remedy) from None
        self._rows += len(kept)

    def read(self, start: int, out: np.ndarray) -> None:
        """Fill ``out``, contiguous (count, *shape of a row), with the rows from ``start`` on; from any thread.

        Raises:
            DataError: the disk refuses.
        """
        place = start * prod(self._row) * self.dtype.itemsize
        try:
            received = (
                "" if fill(self._descriptor, out.reshape(-1).view(np.uint8).data, place) else "one that was cut short"
            )
        except OSError as error:
            received = str(error.strerror)
        if received:
            raise DataError(tempfile.gettempdir(), "must keep temporary files", received, "Try again")

    def streamed(self, name: str, most: int) -> Streamed:
        """All of them as features.

        Args:
            name: of the data, for messages.
            most: bytes that they may take in memory.
        """
        return Streamed(name, (self,), most, self._row, self.dtype)
