"""Metrics: one number per sample, averaged by whoever evaluates."""

from .base import Metric
from .classification import Accuracy, TopK, accuracy

__all__ = ["Accuracy", "Metric", "TopK", "accuracy"]
