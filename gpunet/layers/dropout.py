"""Dropout."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..backend import Context, array_module, sixteen_bits
from ..backend.arrays import Array
from ..fields import Fraction, check_fields
from ..members import PerMember, each
from .base import Backward, Layer
from .images import image_of


@dataclass(eq=False)
class Dropout(Layer):
    """Sets each entry to zero with probability ``rate`` while training.

    ``mode="inverted"`` scales what is kept by ``1 / (1 - rate)`` in training; ``mode="classic"`` leaves it as it is
    and scales by ``1 - rate`` at inference.  Every rate is met, however small, and the expectation is exact.  (Runs
    that began under rules 1 of arithmetic round the rate to a multiple of 1/65536, and scale by the rounded one.)

    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout (2014), section 4.

    Args:
        rate: probability that an entry is set to zero; 0.5 by default.
        mode: where the scale is applied: inverted in training, classic at inference; inverted by default.
    """

    rate: Fraction | PerMember = 0.5
    mode: Literal["inverted", "classic"] = "inverted"

    def __post_init__(self) -> None:
        """Check that the rate lies between 0 and 1; the shape of a sample is not known yet."""
        check_fields(self)
        self._positions: int | None = None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return ``x`` times the mask in training, times the constant scale at inference."""
        xp = array_module(x)
        rate = each(lambda one: sixteen_bits(one) / 65536, self.rate) if ctx.numerics == 1 else self.rate
        if rate == 0 or (not ctx.training and self.mode == "inverted"):
            return x, lambda dy: dy
        if ctx.training:
            shape = self._decisions(x.shape)
            dropped, rate = ctx.dropped(shape, self.rate)
            factor = ctx.empty(shape, x.dtype)
            xp.logical_not(dropped, out=dropped)
            xp.copyto(factor, dropped)
            if self.mode == "inverted":
                factor *= ctx.number(each(lambda one: 1 / (1 - one) if one < 1 else 1.0, rate), factor)
        elif isinstance(rate, PerMember):
            x = self._of_all(x, len(rate))
            factor = ctx.number(each(lambda one: 1 - one, rate), x)
        else:
            factor = 1 - rate

        def backward(dy: Array) -> Array:
            dy *= factor
            return dy

        return xp.multiply(x, factor, out=ctx.like(x)), backward

    def _of_all(self, x: Array, members: int) -> Array:
        """With a members axis also where all members see the same samples."""
        shared = self._positions is not None and x.ndim == self._positions + 1
        return array_module(x).broadcast_to(x, (members, *x.shape)) if shared else x

    def build(self, shape: tuple[int, ...]) -> None:
        """Note how many axes a sample has."""
        self._positions = len(shape)

    def _decisions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What is decided on by itself: each entry."""
        return shape

    @classmethod
    def examples(cls) -> list[Layer]:
        """One instance for each mode."""
        return [cls(0.4), cls(0.25, mode="classic")]


@dataclass(eq=False)
class SpatialDropout(Dropout):
    """Sets whole channels of a sample to zero with probability ``rate`` while training, at all positions together.

    Neighbouring pixels are alike, so that an entry which is dropped alone would be told by those beside it.  Modes and
    rounding are those of :class:`Dropout`.

    Tompson, Goroshin, Jain, LeCun, Bregler: Efficient object localization using convolutional networks (2015).
    """

    example_shape: ClassVar[tuple[int, ...]] = (3, 2, 4)

    def _decisions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-3], 1, 1, shape[-1])

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples without positions."""
        super().build(shape)
        image_of("spatial_dropout", shape)


@dataclass(eq=False)
class StochasticDepth(Dropout):
    """Sets all of a sample to zero with probability ``rate`` while training: at the end of a residual block's body
    the sample then passes the block by its shortcut alone.

    Modes and rounding are those of :class:`Dropout`.  Huang, Sun, Liu, Sedra, Weinberger: Deep networks with stochastic
    depth (2016), who decide once for a batch and scale at inference, as ``mode="classic"`` does.

    >>> StochasticDepth(0.2).output_shape((8, 8, 16))
    (8, 8, 16)
    """

    def _decisions(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        axes = self._positions or 1
        return (*shape[:-axes], *(1,) * axes)
