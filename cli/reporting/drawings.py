"""Drawings of how right predictions are: curves in the unit square, calibration, predicted values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .figures import INK, axes_of, colour, svg_of

SQUARE = (3.4, 2.9)
WIDE = (3.8, 2.9)


def unit_square(curves: Sequence[dict[str, Any]], kind: str) -> str:
    """Curves between 0 and 1, of ROC with the diagonal of guessing."""
    names = ("false positive rate", "true positive rate") if kind == "roc" else ("recall", "precision")
    figure, axes = _square(*names)
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    for number, curve in enumerate(curves):
        axes.plot(curve["x"], curve["y"], color=colour(number), linewidth=1.5, clip_on=False)
    return svg_of(figure)


def reliability(bins: dict[str, np.ndarray]) -> str:
    """Share that came true over the probability that was said, and how many samples each bin holds."""
    figure, axes = _square("probability", "came true")
    weight, count = bins["weight"], len(bins["weight"])
    filled = weight > 0
    bars = weight / weight.max()
    axes.bar((np.arange(count) + 0.5) / count, 0.25 * bars, 0.9 / count, color=colour(7), alpha=0.35)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    sizes = {"color": colour(0), "linewidth": 1.5, "marker": "o", "markersize": 4, "clip_on": False}
    axes.plot(bins["probability"][filled], bins["right"][filled], **sizes)
    return svg_of(figure)


def predicted(true: np.ndarray, said: np.ndarray) -> str:
    """Predicted over true values, with the line on which both are equal."""
    figure, axes = axes_of(WIDE, whole=False)
    ends = [min(true.min(), said.min()), max(true.max(), said.max())]
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    _points(axes, true, said)
    _labelled(axes, "true", "predicted")
    return svg_of(figure)


def residuals(true: np.ndarray, said: np.ndarray) -> str:
    """Predicted less true over predicted values."""
    figure, axes = axes_of(WIDE, whole=False)
    axes.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    _points(axes, said, said - true)
    _labelled(axes, "predicted", "predicted less true")
    return svg_of(figure)


def _points(axes: Any, x: np.ndarray, y: np.ndarray) -> None:
    alpha = 0.7 if len(x) < 300 else 0.35
    axes.plot(x, y, "o", color=colour(0), markersize=3, alpha=alpha, markeredgewidth=0)


def _square(x: str, y: str) -> tuple[Any, Any]:
    figure, axes = axes_of(SQUARE, whole=False)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_box_aspect(1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    _labelled(axes, x, y)
    return figure, axes


def _labelled(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.yaxis.label.set(color=INK, size=8)


def over_folds(
    values: Sequence[Sequence[float | None]], means: Sequence[Any], names: Sequence[str], figure_name: str
) -> str:
    """A figure of each fold, and its mean with the interval.

    Args:
        values: of each setting, of each fold; None where it diverged.
        means: of each setting: mean, low and high by name, or None.
        names: of the settings.
        figure_name: what the numbers are.
    """
    figure, axes = axes_of((WIDE[0], max(1.2, 0.6 + 0.4 * len(values))), whole=False)
    for place, (own, mean) in enumerate(zip(values, means)):
        known = [one for one in own if one is not None]
        axes.plot(known, [place] * len(known), "o", color=colour(place), markersize=5, alpha=0.6, clip_on=False)
        if mean is not None:
            low, high = (mean["mean"] if mean[end] is None else mean[end] for end in ("low", "high"))
            axes.plot([low, high], [place + 0.25] * 2, color=colour(place), linewidth=1.5)
            axes.plot([mean["mean"]], [place + 0.25], "|", color=colour(place), markersize=10)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(values) - 0.4, -0.5)
    axes.set_xlabel(f"{figure_name}: folds, and their mean with its interval")
    return svg_of(figure)
