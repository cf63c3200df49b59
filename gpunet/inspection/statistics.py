"""Figures about the arrays of a checkpoint: what a look at the numbers would miss."""

from typing import Any

import numpy as np

from ..checkpoint import Checkpoint, Group, NamedArray

LEADING = 3  # singular values that are given
MOST_WORK = 2e9  # products that a decomposition may take: that of a matrix of 1,250 x 1,250, about a second


def silent_units(source: Checkpoint) -> dict[str, dict[str, np.ndarray]]:
    """By the path of a weight, how many of its units were constant or saturated on data, for each member."""
    counts: dict[str, dict[str, np.ndarray]] = {}
    group = source.root.children.get("activations")
    for layer in group.children.values() if isinstance(group, Group) else ():
        if isinstance(layer, Group):
            owner = str(layer.attrs.get("units_of", ""))
            found = {
                name: array.data.ravel()
                for name, array in layer.children.items()
                if name in ("constant_units", "saturated_units")
                and isinstance(array, NamedArray)
                and array.dtype.kind in "iu"
            }
            # The activation comes first, then what pools what it gave.
            counts.setdefault("/".join(part for part in ("model", owner, "weight") if part), found)
    return counts


def statistics(data: np.ndarray, is_weight: bool, every: bool = True) -> dict[str, Any]:
    """Moments over the finite numbers; for weights also singular values, effective rank and dead units.

    The effective rank is that of Roy and Vetterli (2007): the exponential of the entropy of the singular values,
    divided by their sum.  A unit is dead when all its incoming weights are zero; units are the last axis, and a kernel
    (height, width, inputs, outputs) is the matrix from all that a unit sees to the units.

    Args:
        data: the numbers.
        is_weight: whether they are weights.
        every: also the singular values of a matrix so large that they take seconds, see :data:`MOST_WORK`.

    >>> found = statistics(np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), True)
    >>> found["singular_values"], round(found["effective_rank"], 6), found["dead_units"]
    ([3.0, 3.0], 2.0, 1)
    """
    values = data[np.isfinite(data)].astype(np.float64)
    extremes = (float(values.min()), float(values.max())) if values.size else (None, None)
    found: dict[str, Any] = {
        "shape": list(data.shape),
        "mean": float(values.mean()) if values.size else None,
        "spread": float(values.std()) if values.size else None,
        "min": extremes[0],
        "max": extremes[1],
        "zeros": int((values == 0).sum()),
        "nonfinite": int(data.size - values.size),
        "norm": float(np.sqrt((values**2).sum())),
    }
    if is_weight and len(data.shape) > 1 and data.size:
        matrix = data.reshape(-1, data.shape[-1])
        found["dead_units"] = int((matrix == 0).all(axis=0).sum())
        if not every and matrix.shape[0] * matrix.shape[1] * min(matrix.shape) > MOST_WORK:
            return found
        singular = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) if not found["nonfinite"] else np.zeros(0)
        found["singular_values"] = singular[:LEADING].tolist()
        found["effective_rank"] = _effective_rank(singular) if singular.size else None
    return found


def _effective_rank(singular: np.ndarray) -> float:
    total = singular.sum()
    if not total:
        return 0.0
    shares = singular[singular > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))
