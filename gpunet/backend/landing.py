"""Where rows from a disk arrive for a device: in the memory of the host itself, or by way of pinned memory.

An array of the device has two halves.  While a step reads from one of them, a thread fills the other: on the CPU it
writes there; for a GPU it writes to pinned memory, from which the rows are copied on a stream of their own, beside the
steps.  Events keep a half from being overwritten before the steps that read it are done, and from being read before
its rows are there; all of that is outside of captured steps.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .arrays import Array
from .device import Device


class Landing:
    """Two halves of some arrays that are filled in turn.

    Args:
        device: where the arrays live.
        arrays: each of 2 ``half`` rows.
        half: rows of a half.
    """

    def __init__(self, device: Device, arrays: Sequence[Array], half: int):
        self.device, self.arrays, self.half = device, list(arrays), half
        self._pinned: list[np.ndarray] = []
        if device.kind == "cuda":
            cuda = device.xp.cuda
            self._stream = cuda.Stream(non_blocking=True)
            self._free: list[Any] = [None, None]
            self._there: list[Any] = [None, None]
            for array in self.arrays:
                size, shape = half * prod(array.shape[1:]), (half, *array.shape[1:])
                memory = cuda.alloc_pinned_memory(max(1, size * array.dtype.itemsize))
                self._pinned.append(np.frombuffer(memory, array.dtype, size).reshape(shape))

    def release(self, side: int) -> None:
        """Say that steps which were launched so far are the last that read the present rows of a half."""
        if self._pinned:
            self._free[side] = self.device.xp.cuda.get_current_stream().record()

    def open(self, side: int, rows: int) -> list[np.ndarray]:
        """Host arrays to put the next rows of a half into; waits until they may be written, in any thread."""
        if not self._pinned:
            start = side * self.half
            return [array[start : start + rows] for array in self.arrays]
        with self.device.xp.cuda.Device(self.device.index):
            for event in filter(None, self._there):
                event.synchronize()  # until the rows before have left the pinned memory
        return [array[:rows] for array in self._pinned]

    def send(self, side: int, rows: int) -> None:
        """Have the rows that were put there copied to their half, beside the steps that are under way."""
        if not self._pinned:
            return
        start = side * self.half
        if self._free[side] is not None:
            self._stream.wait_event(self._free[side])
        with self._stream:
            for array, host in zip(self.arrays, self._pinned):
                array[start : start + rows].set(host[:rows])
        self._there[side] = self._stream.record()

    def wait(self, side: int) -> None:
        """Let the steps that are launched from now on begin when the rows of a half are there."""
        if self._pinned and self._there[side] is not None:
            self.device.xp.cuda.get_current_stream().wait_event(self._there[side])
