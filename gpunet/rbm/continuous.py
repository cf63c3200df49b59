"""Units whose states are real numbers."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

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
C1, C2, C3 = -1 / 24, 7 / 5760, -31 / 967680  # of the midpoint rule: B_2k(1/2) / (2k)!
REACH = 6  # counts on either side of the input; what lies beyond has a probability of 1e-11


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
    and the mean ``softplus(x)`` up to 1 %; here corrections follow (midpoint rule, Euler-Maclaurin terms), so that
    ``mean`` and ``log_partition`` agree with the sums over all copies, to 1e-6 with the exact sampler.

    Nair, Hinton: Rectified linear units improve restricted Boltzmann machines (2010).

    Args:
        sampler: ``exact`` draws the number of active copies; ``rectified`` is the paper's ``max(0, x + N(0,
            sigmoid(x)))``, whose mean is too small near and below 0 (0.28 instead of 0.68 at 0), so that chains do not
            have the machine's distribution and likelihoods from samples are approximate; exact by default.
    """

    sampler: Literal["exact", "rectified"] = "exact"

    @property
    def draws_exactly(self) -> bool:
        """Whether by the exact sampler."""
        return self.sampler == "exact"

    def mean(self, x: Array, ctx: Context) -> Array:
        """``softplus(x) - sigmoid'(x) / 24 + ...``."""
        xp, mean = array_module(x), softplus(x, ctx.like(x), ctx.like(x))
        slope = sigmoid(x, ctx.like(x), ctx.numerics)
        slope -= xp.multiply(slope, slope, out=ctx.like(x))
        if self.sampler == "exact":
            # With w = sigmoid' its second derivative is w (1 - 6 w), and its fourth w (1 - 30 w + 120 w^2).
            slope *= _series(slope, (C1 + C2 + C3, -6 * C2 - 30 * C3, 120 * C3), ctx.like(x))
            mean += slope
            return mean
        slope *= 1 / 24
        mean -= slope
        return mean

    def sample(self, x: Array, ctx: Context) -> Array:
        """The number of active copies, or the rectified normal number."""
        if self.sampler == "exact":
            return _count(x, ctx)
        xp, noise = array_module(x), ctx.normal(x.shape, x.dtype)
        deviation = sigmoid(x, ctx.like(x), ctx.numerics)
        noise *= xp.sqrt(deviation, out=deviation)
        noise += x
        return xp.maximum(noise, 0, out=noise)

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """The integral of softplus up to ``x``, minus ``sigmoid(x) / 24``, plus ..."""
        xp, total = array_module(x), softplus_integral(x, ctx.like(x), ctx.like(x), ctx.like(x))
        correction = sigmoid(x, ctx.like(x), ctx.numerics)
        if self.sampler == "exact":
            # With s = sigmoid, w = s (1 - s): its second derivative is w (1 - 2 s), its fourth that times (1 - 12 w).
            w = xp.multiply(correction, correction, out=ctx.like(x))
            xp.subtract(correction, w, out=w)
            curve = _series(w, (0.0, C2 + C3, -12 * C3), ctx.like(x))
            curve -= xp.multiply(curve, xp.multiply(correction, 2, out=w), out=w)
            total += curve
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
        self._require_between(data, 0, math.inf, "must not be negative", "Set preprocess=min_max")

    @property
    def highest(self) -> float:
        """Infinity: counts of rectified units have no largest."""
        return math.inf

    @classmethod
    def examples(cls) -> list[Units]:
        """Both samplers."""
        return [cls(4), cls(4, sampler="rectified")]


def _series(w: Array, factors: tuple[float, ...], out: Array) -> Array:
    """The polynomial of ``w`` with these factors, the lowest first, written to ``out``."""
    out.fill(factors[-1])
    for factor in factors[-2::-1]:
        out *= w
        out += factor
    return out


def _count(x: Array, ctx: Context) -> Array:
    """How many copies are active, drawn by inverting the distribution of their number.

    The chance of ``n + 1`` is that of ``n`` times ``exp(x - n - 1/2) / (1 - exp(-n - 1))``; all counts that matter lie
    within :data:`REACH` of ``x``.  Summed up from the lowest of them, the chances cross a uniform part of their total
    at the count.
    """
    xp, count = array_module(x), ctx.like(x)
    level = ctx.uniform(x.shape, x.dtype)
    with ctx.scratch():
        xp.add(x, 0.5 - REACH, out=count)
        xp.floor(count, out=count)
        xp.maximum(count, 0, out=count)
        growth, decay = xp.subtract(x, count, out=ctx.like(x)), xp.add(count, 1, out=ctx.like(x))
        growth -= 0.5
        xp.exp(growth, out=growth)
        xp.negative(decay, out=decay)
        xp.exp(decay, out=decay)
        chance, factor = ctx.like(x), ctx.like(x)
        chance.fill(1)
        sums = [ctx.like(x)]
        sums[0].fill(1)
        for k in range(2 * REACH):
            xp.multiply(decay, -math.exp(-k), out=factor)
            factor += 1
            xp.divide(growth, factor, out=factor)
            factor *= math.exp(-k)
            chance *= factor
            sums.append(xp.add(sums[-1], chance, out=ctx.like(x)))
        level *= sums[-1]
        for total in sums[:-1]:
            count += level > total
    return count
