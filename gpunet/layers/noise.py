"""Gaussian noise."""

from dataclasses import dataclass

from ..backend import Context
from ..backend.arrays import Array
from ..fields import NonNegative, check_fields
from ..members import PerMember
from .base import Backward, Layer


@dataclass(eq=False)
class GaussianNoise(Layer):
    """Adds normal noise of standard deviation ``std`` while training; nothing at inference.

    Bishop: Training with noise is equivalent to Tikhonov regularization (1995).

    Args:
        std: standard deviation of the noise, in units of the input; 0.1 by default.
    """

    std: NonNegative | PerMember = 0.1

    def __post_init__(self) -> None:
        """Check that the standard deviation is not negative."""
        check_fields(self)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return ``x`` plus noise; the slope is 1."""
        if not ctx.training or self.std == 0:
            return x, lambda dy: dy
        with ctx.drawing(self.std):
            noise = ctx.normal(x.shape, x.dtype)
        noise *= ctx.number(self.std, x)
        noise += x
        return noise, lambda dy: dy
