"""Units with finitely many states."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import Preprocessing
from ..errors import ConfigError, DataError
from ..fields import Count, NonNegative
from ..ops.activations import cross_entropy, sigmoid, softmax, softplus
from .units import Units

SCALED = "Set preprocess=min_max (scale for 8-bit images), or visible_units=gaussian with preprocess=standardise"
EDGE = 1e-3  # how near to certainty a mean may come before its input is cut off


@dataclass(eq=False)
class Bernoulli(Units):
    """0 or 1, with probability ``sigmoid(x)`` of 1."""

    bits: ClassVar[bool] = True
    ends: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def mean(self, x: Array, ctx: Context) -> Array:
        """Probability of 1 under the input: ``sigmoid(x)``."""
        return sigmoid(x, ctx.like(x), ctx.numerics)

    def sample(self, x: Array, ctx: Context) -> Array:
        """0 or 1, drawn with probability ``sigmoid(x)`` of 1."""
        return self.draw(self.mean(x, ctx), ctx)

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``log(1 + exp(x))``, the logarithm of the sum over both states, summed over the units."""
        return softplus(x, ctx.like(x), ctx.like(x)).sum(axis=-1)

    def cost(self, s: Array, x: Array, ctx: Context) -> Array:
        """The cross-entropy, without cancellation where ``s`` is between 0 and 1."""
        if ctx.numerics == 1:
            return super().cost(s, x, ctx)
        return cross_entropy(x, s, ctx.like(x), ctx.like(x)).sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The log-odds ``log(mean / (1 - mean))``, which the sigmoid takes back to the mean."""
        p = np.clip(mean, EDGE, 1 - EDGE)
        return np.log(p / (1 - p))

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """All rows of zeros and ones in the order of binary numbers, (stop - start, n)."""
        return digits(start, 2**self.n if stop is None else stop, 2, self.n).astype(np.float64)

    @property
    def state_count(self) -> float:
        """``2^n`` rows of n bits."""
        return power(2, self.n)

    @property
    def highest(self) -> float:
        """The larger of the two states, 1."""
        return 1.0

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Refuse data outside of 0 to 1, which are neither states nor their probabilities."""
        self._require_between(data, 0, 1, "must lie between 0 and 1", SCALED)

    @staticmethod
    def draw(probability: Array, ctx: Context) -> Array:
        """1 with the given probabilities, which are overwritten; 0 and 1 stay certain."""
        return ctx.events(probability)


@dataclass(eq=False)
class Binomial(Units):
    """The sum of ``trials`` Bernoulli units that share their input: 0 to ``trials``.

    Teh, Hinton: Rate-coded restricted Boltzmann machines for face recognition (2001).
    """

    trials: Count = 2

    def mean(self, x: Array, ctx: Context) -> Array:
        """Expected count: ``trials sigmoid(x)``."""
        mean = sigmoid(x, ctx.like(x), ctx.numerics)
        mean *= self.trials
        return mean

    def sample(self, x: Array, ctx: Context) -> Array:
        """A count: the sum of ``trials`` independent draws of 0 or 1 with probability ``sigmoid(x)``."""
        total = Bernoulli.draw(sigmoid(x, ctx.like(x), ctx.numerics), ctx)
        for _ in range(self.trials - 1):
            total += Bernoulli.draw(sigmoid(x, ctx.like(x), ctx.numerics), ctx)
        return total

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``trials log(1 + exp(x))``, summed over the units."""
        return self.trials * softplus(x, ctx.like(x), ctx.like(x)).sum(axis=-1)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """``log(trials over s)``, the number of ways to reach a count ``s``, summed over the units."""
        xp, total, count, term = array_module(s), ctx.like(s), ctx.like(s), ctx.like(s)
        total.fill(0)
        xp.floor(s, out=count)
        chosen = ctx.empty(s.shape, bool)
        for k in range(1, self.trials):  # a table would have to be uploaded in every step
            xp.equal(count, k, out=chosen)
            total += xp.multiply(chosen, math.log(math.comb(self.trials, k)), out=term)
        return total.sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The log-odds of one trial, whose probability is ``mean / trials``."""
        p = np.clip(mean / self.trials, EDGE, 1 - EDGE)
        return np.log(p / (1 - p))

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """All rows of counts from 0 to ``trials``, in the order of numbers of base ``trials + 1``."""
        radix = self.trials + 1
        return digits(start, radix**self.n if stop is None else stop, radix, self.n).astype(np.float64)

    @property
    def state_count(self) -> float:
        """``(trials + 1)^n`` rows of n counts."""
        return power(self.trials + 1, self.n)

    @property
    def highest(self) -> float:
        """The largest count: the number of trials."""
        return float(self.trials)

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Refuse data outside of 0 to ``trials``, which are neither counts nor their means."""
        self._require_between(data, 0, self.trials, f"must lie between 0 and {self.trials}", SCALED)

    @classmethod
    def examples(cls) -> list[Units]:
        """Units of two and of three trials."""
        return [cls(4), cls(4, trials=3)]


@dataclass(eq=False)
class Softmax(Units):
    """Groups of ``group`` numbers of which exactly one is 1.

    Salakhutdinov, Mnih, Hinton: Restricted Boltzmann machines for collaborative filtering (2007).  A machine whose
    visible units are such groups is one of Potts variables, as of letters in sequences.

    Args:
        group: choices of a group.
        pseudocount: so many samples, spread evenly over the choices, are added to those whose frequencies the fields
            start from, so that a choice that no sample has is rare rather than impossible.
    """

    group: Count = 2
    pseudocount: NonNegative = 0.0

    def __post_init__(self) -> None:
        """Check that groups of ``group`` numbers fill the whole side."""
        super().__post_init__()
        if self.n % self.group:
            raise ConfigError("Softmax.group", f"must divide the {self.n} units", self.group)

    def mean(self, x: Array, ctx: Context) -> Array:
        """Probabilities of the choices: the softmax of each group."""
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
        """``log sum exp`` over the choices of each group, summed over the groups."""
        xp, grouped = array_module(x), self._grouped(x)
        top = grouped.max(axis=-1, keepdims=True)
        shifted = xp.subtract(grouped, top, out=ctx.empty(grouped.shape, x.dtype))
        return (xp.log(xp.exp(shifted, out=shifted).sum(axis=-1)) + top[..., 0]).sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The logarithm of each probability, which the softmax takes back to the mean."""
        return np.log(np.maximum(mean, EDGE / self.group))

    def first_input(self, mean: np.ndarray, samples: float) -> np.ndarray:
        """The logarithm of the frequencies with the pseudocount in them."""
        if not self.pseudocount or math.isinf(samples):
            return self.input_for(mean)
        return np.log((samples * mean + self.pseudocount / self.group) / (samples + self.pseudocount))

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """All rows with a single 1 in each group, in the order of numbers of base ``group``."""
        places = self.n // self.group
        chosen = digits(start, self.group**places if stop is None else stop, self.group, places)
        return np.eye(self.group)[chosen].reshape(len(chosen), self.n)

    @property
    def state_count(self) -> float:
        """``group^(n / group)``: one of ``group`` choices in each of the ``n / group`` groups."""
        return power(self.group, self.n // self.group)

    @property
    def highest(self) -> float:
        """The state of the chosen unit, 1."""
        return 1.0

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Refuse data without exactly one 1, and zeros beside it, in each group."""
        groups = data.reshape(len(data), -1, self.group)
        if not (((groups == 0) | (groups == 1)).all() and (groups.sum(axis=-1) == 1).all()):
            rule = f"must hold exactly one 1 in each group of {self.group} for Softmax visible units"
            raise DataError("training part", rule, "other values", "Use one-hot data with preprocess=none")

    @classmethod
    def examples(cls) -> list[Units]:
        """Units in groups of two and of four."""
        return [cls(4), cls(4, group=4)]

    def _grouped(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-1], self.n // self.group, self.group)


def power(radix: int, places: int) -> float:
    """``radix^places``, infinite where no float is so large.

    >>> power(3, 2), power(2, 2000)
    (9.0, inf)
    """
    try:
        return float(radix) ** places
    except OverflowError:
        return math.inf


def digits(start: int, stop: int, radix: int, places: int) -> np.ndarray:
    """The numbers from ``start`` up to ``stop`` written out, (stop - start, places), the first place the highest.

    >>> digits(4, 7, 3, 2).tolist()
    [[1, 1], [1, 2], [2, 0]]
    """
    weights = radix ** np.arange(places - 1, -1, -1, dtype=np.int64)
    return np.arange(start, stop, dtype=np.int64)[:, None] // weights % radix
