"""The arena: the same step asks for the same arrays and gets the same addresses."""

from typing import Any

import numpy as np

from .arrays import Array
from .device import ALIGNMENT, Device

CHUNK = 1 << 22  # bytes


class Arena:
    """Hands out arrays from memory that is kept and rewound at the start of each step.

    The n-th request after a rewind returns the n-th array of the step before, as long as shape and type agree; so
    from the second step on nothing is allocated, and a captured CUDA graph stays valid.  A step that asks otherwise
    gets fresh views of the same memory from that request on.

    >>> arena = Arena(Device())
    >>> first = arena.empty((2, 3), "f4")
    >>> arena.rewind()
    >>> arena.empty((2, 3), "f4") is first
    True
    """

    def __init__(self, device: Device):
        self.device = device
        self._chunks: list[Array] = []
        self._views: list[tuple[tuple[int, ...], Any, Array, tuple[int, int]]] = []
        self._next = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arena holds."""
        return sum(chunk.nbytes for chunk in self._chunks)

    def rewind(self) -> None:
        """Start over: everything that was handed out may be handed out again."""
        self._next = 0

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an uninitialised array; its content is whatever the last step left there."""
        number = self._next
        self._next += 1
        if number < len(self._views):
            known_shape, known_dtype, view, _ = self._views[number]
            if known_shape == shape and known_dtype == dtype:
                return view
            del self._views[number:]
        view, end = self._carve(shape, np.dtype(dtype))
        self._views.append((shape, dtype, view, end))
        return view

    def _carve(self, shape: tuple[int, ...], dtype: np.dtype) -> tuple[Array, tuple[int, int]]:
        """Cut the next aligned piece; returns it with the place where the one after may start."""
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        chunk, start = self._views[-1][3] if self._views else (0, 0)
        while chunk < len(self._chunks) and start + nbytes > self._chunks[chunk].nbytes:
            chunk, start = chunk + 1, 0
        if chunk == len(self._chunks):
            self._chunks.append(self.device.empty((max(CHUNK, nbytes),), np.uint8))
        view = self._chunks[chunk][start : start + nbytes].view(dtype).reshape(shape)
        return view, (chunk, start + nbytes + -nbytes % ALIGNMENT)
