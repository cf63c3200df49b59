"""Dropout."""

from dataclasses import dataclass
from typing import Literal

from ..backend import Context, array_module, sixteen_bits
from ..backend.arrays import Array
from ..fields import Fraction, check_fields
from .base import Backward, Layer


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

    rate: Fraction = 0.5
    mode: Literal["inverted", "classic"] = "inverted"

    def __post_init__(self) -> None:
        """Check that the rate lies between 0 and 1."""
        check_fields(self)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return ``x`` times the mask in training, times the constant scale at inference."""
        xp = array_module(x)
        rate = sixteen_bits(self.rate) / 65536 if ctx.numerics == 1 else self.rate
        if rate == 0 or (not ctx.training and self.mode == "inverted"):
            return x, lambda dy: dy
        if ctx.training:
            dropped, rate = ctx.dropped(x.shape, self.rate)
            factor = ctx.like(x)
            xp.logical_not(dropped, out=dropped)
            xp.copyto(factor, dropped)
            if self.mode == "inverted" and rate < 1:
                factor *= 1 / (1 - rate)
        else:
            factor = 1 - rate

        def backward(dy: Array) -> Array:
            dy *= factor
            return dy

        return xp.multiply(x, factor, out=ctx.like(x)), backward

    @classmethod
    def examples(cls) -> list[Layer]:
        """One instance for each mode."""
        return [cls(0.4), cls(0.25, mode="classic")]
