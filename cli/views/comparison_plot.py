"""The picture of a comparison: test error over the number of labels, a line for each arm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import new_figure, write_figure
from ..output import Output

# Okabe and Ito's colours, which colour-blind readers can tell apart.
STYLES = {"pretrained": ("#0072B2", "o"), "random": ("#D55E00", "s"), "relu": ("#009E73", "^")}
NAMES = {
    "pretrained": "sigmoid, pretrained",
    "random": "sigmoid, random (Glorot)",
    "relu": "ReLU, random (He)",
}


def draw_comparison(found: dict[str, Any], output: Output) -> None:
    """Write the picture.

    Raises:
        WriteError: the file cannot be written.
    """
    write_figure(comparison_figure(found), output, 150)


def comparison_figure(found: dict[str, Any]) -> Any:
    """The picture, a figure of matplotlib; with one number of labels the arms stand side by side under their names."""
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    names = [f"{n:,}" if n < found["parts"]["train"] else f"all {n:,}" for n in found["labels"]]
    single = len(names) == 1
    for number, (arm, (colour, marker)) in enumerate(STYLES.items()):
        entries = [e for e in found["results"] if e["arm"] == arm]
        errors = np.array([e["test_error"] for e in entries])  # (labels, seeds)
        place = np.array([float(number)]) if single else np.arange(len(entries)) + 0.06 * (number - 1)
        spread = errors.std(axis=1, ddof=1) if errors.shape[1] > 1 else None
        style: dict[str, Any] = {"color": colour, "marker": marker, "label": NAMES[arm]}
        axes.errorbar(place, errors.mean(axis=1), spread, capsize=3, linewidth=1.5, markersize=6, **style)
        if errors.shape[1] > 1:
            axes.plot(place, errors, linestyle="", marker=marker, markersize=3, color=colour, alpha=0.35)
    if single:
        axes.set_xticks(range(len(STYLES)), [NAMES[arm].replace(", ", ",\n") for arm in STYLES])
        axes.set_xlim(-0.6, len(STYLES) - 0.4)
        axes.set_xlabel(f"learned from {names[0]} labels")
    else:
        axes.set_xticks(np.arange(len(names)), names)
        axes.set_xlim(-0.4, len(names) - 0.6)
        axes.set_xlabel("labels learned from")
        axes.legend(frameon=False)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _place: f"{100 * value:g} %")
    axes.set_ylabel(f"test error, {found['parts']['test']:,} samples")
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    seeds = len(found["seeds"])
    widths = "-".join(map(str, found["model"]))
    several = f"{seeds} seeds, mean ± standard deviation" if seeds > 1 else "one seed"
    axes.set_title(f"{found['data']}, {widths}, {several}", fontsize=10, loc="left")
    return figure
