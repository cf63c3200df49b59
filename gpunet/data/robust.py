"""Preparations of numbers with long tails: logarithms, robust scaling, and outliers that are held back."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import DataError
from ..fields import Positive
from .preparations import Arrays, Preparation, _Affine, _float32, _inverse
from .principal import FLAT


@dataclass(frozen=True)
class Log1p(Preparation):
    """``sign(x) log(1 + |x|)``: amounts that span several orders of magnitude; 0 stays 0, and signs stay."""

    blind: ClassVar[bool] = True

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Nothing to fit."""
        return {}

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """The logarithm of the size, with the sign."""
        xp = array_module(x)
        out, sign = ctx.empty(x.shape, dtype), ctx.empty(x.shape, dtype)
        xp.copyto(out, x)
        xp.sign(out, out=sign)
        xp.absolute(out, out=out)
        xp.log1p(out, out=out)
        out *= sign
        return out

    def undo(self, y: np.ndarray, arrays: Arrays) -> np.ndarray:
        """``sign(y) (exp(|y|) - 1)``."""
        return np.sign(y) * np.expm1(np.abs(y))


@dataclass(frozen=True)
class Robust(_Affine):
    """Median 0 and interquartile range 1, feature by feature, or ``per="channel"`` of images.

    A few wild values change neither.  A feature more than half of whose values are equal has no such range: its
    standard deviation takes the place of it.
    """

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """Median and one over the range; raises :class:`DataError` where no feature varies."""
        wide = x.astype(np.float64)
        low, middle, high = np.quantile(wide, (0.25, 0.5, 0.75), axis=0)
        spread = np.where(high > low, high - low, wide.std(axis=0))
        return _float32(shift=middle, factor=_inverse(spread, spread > FLAT * np.maximum(np.abs(middle), 1e-6)))


@dataclass(frozen=True)
class Clip(Preparation):
    """Values beyond ``ranges`` interquartile ranges from the quartiles are outliers and are moved to that border.

    The rule is Tukey's, whose far out values lie three ranges away.  A feature more than half of whose values are equal
    is left alone.

    Tukey: Exploratory data analysis (1977), section 2D.

    Args:
        ranges: how many interquartile ranges away the borders lie; 3.0 by default.
    """

    ranges: Positive = 3.0

    def fit(self, x: np.ndarray, scale: float) -> dict[str, np.ndarray]:
        """The borders of each feature, and how many values of the training part lie beyond them."""
        wide = x.astype(np.float64)
        low, high = np.quantile(wide, (0.25, 0.75), axis=0)
        span = self.ranges * (high - low)
        least = np.where(high > low, low - span, wide.min(axis=0))
        most = np.where(high > low, high + span, wide.max(axis=0))
        if not np.isfinite(least).all() or not np.isfinite(most).all():
            raise DataError("training part", "must hold finite numbers", "others", "Check the data")
        beyond = ((wide < least) | (wide > most)).sum(axis=0)
        return _float32(low=least, high=most) | {"beyond": beyond.astype(np.int32)}

    def note(self, arrays: Arrays, features: int) -> str:
        """How many values are held back."""
        beyond = int(arrays["beyond"].sum())
        several = int((arrays["beyond"] > 0).sum())
        where = f"in {several} of {features} features"
        return f"{beyond:,} outliers of the training part {where} are held back" if beyond else ""

    def apply(self, x: Array, arrays: Arrays, ctx: Context, dtype: Any, uniform: Any = None) -> Array:
        """``min(max(x, low), high)``, feature by feature."""
        xp = array_module(x)
        out = xp.maximum(x, arrays["low"], out=ctx.empty(x.shape, dtype))
        return xp.minimum(out, arrays["high"], out=out)
