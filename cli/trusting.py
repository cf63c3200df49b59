"""Whether to trust the samples of a machine: verdicts, JSON, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import ConfigError

from .drawing import FORMATS, require_matplotlib, write_figure
from .guidance import SAMPLES
from .options import print_json
from .output import Output
from .progress import working

if TYPE_CHECKING:
    from gpunet.backend import Device
    from gpunet.checkpoint import Checkpoint
    from gpunet.inspection.equilibrium import Equilibrium
    from gpunet.inspection.trust import Trust

KINDS = {"train": "training rows", "held_out": "held-out rows", "samples": "samples"}
COLOURS = {"train": "0.75", "held_out": "tab:blue", "samples": "tab:orange"}
FORMER = 2000  # points of each kind in a picture
LEAST_STEPS = 20  # in which chains can be followed at all


def is_machine(found: Checkpoint) -> bool:
    """Whether a checkpoint holds machines, or a stack of them, whose samples can be judged."""
    from gpunet.persistence import is_ensemble, open_trained

    if is_ensemble(found.root):
        return False
    return not open_trained(found).config.model.has_outputs


def show_trust(
    checkpoint: Checkpoint,
    path: str,
    samples: str | None,
    count: int,
    steps: int,
    trajectory: bool,
    output: str | None,
    place: Device,
    as_json: bool,
) -> None:
    """Judge samples of a file, or new ones, and the chains of the machine.

    Raises:
        ConfigError: matplotlib is needed and missing, or an option that does not go with a file.
        DataError: data that are not there, or samples of another kind.
    """
    from gpunet.api.evaluation import evaluation_data
    from gpunet.api.loading import any_of

    file = None if output is None else Output("-o", Path(output), list(FORMATS), [path, samples])
    if file is not None:
        require_matplotlib("-o")
    if samples is not None and trajectory:
        raise ConfigError("--trajectory", "draws samples itself", "--samples as well", "Leave one of them out")
    with place.activate():
        model = any_of(checkpoint, place)
    given = None
    if samples is not None:
        dataset, chosen = evaluation_data(model.trained, samples, "train")
        given = dataset.x[chosen]
    with working("Comparing samples with the data"):
        found = model.trust(given, n=count, steps=steps, trajectory=trajectory)
    rest = chains_of(model, steps)
    if file is not None:
        write_figure(figure_of(found, rest), file, 120)
        click.echo(f"Drawn: {file.path}", err=True)
    if as_json:
        print_json(document(found, rest))
        return
    drawn = "along the training" if trajectory else f"after {steps:,} Gibbs steps"
    kind = drawn if samples is None else "from the file"
    click.echo(f"{found.samples:,} samples {kind}")
    click.echo(repr(found))
    if rest is not None:
        click.echo(repr(rest))
        if not rest.trusted and not trajectory and samples is None:
            click.echo(
                "      --trajectory draws samples along the training of the machine, past what holds chains back"
            )
    if not found.passed or (rest is not None and not rest.trusted):
        click.echo(f"What is behind it, and what to change: {SAMPLES}")


def chains_of(model: Any, steps: int) -> Equilibrium | None:
    """What chains of one single machine do in at least 20 Gibbs steps, None of other models."""
    if not model.trained.dbn.single or model.parameters.members:
        return None
    with working(f"Following chains over {max(LEAST_STEPS, steps):,} Gibbs steps"):
        return model.equilibrium(steps=max(LEAST_STEPS, steps))


def document(found: Trust, rest: Equilibrium | None) -> dict[str, Any]:
    """The numbers as plain data."""
    made: dict[str, Any] = {
        "samples": found.samples,
        "passed": found.passed,
        "verdicts": [{"name": v.name, "passed": v.passed, "text": v.text} for v in found.verdicts],
        "correlations": [
            {"order": c.order, "pearson": c.pearson, "slope": c.slope, "ceiling": c.ceiling} for c in found.correlations
        ],
        "adversarial_accuracy": {name: list(pair) for name, pair in found.adversarial.items()},
        "copies": found.copies,
        "shares": {name: dict(zip(found.groups, values.tolist())) for name, values in found.shares.items()},
        "median_distance": {name: sorted(d.tolist())[len(d) // 2] for name, d in found.distances.items()},
    }
    if rest is not None:
        made["equilibrium"] = {
            "steps": rest.steps,
            "integrated_time": rest.integrated,
            "exponential_time": rest.exponential if rest.exponential < 1e12 else None,
            "measured": rest.measured,
            "mixing": rest.mixing,
            "rises_then_falls": rest.rises_then_falls,
            "looks": rest.looks.tolist(),
            "distance": rest.distance.tolist(),
            "drift": rest.drift.tolist(),
        }
    return made


def figure_of(found: Trust, rest: Equilibrium | None) -> Any:
    """Scatter with marginals, correlations, distances, energies, and the way of chains from noise."""
    import numpy as np
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(13, 8))
    figure.set_layout_engine("constrained")
    grid = figure.add_gridspec(2, 4)
    inner = grid[0, 0].subgridspec(2, 2, width_ratios=(4, 1), height_ratios=(1, 4), hspace=0.05, wspace=0.05)
    axes = figure.add_subplot(inner[1, 0])
    top, side = figure.add_subplot(inner[0, 0], sharex=axes), figure.add_subplot(inner[1, 1], sharey=axes)
    for name, points in found.scatter.items():
        some = points[:FORMER]
        axes.scatter(*some.T, s=3, alpha=0.5, color=COLOURS[name], label=KINDS[name], linewidths=0, rasterized=True)
        for number, (margin, way) in enumerate(((top, "vertical"), (side, "horizontal"))):
            edges = np.histogram_bin_edges(found.scatter["train"][:, number], 30)
            margin.hist(points[:, number], edges, density=True, histtype="step", color=COLOURS[name], orientation=way)
    for margin in (top, side):
        margin.set_axis_off()
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    axes.legend(frameon=False, fontsize="x-small", markerscale=3)
    for place, one in zip((grid[0, 1], grid[0, 2], grid[0, 3]), found.correlations):
        axes = figure.add_subplot(place)
        axes.scatter(*one.shown, s=3, alpha=0.5, linewidths=0, color=COLOURS["samples"], rasterized=True)
        ends = [one.shown[0].min(), one.shown[0].max()]
        axes.plot(ends, ends, color="0.6", linewidth=1)
        axes.set_title(f"{('means', 'two features', 'three features')[one.order - 1]}", fontsize="medium")
        axes.text(
            0.04, 0.96, f"Pearson {one.pearson:.3f}\nceiling {one.ceiling:.3f}\nslope {one.slope:.2f}",
            transform=axes.transAxes, va="top", fontsize="small",
        )  # fmt: skip
        axes.set_xlabel("training rows")
        axes.set_ylabel("samples")
    _histograms(figure.add_subplot(grid[1, 0]), found.distances, "distance to the nearest training row")
    if found.energies:
        _histograms(figure.add_subplot(grid[1, 1]), found.energies, "free energy (nats)")
    axes = figure.add_subplot(grid[1, 2])
    places = np.arange(len(found.groups))
    for shift, name in ((-0.2, "held_out"), (0.2, "samples")):
        axes.bar(places + shift, found.shares[name], 0.4, color=COLOURS[name], label=KINDS[name])
    axes.set_xticks(places, [group[:12] for group in found.groups], rotation=60, fontsize="small")
    axes.set_title("share of each class" if not found.groups[0].startswith("group ") else "share of each group")
    axes.legend(frameon=False, fontsize="x-small")
    if rest is not None:
        axes = figure.add_subplot(grid[1, 3])
        axes.plot(rest.looks, rest.distance, marker=".", color=COLOURS["samples"], label="from noise")
        axes.plot(rest.looks, rest.drift, marker=".", color=COLOURS["held_out"], label="from data")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("Gibbs steps")
        axes.legend(frameon=False, fontsize="x-small")
        axes.set_title("distance from the data")
    for axes in figure.axes:
        axes.title.set_fontsize("medium")
    return figure


def _histograms(axes: Any, values: dict[str, Any], title: str) -> None:
    import numpy as np

    edges = np.histogram_bin_edges(np.concatenate(list(values.values())), 40)
    for name, own in values.items():
        axes.hist(own, edges, density=True, histtype="step", color=COLOURS[name], label=KINDS[name], linewidth=1.5)
    axes.set_title(title)
    axes.set_yticks([])
    axes.legend(frameon=False, fontsize="x-small")
