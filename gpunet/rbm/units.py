"""Unit types: what one side of a machine is made of.

A unit ``s`` with total input ``x`` has the distribution ``p(s | x) = exp(log_base(s) + s x - log_partition(x))``.
Everything else about a machine follows from these functions: conditionals, energy, free energy, sampling.  The law that
ties them, ``mean = d log_partition / d x``, is tested for every type.

Welling, Rosen-Zvi, Hinton: Exponential family harmoniums with an application to information retrieval (2005).

All arrays are ([members,] N, n); ``log_partition`` and ``log_base`` are summed over the units, ([members,] N).
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, check_fields
from ..ops.activations import sigmoid, softmax, softplus

__all__ = ["Bernoulli", "Binomial", "Gaussian", "Softmax", "Units"]

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Units:
    """Base of the unit types: ``n`` numbers on one side of a machine."""

    n: Count

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def mean(self, x: Array, ctx: Context) -> Array:
        """Expected state for each total input."""
        raise NotImplementedError

    def sample(self, x: Array, ctx: Context) -> Array:
        """A state drawn for each total input."""
        raise NotImplementedError

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """Logarithm of the normaliser, summed over the units."""
        raise NotImplementedError

    def log_base(self, s: Array, ctx: Context) -> Array:
        """Logarithm of the base measure of a state, summed over the units."""
        return array_module(s).zeros(s.shape[:-1], s.dtype)

    def states(self) -> Iterator[np.ndarray]:
        """Every state of all units together, each (n,); only for types with finitely many."""
        raise ConfigError(type(self).__name__, "has no finite number of states", None, "Enumerate the other side")

    @property
    def state_count(self) -> float:
        """How many states all units together have."""
        return math.inf

    @classmethod
    def examples(cls) -> list["Units"]:
        """Instances that the conformance suite checks."""
        return [cls(4)]


@dataclass(frozen=True)
class Bernoulli(Units):
    """0 or 1, with probability ``sigmoid(x)`` of 1."""

    def mean(self, x: Array, ctx: Context) -> Array:
        """``sigmoid(x)``."""
        return sigmoid(x, ctx.like(x))

    def sample(self, x: Array, ctx: Context) -> Array:
        """0 or 1."""
        return self.draw(self.mean(x, ctx), ctx)

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``log(1 + exp(x))``."""
        return softplus(x, ctx.like(x), ctx.like(x)).sum(axis=-1)

    def states(self) -> Iterator[np.ndarray]:
        """All rows of zeros and ones."""
        return (np.array(row) for row in itertools.product((0.0, 1.0), repeat=self.n))

    @property
    def state_count(self) -> float:
        """``2^n``."""
        return 2.0**self.n

    @staticmethod
    def draw(probability: Array, ctx: Context) -> Array:
        """1 with the given probabilities, decided on 16 random bits; 0 and 1 stay certain.

        ``probability`` is overwritten.
        """
        xp = array_module(probability)
        probability *= 65536
        probability -= 0.5
        ones = xp.greater(probability, ctx.bits16(probability.shape), out=ctx.empty(probability.shape, bool))
        xp.copyto(probability, ones)
        return probability


@dataclass(frozen=True)
class Binomial(Units):
    """The sum of ``trials`` Bernoulli units that share their input: 0 to ``trials``.

    Teh, Hinton: Rate-coded restricted Boltzmann machines for face recognition (2001).
    """

    trials: Count = 2

    def mean(self, x: Array, ctx: Context) -> Array:
        """``trials sigmoid(x)``."""
        mean = sigmoid(x, ctx.like(x))
        mean *= self.trials
        return mean

    def sample(self, x: Array, ctx: Context) -> Array:
        """The sum of ``trials`` independent draws."""
        total = Bernoulli.draw(sigmoid(x, ctx.like(x)), ctx)
        for _ in range(self.trials - 1):
            total += Bernoulli.draw(sigmoid(x, ctx.like(x)), ctx)
        return total

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``trials log(1 + exp(x))``."""
        return self.trials * softplus(x, ctx.like(x), ctx.like(x)).sum(axis=-1)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """Logarithm of the binomial coefficient."""
        xp = array_module(s)
        coefficients = [math.log(math.comb(self.trials, k)) for k in range(self.trials + 1)]
        return xp.asarray(coefficients, s.dtype).take(s.astype(np.int64)).sum(axis=-1)

    def states(self) -> Iterator[np.ndarray]:
        """All rows of counts."""
        return (np.array(row, float) for row in itertools.product(range(self.trials + 1), repeat=self.n))

    @property
    def state_count(self) -> float:
        """``(trials + 1)^n``."""
        return float(self.trials + 1) ** self.n

    @classmethod
    def examples(cls) -> list[Units]:
        """Two and three trials."""
        return [cls(4), cls(4, trials=3)]


@dataclass(frozen=True)
class Gaussian(Units):
    """Real numbers with unit variance around ``x``, for standardised data.

    Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks (2006), supporting material.
    """

    def mean(self, x: Array, ctx: Context) -> Array:
        """``x``."""
        mean = ctx.like(x)
        array_module(x).copyto(mean, x)
        return mean

    def sample(self, x: Array, ctx: Context) -> Array:
        """``x`` plus standard normal noise."""
        noise = ctx.normal(x.shape, x.dtype)
        noise += x
        return noise

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``x^2 / 2``; the base measure is normalised."""
        square = array_module(x).multiply(x, x, out=ctx.like(x))
        return 0.5 * square.sum(axis=-1)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """``-s^2 / 2 - log(2 pi) / 2``."""
        square = array_module(s).multiply(s, s, out=ctx.like(s))
        return -0.5 * square.sum(axis=-1) - 0.5 * LOG_2PI * self.n


@dataclass(frozen=True)
class Softmax(Units):
    """Groups of ``group`` numbers of which exactly one is 1.

    Salakhutdinov, Mnih, Hinton: Restricted Boltzmann machines for collaborative filtering (2007).
    """

    group: Count = 2

    def __post_init__(self) -> None:
        """The groups must fill the side."""
        super().__post_init__()
        if self.n % self.group:
            raise ConfigError("Softmax.group", f"must divide the {self.n} units", self.group)

    def mean(self, x: Array, ctx: Context) -> Array:
        """The softmax of each group."""
        out = ctx.like(x)
        softmax(self._grouped(x), self._grouped(out))
        return out

    def sample(self, x: Array, ctx: Context) -> Array:
        """One 1 in each group: the largest of the inputs plus Gumbel noise."""
        xp = array_module(x)
        noise = ctx.uniform(x.shape, x.dtype)
        xp.log(noise, out=noise)
        xp.negative(noise, out=noise)
        xp.log(noise, out=noise)
        xp.subtract(x, noise, out=noise)
        winners = self._grouped(noise).argmax(axis=-1)
        self._grouped(noise)[...] = winners[..., None] == xp.arange(self.group)
        return noise

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``log sum exp`` of each group."""
        xp, grouped = array_module(x), self._grouped(x)
        top = grouped.max(axis=-1, keepdims=True)
        shifted = xp.subtract(grouped, top, out=ctx.empty(grouped.shape, x.dtype))
        return (xp.log(xp.exp(shifted, out=shifted).sum(axis=-1)) + top[..., 0]).sum(axis=-1)

    def states(self) -> Iterator[np.ndarray]:
        """Every choice of one unit in each group."""
        rows = np.eye(self.group)
        return (np.concatenate(choice) for choice in itertools.product(rows, repeat=self.n // self.group))

    @property
    def state_count(self) -> float:
        """``group^(n / group)``."""
        return float(self.group) ** (self.n // self.group)

    @classmethod
    def examples(cls) -> list[Units]:
        """Groups of two and of four."""
        return [cls(4), cls(4, group=4)]

    def _grouped(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], self.n // self.group, self.group)
