"""Figures on the terminal and in JSON: the value, its interval over samples, and the baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .guidance import NETWORKS
from .options import decimals

if TYPE_CHECKING:
    from gpunet.metrics import Estimate

TELLING = ("balanced_accuracy", "r2", "roc_auc")  # higher is better, and a constant answer gets the baseline
# What figures of machines are measured in, for each sample; all are means over samples.
UNITS = {"reconstruction_error": "squared, summed over {inputs} inputs", "free_energy": "nats, up to log Z"}
MOST = 20  # classes of which figures are shown one by one


def unit_of(name: str, inputs: int, samples: int) -> str:
    """What a figure of a machine is measured in and on, to stand behind it; nothing for other figures.

    >>> unit_of("free_energy", 64, 270), unit_of("loss", 64, 270)
    (' (nats, up to log Z; mean of 270 samples)', '')
    """
    unit = UNITS.get(name)
    return "" if unit is None else f" ({unit.format(inputs=f'{inputs:,}')}; mean of {samples:,} samples)"


def figure_lines(found: Sequence[Estimate], names: Sequence[str] = ()) -> list[str]:
    """A table: a line for each figure, and for each class with precision, recall and F1 where there are few.

    Args:
        found: of one model.
        names: of the classes, labels or targets.
    """
    rows = [(one.name.replace("_", " "), *_shown(one)) for one in found if not math.isnan(one.value)]
    lines = table_lines([("", "value", "95 % interval", "baseline"), *rows])
    each = [one for one in found if one.by_class is not None]
    if names and each and 1 < len(names) <= MOST:
        head = ("", *(one.name.replace("_", " ") for one in each))
        lines += ["", *table_lines([head, *((name, *(_cell(one, k) for one in each)) for k, name in enumerate(names))])]
    return lines


def doubt(found: Sequence[Estimate]) -> str | None:
    """A line where a model cannot be told from one that always says the same, None where it can.

    Args:
        found: of one model; what decides is balanced accuracy, R2 or, of several labels, ROC AUC, since accuracy looks
            good by itself where one class is common.
    """
    by_name = {one.name: one for one in found}
    one = next((by_name[name] for name in TELLING if name in by_name), None)
    if one is None or not no_better(one):
        return None
    between = interval_text(one) or figure_text(one.value, one.percent)
    what = f"{one.name.replace('_', ' ')} {between}, baseline {figure_text(one.baseline, one.percent)}"
    return f"No better than the baseline, as far as this part can tell ({what}); see {NETWORKS}."


def unrecognised(found: Sequence[Estimate], names: Sequence[str]) -> str | None:
    """A line that names the classes or labels of whose samples none was recognised, None where there are none.

    Args:
        found: of one model.
        names: of the classes or labels.
    """
    recall = next((one.by_class for one in found if one.name == "recall"), None)
    there = next((one.by_class for one in found if one.name == "average_precision"), None)
    if recall is None or there is None or len(names) != len(recall):
        return None
    missed = [name for name, share, known in zip(names, recall, there) if share == 0 and not math.isnan(known)]
    more = f" and {len(missed) - MOST} more" if len(missed) > MOST else ""
    said = f"Not one sample was recognised of: {', '.join(missed[:MOST])}{more}; see {NETWORKS}"
    return said if missed else None


def no_better(one: Estimate) -> bool:
    """Whether a figure, of which more is better, cannot be told from its baseline."""
    return (one.value if math.isnan(one.low) else one.low) <= one.baseline


def interval_text(one: Estimate) -> str:
    """``low to high``, nothing where there is no interval."""
    return "" if math.isnan(one.low) else f"{figure_text(one.low, one.percent)} to {figure_text(one.high, one.percent)}"


def figures_json(members: Sequence[Sequence[Estimate]]) -> dict[str, Any]:
    """By name of the figure, the numbers of each member."""
    found: dict[str, Any] = {}
    for position, first in enumerate(members[0] if members else ()):
        own = [figures[position] for figures in members]
        found[first.name] = {
            "value": [one.value for one in own],
            "low": [one.low for one in own],
            "high": [one.high for one in own],
            "baseline": first.baseline,
        }
        if first.by_class is not None:
            found[first.name]["by_class"] = [[] if one.by_class is None else one.by_class.tolist() for one in own]
    return found


def averaged_lines(members: Sequence[Sequence[Estimate]]) -> list[str]:
    """A table of a population: the mean over the members with their spread, and the baseline."""
    import numpy as np

    rows = [("", "mean", "over seeds", "baseline")]
    for figures in zip(*members):
        values = np.array([one.value for one in figures])
        if not np.isnan(values).any():
            first, deviation = figures[0], float(values.std(ddof=1))
            mean, baseline = (figure_text(v, first.percent) for v in (float(values.mean()), first.baseline))
            rows.append((first.name.replace("_", " "), mean, f"± {figure_text(deviation, first.percent)}", baseline))
    return table_lines(rows)


def _shown(one: Estimate) -> tuple[str, str, str]:
    return figure_text(one.value, one.percent), interval_text(one), figure_text(one.baseline, one.percent)


def _cell(one: Estimate, number: int) -> str:
    assert one.by_class is not None
    return figure_text(float(one.by_class[number]), one.percent)


def figure_text(value: float, percent: bool) -> str:
    """A figure as it is printed: shares in percent, and - where nothing is known."""
    if math.isnan(value):
        return "-"
    if percent:
        return f"{100 * value:.2f} %"
    return decimals(value) if abs(value) < 1000 else f"{value:.6g}"


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the first column to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return lines
