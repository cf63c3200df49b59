"""Units that are -1 or +1, and the exact way between them and bits."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import Preprocessing
from ..errors import ConfigError, DataError
from ..fields import term
from ..ops.activations import softplus
from .discrete import EDGE, Bernoulli, digits, power
from .units import Units


@dataclass(eq=False)
class Spin(Units):
    """-1 or +1, with probability ``sigmoid(2 x)`` of +1.

    A machine of spins on both sides is an Ising model of two layers at an inverse temperature of 1, with the biases as
    fields ``h`` and the weight as couplings ``J``: ``E = - sum h s - sum J s s``.
    """

    ends: ClassVar[tuple[float, float] | None] = (-1.0, 1.0)

    def mean(self, x: Array, ctx: Context) -> Array:
        """Magnetisation under the input: ``tanh(x)``."""
        return array_module(x).tanh(x, out=ctx.like(x))

    def sample(self, x: Array, ctx: Context) -> Array:
        """-1 or +1, drawn with probability ``(1 + tanh(x)) / 2`` of +1."""
        up = self.mean(x, ctx)
        up += 1
        up *= 0.5
        up = Bernoulli.draw(up, ctx)
        up *= 2
        up -= 1
        return up

    def log_partition(self, x: Array, ctx: Context) -> Array:
        """``log(2 cosh(x)) = softplus(2 x) - x``, summed over the units."""
        double = array_module(x).multiply(x, 2, out=ctx.like(x))
        total = softplus(double, ctx.like(x), ctx.like(x))
        total -= x
        return total.sum(axis=-1)

    def input_for(self, mean: np.ndarray) -> np.ndarray:
        """The inverse of tanh."""
        return np.arctanh(np.clip(mean, 2 * EDGE - 1, 1 - 2 * EDGE))

    def states(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """All rows of -1 and +1 in the order of binary numbers, (stop - start, n)."""
        return 2.0 * digits(start, 2**self.n if stop is None else stop, 2, self.n) - 1

    @property
    def state_count(self) -> float:
        """``2^n`` rows of n spins."""
        return power(2, self.n)

    @property
    def range(self) -> tuple[float, float] | None:
        """-1 and 1."""
        return self.ends

    def check(self, data: np.ndarray, preprocessing: Preprocessing) -> None:
        """Refuse data outside of -1 to 1, and bits, which nobody has turned into spins."""
        remedy = "Set preprocess=spins for data of 0 and 1, or use bernoulli units"
        self._require_between(data, -1, 1, "must lie between -1 and 1", remedy)
        if data.min() >= 0 and (data == 0).any():
            rule = "must lie between -1 and 1 for Spin visible units"
            raise DataError("training part", rule, f"{data.min():.4g} to {data.max():.4g}", remedy)


@dataclass(frozen=True)
class Couplings:
    """Fields and couplings of two layers of spins, at an inverse temperature of 1.

    ``E(s, t) = offset - visible s - hidden t - s between t`` with all ``s`` and ``t`` -1 or +1.

    Attributes:
        visible: (visible,), fields of the visible spins, float64.
        hidden: (hidden,), of the hidden ones.
        between: (visible, hidden), couplings; there are none within a layer.
        offset: what is the same for all states, so that energies are those of the machine.
    """

    visible: np.ndarray
    hidden: np.ndarray
    between: np.ndarray
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Check shapes and that all numbers are finite.

        Raises:
            DataError: they do not fit each other.
        """
        shape = (*self.visible.shape, *self.hidden.shape)
        if self.visible.ndim != 1 or self.hidden.ndim != 1 or self.between.shape != shape:
            rule = "must have a field for each spin and a coupling between each pair of opposite ones"
            received = f"fields {self.visible.shape} and {self.hidden.shape}, couplings {self.between.shape}"
            raise DataError("couplings", rule, received, "Give h for both layers and J (visible, hidden)")
        arrays = (self.visible, self.hidden, self.between)
        if not all(np.isfinite(array).all() for array in arrays) or not math.isfinite(self.offset):
            raise DataError("couplings", "must be finite", "NaN or infinity", "Check the file")

    @classmethod
    def of(cls, weight: np.ndarray, b: np.ndarray, c: np.ndarray, visible: Units, hidden: Units) -> "Couplings":
        """Those of a machine of bits or spins, exactly: a bit is ``(1 + s) / 2``.

        Args:
            weight: (visible, hidden).
            b: visible biases.
            c: hidden biases.
            visible: kind of the visible units.
            hidden: of the hidden ones.

        Raises:
            ConfigError: units that are neither.
        """
        weight, b, c = (np.asarray(array, np.float64) for array in (weight, b, c))
        (middle, half), (low, step) = _as_spins("visible_units", visible), _as_spins("hidden_units", hidden)
        at, to = np.full(len(b), middle), np.full(len(c), low)
        offset = -(b @ at + c @ to + at @ weight @ to)
        return cls(half * (b + weight @ to), step * (c + at @ weight), half * step * weight, float(offset))

    def machine(self, visible: Units, hidden: Units) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Weight and biases of a machine of bits or spins with the same probabilities.

        Args:
            visible: kind of the visible units.
            hidden: of the hidden ones.

        Returns:
            Weight, visible biases, hidden biases, and what its energies lack to those of the couplings.
        """
        (middle, half), (low, step) = _as_spins("visible_units", visible), _as_spins("hidden_units", hidden)
        weight = self.between / (half * step)
        at, to = np.full(len(self.visible), middle), np.full(len(self.hidden), low)
        b, c = self.visible / half - weight @ to, self.hidden / step - at @ weight
        return weight, b, c, float(self.offset + b @ at + c @ to + at @ weight @ to)


def _as_spins(key: str, units: Units) -> tuple[float, float]:
    """``state = middle + half * spin``."""
    if isinstance(units, Spin):
        return 0.0, 1.0
    if units.bits:
        return 0.5, 0.5
    raise ConfigError(key, "must be bits or spins to become fields and couplings", term(type(units)))
