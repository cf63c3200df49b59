"""Layers that change the shape of a sample and compute nothing."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, check_fields
from .base import Backward, Layer
from .images import image_of


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


@dataclass(eq=False)
class PadChannels(Layer):
    """Every ``stride``-th pixel, with channels of zeros behind its own: a shortcut with nothing to learn.

    Shapes: ``x`` ([E,] N, height, width, n), ``y`` ([E,] N, ceil(height / stride), ceil(width / stride), n_out).

    He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), option A.

    Args:
        n_out: channels afterwards, at least as many as before.
        stride: distance of the pixels that are kept; 1 by default.

    >>> PadChannels(32, stride=2).output_shape((8, 8, 16))
    (4, 4, 32)
    """

    n_out: Count
    stride: Count = 1

    example_shape: ClassVar[tuple[int, ...]] = (3, 4, 2)

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_fields(self)

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples without positions, and those with more channels."""
        image_of("pad_channels", shape)
        if shape[-1] > self.n_out:
            remedy = "Use a conv2d of size 1 as the shortcut"
            raise ConfigError("pad_channels.n_out", f"must be at least the {shape[-1]} channels", self.n_out, remedy)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return a copy; gradients of the zeros and of pixels left out are dropped."""
        xp, n, stride = array_module(x), x.shape[-1], self.stride
        seen = x[..., ::stride, ::stride, :]
        y = ctx.empty((*seen.shape[:-1], self.n_out), x.dtype)
        xp.copyto(y[..., :n], seen)
        y[..., n:].fill(0)

        def backward(dy: Array) -> Array:
            dx = ctx.empty((*dy.shape[:-3], *x.shape[-3:]), dy.dtype)
            if stride > 1:
                dx.fill(0)
            xp.copyto(dx[..., ::stride, ::stride, :], dy[..., :n])
            return dx

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Fewer pixels, more channels."""
        return (-(-shape[0] // self.stride), -(-shape[1] // self.stride), self.n_out)

    @classmethod
    def examples(cls) -> list[Layer]:
        """More channels, and fewer pixels."""
        return [cls(3), cls(5, stride=2)]


@dataclass(eq=False)
class Upsample2D(Layer):
    """Each pixel as a square of ``factor`` by ``factor`` pixels, as a decoder needs it.

    Shapes: ``x`` ([E,] N, height, width, n), ``y`` ([E,] N, factor * height - crop[0], factor * width - crop[1], n).

    Args:
        factor: how many times as high and wide; 2 by default.
        crop: rows left out at the bottom and columns left out at the right, fewer than ``factor``.

    >>> Upsample2D(2, (1, 0)).output_shape((4, 4, 16))
    (7, 8, 16)
    """

    factor: Count = 2
    crop: tuple[int, int] = (0, 0)

    example_shape: ClassVar[tuple[int, ...]] = (3, 4, 2)

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_fields(self)
        if not all(0 <= count < self.factor for count in self.crop):
            rule = f"must be from 0 to {self.factor - 1}, below the factor"
            raise ConfigError("upsample2d.crop", rule, list(self.crop), "Leave it out")

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples without positions."""
        image_of("upsample2d", shape)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return a copy; its backward adds up what each pixel became."""
        xp, factor = array_module(x), self.factor
        *front, height, width, n = x.shape
        rows, columns, _ = self.output_shape((height, width, n))
        whole = (factor * height, factor * width) == (rows, columns)
        large = ctx.empty((*front, height, factor, width, factor, n), x.dtype)
        xp.copyto(large, x[..., :, None, :, None, :])
        y = large.reshape(*front, factor * height, factor * width, n)
        if not whole:
            seen = y[..., :rows, :columns, :]
            y = ctx.empty(seen.shape, x.dtype)
            xp.copyto(y, seen)

        def backward(dy: Array) -> Array:
            front = dy.shape[:-3]
            dx = ctx.empty((*front, height, width, n), dy.dtype)
            with ctx.scratch():
                full = dy
                if not whole:
                    full = ctx.empty((*front, factor * height, factor * width, n), dy.dtype)
                    full.fill(0)
                    xp.copyto(full[..., :rows, :columns, :], dy)
                squares = full.reshape(*front, height, factor, width, factor, n)
                xp.copyto(dx, squares[..., :, 0, :, 0, :])
                for down in range(factor):
                    for right in range(factor):
                        if down or right:
                            dx += squares[..., :, down, :, right, :]
            return dx

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """More pixels, as many channels."""
        return (self.factor * shape[0] - self.crop[0], self.factor * shape[1] - self.crop[1], shape[2])

    @classmethod
    def examples(cls) -> list[Layer]:
        """Twice as large, less the last row, and three times as large less two columns."""
        return [cls(), cls(2, (1, 0)), cls(3, (0, 2))]
