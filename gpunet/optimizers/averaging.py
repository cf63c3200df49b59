"""Averages of the weights along the way, which are often better than the last weights.

A rule says how far the average moves towards the weights at each step; the engine keeps it as one more slot and moves
it under the guard of all updates.  Running statistics are averaged like weights.
"""

from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
from annotated_types import Gt, Lt

from ..fields import Count, check_fields
from ..members import PerMember


@dataclass(frozen=True)
class Averaging:
    """Base of the averages: ``average += share (weights - average)`` after each step."""

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def shares(self, times: np.ndarray) -> np.ndarray:
        """The share of each step of an epoch, for one member; ``times`` in epochs from 0, both (steps,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class EMA(Averaging):
    """Exponential moving average over steps: ``(1 - decay) sum_i decay^(t - i) w_i / (1 - decay^t)``.

    The denominator makes the weights of all steps so far sum to one.  Kingma, Ba: Adam: a method for stochastic
    optimization (2015), on temporal averaging.

    Args:
        decay: part of the average that remains at each step; about 1 / (1 - decay) steps are averaged; 0.999 by
            default.

    >>> EMA(decay=0.5).shares(np.array([0.0, 0.5])).round(4).tolist()
    [1.0, 0.6667]
    """

    decay: Annotated[float, Gt(0), Lt(1)] | PerMember = 0.999

    def shares(self, times: np.ndarray) -> np.ndarray:
        """``(1 - decay) / (1 - decay^t)`` with the number ``t`` of the step, from 1."""
        decay = cast("float", self.decay)
        number = np.round(times * len(times)) + 1
        return (1 - decay) / (1 - decay**number)


@dataclass(frozen=True)
class SWA(Averaging):
    """Stochastic weight averaging: the mean of the weights after each epoch from the epoch ``start`` on.

    Until then it is the weights of the last epoch.  It goes with a learning rate that stays high or comes back.

    Izmailov et al.: Averaging weights leads to wider optima and better generalization (2018).

    Args:
        start: epoch from which on weights are averaged, counted from 1.

    >>> SWA(start=2).shares(np.array([3.0, 3.5])).round(4).tolist()
    [0.0, 0.3333]
    """

    start: Count | PerMember

    def shares(self, times: np.ndarray) -> np.ndarray:
        """At the last step of an epoch one over the number of epochs averaged, else nothing."""
        shares, start = np.zeros(len(times)), cast("int", self.start)
        shares[-1] = 1 / max(1, int(times[0]) + 2 - start)
        return shares

    @classmethod
    def examples(cls) -> list[Averaging]:
        """From the second epoch on."""
        return [cls(start=2)]
