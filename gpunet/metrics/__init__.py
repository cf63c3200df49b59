"""Metrics: numbers that tell how good a network is, for evaluation, histories and the choice of the best weights."""

import re
from collections.abc import Sequence

import numpy as np

from .base import Metric
from .classification import Accuracy, TopK, accuracy
from .curves import AveragePrecision, RocAuc
from .decisions import F1, BalancedAccuracy, Error, Precision, Recall, SubsetAccuracy, confusion
from .estimates import Estimate, estimate, estimates
from .outcome import Outcome, Task, class_numbers, constant_prediction
from .probabilities import Brier, CalibrationError, LogLoss, bin_counts
from .threshold import fitted_threshold
from .values import MAE, R2, RMSE, MedianError

__all__ = [
    "F1",
    "MAE",
    "R2",
    "RMSE",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "Brier",
    "CalibrationError",
    "Error",
    "Estimate",
    "LogLoss",
    "MedianError",
    "Metric",
    "Outcome",
    "Precision",
    "Recall",
    "RocAuc",
    "SubsetAccuracy",
    "Task",
    "TopK",
    "accuracy",
    "bin_counts",
    "class_numbers",
    "confusion",
    "constant_prediction",
    "estimate",
    "estimates",
    "fitted_threshold",
    "measured",
    "metric_named",
    "usual_metrics",
]


NUMBERS = re.compile(r"\d+")  # settings that stand in names


def usual_metrics() -> list[Metric]:
    """All metrics with their usual settings, in the order in which they are shown."""
    kinds = (
        Accuracy, Error, SubsetAccuracy, BalancedAccuracy, TopK, Precision, Recall, F1, RocAuc, AveragePrecision,
        LogLoss, Brier, CalibrationError, RMSE, MAE, R2, MedianError,
    )  # fmt: skip
    return [kind() for kind in kinds]


def measured(outcomes: Sequence[Outcome]) -> dict[str, np.ndarray]:
    """The usual metrics that suit the targets, by name, each (members,).

    Args:
        outcomes: of each member of a population on the same samples.
    """
    suiting = [metric for metric in usual_metrics() if outcomes and all(metric.measures(one) for one in outcomes)]
    return {metric.name: np.array([metric.value(one) for one in outcomes]) for metric in suiting}


def metric_named(name: str) -> Metric | None:
    """The metric that figures of a name are of, whatever its settings; None for losses and other numbers.

    >>> metric_named("balanced_accuracy"), metric_named("top_3_accuracy"), metric_named("loss")
    (BalancedAccuracy(), TopK(k=5), None)
    """
    kind = NUMBERS.sub("#", name)
    return next((metric for metric in usual_metrics() if NUMBERS.sub("#", metric.name) == kind), None)
