"""Figures of probabilities: whether they are as large as they should be."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fields import Count
from .base import Metric
from .outcome import Outcome, Task

EPSILON = float(np.finfo(np.float64).eps)  # nearer to 0 and 1 no probability is taken at its word


@dataclass(frozen=True)
class _Probabilistic(Metric):
    """Base of the figures of probabilities, which are better when they are lower."""

    higher_is_better: ClassVar[bool] = False
    collected: ClassVar[bool] = True
    needs_probability: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multilabel")


@dataclass(frozen=True)
class LogLoss(_Probabilistic):
    """Minus the logarithm of the probability of what was so, in nats; of several labels the mean over them."""

    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def each(self, outcome: Outcome) -> np.ndarray:
        """``-log p`` of the class, or the mean over labels."""
        p = np.clip(outcome.columns, EPSILON, 1 - EPSILON)
        if outcome.task == "classification":
            return -np.log(p[np.arange(len(p)), outcome.target])
        return -np.where(outcome.coded, np.log(p), np.log(1 - p)).mean(axis=1)


@dataclass(frozen=True)
class Brier(_Probabilistic):
    """Squared difference between probabilities and what was so, summed over more than two classes.

    Of two classes it is that of the second, of several labels the mean over them.
    Brier: Verification of forecasts expressed in terms of probability (1950).
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 2.0)

    def each(self, outcome: Outcome) -> np.ndarray:
        """Of a sample."""
        square = (outcome.columns - outcome.coded) ** 2
        if outcome.task == "multilabel":
            return square.mean(axis=1)
        return square.sum(axis=1) / (2 if square.shape[1] == 2 else 1)


@dataclass(frozen=True)
class CalibrationError(_Probabilistic):
    """How far probabilities are from the share of samples that they come true for, on average over bins.

    Bins of equal width hold the probability of the predicted class, or of each label.
    Guo, Pleiss, Sun, Weinberger: On calibration of modern neural networks (2017), eq. 3.

    Args:
        bins: between 0 and 1; 15 by default.
    """

    bins: Count = 15

    def value(self, outcome: Outcome) -> float:
        """Of the predicted class, or the mean over labels."""
        if outcome.task == "multilabel":
            return super().value(outcome)
        rows = np.arange(outcome.samples)
        sure = outcome.columns[rows, outcome.predicted]
        return self._error(sure, outcome.predicted == outcome.target, outcome.weights)

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Of the probability of each class or label by itself."""
        pairs = zip(outcome.columns.T, outcome.coded.T)
        return np.array([self._error(p, true, outcome.weights) for p, true in pairs])

    def _error(self, p: np.ndarray, true: np.ndarray, weight: np.ndarray) -> float:
        total, sure, right = bin_counts(p, true, weight, self.bins)
        gap = np.abs(right - sure)
        gap[gap <= EPSILON * len(p) * total] = 0  # what the rounding of the sums leaves
        return float(gap.sum() / weight.sum())


def bin_counts(
    p: np.ndarray, true: np.ndarray, weight: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """In bins of equal width between 0 and 1: the weight of samples, of probability, and of what came true.

    >>> bin_counts(np.array([0.2, 0.9, 1.0]), np.array([0, 1, 1]), np.ones(3), 2)
    (array([1., 2.]), array([0.2, 1.9]), array([0., 2.]))
    """
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    total, sure, right = (np.bincount(place, weights=w, minlength=bins) for w in (weight, weight * p, weight * true))
    return total, sure, right
