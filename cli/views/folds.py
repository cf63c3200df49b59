"""The figures of a cross-validation as lines: over folds with the corrected interval, and pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpunet.metrics import metric_named, usual_metrics

from ..figures import TELLING, figure_text, table_lines
from ..guidance import NETWORKS


def fold_lines(document: Mapping[str, Any]) -> list[str]:
    """What the folds came to.

    Args:
        document: of the cross-validation, as ``folds.json`` has it.
    """
    count = f"{document['folds']} folds" + (f", {document['repeats']} times" if document["repeats"] > 1 else "")
    lines = [f"Over {count}, with the t interval corrected for shared samples (Nadeau and Bengio 2003)"]
    settings = document.get("by_setting", [])
    for one in settings:
        values = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in one["settings"].items())
        lines += [values, *(f"  {line}" for line in table_lines(fold_rows(one)))]
    if settings:
        lines.append("All of them together, as the ensemble predicts")
    lines += [f"  {line}" for line in table_lines(fold_rows(document, single=not settings))]
    told = next((name for name in TELLING if name in document["pooled"]), None)
    if told is not None and _no_better(document["pooled"][told]):
        lines.append(f"No better than the baseline, as far as these samples can tell; see {NETWORKS}.")
    return lines


def fold_rows(found: Mapping[str, Any], single: bool = True) -> list[Sequence[str]]:
    """A table with a title and a row for each figure.

    Args:
        found: means over folds and pooled figures by name, and of how many networks each pooled prediction is.
        single: whether the means over folds, of single networks, are shown.
    """
    several = found["pooled_networks"] > 1
    pooled = f"pooled, {found['pooled_networks']} networks together" if several else "pooled"
    alone = "mean of folds" + (", each alone" if several else "")
    head = ("", alone, "95 % interval") if single else ("",)
    rows: list[Sequence[str]] = [(*head, pooled, "over samples", "baseline")]
    if not found["pooled"]:
        return [*rows, ("every network of a fold diverged", *["-"] * (len(rows[0]) - 1))]
    order = [metric.name for metric in usual_metrics()]
    for name in sorted(found["pooled"], key=lambda name: order.index(name) if name in order else len(order)):
        figure = found["pooled"][name]
        mean = found["means"].get(name)
        if mean is None:
            continue
        metric = metric_named(name)
        percent = metric is not None and metric.percent
        between = "-" if mean["low"] is None else f"{_number(mean['low'], percent)} to {_number(mean['high'], percent)}"
        own = (_number(mean["mean"], percent), between) if single else ()
        low, high = figure["low"], figure["high"]
        over = "" if _unknown(low) else f"{_number(low, percent)} to {_number(high, percent)}"
        last = (_number(figure["value"], percent), over, _number(figure["baseline"], percent))
        rows.append((name.replace("_", " "), *own, *last))
    return rows


def _no_better(figure: Mapping[str, Any]) -> bool:
    least = figure["value"] if _unknown(figure["low"]) else figure["low"]
    return not _unknown(least) and least <= figure["baseline"]


def _unknown(value: float | None) -> bool:
    """Whether it is no number: JSON has none, and Python NaN."""
    return value is None or value != value


def _number(value: float | None, percent: bool) -> str:
    """As :func:`.figures.figure_text`, of a document, which holds None where a number is not known."""
    return "-" if value is None else figure_text(value, percent)
