"""Schedules made of schedules."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from ..fields import Fraction, Positive
from ..members import differs
from .base import Constant, Schedule
from .decay import Cosine, Ramp


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Another schedule, times a factor that rises from ``start`` to 1 in a straight line over the first epochs.

    Goyal et al.: Accurate, large minibatch SGD: training ImageNet in 1 hour (2017).

    Args:
        then: the schedule that is warmed up; its clock runs from the start.
        epochs: how long the factor rises; 5.0 by default.
        start: the factor at the beginning; 0.1 by default.

    >>> from gpunet.schedules import Step
    >>> WarmUp(Step(0.4, factor=0.5, every=5), epochs=2, start=0.5)(np.array([0.0, 1.0, 2.0, 5.0])).round(6).tolist()
    [0.2, 0.3, 0.4, 0.2]
    """

    then: Schedule
    epochs: Positive = 5.0
    start: Fraction = 0.1

    @classmethod
    def over(cls, peak: float, epochs: float) -> "WarmUp":
        """A tenth of the epochs up to half a cosine over all of them."""
        return cls(Cosine(peak, epochs), epochs=epochs / 10)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return self.then(epoch) * np.interp(epoch, [0, self.epochs], [self.start, 1])

    @property
    def ends(self) -> float:
        """The end of the schedule that is warmed up."""
        return self.then.ends


@dataclass(frozen=True)
class Join(Schedule):
    """One schedule after the other, each with its own clock from 0 for its number of epochs.

    Without a number for the last one, that goes on for as long as it can; with one, all ends there.

    Args:
        schedules: one after the other.
        epochs: how long each lasts; the last may be left out.

    >>> from gpunet.schedules import Step
    >>> join = Join([Step(0.4), Step(0.2, factor=0.5, every=1)], epochs=[2])
    >>> join(np.array([0.0, 1.9, 2.0, 3.0])).tolist()
    [0.4, 0.4, 0.2, 0.1]
    """

    schedules: Sequence[Schedule]
    epochs: Sequence[Positive]

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Join":
        """The peak for half of the epochs, then down to a hundredth in a straight line."""
        return cls((Constant(peak), Ramp(peak, peak / 100, epochs / 2)), (epochs / 2,))

    def __post_init__(self) -> None:
        """A duration for each schedule, but perhaps the last, that none is too short for."""
        super().__post_init__()
        if not self.schedules or len(self.epochs) not in (len(self.schedules), len(self.schedules) - 1):
            received = f"{len(self.schedules)} schedules and {len(self.epochs)} numbers"
            raise ConfigError("join", "needs a number of epochs for each schedule but perhaps the last", received)
        for schedule, epochs in zip(self.schedules, self.epochs):
            if not differs(schedule) and schedule.ends < epochs:
                raise ConfigError("join.epochs", f"a schedule of {schedule.ends:g} epochs cannot last longer", epochs)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        starts = np.concatenate([[0.0], np.cumsum(self.epochs)])[: len(self.schedules)]
        part = np.searchsorted(starts, epoch, side="right") - 1
        values = np.empty(epoch.shape)
        for number, (schedule, start) in enumerate(zip(self.schedules, starts)):
            values[part == number] = schedule(epoch[part == number] - start)
        return values

    @property
    def ends(self) -> float:
        """The sum of the epochs, plus the end of a last schedule that has no number of its own."""
        total = float(sum(self.epochs))
        return total if len(self.epochs) == len(self.schedules) else total + self.schedules[-1].ends
