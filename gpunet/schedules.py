"""Hyperparameters that change while training: functions of the time in epochs.

A schedule is called with an array of times, the fractional epoch at each step of the epoch to come, and returns the
value at each; the values are uploaded once per epoch and a step picks its own on the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import ConfigError
from .fields import Count, NonNegative, Positive, check_fields

__all__ = ["Constant", "Hyper", "Piecewise", "Schedule", "Step", "table"]


@dataclass(frozen=True)
class Schedule:
    """Base of the schedules."""

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time; ``epoch`` (steps,), in epochs from 0, returns the same shape."""
        raise NotImplementedError


# What a hyperparameter may be: one number, one number for each member of a population, or a schedule.
Hyper = float | Sequence[float] | Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """The same ``value`` always."""

    value: NonNegative

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return ``value`` at each time."""
        return np.full(epoch.shape, self.value)


@dataclass(frozen=True)
class Step(Schedule):
    """``value * factor ** floor(epoch / every)``: a new value every so many epochs.

    >>> Step(value=0.1, factor=0.5, every=10)(np.array([0.0, 9.9, 10.0, 25.0])).tolist()
    [0.1, 0.1, 0.05, 0.025]
    """

    value: NonNegative
    factor: Positive = 0.1
    every: Count = 10

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return self.value * self.factor ** np.floor(epoch / self.every)


@dataclass(frozen=True)
class Piecewise(Schedule):
    """``values[i]`` from the i-th boundary on: one value more than there are ``boundaries``, which are in epochs.

    >>> Piecewise(values=(0.5, 0.9), boundaries=(5,))(np.array([0.0, 4.9, 5.0, 9.0])).tolist()
    [0.5, 0.5, 0.9, 0.9]
    """

    values: tuple[NonNegative, ...] = (0.5, 0.9)
    boundaries: tuple[NonNegative, ...] = (5.0,)

    def __post_init__(self) -> None:
        """Boundaries must rise, and fit the values."""
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            rule = f"must be one more than the {len(self.boundaries)} boundaries"
            raise ConfigError("Piecewise.values", rule, len(self.values))
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:])):
            raise ConfigError("Piecewise.boundaries", "must rise", self.boundaries)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return np.array(self.values)[np.searchsorted(self.boundaries, epoch, side="right")]


def table(hyper: Hyper, epoch: np.ndarray, members: tuple[int, ...]) -> np.ndarray:
    """Values of a hyperparameter at each step, float64 of shape ([members,] steps).

    >>> table([0.1, 0.2], np.arange(2.0), (2,)).tolist()
    [[0.1, 0.1], [0.2, 0.2]]
    """
    values = hyper(epoch) if isinstance(hyper, Schedule) else np.asarray(hyper, np.float64)[..., None]
    return np.broadcast_to(values, (*members, len(epoch)))
