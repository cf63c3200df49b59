"""Units whose states are real numbers."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import Preprocessing
from ..errors import DataError
from ..ops.activations import sigmoid, softplus, softplus_integral
from ..ops.weighting import mean_of
from ..parameter import Parameter
from .units import Units

LOG_2PI = math.log(2 * math.pi)


@dataclass(eq=False)
class Gaussian(Units):
    """Real numbers around ``variance * x``, for standardised data; the variance is 1 unless it is learned.

    ``log_base(s) = -s^2 / (2 variance) - log(2 pi variance) / 2``, so ``log_partition(x) = variance x^2 / 2``.  With
    ``learn_variance`` each unit learns the logarithm of its own, ``log_variance`` ([E,] n), which keeps it positive
    (Cho, Ilin, Raiko: Improved learning of Gaussian-Bernoulli restricted Boltzmann machines, 2011); weights and biases
    keep their place in the energy, so what they mean in the units of the data is multiplied by the variance.

    Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks (2006), supporting material.
    """

    wants_standardised: ClassVar[bool] = True

    learn_variance: bool = False

    def __post_init__(self) -> None:
        """Declare the logarithm of the variance where it is learned."""
        super().__post_init__()
        self.log_variance = None
        if self.learn_variance:
            self.log_variance = Parameter((self.n,), role="log_variance", axes=("unit",), rate_factor=0.1)

    def mean(self, x: Array, ctx: Context) -> Array:
        """``variance * x``."""
        xp, mean = array_module(x), ctx.like(x)
        if self.log_variance is None:
            xp.copyto(mean, x)
            return mean
        return xp.multiply(x, self._variance(), out=mean)

    def sample(self, x: Array, ctx: Context) -> Array:
        """The mean plus normal noise."""
        noise = ctx.normal(x.shape, x.dtype)
        if self.log_variance is None:
            noise += x
            return noise
        noise *= array_module(x).sqrt(self._variance())
        noise += self.mean(x, ctx)
        return noise

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``variance x^2 / 2``; the base measure is normalised."""
        square = array_module(x).multiply(x, x, out=ctx.like(x))
        if self.log_variance is not None:
            square *= self._variance()
        return 0.5 * square.sum(axis=-1)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """``-s^2 / (2 variance) - log(2 pi variance) / 2``."""
        xp = array_module(s)
        if self.log_variance is None:
            return -0.5 * xp.multiply(s, s, out=ctx.like(s)).sum(axis=-1) - 0.5 * LOG_2PI * self.n
        variance = self._variance()
        # At evaluation all members share the states, and each has variances of its own.
        square = xp.multiply(s, s, out=ctx.empty(xp.broadcast(s, variance).shape, s.dtype))
        square /= variance
        square += self.log_variance.value[..., None, :]
        return -0.5 * square.sum(axis=-1) - 0.5 * LOG_2PI * self.n

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The mean itself, at the variance of 1 where learning starts."""
        return mean

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Only standardised data suit a variance that starts at 1."""
        if not preprocessing.unit_variance:
            raise DataError(
                "training part",
                "must be standardised for Gaussian visible units, whose variance starts at 1",
                f"preprocess={preprocessing.kind}",
                "Set preprocess=standardise",
            )

    def accumulate(
        self,
        data: Array,
        model: Array,
        ctx: Context,
        data_share: Array | None = None,
        model_share: Array | None = None,
    ) -> None:
        """``d log_base / d log_variance = s^2 / (2 variance) - 1 / 2``."""
        if self.log_variance is None:
            return
        xp, precision = array_module(data), 0.5 / self._variance()[..., 0, :]
        pairs = (data, data_share), (model, model_share)
        spread = [mean_of(xp.multiply(s, s, out=ctx.like(s)), share) for s, share in pairs]
        gradient = (spread[1] - spread[0]) * precision
        self.log_variance.accumulate(ctx, lambda out: xp.copyto(out, gradient))

    def _variance(self) -> Array:
        assert self.log_variance is not None
        return array_module(self.log_variance.value).exp(self.log_variance.value)[..., None, :]

    @classmethod
    def examples(cls) -> list[Units]:
        """Fixed and learned variance."""
        return [cls(4), cls(4, learn_variance=True)]


@dataclass(eq=False)
class NoisyReLU(Units):
    """Rectified linear units: the number of active ones among endlessly many copies of one Bernoulli unit.

    The copies share their input and have biases of -1/2, -3/2, -5/2, ...  Their number has the variance ``sigmoid(x)``
    and the mean ``softplus(x)`` up to 1 %; here that correction is kept (midpoint rule, first Euler-Maclaurin term), so
    ``mean`` and ``log_partition`` agree with the sum over all counts to 2e-4.  ``sample`` is the paper's rectified
    normal, ``max(0, x + N(0, sigmoid(x)))``, which is too small on average for inputs near and below 0: noise of the
    gradient, but also a bias of the chain that the paper accepts.

    Nair, Hinton: Rectified linear units improve restricted Boltzmann machines (2010).
    """

    def mean(self, x: Array, ctx: Context) -> Array:
        """``softplus(x) - sigmoid'(x) / 24``."""
        mean = softplus(x, ctx.like(x), ctx.like(x))
        slope = sigmoid(x, ctx.like(x))
        slope -= array_module(x).multiply(slope, slope, out=ctx.like(x))
        slope *= 1 / 24
        mean -= slope
        return mean

    def sample(self, x: Array, ctx: Context) -> Array:
        """``max(0, x + N(0, sigmoid(x)))``."""
        xp, noise = array_module(x), ctx.normal(x.shape, x.dtype)
        deviation = sigmoid(x, ctx.like(x))
        noise *= xp.sqrt(deviation, out=deviation)
        noise += x
        return xp.maximum(noise, 0, out=noise)

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """The integral of softplus up to ``x``, minus ``sigmoid(x) / 24``."""
        total = softplus_integral(x, ctx.like(x), ctx.like(x), ctx.like(x))
        correction = sigmoid(x, ctx.like(x))
        correction *= 1 / 24
        total -= correction
        return total.sum(axis=-1)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """``-s^2 / 2 - sum over j to s of log(1 - exp(-j))``, continued between the counts.

        This is the logarithm of the elementary symmetric polynomial of the copies' weights, by Euler's identity for
        ``product of (1 + y q^j)`` with ``q = 1 / e``; its infinite product is cut where factors differ from 1 by 1e-13.
        """
        xp, total = array_module(s), ctx.like(s)
        xp.multiply(s, s, out=total)
        total *= -0.5
        term = ctx.like(s)
        for j in range(1, 31):
            xp.add(s, j, out=term)
            xp.negative(term, out=term)
            xp.exp(term, out=term)
            xp.negative(term, out=term)
            total += xp.log1p(term, out=term)
            total -= math.log1p(-math.exp(-j))
        return total.sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The inverse of softplus."""
        return np.log(np.expm1(np.maximum(mean, 1e-3)))

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Refuse negative numbers, which are no states of rectified units."""
        self._require_between(data, 0, math.inf, "must not be negative", "Set preprocess=scale")

    @property
    def highest(self) -> float:
        """Infinity: counts of rectified units have no largest."""
        return math.inf
