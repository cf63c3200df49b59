"""What a layer needs from outside during one pass: the mode, random numbers, memory."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from .arena import Arena
from .arrays import Array
from .streams import Streams, normal_pairs, unit_interval


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
        """An uninitialised array that lives until the next step begins.

        Inside :meth:`scratch` it lives until the block ends; where a layer asks for it on the way back, until the layer
        below has gone back too.
        """
        return self.arena.empty(shape, dtype)

    def scratch(self) -> AbstractContextManager[None]:
        """A block whose memory is given back at its end: for what one layer needs while it computes, and no longer."""
        return self.arena.scratch()

    def like(self, array: Array) -> Array:
        """An uninitialised array of the same shape and type."""
        return self.arena.empty(array.shape, array.dtype)

    def bits16(self, shape: tuple[int, ...]) -> Array:
        """Independent uniform 16-bit words, uint16 of ``shape``; the same words whenever the same step is run."""
        return self._random().bits16(shape, self.arena)

    def uniform(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent uniform numbers strictly between 0 and 1."""
        return unit_interval(self._random().bits32(shape, self.arena), self.empty(shape, dtype))

    def normal(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """Independent normal numbers with mean 0 and standard deviation 1, of a shape and type."""
        return normal_pairs(self.uniform(shape, dtype), self.uniform(shape, dtype))

    def _random(self) -> Streams:
        if self.streams is None:
            raise RuntimeError("this pass was started without random streams, but random numbers are asked for")
        return self.streams

    def with_input_gradient(self, wanted: bool) -> "Context":
        """The same surroundings, with or without the need for the gradient of the input."""
        return self if wanted == self.input_gradient else replace(self, input_gradient=wanted)
