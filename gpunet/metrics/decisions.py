"""Figures of decisions: which classes or labels were predicted, and which were there."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import Metric
from .outcome import Outcome, Task


def confusion(outcome: Outcome) -> np.ndarray:
    """Weights of samples by class and predicted class, (classes, classes); rows are what was so.

    >>> o = Outcome("classification", np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]))
    >>> confusion(o).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    classes = outcome.columns.shape[1]
    place = outcome.target.astype(np.int64) * classes + outcome.predicted
    return np.bincount(place, weights=outcome.weights, minlength=classes**2).reshape(classes, classes)


def hits(outcome: Outcome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of each class or label: rightly predicted, predicted, and there, each (C,)."""
    weight = outcome.weights
    return weight @ (outcome.coded & outcome.said), weight @ outcome.said, weight @ outcome.coded


@dataclass(frozen=True)
class Error(Metric):
    """Share of wrong decisions: samples of another class, or labels of several that are wrong."""

    higher_is_better: ClassVar[bool] = False
    collected: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multilabel")

    def each(self, outcome: Outcome) -> np.ndarray:
        """1 where the class is wrong, or the share of wrong labels."""
        if outcome.task == "classification":
            return (outcome.predicted != outcome.target).astype(np.float64)
        return (outcome.said != outcome.coded).mean(axis=1)

    def by_class(self, outcome: Outcome) -> np.ndarray | None:
        """Of each label by itself."""
        if outcome.task == "classification":
            return None
        return np.average(outcome.said != outcome.coded, axis=0, weights=outcome.weight)


@dataclass(frozen=True)
class SubsetAccuracy(Metric):
    """Share of samples all of whose labels are right."""

    collected: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("multilabel",)

    def each(self, outcome: Outcome) -> np.ndarray:
        """1 where all are right."""
        return (outcome.said == outcome.coded).all(axis=1).astype(np.float64)


@dataclass(frozen=True)
class _ByClass(Metric):
    """Base of the figures that every class or label has; the number of all is their mean, in which all count alike.

    A class that neither was there nor was predicted has none.
    """

    collected: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    tasks: ClassVar[tuple[Task, ...]] = ("classification", "multilabel")

    def by_class(self, outcome: Outcome) -> np.ndarray:
        """Of each class or label, 0 where it would be 0 / 0."""
        right, said, there = hits(outcome)
        above, below = self._ratio(right, said, there)
        found = np.divide(above, below, out=np.zeros(len(below)), where=below > 0)
        counts = (said + there > 0) | (outcome.task == "multilabel")
        return np.where(counts, found, np.nan)

    def _ratio(self, right: np.ndarray, said: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError


@dataclass(frozen=True)
class Precision(_ByClass):
    """Share of those predicted to be of a class that are; the mean over classes."""

    def _ratio(self, right: np.ndarray, said: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return right, said


@dataclass(frozen=True)
class Recall(_ByClass):
    """Share of those of a class that are predicted to be; the mean over classes."""

    def _ratio(self, right: np.ndarray, said: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return right, there


@dataclass(frozen=True)
class F1(_ByClass):
    """Harmonic mean of precision and recall; the mean over classes."""

    def _ratio(self, right: np.ndarray, said: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * right, said + there


@dataclass(frozen=True)
class BalancedAccuracy(Metric):
    """Mean of the recall of the classes that were there: accuracy if all had equally many samples."""

    collected: ClassVar[bool] = True
    percent: ClassVar[bool] = True

    def value(self, outcome: Outcome) -> float:
        """The mean of :class:`Recall` over those classes."""
        right, _, there = hits(outcome)
        return float((right[there > 0] / there[there > 0]).mean())
