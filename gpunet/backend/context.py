"""What a layer needs from outside during one pass: the mode, random numbers, memory."""

import math
from dataclasses import dataclass, replace
from typing import Any

from .arena import Arena
from .arrays import Array, array_module
from .streams import Streams


@dataclass(frozen=True)
class Context:
    """The surroundings of one forward pass.

    Attributes:
        training: dropout drops and batch norm uses batch statistics where this is set.
        arena: memory for results and scratch arrays of this step.
        streams: random numbers; None where nothing random may happen.
        input_gradient: whether ``backward`` must return the gradient of the input; the first layer of a model need
            not compute it, which saves a fifth of the arithmetic of a small network.
    """

    training: bool
    arena: Arena
    streams: Streams | None = None
    input_gradient: bool = True

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array that lives until the next step begins."""
        return self.arena.empty(shape, dtype)

    def like(self, array: Array) -> Array:
        """An uninitialised array of the same shape and type."""
        return self.arena.empty(array.shape, array.dtype)

    def bits16(self, shape: tuple[int, ...]) -> Array:
        """Independent uniform 16-bit words, uint16 of ``shape``; the same words whenever the same step is run."""
        return self._random().bits16(shape, self.arena)

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent uniform numbers strictly between 0 and 1, on the 2^23 midpoints that float32 holds exactly."""
        bits = self._random().bits32(shape, self.arena)
        bits >>= 9
        out = self.empty(shape, dtype)
        out[...] = bits
        out += 0.5
        out *= 2.0**-23
        return out

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent standard normal numbers. Box, Muller: A note on the generation of ... deviates (1958)."""
        radius, angle = self.uniform(shape, dtype), self.uniform(shape, dtype)
        xp = array_module(radius)
        xp.log(radius, out=radius)
        radius *= -2
        xp.sqrt(radius, out=radius)
        angle *= 2 * math.pi
        xp.cos(angle, out=angle)
        radius *= angle
        return radius

    def _random(self) -> Streams:
        if self.streams is None:
            raise RuntimeError("this pass was started without random streams, but random numbers are asked for")
        return self.streams

    def with_input_gradient(self, wanted: bool) -> "Context":
        """The same surroundings, with or without the need for the gradient of the input."""
        return self if wanted == self.input_gradient else replace(self, input_gradient=wanted)
