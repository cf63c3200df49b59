"""Figures of predicted numbers; of several targets the mean over them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Metric
from .outcome import Outcome, Task


@dataclass(frozen=True)
class _OfValues(Metric):
    """Base of the figures of regression, which are better when they are lower."""

    higher_is_better: ClassVar[bool] = False
    collected: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("regression",)
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Of each target, (targets,), in its units."""
        raise NotImplementedError


@dataclass(frozen=True)
class RMSE(_OfValues):
    """Root of the mean squared error, in the units of the target."""

    name: ClassVar[str] = "rmse"

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """The root of each target's mean."""
        return np.sqrt(np.average((outcome.outputs - outcome.target) ** 2, axis=0, weights=outcome.weight))


@dataclass(frozen=True)
class MAE(_OfValues):
    """Mean absolute error, in the units of the target."""

    name: ClassVar[str] = "mae"

    def each(self, outcome: Outcome) -> np.ndarray:
        """The mean over targets."""
        return np.abs(outcome.outputs - outcome.target).mean(axis=1)

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Each target's mean."""
        return np.average(np.abs(outcome.outputs - outcome.target), axis=0, weights=outcome.weight)


@dataclass(frozen=True)
class R2(_OfValues):
    """Coefficient of determination: the part of a target's variance that is predicted; 0 for always saying the mean.

    Of a target that does not vary it is 1 where every prediction is right, else 0; one sample has none.
    """

    name: ClassVar[str] = "r2"
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float]] = (-float("inf"), 1.0)

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Of each target; NaN where there are fewer than two samples."""
        target, weight = outcome.target.astype(np.float64), outcome.weights[:, None]
        if np.count_nonzero(weight) < 2:
            return np.full(target.shape[1], np.nan)
        missed = (weight * (target - outcome.outputs) ** 2).sum(axis=0)
        centre = np.average(target, axis=0, weights=outcome.weight)
        spread = (weight * (target - centre) ** 2).sum(axis=0)
        counted = target[outcome.weights > 0]
        still = (counted == counted[0]).all(axis=0)  # where rounding of the mean would leave some spread
        part = missed / np.where(still, 1, spread)
        return np.where(still, np.where(missed == 0, 1.0, 0.0), 1 - part)


@dataclass(frozen=True)
class MedianError(_OfValues):
    """Median of the absolute errors, in the units of the target: half of the predictions are nearer."""

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Of each target."""
        errors = np.abs(outcome.outputs - outcome.target)
        if outcome.weight is None:
            return np.median(errors, axis=0)
        return np.array([_weighted_median(column, outcome.weights) for column in errors.T])

    def interval(self, outcome: Outcome, reach: float) -> tuple[float, float]:
        """Between the errors whose ranks hold the median (Conover: Practical Nonparametric Statistics, 1999, 3.2).

        The number of errors below the median is binomial with probability 1/2, whatever they are distributed as; of
        several targets it is the mean of the ends.
        """
        weight = outcome.weights
        half = reach / 2 * np.sqrt((weight * weight).sum()) / weight.sum()
        ends = [_between(column, weight, half) for column in np.abs(outcome.outputs - outcome.target).T]
        low, high = np.mean(ends, axis=0)
        return float(low), float(high)


def _weighted_median(x: np.ndarray, weight: np.ndarray) -> float:
    """The number with half of the weight on either side, or between two such."""
    order = np.argsort(x, kind="stable")
    order = order[weight[order] > 0]
    total = np.cumsum(weight[order])
    place = min(int(np.searchsorted(total, total[-1] / 2)), len(order) - 1)
    if total[place] - total[-1] / 2 > np.finfo(np.float64).eps or place + 1 == len(order):
        return float(x[order[place]])
    return float((x[order[place]] + x[order[place + 1]]) / 2)


def _between(x: np.ndarray, weight: np.ndarray, half: float) -> tuple[float, float]:
    """The numbers with a share of 1/2 - half and of 1/2 + half of the weight up to them, or the outermost ones."""
    order = np.argsort(x, kind="stable")
    order = order[weight[order] > 0]
    share = np.cumsum(weight[order]) / weight.sum()
    low, high = np.searchsorted(share, (0.5 - half, 0.5 + half))
    return float(x[order[low]]), float(x[order[min(high, len(order) - 1)]])
