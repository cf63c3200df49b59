"""Whether to trust the samples of machines, on the page: drawn anew, judged beside held-out rows, and pictures of it.

What is shown is what ``gpunet evaluate`` says of the same machine.  It needs the data; where they are gone, the page
says so instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gpunet.backend import resolve_device
from gpunet.errors import GpunetError

from ..guidance import SAMPLES
from ..naming import translated
from ..progress import working
from ..trusting import KINDS, chains_of, is_machine
from .figures import INK, axes_of, colour, styled, svg_of
from .runs import RunFile

if TYPE_CHECKING:
    from gpunet.inspection.equilibrium import Equilibrium
    from gpunet.inspection.trust import Correlations, Trust

COUNT = 1000  # samples that are drawn
DOTS = 400  # points of each kind in a picture
BINS = 30
COLOURS = {"held_out": 0, "samples": 1, "train": 7}
SIZE = (3.6, 2.8)
TITLES = ("Means", "Correlations of two features", "Correlations of three features")


def trust_of(run: RunFile, steps: int) -> dict[str, Any] | None:
    """What the page says of the samples of a run's machines; None of a run that holds none.

    Args:
        run: as the report has opened it.
        steps: Gibbs steps of each sample.
    """
    from gpunet.api.loading import any_of

    try:
        if not is_machine(run.checkpoint):
            return None
    except GpunetError:  # what it holds is not known; the page shows what can be read
        return None
    try:
        place = resolve_device()
        with place.activate():
            model = any_of(run.checkpoint, place)
        several = bool(model.parameters.members)
        going = [number for number in range(len(model.seeds)) if number not in run.diverged]
        if several and not going:
            return None
        machine = model.members[going[0]] if several else model
        with working("Comparing samples with the data"):
            found = machine.trust(n=COUNT, steps=steps)
        rest = chains_of(machine, steps)
    except GpunetError as error:
        return {"rows": [], "panels": [], "note": f"Not judged. {translated(str(error))}"}
    of = f" Of seed {model.seeds[going[0]]}." if several else ""
    failed = not found.passed or (rest is not None and not rest.trusted)
    more = f" What is behind a failure, and what to change: {SAMPLES}" if failed else ""
    note = f"{found.samples:,} new samples after {steps:,} Gibbs steps beside rows that were held out of training."
    verdicts = [*found.verdicts, *(rest.verdicts if rest is not None else [])]
    return {
        "rows": [{"name": one.name, "passed": one.passed, "text": one.text} for one in verdicts],
        "panels": list(_panels(found, rest)),
        "note": f"{note}{of}{more}",
    }


def _panels(found: Trust, rest: Equilibrium | None) -> list[dict[str, Any]]:
    kinds = [{"place": COLOURS[name], "text": text} for name, text in KINDS.items()]
    judged = [one for one in kinds if one["place"] != COLOURS["train"]]
    panels = [_panel("Principal components", _scatter(found.scatter), "The first two, with how each is spread.", kinds)]
    for title, one in zip(TITLES, found.correlations):
        text = f"Pearson {one.pearson:.3f}, of held-out rows {one.ceiling:.3f}; slope {one.slope:.2f}."
        panels.append(_panel(title, _correlations(one), text))
    text = "How often the nearest neighbour tells which kind a row is, seen from the data and from the samples."
    panels.append(_panel("Adversarial accuracy", _adversarial(found.adversarial), text))
    text = f"Copies: {found.copies['samples']:.1%} of the samples, {found.copies['held_out']:.1%} of held-out rows."
    panels.append(
        _panel("Distance to the nearest training row", _histograms(found.distances, "distance"), text, judged)
    )
    if found.energies:
        panels.append(_panel("Free energies", _histograms(found.energies, "nats"), "Up to log Z.", kinds))
    names = ", ".join(found.groups[:20]) + (" ..." if len(found.groups) > 20 else "")
    text = f"By the nearest training row, from the left: {names}."
    panels.append(_panel("Share of each part of the data", _shares(found.shares), text, judged))
    if rest is not None:
        starts = [{"place": COLOURS[n], "text": text} for n, text in (("samples", "noise"), ("held_out", "data"))]
        panels.append(_panel("Chains from two starts", _way(rest), f"Distance from the data; {rest.times}.", starts))
    return panels


def _panel(title: str, svg: str, note: str, kinds: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"title": title, "svg": svg, "note": note, "kinds": kinds}


def _scatter(points: dict[str, np.ndarray]) -> str:
    """Points in the plane of the first two components, and how they are spread along each."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=SIZE, layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
    axes = styled(figure, figure.add_subplot(grid[1, 0]))
    margins = [figure.add_subplot(grid[0, 0], sharex=axes), figure.add_subplot(grid[1, 1], sharey=axes)]
    for name in COLOURS:
        own = {"color": colour(COLOURS[name]), "alpha": 0.55, "markersize": 2.2, "markeredgewidth": 0}
        axes.plot(*points[name][:DOTS].T, "o", **own)
        for number, (margin, way) in enumerate(zip(margins, ("vertical", "horizontal"))):
            edges = np.histogram_bin_edges(np.concatenate([each[:, number] for each in points.values()]), BINS)
            heights = np.histogram(points[name][:, number], edges, density=True)[0]
            margin.stairs(heights, edges, orientation=way, color=colour(COLOURS[name]), linewidth=1.2)
    for margin in margins:
        margin.set_axis_off()
    return svg_of(figure)


def _correlations(one: Correlations) -> str:
    """Numbers of the samples over those of the training rows, with the line on which both are equal."""
    figure, axes = axes_of(SIZE, whole=False)
    ends = [float(one.shown[0].min()), float(one.shown[0].max())]
    axes.plot(ends, ends, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    own = {"color": colour(COLOURS["samples"]), "alpha": 0.5, "markersize": 2.5, "markeredgewidth": 0}
    axes.plot(*one.shown[:, :: max(1, one.shown.shape[1] // DOTS)], "o", **own)
    return _labelled(figure, axes, "training rows", "samples")


def _adversarial(found: dict[str, tuple[float, float]]) -> str:
    """Four bars, against held-out and training rows, each way, and the half where nothing tells them apart."""
    figure, axes = axes_of(SIZE, whole=False)
    for number, name in enumerate(("held_out", "train")):
        for way, (value, kind) in enumerate(zip(found[name], (name, "samples"))):
            axes.bar(number + 0.4 * way - 0.2, value, 0.36, color=colour(COLOURS[kind]), alpha=0.8)
    axes.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 1], ["held-out rows", "training rows"])
    return svg_of(figure)


def _histograms(values: dict[str, np.ndarray], unit: str) -> str:
    figure, axes = axes_of(SIZE, whole=False)
    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), BINS)
    for name, own in values.items():
        heights = np.histogram(own, edges, density=True)[0]
        axes.stairs(heights, edges, color=colour(COLOURS[name]), linewidth=1.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    return _labelled(figure, axes, unit)


def _shares(shares: dict[str, np.ndarray]) -> str:
    figure, axes = axes_of(SIZE)
    for shift, name in ((-0.2, "held_out"), (0.2, "samples")):
        places = np.arange(len(shares[name])) + 1
        axes.bar(places + shift, shares[name], 0.38, color=colour(COLOURS[name]), alpha=0.8)
    return svg_of(figure)


def _way(rest: Equilibrium) -> str:
    """How far chains from noise, and from the data, are from the data on their way."""
    figure, axes = axes_of(SIZE, whole=False)
    for name, way in (("samples", rest.distance), ("held_out", rest.drift)):
        axes.plot(rest.looks, way, color=colour(COLOURS[name]), linewidth=1.5, marker="o", markersize=2.5)
    axes.set_xscale("log")
    axes.set_yscale("log")
    return _labelled(figure, axes, "Gibbs steps")


def _labelled(figure: Any, axes: Any, x: str, y: str = "") -> str:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.yaxis.label.set(color=INK, size=8)
    return svg_of(figure)
