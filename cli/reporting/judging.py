"""How classifiers and regressions were right and wrong: curves, calibration, classes one by one, predicted values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import drawings, figures
from .repetitions import Repetition

MOST_TARGETS = 4  # of a regression that are drawn
MOST_ROWS = 200  # of a table of classes
CURVES = {"roc": ("ROC", "area"), "precision_recall": ("Precision and recall", "average precision")}


def judged(groups: Sequence[Repetition]) -> list[dict[str, Any]]:
    """A card for each experiment that kept curves, calibration or values."""
    found = []
    for place, group in enumerate(groups):
        panels = [*_curves(group), *_calibration(group), *_values(group)]
        if panels:
            several = group.members > 1
            note = (
                f"Test part; seed {group.first.seeds[0]} of {group.members}." if several and group.first.seeds else ""
            )
            found.append({"place": place, "label": group.label, "panels": panels, "note": note or "Test part."})
    return found


def _curves(group: Repetition) -> list[dict[str, Any]]:
    panels = []
    for kind, (title, measure) in CURVES.items():
        curves = group.first.curves_of(kind)
        if not curves:
            continue
        total = len(group.first.names)
        fewer = f"; the {len(curves)} of {total} with the smallest area" if 2 < len(curves) < total else ""
        alone = len(curves) == 1
        against = ("each against the rest" if group.first.classes else "each label") if not alone else ""
        note = f"{curves[0]['name']}: {measure} {curves[0]['area']:.3f}" if alone else f"{against}; {measure}{fewer}"
        keys = [] if alone else [f"{curve['name']} {curve['area']:.3f}" for curve in curves]
        panels.append({"title": title, "svg": drawings.unit_square(curves, kind), "note": note, "keys": keys})
    return panels


def _calibration(group: Repetition) -> list[dict[str, Any]]:
    bins = group.first.calibration
    if bins is None:
        return []
    note = "Probability of the predicted class" if group.first.classes else "Probability of each label"
    note += " against the share that came true, in bins; bars: samples in each. On the diagonal it is as sure as right."
    return [{"title": "Calibration", "svg": drawings.reliability(bins), "note": note, "keys": []}]


def _values(group: Repetition) -> list[dict[str, Any]]:
    values, names = group.first.values, group.first.names
    if values is None:
        return []
    true, said = values
    panels = []
    for k in range(min(true.shape[1], MOST_TARGETS)):
        name = names[k] if k < len(names) else f"target {k + 1}" if true.shape[1] > 1 else "target"
        left = true.shape[1] - MOST_TARGETS
        more = f" ({left} more targets)" if left > 0 and k == MOST_TARGETS - 1 else ""
        pairs = (true[:, k], said[:, k])
        panels.append({
            "title": f"{name}: predicted against true", "svg": drawings.predicted(*pairs),
            "note": f"{len(true):,} samples; on the line a prediction is right{more}.", "keys": [],
        })  # fmt: skip
        residual = said[:, k] - true[:, k]
        note = f"Predicted less true: mean {residual.mean():.3g}, deviation {residual.std():.3g}."
        panels.append({"title": f"{name}: residuals", "svg": drawings.residuals(*pairs), "note": note, "keys": []})
    return panels


def by_class(groups: Sequence[Repetition]) -> list[dict[str, Any]]:
    """A table of the figures of each class, label or target for each experiment that has them, means over members."""
    tables = []
    for place, group in enumerate(groups):
        first = group.first.by_class
        held = [run.by_class for run in group.runs if run.names == group.first.names]
        rows = []
        columns = [
            name for name in first if all(name in one and one[name].shape[1:] == first[name].shape[1:] for one in held)
        ]
        if not columns:
            continue
        count = first[columns[0]].shape[1]
        columns = [name for name in columns if first[name].shape[1] == count]
        means = {name: _mean(np.concatenate([one[name] for one in held])) for name in columns}
        support = None if group.confusion is None else group.confusion.sum(axis=1)
        names = group.first.names
        for k in range(min(count, MOST_ROWS)):
            cells = [figures.shown(float(means[name][k]), name) for name in columns]
            samples = "" if support is None else f"{int(support[k] / len(group.runs)):,}"
            rows.append({"name": names[k] if k < len(names) else f"target {k + 1}", "cells": cells, "samples": samples})
        if count > 1:
            titles = [name.replace("_", " ") for name in columns]
            tables.append({"place": place, "label": group.label, "columns": titles, "rows": rows,
                           "support": support is not None})  # fmt: skip
    return tables


def _mean(values: np.ndarray) -> np.ndarray:
    """Over members, of what is known."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)
