"""Affine preprocessing of features, fitted on the training part alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..backend import array_module
from ..backend.arrays import Array
from ..errors import DataError

Kind = Literal["standardise", "scale", "none"]


@dataclass(frozen=True)
class Preprocessing:
    """``(x - shift) * factor``, feature by feature.

    Attributes:
        kind: how it was fitted.
        shift: float32 (features,).
        factor: float32 (features,).
        constant: number of features that never change in the training part; they become 0.
    """

    kind: Kind
    shift: np.ndarray
    factor: np.ndarray
    constant: int = 0

    def apply(self, raw: Array, shift: Array, factor: Array, out: Array) -> Array:
        """Write the preprocessed ``raw`` (..., features) into ``out``; shift and factor are this object's, on the
        device and in the type of ``out``."""
        xp = array_module(out)
        if self.kind == "standardise":
            xp.subtract(raw, shift, out=out)
            out *= factor
        else:
            xp.multiply(raw, factor, out=out)
        return out


def fit_preprocessing(kind: Kind, x: np.ndarray, scale: float) -> Preprocessing:
    """Fit on the training part ``x`` (samples, features): mean and standard deviation, or the data set's full scale.

    The sums run in float64.  A feature that is constant has no spread to divide by, so its factor is 0: it carries
    nothing in training, and a new value seen later must not blow up.

    Raises:
        DataError: where no feature varies.

    >>> p = fit_preprocessing("standardise", np.array([[0.0, 5.0], [2.0, 5.0]], "f4"), 1.0)
    >>> p.shift.tolist(), p.factor.tolist(), p.constant
    ([1.0, 5.0], [1.0, 0.0], 1)
    """
    width = x.shape[-1]
    if kind != "standardise":
        factor = 1.0 / scale if kind == "scale" else 1.0
        return Preprocessing(kind, np.zeros(width, np.float32), np.full(width, factor, np.float32))
    mean = x.mean(axis=0, dtype=np.float64)
    std = x.std(axis=0, dtype=np.float64)
    varies = std > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    if not varies.any():
        raise DataError("training part", "needs a feature that varies", f"{width} constant features", "Check the data")
    factor = np.divide(1.0, std, out=np.zeros_like(std), where=varies)
    return Preprocessing(kind, mean.astype(np.float32), factor.astype(np.float32), int(width - varies.sum()))
