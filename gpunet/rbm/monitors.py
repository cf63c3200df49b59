"""What tells early that a machine learns badly, after each epoch: numbers for the history, and warnings.

Hinton: A practical guide to training restricted Boltzmann machines (2010), sections 5 to 7 and 16, names the signs.
"""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np

from ..backend import Arena, Context, Device
from ..backend.arrays import Array
from ..parameter import Parameters
from .chains import Persistent, Tempered
from .contrastive import ContrastiveDivergence

NEVER, ALWAYS = 0.1, 0.9  # of its range: a unit whose mean stays beyond, whatever it sees, says nothing
IDLE_UNITS = 0.1  # part of the units that may be dead, or saturated
LARGE_UPDATE, SMALL_UPDATE = 5e-2, 1e-6  # root mean squares of an update over those of the weights
GAP_PER_UNIT = 0.01  # nats
STUCK = 0.98  # correlation of a chain with itself one update ago: a hundred updates for an independent sample
RARE_SWAPS = 0.1
MANY_REFUSED = 3


class ChainMonitors:
    """Measures the chains of a machine between the epochs of its training; nothing in the step changes.

    Args:
        objective: whose chains they are.
        parameters: of all that is trained.
    """

    def __init__(self, objective: ContrastiveDivergence, parameters: Parameters):
        self.objective, self.parameters = objective, parameters
        self.device: Device = parameters.device

    def before_last_step(self) -> None:
        """Called before the last step of an epoch; nothing is remembered of it."""

    def numbers(self) -> dict[str, np.ndarray]:
        """What is known after an epoch, each (members,); reads the device.

        - ``swap_rate``: the lowest among the pairs of neighbouring temperatures.
        - what the chains themselves tell, see :meth:`gpunet.rbm.Chains.numbers`.
        """
        chains = self.objective.chains
        rates = chains.swap_rates() if isinstance(chains, Tempered) else None
        found = chains.numbers()
        if rates is not None:
            found["swap_rate"] = np.asarray(rates, np.float64).reshape(self._rows, -1).min(axis=1)
        return found

    def warnings(self, numbers: Mapping[str, np.ndarray], epoch: int) -> dict[str, str]:
        """What should be changed, by the number that tells it; for the member that is worst.

        Args:
            numbers: from :meth:`numbers`.
            epoch: counted from 1.
        """
        found: dict[str, str] = {}
        _warn(
            found, numbers, "swap_rate", RARE_SWAPS, "neighbouring temperatures exchange {value:.0%} of the time",
            "raise temperatures", above=False,
        )  # fmt: skip
        _warn(
            found, numbers, "refused_versions", MANY_REFUSED,
            "the machine went back to its last version {value:.0f} times",
            "lower learning_rate, or raise k or the reservoir of the chains",
        )  # fmt: skip
        return found

    @property
    def _rows(self) -> int:
        return math.prod(self.parameters.members)


def _warn(
    found: dict[str, str],
    numbers: Mapping[str, np.ndarray],
    name: str,
    limit: float,
    text: str,
    remedy: str,
    above: bool = True,
) -> None:
    """Add a warning where the worst member lies beyond a limit."""
    values = numbers.get(name)
    if values is None:
        return
    value = float(values.max() if above else values.min())
    if value > limit if above else value < limit:
        found[name] = f"{text.format(value=value)}: {remedy}"


class Monitors(ChainMonitors):
    """Measures a machine between the epochs of its training, its chains among it.

    Args:
        objective: how the machine learns.
        parameters: its.
        train: ([members,] N, visible), samples that it learns from.
        validation: ([members,] M, visible), samples that it does not learn from, or None.
        weights: (N,), above 0, how much each of the first counts; None where all count alike.
        validation_weights: (M,), likewise.
    """

    def __init__(
        self,
        objective: ContrastiveDivergence,
        parameters: Parameters,
        train: Array,
        validation: Array | None = None,
        weights: np.ndarray | None = None,
        validation_weights: np.ndarray | None = None,
    ):
        super().__init__(objective, parameters)
        self.train, self.validation = train, validation
        self.weights, self.validation_weights = weights, validation_weights
        self.weight = objective.model.weight.value.copy()
        self.chains = self._chains().copy() if isinstance(objective.chains, Persistent | Tempered) else None

    def before_last_step(self) -> None:
        """Remember weights and chains, to see what one update changes."""
        copyto = self.device.xp.copyto
        copyto(self.weight, self.objective.model.weight.value)
        if self.chains is not None:
            copyto(self.chains, self._chains())

    def numbers(self) -> dict[str, np.ndarray]:
        """What is known after an epoch, each (members,); reads the device.

        - ``update_ratio``: root mean square of the last update of the weights over that of the weights.
        - ``dead_units``, ``saturated_units``: part of the hidden units whose mean never leaves the lowest, or the
          highest, tenth of its range; of units with a range.
        - ``free_energy_gap``: mean free energy of validation samples less that of training samples, in nats, which is
          the loss of log-likelihood on samples not learned from; ``free_energy_gap_error`` is its standard error.
        - ``chain_autocorrelation``: of the persistent chains over one update.
        - those of :class:`ChainMonitors`.
        """
        rbm = self.objective.model
        ctx = Context(False, Arena(self.device), numerics=self.objective.numerics)
        weight, xp = rbm.weight.value, self.device.xp
        change = self._per_member((weight - self.weight) ** 2).mean(axis=1)
        size = self._per_member(xp.square(weight)).mean(axis=1)
        found = {"update_ratio": np.sqrt(change / np.maximum(size, np.finfo(np.float64).tiny))}
        hidden_input = rbm.hidden_input(self.train, ctx)
        found |= self._idle_units(rbm.hidden.mean(hidden_input, ctx))
        found |= self._gap(rbm.free_energy_from(self.train, hidden_input, ctx), ctx)
        if self.chains is not None:
            found["chain_autocorrelation"] = correlation(*(self._states(s) for s in (self.chains, self._chains())))
        return found | super().numbers()

    def warnings(self, numbers: Mapping[str, np.ndarray], epoch: int) -> dict[str, str]:
        """What should be changed, by the number that tells it; for the member that is worst.

        Args:
            numbers: from :meth:`numbers`.
            epoch: counted from 1; while weights are small, in the first, updates are large for good reasons.
        """
        rbm = self.objective.model
        found: dict[str, str] = {}
        worst = partial(_warn, found, numbers)
        if epoch > 1:
            worst(
                "update_ratio", LARGE_UPDATE, "one update changes the weights by {value:.1%}",
                "lower learning_rate or momentum",
            )  # fmt: skip
        else:
            worst(
                "update_ratio", SMALL_UPDATE, "one update changes the weights by {value:.1e} of their size",
                "raise learning_rate", above=False,
            )  # fmt: skip
        worst(
            "dead_units", IDLE_UNITS, "{value:.0%} of the hidden units are never on",
            "set sparsity.target, or lower learning_rate",
        )  # fmt: skip
        worst(
            "saturated_units", IDLE_UNITS, "{value:.0%} of the hidden units are always on",
            "raise l2, set sparsity.target, or lower learning_rate",
        )  # fmt: skip
        if "free_energy_gap" in numbers:
            low = numbers["free_energy_gap"] - 1.96 * numbers["free_energy_gap_error"]
            member = int(low.argmax())
            if low[member] > GAP_PER_UNIT * rbm.visible.n:
                gap, error = (numbers[name][member] for name in ("free_energy_gap", "free_energy_gap_error"))
                found["free_energy_gap"] = (
                    f"validation samples are {gap:.1f} ± {1.96 * error:.1f} nats less likely than training samples: "
                    "raise l2, set fewer epochs or a smaller hidden layer"
                )
        worst(
            "chain_autocorrelation", STUCK, "the chains hardly move, correlation {value:.3f} over one update",
            "raise k, set chains=tempered, or lower learning_rate",
        )  # fmt: skip
        return found | super().warnings(numbers, epoch)

    def _idle_units(self, means: Array) -> dict[str, np.ndarray]:
        top = self.objective.model.hidden.highest
        if top is None:
            return {}
        found = {"dead_units": self._share(means.max(axis=-2) < NEVER * (top if math.isfinite(top) else 1.0))}
        if math.isfinite(top):
            found["saturated_units"] = self._share(means.min(axis=-2) > ALWAYS * top)
        return found

    def _gap(self, free_energy: Array, ctx: Context) -> dict[str, np.ndarray]:
        if self.validation is None:
            return {}
        known = self._per_member(free_energy)
        unknown = self._per_member(self.objective.model.free_energy(self.validation, ctx))
        (mean, variance), (other, other_variance) = (
            weighted_mean(known, self.weights),
            weighted_mean(unknown, self.validation_weights),
        )
        error = np.sqrt(variance + other_variance)
        if not np.isfinite(error).all():
            return {}
        return {"free_energy_gap": other - mean, "free_energy_gap_error": error}

    def _chains(self) -> Array:
        """The states that follow the model itself, ([members,] chains, visible)."""
        chains = self.objective.chains
        assert isinstance(chains, Persistent | Tempered)
        return chains.states[..., : chains.count, :]

    def _share(self, flags: Array) -> np.ndarray:
        return self._per_member(flags).mean(axis=1)

    def _per_member(self, values: Array) -> np.ndarray:
        return self.device.get(values).astype(np.float64).reshape(self._rows, -1)

    def _states(self, chains: Array) -> np.ndarray:
        return self.device.get(chains).astype(np.float64).reshape(self._rows, *chains.shape[-2:])


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean over samples (members, N) and the variance of that mean, each (members,).

    With weights (N,) the number of samples is that which carries as much, ``sum(w)^2 / sum(w^2)`` (Kish 1965), so the
    variance does not depend on the scale of the weights; where one sample carries all it is infinite.

    >>> values = np.array([[1.0, 3.0, 9.0]])
    >>> weighted_mean(values, np.array([2.0, 2.0, 0.0]))
    (array([2.]), array([1.]))
    """
    if weights is None:
        return values.mean(axis=1), values.var(axis=1, ddof=1) / values.shape[1]
    mean = np.average(values, axis=1, weights=weights)
    effective = weights.sum() ** 2 / (weights * weights).sum()
    if effective - 1 < 1e-9:
        return mean, np.full(mean.shape, np.inf)
    return mean, np.average((values - mean[:, None]) ** 2, axis=1, weights=weights) / (effective - 1)


def correlation(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Correlation between two sets of states (members, chains, units), each unit about its mean over the chains.

    Chains that never differ are called stuck, 1.

    >>> s = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    >>> correlation(s, s), correlation(s, 1 - s)
    (array([1.]), array([-1.]))
    """
    a, b = (s - s.mean(axis=1, keepdims=True) for s in (before, after))
    size = np.sqrt((a * a).sum(axis=(1, 2)) * (b * b).sum(axis=(1, 2)))
    return np.where(size > 0, (a * b).sum(axis=(1, 2)) / np.where(size > 0, size, 1), 1.0)
