"""Pictures with depth on their axis: what passes the layers of networks, and what networks of several depths learn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunet.inspection.signals import FAR, Signal

from ..drawing import new_figure, write_figure
from ..output import Output

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = ("o", "s", "^", "D", "v", "P")


def draw_signals(title: str, signals: Sequence[Signal], output: Output) -> None:
    """Spread of the outputs and size of the gradients of each layer, from the first to the last.

    Raises:
        WriteError: the file cannot be written.
    """
    figure, (above, below) = _panels(2, (6.4, 5.4))
    _spreads(above, [("", signals)])
    _gradients(below, [("", signals)])
    below.set_xlabel("layer")
    above.set_title(textwrap.fill(title, 80), fontsize=10, loc="left")
    write_figure(figure, output, 150)


def draw_depth(found: dict[str, Any], output: Output) -> None:
    """Signals of the deepest networks over their layers, and the test error of all over their depth.

    Args:
        found: the document of a study.
        output: the file.

    Raises:
        WriteError: the file cannot be written.
    """
    figure, (above, below, last) = _panels(3, (6.8, 8.6))
    kinds = list(dict.fromkeys(entry["kind"] for entry in found["results"]))
    own = {kind: [entry for entry in found["results"] if entry["kind"] == kind] for kind in kinds}
    deepest = [(kind, [Signal(**each) for each in own[kind][-1]["signals"]]) for kind in kinds]
    _spreads(above, deepest)
    _gradients(below, deepest)
    layers = own[kinds[0]][-1]["layers"]
    below.set_xlabel(f"place in the network of {layers} layers, 0 the first and 1 the last")
    for number, kind in enumerate(kinds):
        entries = [entry for entry in own[kind] if entry["test_error"]]
        if not entries:
            continue
        errors = np.array([entry["test_error"] for entry in entries])
        place = np.array([entry["layers"] for entry in entries]) * 1.03 ** (number - (len(kinds) - 1) / 2)
        spread = errors.std(axis=1, ddof=1) if errors.shape[1] > 1 else None
        style: dict[str, Any] = {"color": COLOURS[number % 6], "marker": MARKS[number % 6], "markersize": 5}
        last.errorbar(place, errors.mean(axis=1), spread, capsize=3, linewidth=1.5, label=kind, **style)
    last.axhline(found["baseline_error"], color="grey", linestyle=":", linewidth=1)
    last.text(1.0, found["baseline_error"], "most frequent class ", transform=last.get_yaxis_transform(),
              ha="right", va="bottom", fontsize=8, color="grey")  # fmt: skip
    depths = sorted({entry["layers"] for entry in found["results"]})
    last.set_xscale("log")
    last.set_xticks(depths, [str(depth) for depth in depths])
    last.minorticks_off()
    last.set_ylim(0, 1)
    last.yaxis.set_major_formatter(lambda value, _place: f"{100 * value:g} %")
    last.set(xlabel="layers with weights", ylabel="test error")
    above.legend(frameon=False, fontsize=8)
    seeds = len(found["seeds"])
    several = f"{seeds} seeds, mean ± standard deviation" if seeds > 1 else "one seed"
    above.set_title(f"{found['data']}, {found['model']}, {found['epochs']} epochs, {several}", fontsize=10, loc="left")
    write_figure(figure, output, 150)


def _panels(count: int, size: tuple[float, float]) -> tuple[Any, Any]:
    figure = new_figure(*size)
    panels = figure.subplots(count)
    for axes in panels:
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _spreads(axes: Any, networks: Sequence[tuple[str, Sequence[Signal]]]) -> None:
    _curves(axes, networks, [[signal.spread for signal in signals] for _, signals in networks], 0)
    axes.set_ylabel("spread of outputs")


def _gradients(axes: Any, networks: Sequence[tuple[str, Sequence[Signal]]]) -> None:
    _curves(axes, networks, [[signal.gradient_size for signal in signals] for _, signals in networks], -1)
    axes.set_ylabel("size of gradients")


def _curves(axes: Any, networks: Sequence[tuple[str, Sequence[Signal]]], values: Sequence[Any], end: int) -> None:
    """Lines on a logarithmic axis; what is 0 lies at its lower end, and the band is where nothing vanishes or explodes.

    Args:
        axes: to draw on.
        networks: with their names; several are drawn over their length.
        values: of each, one for each layer.
        end: the layer that others are compared with, where there is one network.
    """
    seen = np.concatenate([np.asarray(each, float) for each in values])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    floor = float(seen.min()) / 3 if seen.size else 1e-9
    for number, ((name, signals), each) in enumerate(zip(networks, values)):
        heights = np.maximum(np.nan_to_num(np.asarray(each, float), nan=floor, posinf=floor), floor)
        place = np.arange(1, len(signals) + 1) if len(networks) == 1 else np.linspace(0, 1, len(signals))
        axes.plot(place, heights, color=COLOURS[number % 6], marker=MARKS[number % 6], markersize=3, label=name)
    if len(networks) == 1 and values[0] and values[0][end] > 0:
        axes.axhspan(values[0][end] / FAR, values[0][end] * FAR, color=COLOURS[1], alpha=0.08)
    axes.set_yscale("log")
