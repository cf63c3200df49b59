"""Activation functions as layers: elementwise but for the softmax, on ``x`` of any shape ([E,] N, n)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import Fraction, check_fields
from ..ops import activations as ops
from .base import Backward, Layer


@dataclass(eq=False)
class Identity(Layer):
    """``y = x``: no activation, and the shortcut of a residual block."""

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return ``x`` itself; gradients pass as they are."""
        return x, lambda dy: dy


@dataclass(eq=False)
class Sigmoid(Layer):
    """``y = 1 / (1 + exp(-x))``."""

    range: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Backward multiplies by the slope ``y (1 - y)``."""
        y = ops.sigmoid(x, ctx.like(x), ctx.numerics)

        def backward(dy: Array) -> Array:
            slope = array_module(y).subtract(1, y, out=ctx.like(y))
            slope *= y
            dy *= slope
            return dy

        return y, backward


@dataclass(eq=False)
class Tanh(Layer):
    """``y = tanh(x)``, between -1 and 1."""

    range: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Backward multiplies by the slope ``1 - y^2``."""
        xp = array_module(x)
        y = xp.tanh(x, out=ctx.like(x))

        def backward(dy: Array) -> Array:
            slope = xp.multiply(y, y, out=ctx.like(y))
            xp.subtract(1, slope, out=slope)
            dy *= slope
            return dy

        return y, backward


@dataclass(eq=False)
class ReLU(Layer):
    """``y = max(x, 0)``; the slope at 0 is ``grad_at_zero``, 0 by default, any of 0 to 1 by choice.

    Nair, Hinton: Rectified linear units improve restricted Boltzmann machines (2010).

    Args:
        grad_at_zero: slope where the input is exactly 0; 0.0 by default.
    """

    grad_at_zero: Annotated[float, Ge(0), Le(1)] = 0.0

    def __post_init__(self) -> None:
        """Check the slope at 0."""
        check_fields(self)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Backward multiplies by 0 below 0, 1 above, and ``grad_at_zero`` at 0."""
        y = array_module(x).maximum(x, 0, out=ctx.like(x))

        def backward(dy: Array) -> Array:
            slope = ctx.empty(x.shape, bool if self.grad_at_zero in (0, 1) else x.dtype)
            dy *= ops.step_at_zero(x, self.grad_at_zero, slope)
            return dy

        return y, backward

    @classmethod
    def examples(cls) -> list[Layer]:
        """The slope at 0 as 0, one half and 1."""
        return [cls(), cls(0.5), cls(1)]


@dataclass(eq=False)
class LeakyReLU(Layer):
    """``y = max(x, slope * x)`` with ``0 <= slope < 1``. Maas, Hannun, Ng: Rectifier nonlinearities ... (2013).

    Args:
        slope: where the input is negative; 0.01 by default.
    """

    slope: Fraction = 0.01

    def __post_init__(self) -> None:
        """Check that the slope lies between 0 and 1."""
        check_fields(self)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Backward multiplies by 1 above 0 and by ``slope`` elsewhere."""
        xp = array_module(x)
        y = xp.multiply(x, self.slope, out=ctx.like(x))
        xp.maximum(x, y, out=y)

        def backward(dy: Array) -> Array:
            factor = ctx.like(x)
            xp.copyto(factor, xp.greater(x, 0, out=ctx.empty(x.shape, bool)))
            factor *= 1 - self.slope
            factor += self.slope
            dy *= factor
            return dy

        return y, backward


@dataclass(eq=False)
class Softplus(Layer):
    """``y = log(1 + exp(x))``. Dugas et al.: Incorporating second-order functional knowledge ... (2001)."""

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Backward multiplies by the slope ``sigmoid(x)``."""
        y = ops.softplus(x, ctx.like(x), ctx.like(x))

        def backward(dy: Array) -> Array:
            dy *= ops.sigmoid(x, ctx.like(x), ctx.numerics)
            return dy

        return y, backward


@dataclass(eq=False)
class Softmax(Layer):
    """``y_i = exp(x_i) / sum_j exp(x_j)`` over the last axis."""

    range: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """``dx = y (dy - sum(dy y))``."""
        y = ops.softmax(x, ctx.like(x))

        def backward(dy: Array) -> Array:
            product = array_module(y).multiply(dy, y, out=ctx.like(y))
            dy -= product.sum(axis=-1, keepdims=True)
            dy *= y
            return dy

        return y, backward
