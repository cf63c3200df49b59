"""What a schedule is, and what else a hyperparameter may be."""

from dataclasses import dataclass
from math import inf

import numpy as np

from ..fields import NonNegative, check_fields
from ..members import PerMember, differs, own


@dataclass(frozen=True)
class Schedule:
    """Base of the schedules: a function from times in epochs to values."""

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time; ``epoch`` (steps,), in epochs from 0, returns the same shape."""
        raise NotImplementedError

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Schedule":
        """What the bare name stands for: this schedule with a highest value, for a training of so many epochs.

        Args:
            peak: the highest value.
            epochs: of the training.
        """
        raise NotImplementedError

    @property
    def ends(self) -> float:
        """The epoch up to which it has values; infinity for most, which go on for as long as training does."""
        return inf


# What a hyperparameter may be: one number or a schedule, or one of these for each member of a population.
Hyper = float | Schedule | PerMember


@dataclass(frozen=True)
class Constant(Schedule):
    """The same value at all times.

    Args:
        value: at all times.
    """

    value: NonNegative

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Constant":
        """The peak, all the time."""
        return cls(peak)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return ``value`` at each time."""
        return np.full(epoch.shape, self.value, np.float64)


def table(hyper: Hyper, epoch: np.ndarray, members: tuple[int, ...]) -> np.ndarray:
    """Values of a hyperparameter at each step, float64 of shape ([members,] steps).

    >>> table(PerMember([0.1, 0.2]), np.arange(2.0), (2,)).tolist()
    [[0.1, 0.1], [0.2, 0.2]]
    """
    if differs(hyper):
        count = members[0] if members else 1
        each = [table(own(hyper, member, count), epoch, ()) for member in range(count)]
        return np.stack(each).reshape(*members, len(epoch))
    values = hyper(epoch) if isinstance(hyper, Schedule) else np.asarray(hyper, np.float64)[..., None]
    return np.broadcast_to(values, (*members, len(epoch)))
