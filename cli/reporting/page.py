"""The page: what each section shows, as plain values for the template, which escapes all texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from gpunet import __version__

from ..views.members import member_rows
from . import figures
from .histories import sections
from .judging import by_class, judged
from .ordering import by_data, ordered
from .repetitions import Repetition, differences, repetitions
from .runs import PICTURES, RunFile

MOST_CLASSES = 20  # of a table of confusions that can be read
NARROW = 12  # classes of a table that half a page can hold
ROUNDED = 4


def render(
    runs: Sequence[RunFile],
    comparisons: Sequence[dict[str, Any]] = (),
    searches: Sequence[dict[str, Any]] = (),
    ensembles: Sequence[dict[str, Any]] = (),
    judge: Callable[[RunFile], dict[str, Any] | None] = lambda run: None,
) -> str:
    """The whole report as HTML that refers to nothing outside itself.

    Args:
        runs: that are shown side by side.
        comparisons: a section for each, as :func:`.comparisons.comparison_section` makes it.
        searches: likewise, as :func:`.searches.search_section` makes it.
        ensembles: likewise, as :func:`.ensembles.ensemble_section` makes it.
        judge: says of the first run of an experiment whether to trust its samples, as :func:`.trusting.trust_of` does.
    """
    groups, best = ordered(repetitions(runs)) if runs else ([], set())
    environment = Environment(
        loader=PackageLoader("gpunet.cli.reporting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title=_title(groups, [*comparisons, *searches], ensembles),
        comparisons=comparisons,
        searches=searches,
        ensembles=ensembles,
        runs=runs,
        groups=groups,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        tiles=_tiles(groups[0]) if len(groups) == 1 else [],
        results=[_result(group, place) | {"best": place in best} for place, group in enumerate(groups)],
        data=by_data(groups),
        members=[(run.name, rows) for run in runs if (rows := member_rows(run.checkpoint))],
        histories=sections(groups),
        judged=judged(groups),
        trusted=[
            said | {"place": place, "label": group.label}
            for place, group in enumerate(groups)
            if (said := judge(group.first)) is not None
        ],
        classes=by_class(groups),
        pictures=list(_pictures(groups)),
        figures=[_figures(group, place) for place, group in enumerate(groups) if group.first.figures],
        confusions=[_confusion(group, place) for place, group in enumerate(groups) if group.confusion is not None],
        activations=[_activations(group, place) for place, group in enumerate(groups) if group.first.activations],
        codes=[_codes(group, place) for place, group in enumerate(groups) if group.first.codes is not None],
        settings=_settings(groups) if groups else {},
        origins=[(run.name, _texts(run.origin)) for run in runs],
        environments=[(run.name, _texts(run.environment)) for run in runs],
    )


def _title(
    groups: Sequence[Repetition], comparisons: Sequence[dict[str, Any]], ensembles: Sequence[dict[str, Any]]
) -> str:
    if len(groups) + len(comparisons) + len(ensembles) == 1:
        return str(groups[0].label if groups else [*comparisons, *ensembles][0]["name"])
    several = [f"{len(groups)} experiments"] if len(groups) > 1 else [groups[0].label] if groups else []
    several += [f"{len(ensembles)} ensemble{'s' if len(ensembles) > 1 else ''}"] if ensembles else []
    several += [f"{len(comparisons)} comparison{'s' if len(comparisons) > 1 else ''}"] if comparisons else []
    return f"{' and '.join(several)}{' compared' if not comparisons else ''}"


def number(value: float) -> str:
    """A number as people read it.

    >>> number(85002), number(0.03456789), number(1e-7)
    ('85,002', '0.03457', '1e-07')
    """
    return f"{value:,}" if isinstance(value, int) else f"{value:.{ROUNDED}g}"


def spread(values: np.ndarray, percent: bool = False) -> dict[str, Any]:
    """Mean and standard deviation over members, as texts; no deviation of a single one."""
    factor, unit = (100, " %") if percent else (1, "")
    shown = values * factor
    deviation = f"± {np.std(shown, ddof=1):.2g}" if len(values) > 1 else ""
    mean = f"{shown.mean():.2f}" if percent else number(float(shown.mean()))
    return {"mean": f"{mean}{unit}", "deviation": deviation}


def _measured(group: Repetition) -> dict[str, dict[str, Any]]:
    """What was measured on the test part; accuracies as errors in percent, as the command line reports them."""
    found = {}
    for name, values in group.scores.items():
        if name.endswith("accuracy"):
            found[f"{name.removesuffix('accuracy')}error".replace("_", " ")] = spread(1 - values, percent=True)
        else:
            found[name.replace("_", " ")] = spread(values)
    return found


def _result(group: Repetition, place: int) -> dict[str, Any]:
    facts, history = group.first.facts, [run.history for run in group.runs]
    seconds = sum(float(h["seconds"].sum()) for h in history if "seconds" in h)
    return {
        "place": place,
        "label": group.label,
        "model": str(facts.get("model", "")),
        "parameters": _count(facts.get("parameters")),
        "members": group.members,
        "apart": group.apart if group.members > 1 else "",
        "data": str(group.first.origin.get("data.name", "")),
        "epochs": ", ".join(dict.fromkeys(_count(run.facts.get("epoch")) for run in group.runs)),
        "seconds": f"{seconds:,.1f} s" if seconds else "",
        "measured": _measured(group),
    }


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _tiles(group: Repetition) -> list[dict[str, str]]:
    """The few numbers that one looks for first."""
    result = _result(group, 0)
    facts = group.first.facts
    tiles = [{"name": name, "value": v["mean"], "note": v["deviation"]} for name, v in result["measured"].items()][:2]
    monitor, value = facts.get("monitor"), facts.get("monitor_value")
    if isinstance(monitor, str) and monitor != "last" and isinstance(value, float):
        shown = f"{100 * value:.2f} %" if monitor.endswith("accuracy") else number(value)
        tiles.append({"name": f"best {monitor.replace('_', ' ')}", "value": shown, "note": f"epoch {result['epochs']}"})
    tiles.append({"name": "parameters", "value": result["parameters"], "note": ""})
    if result["members"] > 1:
        tiles.append({"name": "models", "value": str(result["members"]), "note": group.apart})
    if result["seconds"]:
        tiles.append({"name": "training time", "value": result["seconds"], "note": ""})
    return [tile for tile in tiles if tile["value"]]


def _pictures(groups: Sequence[Repetition]) -> Iterator[dict[str, Any]]:
    for name in PICTURES:
        cards = []
        for place, group in enumerate(groups):
            if name in group.first.pictures:
                data, note = group.first.pictures[name]
                cards.append({"place": place, "label": group.label, "source": figures.picture(data), "note": note})
        if cards:
            yield {"title": name.replace("_", " ").capitalize(), "cards": cards}


def _figures(group: Repetition, place: int) -> dict[str, Any]:
    """A row for each figure: the mean over all models, the interval where there is one model, and the baseline."""
    rows = []
    for name in group.first.figures:
        found = np.concatenate([run.figures[name] for run in group.runs if name in run.figures])
        value, low, high, baseline = (float(column.mean()) for column in found.T)
        if np.isfinite(value):
            between = f"{number(low)} to {number(high)}" if len(found) == 1 and np.isfinite(low + high) else ""
            between = f"± {np.std(found[:, 0], ddof=1):.2g} over seeds" if len(found) > 1 else between
            shown = number(baseline) if np.isfinite(baseline) else ""
            rows.append({"name": name.replace("_", " "), "value": number(value), "between": between, "baseline": shown})
    return {"place": place, "label": group.label, "rows": rows}


def _confusion(group: Repetition, place: int) -> dict[str, Any]:
    """The table, or for many classes a picture; and the pairs that are confused most."""
    counts, classes = group.confusion, group.first.classes
    assert counts is not None
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:5]
    pairs = [divmod(int(place), len(classes)) for place in order]
    worst = [{"true": classes[t], "predicted": classes[p], "count": int(wrong[t, p])} for t, p in pairs if wrong[t, p]]
    found: dict[str, Any] = {
        "place": place,
        "label": group.label,
        "worst": worst,
        "narrow": len(classes) <= NARROW,
        "classes": classes,
        "members": group.members,
    }
    if len(classes) > MOST_CLASSES:
        found["picture"] = figures.picture(np.rint(255 * shares).astype(np.uint8))
    else:
        rows = ([(int(n), round(100 * s)) for n, s in zip(*each)] for each in zip(counts, shares))
        found["rows"] = [{"name": name, "cells": cells} for name, cells in zip(classes, rows)]
    return found


def _activations(group: Repetition, place: int) -> dict[str, Any]:
    shown = []
    for name, layer in group.first.activations.items():
        silent = [f"{layer[kind]:.3g} {kind}" for kind in ("constant", "saturated") if layer.get(kind)]
        note = " · ".join([f"{layer['units']} units", *silent])
        shown.append({"name": name, "svg": figures.histogram(layer["counts"], layer["edges"], place), "note": note})
    return {"place": place, "label": group.label, "layers": shown}


def _codes(group: Repetition, place: int) -> dict[str, Any]:
    codes = group.first.codes
    assert codes is not None
    svg = figures.scatter(codes["points"], codes["targets"], codes["classed"])
    share = f", {codes['share']:.0%} of their variance" if codes["share"] is not None else ""
    return {
        "place": place,
        "label": group.label,
        "svg": svg,
        "note": f"{codes['layer']}: two principal components{share}",
        "classes": group.first.classes[: figures.COLOURS] if codes["classed"] else [],
    }


def _settings(groups: Sequence[Repetition]) -> dict[str, Any]:
    """All settings that have a value somewhere, those that differ first."""
    every = [{n: v for n, v in group.first.settings.items() if v is not None} for group in groups]
    differing = differences(every)
    names = [*differing, *(n for n in dict.fromkeys(n for s in every for n in s) if n not in differing)]
    rows = [
        {"name": n, "values": [_text(s[n]) if n in s else "" for s in every], "differs": n in differing} for n in names
    ]
    return {"rows": rows, "differing": len(differing)}


def _texts(content: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in content.items()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
