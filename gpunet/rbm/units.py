"""Unit types: what one side of a machine is made of.

A unit ``s`` with total input ``x`` has the distribution ``p(s | x) = exp(log_base(s) + s x - log_partition(x))``.
Everything else about a machine follows from these functions: conditionals, energy, free energy, sampling.  The law that
ties them, ``mean = d log_partition / d x``, is tested for every type.

Welling, Rosen-Zvi, Hinton: Exponential family harmoniums with an application to information retrieval (2005).

All arrays are ([members,] N, n); ``log_partition`` and ``log_base`` are summed over the units, ([members,] N).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import Preprocessing
from ..errors import ConfigError, DataError
from ..fields import Count, check_fields
from ..parameter import Module


@dataclass(eq=False)
class Units(Module):
    """Base of the unit types: ``n`` numbers on one side of a machine.

    Subclasses that learn numbers of their own declare parameters in ``__post_init__`` and add their gradient in
    :meth:`accumulate`.

    Attributes:
        bits: whether each unit by itself is 0 or 1, so that values between may be drawn as states, and a mean ``m``
            has the slope ``m (1 - m)``.
        wants_standardised: whether data are to have a mean of 0 and a variance of 1.
        ends: the two states of a unit that has no others, between which means lie; data that lie there are taken as
            they are.
    """

    bits: ClassVar[bool] = False
    wants_standardised: ClassVar[bool] = False
    ends: ClassVar[tuple[float, float] | None] = None

    n: Count

    @property
    def draws_exactly(self) -> bool:
        """Whether :meth:`sample` draws from the very distribution of the class, as likelihoods from samples need."""
        return True

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

    def cost(self, s: Array, x: Array, ctx: Context) -> Array:
        """``log_partition(x) - s x``, ([members,] N): ``-log p(s | x)`` up to the base measure; ``s`` may be a mean."""
        product = array_module(s).multiply(s, x, out=ctx.like(x))
        return self.log_partition(x, ctx) - product.sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The input, on the host, under which the expected state is ``mean``: the inverse of :meth:`mean`.

        Means at the edge of what the units can reach are moved inside, so that the input stays finite.
        """
        raise NotImplementedError

    def first_input(self, mean: np.ndarray, samples: float) -> np.ndarray:
        """The input that a training starts from: :meth:`input_for` the mean, unless the units count more than samples.

        Args:
            mean: ([members,] n), of states.
            samples: how many, or the sum of their weights.
        """
        return self.input_for(mean)

    def accumulate(
        self,
        data: Array,
        model: Array,
        ctx: Context,
        data_share: Array | None = None,
        model_share: Array | None = None,
    ) -> None:
        """Add the gradient of the type's own parameters, given states of the data and of the model.

        The gradient of the mean negative log-likelihood is the mean of ``d log_base`` under the model minus that under
        the data.  Most types have no parameters.

        Args:
            data: states under the data, ([members,] N, n).
            model: states under the model, ([members,] chains, n).
            ctx: memory.
            data_share: what part each row has in the mean, ([members,] N), or None where all have the same.
            model_share: the same for the rows of ``model``.
        """

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """States of all units together by number, all by default, (stop - start, n); only where they are finite."""
        raise ConfigError(type(self).__name__, "has no finite number of states", None, "Enumerate the other side")

    @property
    def state_count(self) -> float:
        """How many states all units together have."""
        return math.inf

    @property
    def highest(self) -> float | None:
        """The largest state of a unit whose smallest is 0, or None where states have no smallest."""
        return None

    @property
    def range(self) -> tuple[float, float] | None:
        """The ends between which means lie, or None where they have none on one side."""
        top = self.highest
        return None if top is None or math.isinf(top) else (0.0, top)

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Raise :class:`DataError` where data are no states of these units, or means of states.

        Args:
            data: (samples, n), prepared.
            preprocessing: by what, which is named in the remedy.
        """

    def _require_between(self, data: np.ndarray, low: float, high: float, rule: str, remedy: str) -> None:
        """Refuse data outside of bounds; ``rule`` goes on with whose bounds they are."""
        least, most = float(data.min()), float(data.max())
        if not low <= least <= most <= high:
            rule = f"{rule} for {type(self).__name__} visible units"
            raise DataError("training part", rule, f"{least:.4g} to {most:.4g}", remedy)

    @classmethod
    def examples(cls) -> list["Units"]:
        """Instances that the conformance suite checks."""
        return [cls(4)]
