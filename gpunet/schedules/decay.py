"""Schedules that go one way."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from ..fields import Count, NonNegative, Positive
from .base import Schedule


@dataclass(frozen=True)
class Step(Schedule):
    """``value * factor ** floor(epoch / every)``: a new value every so many epochs.

    Args:
        value: in the first stretch.
        factor: on the value after each stretch; 0.1 by default.
        every: epochs of a stretch; 10 by default.

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
    """``values[i]`` from the i-th boundary to the next, in epochs; one value more than boundaries.

    Args:
        values: one for each stretch.
        boundaries: epochs at which the next value begins, increasing.

    >>> Piecewise(values=[0.1, 0.01], boundaries=[30])(np.array([0.0, 29.9, 30.0])).tolist()
    [0.1, 0.1, 0.01]
    """

    values: Sequence[NonNegative]
    boundaries: Sequence[Positive]

    def __post_init__(self) -> None:
        """As many values as stretches, and boundaries in order."""
        super().__post_init__()
        if len(self.values) != len(self.boundaries) + 1:
            received = f"{len(self.values)} values and {len(self.boundaries)} boundaries"
            raise ConfigError("piecewise", "needs one value more than boundaries", received)
        if any(late <= early for early, late in zip(self.boundaries, self.boundaries[1:])):
            raise ConfigError("piecewise.boundaries", "must increase", list(self.boundaries))

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return np.asarray(self.values, np.float64)[np.searchsorted(self.boundaries, epoch, side="right")]


@dataclass(frozen=True)
class Exponential(Schedule):
    """``value * factor ** epoch``, a little less at every step.

    Args:
        value: at the start.
        factor: on the value over one epoch; 0.95 by default.

    >>> Exponential(value=0.1)(np.array([0.0, 1.0])).tolist()
    [0.1, 0.095]
    """

    value: NonNegative
    factor: Positive = 0.95

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return self.value * self.factor**epoch


@dataclass(frozen=True)
class InverseRoot(Schedule):
    """``value / sqrt(1 + epoch)``: k over the root of the epoch, which counts from 1 here.

    Args:
        value: at the start.

    >>> InverseRoot(value=0.1)(np.array([0.0, 3.0])).tolist()
    [0.1, 0.05]
    """

    value: NonNegative

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return self.value / np.sqrt(1 + epoch)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """``value / (1 + slope * epoch)``, in the manner of Robbins, Monro: A stochastic approximation method (1951).

    Args:
        value: at the start.
        slope: per epoch: the value has halved after 1 / slope epochs; 0.1 by default.

    >>> InverseTime(value=0.1, slope=0.5)(np.array([0.0, 2.0])).tolist()
    [0.1, 0.05]
    """

    value: NonNegative
    slope: NonNegative = 0.1

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return self.value / (1 + self.slope * epoch)


@dataclass(frozen=True)
class Ramp(Schedule):
    """From ``start`` to ``stop`` in a straight line over so many epochs, then ``stop``; up or down.

    Args:
        start: at the beginning.
        stop: after the epochs, and from then on.
        epochs: how long it takes.

    >>> Ramp(start=0.5, stop=0.9, epochs=4)(np.array([0.0, 1.0, 4.0, 9.0])).tolist()
    [0.5, 0.6, 0.9, 0.9]
    """

    start: NonNegative
    stop: NonNegative
    epochs: Positive

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return np.interp(epoch, [0, self.epochs], [self.start, self.stop])
