"""Dropout."""

from dataclasses import dataclass
from typing import Literal

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import Fraction, check_fields
from .base import Backward, Layer


@dataclass(eq=False)
class Dropout(Layer):
    """Sets each entry to zero with probability ``rate`` while training.

    ``mode="inverted"`` scales what is kept by ``1 / (1 - rate)`` in training; ``mode="classic"`` leaves it as it is
    and scales by ``1 - rate`` at inference.  Decisions are made on 16 random bits: the rate is rounded to the next
    multiple of 1/65536, and the scale uses the rounded rate, so the expectation is exact.

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
        threshold = min(round(self.rate * 65536), 65535)
        kept = 1 - threshold / 65536
        if threshold == 0 or (not ctx.training and self.mode == "inverted"):
            return x, lambda dy: dy
        if ctx.training:
            keep = xp.greater_equal(ctx.bits16(x.shape), threshold, out=ctx.empty(x.shape, bool))
            factor = ctx.like(x)
            xp.copyto(factor, keep)
            if self.mode == "inverted":
                factor *= 1 / kept
        else:
            factor = kept

        def backward(dy: Array) -> Array:
            dy *= factor
            return dy

        return xp.multiply(x, factor, out=ctx.like(x)), backward

    @classmethod
    def examples(cls) -> list[Layer]:
        """One instance for each mode."""
        return [cls(0.4), cls(0.25, mode="classic")]
