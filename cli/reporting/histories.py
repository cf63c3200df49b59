"""Numbers over epochs: a panel for each, experiments on the same data together, the layers of a stack one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gpunet.measurement import unit_of

from . import figures
from .ordering import by_data
from .repetitions import Repetition

NOT_DRAWN = ("epoch", "seconds")
FIRST, LAST = ("loss", "accuracy"), ("learning_rate",)  # of the panels
Members = list[tuple[np.ndarray, np.ndarray]]


def sections(groups: Sequence[Repetition]) -> list[dict[str, Any]]:
    """Panels under headings: one for each data set, and for each layer where there are stacks."""
    found = []
    data = by_data(groups)
    for title, places in data:
        stacks = max((len(groups[place].layers) for place in places), default=0)
        for layer in range(stacks) if stacks else (None,):
            panels = list(_panels(groups, places, layer))
            headings = [title] if len(data) > 1 else []
            headings += [f"layer {layer + 1} of {stacks}"] if layer is not None else []
            found += [{"title": ", ".join(headings), "panels": panels}] if panels else []
    return found


def _panels(groups: Sequence[Repetition], places: Sequence[int], layer: int | None) -> Iterator[dict[str, Any]]:
    """A panel for each number: training dashed, validation solid, each experiment in its colour."""
    named: dict[str, list[tuple[str, str]]] = {}
    for name in dict.fromkeys(name for place in places for name in groups[place].columns(layer)):
        if name not in NOT_DRAWN:
            bare = name.removeprefix("train_").removeprefix("validation_")
            named.setdefault(bare, []).append((name, "--" if name.startswith("train_") else "-"))
    order = [n for n in FIRST if n in named]
    order += [n for n in named if n not in (*FIRST, *LAST)] + [n for n in LAST if n in named]
    alone = groups[0] if len(groups) == 1 and len(groups[0].runs) == 1 and groups[0].members == 1 else None
    best = alone.first.facts.get("epoch") if alone and alone.first.facts.get("monitor") != "last" else None
    for title in order:
        names = named[title]
        drawn: list[figures.Curve] = [
            (place, style, members)
            for place in places
            for name, style in names
            if (members := groups[place].curves(name, layer))
        ]
        values = [v for _, _, members in drawn for _, v in members]
        low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
        svg = figures.curves(drawn, float(best) if isinstance(best, int) else None, log=low > 0 and high > 50 * low)
        both = len({style for _, style in names}) > 1
        settings = [groups[place].first.settings for place in places]
        losses = {one.get("training.loss", one.get("training.loss.name")) for one in settings}
        plain = layer is None and len(losses) == 1
        unit = unit_of(title, losses.pop(), "accuracy" in named) if plain or title != "loss" else ""
        said = f"{title.replace('_', ' ')} ({unit})" if unit else title.replace("_", " ")
        yield {"title": said, "svg": svg, "both": both, "best": isinstance(best, int)}
