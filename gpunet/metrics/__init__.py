"""Metrics: numbers that tell how good a network is, for evaluation, histories and the choice of the best weights."""

from .base import Metric
from .classification import Accuracy, TopK, accuracy
from .curves import AveragePrecision, RocAuc
from .decisions import F1, BalancedAccuracy, Error, Precision, Recall, SubsetAccuracy, confusion
from .estimates import Estimate, estimate, estimates
from .outcome import Outcome, Task, class_numbers, constant_prediction
from .probabilities import Brier, CalibrationError, LogLoss
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
    "class_numbers",
    "confusion",
    "constant_prediction",
    "estimate",
    "estimates",
    "fitted_threshold",
    "usual_metrics",
]


def usual_metrics() -> list[Metric]:
    """All metrics with their usual settings, in the order in which they are shown."""
    kinds = (
        Accuracy, Error, SubsetAccuracy, BalancedAccuracy, TopK, Precision, Recall, F1, RocAuc, AveragePrecision,
        LogLoss, Brier, CalibrationError, RMSE, MAE, R2, MedianError,
    )  # fmt: skip
    return [kind() for kind in kinds]
