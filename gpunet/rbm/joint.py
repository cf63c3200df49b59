"""Two groups of units on one side of a machine, such as features beside a class."""

from dataclasses import dataclass

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import Preprocessing
from .discrete import Bernoulli, Softmax
from .units import Units


@dataclass(eq=False)
class Joint(Units):
    """The units of ``first`` followed by those of ``second``; ``n`` is their sum."""

    first: Units
    second: Units

    @classmethod
    def of(cls, first: Units, second: Units) -> "Joint":
        """The units of ``first`` followed by those of ``second``, as many as both have."""
        return cls(first.n + second.n, first, second)

    def split(self, s: Array) -> tuple[Array, Array]:
        """The two parts of states or inputs, as views."""
        return s[..., : self.first.n], s[..., self.first.n :]

    def mean(self, x: Array, ctx: Context) -> Array:
        """The means of the first units, then those of the second."""
        a, b = self.split(x)
        return self._join(self.first.mean(a, ctx), self.second.mean(b, ctx), ctx)

    def sample(self, x: Array, ctx: Context) -> Array:
        """Samples of the first units, then of the second."""
        a, b = self.split(x)
        return self._join(self.first.sample(a, ctx), self.second.sample(b, ctx), ctx)

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """The sum over both parts, which are independent."""
        a, b = self.split(x)
        return self.first.log_partition(a, ctx) + self.second.log_partition(b, ctx)

    def log_base(self, s: Array, ctx: Context) -> Array:
        """The sum over both parts, which are independent."""
        a, b = self.split(s)
        return self.first.log_base(a, ctx) + self.second.log_base(b, ctx)

    def accumulate(
        self,
        data: Array,
        model: Array,
        ctx: Context,
        data_share: Array | None = None,
        model_share: Array | None = None,
    ) -> None:
        """Each part learns from its own share of the states."""
        for unit, d, m in zip((self.first, self.second), self.split(data), self.split(model)):
            unit.accumulate(d, m, ctx, data_share, model_share)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The inputs that give the means of the first units, then of the second."""
        a, b = self.split(mean)
        return np.concatenate([self.first.input_for(a), self.second.input_for(b)], axis=-1)

    def first_input(self, mean: np.ndarray, samples: float) -> np.ndarray:
        """Those of the first units, then of the second."""
        a, b = self.split(mean)
        return np.concatenate([self.first.first_input(a, samples), self.second.first_input(b, samples)], axis=-1)

    @property
    def draws_exactly(self) -> bool:
        """Where both parts do."""
        return self.first.draws_exactly and self.second.draws_exactly

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """All pairs of states, those of the second part changing fastest, (stop - start, n)."""
        each = int(self.second.state_count)
        last = int(self.state_count) if stop is None else stop
        numbers = np.arange(start, last)
        low, high = start // each, -(-last // each)
        first = self.first.states(low, high)[numbers // each - low]
        if each <= last - start:  # all of them occur
            second = self.second.states()[numbers % each]
        else:
            pieces = [(max(start, n * each), min(last, (n + 1) * each), n * each) for n in range(low, high)]
            second = np.concatenate([self.second.states(a - base, b - base) for a, b, base in pieces])
        return np.concatenate([first, second], axis=1)

    @property
    def state_count(self) -> float:
        """The product of both parts' numbers."""
        return self.first.state_count * self.second.state_count

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Each part must suit its units."""
        a, b = self.split(data)
        self.first.check(a, preprocessing)
        self.second.check(b, preprocessing)

    def _join(self, a: Array, b: Array, ctx: Context) -> Array:
        out = ctx.empty((*a.shape[:-1], self.n), a.dtype)
        array_module(a).copyto(out[..., : self.first.n], a)
        array_module(a).copyto(out[..., self.first.n :], b)
        return out

    @classmethod
    def examples(cls) -> list[Units]:
        """Two Bernoulli units beside one choice of two."""
        return [cls.of(Bernoulli(2), Softmax(2, group=2))]
