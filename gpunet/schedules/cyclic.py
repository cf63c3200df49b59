"""Schedules that come back."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from ..fields import NonNegative, Positive
from .base import Schedule

ROUNDING = 1e-9  # of a cycle: so near to its end, the next one has begun


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """From ``value`` to ``lowest`` along half a cosine, then from the start again.

    ``lowest + (value - lowest) (1 + cos(pi x)) / 2`` with ``x`` the passed part of the cycle; cycle i lasts
    ``period * growth^i`` epochs.  With the number of epochs as its period it never restarts.

    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts (2017).

    Args:
        value: at the start of each cycle.
        lowest: at the end of each cycle; 0.0 by default.
        period: epochs of the first cycle; 10.0 by default.
        growth: how many times as long as the cycle before each cycle is; 1.0 by default.

    >>> CosineRestarts(value=0.2, period=2)(np.array([0.0, 1.0, 2.0, 3.0])).round(6).tolist()
    [0.2, 0.1, 0.2, 0.1]
    """

    value: NonNegative
    lowest: NonNegative = 0.0
    period: Positive = 10.0
    growth: Annotated[float, Ge(1)] = 1.0

    @classmethod
    def over(cls, peak: float, epochs: float) -> "CosineRestarts":
        """Four cycles of one length."""
        return cls(peak, period=epochs / 4)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        cycles, more = epoch / self.period, self.growth - 1
        if more:
            cycles = np.log1p(cycles * more) / np.log1p(more)
        cycle = np.floor(cycles + ROUNDING)
        start = self.period * (np.expm1(cycle * np.log1p(more)) / more if more else cycle)
        passed = np.clip((epoch - start) / (self.period * self.growth**cycle), 0, 1)
        return self.lowest + (self.value - self.lowest) * (1 + np.cos(np.pi * passed)) / 2


@dataclass(frozen=True)
class Triangular(Schedule):
    """Up from ``low`` to ``high`` and down again in straight lines, a cycle every ``period`` epochs.

    The height ``high - low`` is multiplied by ``decay`` after each cycle.

    Smith: Cyclical learning rates for training neural networks (2017).

    Args:
        low: at both ends of a cycle.
        high: in the middle of the first cycle.
        period: epochs of a cycle; 4.0 by default.
        decay: factor on the height after each cycle; 1.0 by default.

    >>> Triangular(low=0.1, high=0.5, period=4, decay=0.5)(np.array([0.0, 1.0, 2.0, 4.0, 6.0])).round(6).tolist()
    [0.1, 0.3, 0.5, 0.1, 0.3]
    """

    low: NonNegative
    high: NonNegative
    period: Positive = 4.0
    decay: Annotated[float, Gt(0), Le(1)] = 1.0

    @classmethod
    def over(cls, peak: float, epochs: float) -> "Triangular":
        """Four cycles between a tenth of the peak and the peak."""
        return cls(peak / 10, peak, period=epochs / 4)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        cycle = np.floor(epoch / self.period)
        height = 1 - np.abs(2 * (epoch / self.period - cycle) - 1)
        return self.low + (self.high - self.low) * self.decay**cycle * height


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from ``start * value`` to ``value``, down again as fast, then down to ``stop * value``; in straight lines.

    The way up takes the part ``rise`` of all ``epochs``, and so does the way down; the rest is for the last stretch.
    It ends with its epochs, which should be those of the training.

    Smith, Topin: Super-convergence: very fast training of neural networks using large learning rates (2019).

    Args:
        value: the highest value, reached at the end of the way up.
        epochs: of the whole cycle.
        rise: part of the epochs in which it goes up, and then down again; 0.45 by default.
        start: part of the value at the beginning and after the way down; 0.04 by default.
        stop: part of the value at the end; 1e-4 by default.

    >>> OneCycle(value=1.0, epochs=10, rise=0.4, start=0.1)(np.array([0.0, 4.0, 8.0])).tolist()
    [0.1, 1.0, 0.1]
    """

    value: NonNegative
    epochs: Positive
    rise: Annotated[float, Gt(0), Le(0.5)] = 0.45
    start: Positive = 0.04
    stop: NonNegative = 1e-4

    @classmethod
    def over(cls, peak: float, epochs: float) -> "OneCycle":
        """One cycle of all epochs."""
        return cls(peak, epochs)

    def __call__(self, epoch: np.ndarray) -> np.ndarray:
        """Return the value at each time."""
        knots = np.array([0, self.rise, 2 * self.rise, 1]) * self.epochs
        return self.value * np.interp(epoch, knots, [self.start, 1, self.start, self.stop])

    @property
    def ends(self) -> float:
        """The end of its epochs, after which there is no value."""
        return self.epochs
