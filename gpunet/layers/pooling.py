"""Layers that make images smaller: the largest or the mean of each window."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import check_fields
from ..ops.pooling import average_pool, average_pool_grad, max_pool, max_pool_grad, shares
from ..ops.windows import Windows
from .base import Backward, Layer
from .images import Padding, Size, image_of, windows_for


@dataclass(eq=False)
class _Pool(Layer):
    """Base of the pooling layers; each channel by itself.

    Shapes: ``x`` ([E,] N, height, width, n), ``y`` ([E,] N, down, across, n).

    Args:
        size: pixels of a window, one number or one for rows and one for columns; 2 by default.
        stride: distance of windows, likewise; the size by default, so that windows lie side by side.
        padding: pixels around the image, which count for nothing: same, valid for none, or so many on every side;
            valid by default.
    """

    size: Size = 2
    stride: Size | None = None
    padding: Padding = "valid"

    example_shape: ClassVar[tuple[int, ...]] = (5, 4, 3)

    def __post_init__(self) -> None:
        """Check the bounds."""
        check_fields(self)
        self._windows: Windows | None = None

    def build(self, shape: tuple[int, ...]) -> None:
        """Note where the windows lie."""
        self._windows = self._windows_on(shape)

    def _windows_on(self, shape: tuple[int, ...]) -> Windows:
        stride = self.size if self.stride is None else self.stride
        return windows_for(self._word, shape, self.size, stride, self.padding)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Windows below each other, windows beside each other, channels."""
        return (*self._windows_on(shape).positions((shape[0], shape[1])), shape[-1])

    _word: ClassVar[str] = "pool"

    @classmethod
    def examples(cls) -> list[Layer]:
        """Windows side by side and overlapping, with pixels around the image and without."""
        return [cls(2, padding="same"), cls(3, stride=2, padding=1), cls((2, 3), stride=1)]


@dataclass(eq=False)
class MaxPool2D(_Pool):
    """The largest number of each channel in each window; of equal ones the first takes the gradient.

    >>> MaxPool2D(2).output_shape((8, 8, 16))
    (4, 4, 16)
    """

    _word: ClassVar[str] = "max_pool2d"

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the largest; their places are kept for the way back."""
        windows = self._windows
        if windows is None:
            raise self.unbuilt("input_shape")
        shape = (*x.shape[:-3], *windows.positions(x.shape[-3:-1]), x.shape[-1])
        y, which = ctx.empty(shape, x.dtype), ctx.empty(shape, np.uint16)
        max_pool(x, windows, y, which, ctx)

        def backward(dy: Array) -> Array:
            dx = ctx.empty((*dy.shape[:-3], *x.shape[-3:]), dy.dtype)
            return max_pool_grad(dy, which, windows, dx, ctx)

        return y, backward


@dataclass(eq=False)
class AveragePool2D(_Pool):
    """The mean of each channel in each window, over the pixels of the image in it.

    >>> AveragePool2D(2).output_shape((8, 8, 16))
    (4, 4, 16)
    """

    _word: ClassVar[str] = "average_pool2d"

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the means; each gradient is shared out again."""
        windows = self._windows
        if windows is None:
            raise self.unbuilt("input_shape")
        image = x.shape[-3:-1]
        y = ctx.empty((*x.shape[:-3], *windows.positions(image), x.shape[-1]), x.dtype)
        share = shares(windows, image, y, ctx)
        average_pool(x, windows, share, y, ctx)

        def backward(dy: Array) -> Array:
            dx = ctx.empty((*dy.shape[:-3], *x.shape[-3:]), dy.dtype)
            return average_pool_grad(dy, windows, share, dx, ctx)

        return y, backward


@dataclass(eq=False)
class GlobalAveragePool(Layer):
    """The mean of each channel over all positions, which leaves one number for each channel.

    Shapes: ``x`` ([E,] N, height, width, n), ``y`` ([E,] N, n).

    Lin, Chen, Yan: Network in network (2014), section 3.2.

    >>> GlobalAveragePool().output_shape((8, 8, 16))
    (16,)
    """

    example_shape: ClassVar[tuple[int, ...]] = (3, 4, 2)

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples without positions."""
        image_of("global_average_pool", shape)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the means; each gradient goes to all positions in equal shares."""
        xp, positions = array_module(x), x.shape[-3] * x.shape[-2]
        flat = x.reshape(*x.shape[:-3], positions, x.shape[-1])
        y = flat.mean(axis=-2, out=ctx.empty((*x.shape[:-3], x.shape[-1]), x.dtype))

        def backward(dy: Array) -> Array:
            dy *= 1 / positions
            dx = ctx.empty((*dy.shape[:-1], *x.shape[-3:]), dy.dtype)
            xp.copyto(dx, dy[..., None, None, :])
            return dx

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The channels."""
        return (shape[-1],)
