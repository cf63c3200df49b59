"""What a likelihood came to."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inspection.likelihood import TRUSTED
from ..rbm import LogZ


@dataclass(frozen=True)
class LogLikelihood:
    """Mean log-likelihood of samples under a machine, in nats.

    Attributes:
        value: (members,), or one number for a single machine; a variational lower bound for a stack, and for a deep
            machine whose hidden layers have too many states to be summed.
        low: lower end of the bracket that the normaliser leaves.
        high: upper end.
        standard_error: of the mean over samples.
        samples: how many.
        method: ``exact``; ``bracket``, of annealing from below and from above; or ``trajectory``, along the machine's
            own training.
        bound: whether the value is a lower bound rather than the log-likelihood itself.
        log_z: the normaliser.
    """

    value: Any
    low: Any
    high: Any
    standard_error: Any
    samples: int
    method: str
    bound: bool
    log_z: LogZ

    @property
    def trusted(self) -> bool:
        """Whether the bracket is at most 1 nat wide."""
        return bool(np.max(np.asarray(self.high) - np.asarray(self.low)) <= TRUSTED)

    def __float__(self) -> float:
        """The mean over members."""
        return float(np.mean(self.value))

    def __repr__(self) -> str:
        """Value, bracket, and whether to trust it."""
        what = "lower bound" if self.bound else "log-likelihood"
        value, error, low, high = (
            float(np.mean(number)) for number in (self.value, self.standard_error, self.low, self.high)
        )
        trust = "" if self.trusted else ", UNTRUSTED: raise runs, steps and mixing"
        bracketed = "exact" if self.method == "exact" else f"bracket {low:.2f} to {high:.2f}{trust}"
        return f"{what} {value:.2f} ± {error:.2f} nats over {self.samples:,} samples, {bracketed}"
