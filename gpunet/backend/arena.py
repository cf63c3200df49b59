"""The arena: the same step asks for the same arrays and gets the same addresses."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from .arrays import Array, address
from .device import ALIGNMENT, Device

CHUNK = 1 << 22  # bytes
Place = tuple[int, int]  # number of a chunk, and a byte in it
START: Place = (0, 0)


class Arena:
    """Hands out arrays from memory that is kept and rewound at the start of each step.

    The n-th request after a rewind returns the n-th array of the step before, as long as shape, type and place agree;
    so from the second step on nothing is allocated, and a captured CUDA graph stays valid.  A step that asks otherwise
    gets fresh views of the same memory from that request on.

    An array lives until the next rewind, unless it is asked for inside :meth:`scratch` or by a step of :meth:`relay`,
    which give memory back inside a step.  Both depend on nothing but the order of requests, which is the same in every
    step.

    >>> arena = Arena(Device())
    >>> first = arena.empty((2, 3), "f4")
    >>> arena.rewind()
    >>> arena.empty((2, 3), "f4") is first
    True
    """

    def __init__(self, device: Device):
        self.device = device
        self._current = _Region(device)
        self._regions = [self._current]
        self._pairs: list[list[_Region]] = []  # one for each depth of relays inside each other
        self._depth = 0
        self._keeping = False
        self._constants: dict[Any, Array] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arena holds."""
        return sum(region.nbytes for region in self._regions)

    def rewind(self) -> None:
        """Start over: everything that was handed out may be handed out again."""
        for region in self._regions:
            region.rewind()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Return an uninitialised array; its content is whatever was left there."""
        return self._current.empty(shape, dtype)

    def constant(self, values: Sequence[float], shape: tuple[int, ...], dtype: Any) -> Array:
        """Numbers that are the same in every step; they are put on the device once, and not given back."""
        key = (*values, shape, np.dtype(dtype))
        if key not in self._constants:
            self._constants[key] = self.device.put(np.reshape(values, shape), dtype)
        return self._constants[key]

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Give back, at the end of the block, what was handed out inside: nothing of it may be used afterwards.

        >>> arena = Arena(Device())
        >>> with arena.scratch():
        ...     columns = arena.empty((9, 1000), "f4")
        >>> bool(np.shares_memory(arena.empty((1000,), "f4"), columns))
        True
        """
        region = self._current
        place = region.place
        try:
            yield
        finally:
            if not self._keeping:
                region.place = place

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """A block in which :meth:`scratch` gives nothing back: what is launched there may run while others follow."""
        before, self._keeping = self._keeping, True
        try:
            yield
        finally:
            self._keeping = before

    def relay(self, steps: Sequence[Callable[[Any], Any]], value: Any) -> Any:
        """Call functions one after the other, each with what the one before returned, in little memory.

        What a function asks for lives until the one after it has returned, and what the last one returns as long as
        what the caller asks for itself.  A function may return what it was given, changed in place.

        Two regions take turns.  A result that lies in the region of its function keeps it until the next has read it;
        a result that lies elsewhere leaves it free at once.  Relays inside relays have regions of their own.
        """
        if not steps:
            return value
        home, pair = self._current, self._pair()
        free, held = pair
        self._depth += 1
        try:
            for step in steps[:-1]:
                free.place = START
                self._current = free
                value = step(value)
                if free.holds(value):
                    free, held = held, free
            self._current = home
            value = steps[-1](value)
        finally:
            self._current = home
            self._depth -= 1
        if not (free.holds(value) or held.holds(value)):
            return value
        kept = home.empty(value.shape, value.dtype)  # the last functions worked in place
        self.device.xp.copyto(kept, value)
        return kept

    def _pair(self) -> "list[_Region]":
        if self._depth == len(self._pairs):
            self._pairs.append([_Region(self.device), _Region(self.device)])
            self._regions += self._pairs[-1]
        return self._pairs[self._depth]


@dataclass(frozen=True)
class _View:
    """An array that was handed out: what was asked for, where, and where the next one may start."""

    shape: tuple[int, ...]
    dtype: Any
    place: Place
    array: Array
    end: Place


class _Region:
    """Memory that is handed out from its start on."""

    def __init__(self, device: Device):
        self.device, self.place = device, START
        self._chunks: list[Array] = []
        self._spans: list[tuple[int, int]] = []  # addresses of the chunks
        self._views: list[_View] = []
        self._next = 0

    @property
    def nbytes(self) -> int:
        return sum(chunk.nbytes for chunk in self._chunks)

    def rewind(self) -> None:
        """Begin a new step."""
        self._next, self.place = 0, START

    def holds(self, value: Any) -> bool:
        """Whether a value is an array in this memory."""
        if not self._spans or not hasattr(value, "dtype"):
            return False
        at = address(value)
        return any(start <= at < end for start, end in self._spans)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        number = self._next
        self._next += 1
        if number < len(self._views):
            known = self._views[number]
            if known.shape == shape and known.dtype == dtype and known.place == self.place:
                self.place = known.end
                return known.array
            del self._views[number:]
        array, end = self._carve(shape, np.dtype(dtype))
        self._views.append(_View(shape, dtype, self.place, array, end))
        self.place = end
        return array

    def _carve(self, shape: tuple[int, ...], dtype: np.dtype) -> tuple[Array, Place]:
        """Cut the next aligned piece; returns it with the place where the one after may start."""
        nbytes = prod(shape) * dtype.itemsize
        chunk, start = self.place
        while chunk < len(self._chunks) and start + nbytes > self._chunks[chunk].nbytes:
            chunk, start = chunk + 1, 0
        if chunk == len(self._chunks):
            made = self.device.empty((max(CHUNK, nbytes),), np.uint8)
            self._chunks.append(made)
            self._spans.append((address(made), address(made) + made.nbytes))
        array = self._chunks[chunk][start : start + nbytes].view(dtype).reshape(shape)
        return array, (chunk, start + nbytes + -nbytes % ALIGNMENT)
