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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Step":
        """A tenth after each third of the epochs."""
        return cls(peak, every=max(1, round(epochs / 3)))

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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Piecewise":
        """A tenth from half of the epochs on, a hundredth from three quarters on."""
        return cls((peak, peak / 10, peak / 100), (epochs / 2, epochs * 3 / 4))

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
class Cosine(Schedule):
    """From ``value`` to ``stop`` along half a cosine over so many epochs, which should be those of the training.

    ``stop + (value - stop) (1 + cos(pi epoch / epochs)) / 2``.  Loshchilov, Hutter: SGDR: stochastic gradient descent
    with warm restarts (2017), without the restarts.

    Args:
        value: at the start.
        epochs: how long it takes; it ends there.
        stop: at the end; 0.0 by default.

    >>> Cosine(value=0.2, epochs=4)(np.array([0.0, 2.0, 4.0])).round(6).tolist()
    [0.2, 0.1, 0.0]
    """

    value: NonNegative
    epochs: Positive
    stop: NonNegative = 0.0

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Cosine":
        """From the peak to nothing."""
        return cls(peak, epochs)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        passed = np.clip(epoch / self.epochs, 0, 1)
        return self.stop + (self.value - self.stop) * (1 + np.cos(np.pi * passed)) / 2

    @property
    def ends(self) -> float:
        """The end of its epochs."""
        return self.epochs


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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Exponential":
        """From the peak to a hundredth of it."""
        return cls(peak, factor=0.01 ** (1 / epochs))

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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "InverseRoot":
        """From the peak on."""
        return cls(peak)

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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "InverseTime":
        """From the peak to a tenth of it."""
        return cls(peak, slope=9 / epochs)

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

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Ramp":
        """From the peak to a hundredth of it."""
        return cls(peak, peak / 100, epochs)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        return np.interp(epoch, [0, self.epochs], [self.start, self.stop])
