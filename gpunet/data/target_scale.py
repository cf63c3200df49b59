"""Targets of regression on the scale that a network learns best, and back into their own units."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TargetScale:
    """Mean and standard deviation of each target over the training part.

    A network learns ``(target - mean) / deviation``; what it gives is turned back everywhere, and losses and metrics
    are told in the units of the targets.

    >>> scale = TargetScale.of(np.array([[10.0], [30.0]]))
    >>> scale.apply(np.array([[40.0]])).tolist(), scale.undo(np.array([[2.0]])).tolist()
    ([[2.0]], [[40.0]])

    Attributes:
        mean: of each target.
        deviation: of each target; 1 for one that does not vary.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, y: np.ndarray, weights: np.ndarray | None = None) -> "TargetScale":
        """That of targets (samples, outputs), of which one of weight 2 counts as two.

        >>> TargetScale.of(np.array([[10.0], [30.0]]), np.array([3.0, 1.0])).mean
        (15.0,)
        """
        wide = y.astype(np.float64)
        share = None if weights is None or not weights.any() else weights.astype(np.float64)
        mean = np.average(wide, axis=0, weights=share)
        deviation = np.sqrt(np.average((wide - mean) ** 2, axis=0, weights=share))
        flat = deviation <= 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
        return cls(tuple(mean.tolist()), tuple(np.where(flat, 1.0, deviation).tolist()))

    def apply(self, y: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
        """Standardised targets, computed in float64, as numbers of a type."""
        return ((y.astype(np.float64) - self.mean) / self.deviation).astype(dtype)

    def undo(self, values: Any, xp: Any = np) -> Any:
        """Values (..., outputs) in the units of the targets, float64."""
        return values * xp.asarray(self.deviation, "f8") + xp.asarray(self.mean, "f8")
