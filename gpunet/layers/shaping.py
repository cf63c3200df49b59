"""Layers that change the shape of a sample and none of its numbers."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..backend import Context
from ..backend.arrays import Array
from .base import Backward, Layer


@dataclass(eq=False)
class Flatten(Layer):
    """All numbers of a sample in one row, which :class:`Dense` layers and losses take; a view, nothing is copied.

    Shapes: ``x`` ([E,] N, height, width, channels), ``y`` ([E,] N, height * width * channels), the channels of one
    position side by side.

    >>> Flatten().output_shape((8, 8, 3))
    (192,)
    """

    example_shape: ClassVar[tuple[int, ...]] = (3, 4, 2)

    def __post_init__(self) -> None:
        """The shape is not known yet."""
        self._shape: tuple[int, ...] = ()

    def build(self, shape: tuple[int, ...]) -> None:
        """Note the shape of a sample."""
        self._shape = shape

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return a view; its backward gives the gradient the shape of ``x`` again."""
        if not self._shape:
            raise self.unbuilt("input_shape")
        shape = self._shape
        flat = x.reshape(*x.shape[: -len(shape)], prod(shape))
        return flat, lambda dy: dy.reshape(*dy.shape[:-1], *shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """All axes of a sample in one: their product."""
        return (prod(shape),)
