"""Figures that look at the order of outputs, whatever the threshold: areas under curves."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Metric
from .outcome import Outcome, Task


def counted(
    score: np.ndarray, positive: np.ndarray, weight: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the positives and of the negatives that score at least as much as each distinct score, falling.

    ``order`` sorts the scores, the highest first.

    >>> tp, fp = counted(np.array([0.1, 0.8, 0.8]), np.array([False, True, False]), np.ones(3), np.array([1, 2, 0]))
    >>> tp.tolist(), fp.tolist()
    ([1.0, 1.0], [1.0, 2.0])
    """
    order = order[weight[order] > 0]
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    own = weight[order] * positive[order]
    return np.cumsum(own)[ends], np.cumsum(weight[order] - own)[ends]


@dataclass(frozen=True)
class _Ranking(Metric):
    """Base of the figures that rank samples, one class or label against the rest."""

    collected: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multilabel")
    against: ClassVar[bool] = True  # whether it needs samples of other classes

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """NaN where none of the samples is of the class, or where all are and nothing ranks behind them."""
        found = np.full(outcome.columns.shape[1], np.nan)
        for number, (score, positive, order) in enumerate(zip(outcome.columns.T, outcome.coded.T, outcome.orders)):
            tp, fp = counted(score, positive, outcome.weights, order)
            if len(tp) and tp[-1] > 0 and (fp[-1] > 0 or not self.against):
                found[number] = self._area(tp, fp)
        return found

    def _area(self, tp: np.ndarray, fp: np.ndarray) -> float:
        raise NotImplementedError


@dataclass(frozen=True)
class RocAuc(_Ranking):
    """Area under the curve of true against false positives: the chance that a positive scores above a negative.

    The mean over the classes, each against the rest; for two classes it is that of the second.
    Fawcett: An introduction to ROC analysis (2006).
    """

    def _area(self, tp: np.ndarray, fp: np.ndarray) -> float:
        x, y = np.append(0, fp) / fp[-1], np.append(0, tp) / tp[-1]
        return float(np.trapezoid(y, x))


@dataclass(frozen=True)
class AveragePrecision(_Ranking):
    """Precision at each threshold, weighted by how much recall grows there: the area under precision against recall.

    The mean over the classes that were there, each against the rest; for two classes it is that of the second.
    """

    against: ClassVar[bool] = False

    def value(self, outcome: Outcome) -> float:
        """Of the second of two classes, or the mean."""
        if outcome.task == "classification" and outcome.columns.shape[1] == 2:
            return float(self.by_class(outcome)[1])
        return super().value(outcome)

    def _area(self, tp: np.ndarray, fp: np.ndarray) -> float:
        return float((np.diff(tp, prepend=0) / tp[-1]) @ (tp / (tp + fp)))
