"""Which experiments stand together, in which order, and which is the best of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .repetitions import Repetition

# What experiments on the same data are sorted by: the first of these that all of them have, and whether more is better.
MEASURES = (("accuracy", True), ("rmse", False), ("loss", False))


def data_of(group: Repetition) -> tuple[str, str]:
    """Name and content of the data of an experiment: only figures of equal ones can be compared."""
    data = group.first.checkpoint.root.children.get("data")
    attrs = {} if data is None else data.attrs
    return str(attrs.get("name", "")), str(attrs.get("data_sha256", ""))


def value_of(group: Repetition, measure: str) -> float | None:
    """The mean of a figure of the test part over all models; None where there is none."""
    if f"test_{measure}" in group.scores:
        return float(group.scores[f"test_{measure}"].mean())
    found = [run.figures[measure][:, 0] for run in group.runs if measure in run.figures]
    return float(np.concatenate(found).mean()) if len(found) == len(group.runs) else None


def measure_of(groups: Sequence[Repetition]) -> tuple[str, bool] | None:
    """What experiments on the same data can be compared by, and whether more is better."""
    for measure, higher in MEASURES:
        known = all(value_of(group, measure) is not None for group in groups)
        losses = {repr(group.first.settings.get("loss.name")) for group in groups} if measure == "loss" else {""}
        if known and len(losses) == 1:  # different losses have different units
            return measure, higher
    return None


def ordered(groups: Sequence[Repetition]) -> tuple[list[Repetition], set[int]]:
    """Experiments by their data, the best first, and the places of those that are the best of several.

    Data come in the order in which they are first met; where nothing can be compared the order is kept.
    """
    found: list[Repetition] = []
    best: set[int] = set()
    for data in dict.fromkeys(data_of(group) for group in groups):
        own = [group for group in groups if data_of(group) == data]
        measure = measure_of(own) if len(own) > 1 else None
        if measure is not None:
            values = {id(group): value_of(group, measure[0]) or 0.0 for group in own}
            own.sort(key=lambda group: values[id(group)], reverse=measure[1])
            top = values[id(own[0])]
            best |= {len(found) + k for k, group in enumerate(own) if values[id(group)] == top}
        found += own
    return found, best


def by_data(groups: Sequence[Repetition]) -> list[tuple[str, list[int]]]:
    """The places of the experiments on each of the data, under a name that tells these apart."""
    keys = list(dict.fromkeys(data_of(group) for group in groups))
    names = [name for name, _ in keys]
    titles = {key: key[0] if names.count(key[0]) == 1 else f"{key[0]} ({key[1][:8]})" for key in keys}
    return [(titles[key], [k for k, group in enumerate(groups) if data_of(group) == key]) for key in keys]
