"""Principal axes of samples in memory, and of those that are streamed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from .seen import Seen

FLAT = 1e-6  # of the mean: a smaller spread is rounding
RANK = 1e-6  # of the largest standard deviation along any direction: likewise


def nothing_varies(features: int) -> DataError:
    """The error of a training part whose features are all constant."""
    return DataError("training part", "needs a feature that varies", f"{features} constant features", "Check the data")


def principal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variances and axes as columns, the largest variance first; axes without spread are left out.

    The sign of an axis is free; its largest entry is made positive, so that every machine finds the same axes.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    blocks = (x[start : start + 4096] for start in range(0, len(x), 4096))  # float64 copies of all would fill memory
    return _axes(mean, _scatter(blocks, mean) / len(x))


def principal_streamed(seen: "Seen") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of samples that are streamed."""
    found = seen.moments()
    return _axes(found.mean, _scatter((block for block, _ in seen), found.mean) / found.weight)


def _scatter(blocks: Iterable[np.ndarray], mean: np.ndarray) -> np.ndarray:
    """Sums of products of deviations from the mean."""
    total = np.zeros((len(mean), len(mean)))
    for block in blocks:
        apart = block - mean
        total += apart.T @ apart
    return total


def _axes(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    variances, axes = np.linalg.eigh(covariance)
    variances, axes = variances[::-1], axes[:, ::-1]
    varies = variances > RANK**2 * max(variances[0], np.finfo(np.float64).tiny)
    if not variances[0] > (FLAT * max(np.abs(mean).max(), 1e-6)) ** 2:
        raise nothing_varies(len(mean))
    variances, axes = variances[varies], axes[:, varies]
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0))
    return mean, variances, axes * signs
