"""What gpunet compare does: pretrain, train all arms, and keep what came of it after each of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from gpunet.errors import GpunetError, Interrupted, OutputClosed
from gpunet.interruption import CLOSED, stops_on_signals

from .drawing import require_matplotlib
from .options import Request, finite, print_json
from .output import Output
from .progress import progress
from .views.comparison import show_comparison
from .views.comparison_plot import can_draw, draw_comparison

if TYPE_CHECKING:
    from gpunet.checkpoint import Checkpoint
    from gpunet.interruption import Stop
    from gpunet.persistence import RunFolder
    from gpunet.studies import ArmResult, Comparison, Source, Trial

NAME = "compare"


def run_comparison(
    comparison: Comparison,
    checkpoint: Checkpoint | None,
    request: Request,
    output: Output | None,
) -> None:
    """Run a comparison and report it.

    Args:
        comparison: checked.
        checkpoint: of an earlier pretraining, or None to pretrain here.
        request: where to write, and what to print.
        output: where to draw.

    Raises:
        Interrupted: by a signal; what was finished is kept.
    """
    from gpunet.interruption import Stop
    from gpunet.persistence import RunFolder, dump
    from gpunet.studies import ARMS, Source, document

    _announce(comparison)
    if request.dry_run:
        click.echo("Dry run: nothing was trained and nothing was written.", err=True)
        return
    stop = Stop()
    results: list[ArmResult] = []
    source = None if checkpoint is None else Source.recorded(checkpoint)
    named = comparison.pretraining.model_copy(update={"name": NAME})
    with RunFolder.create(request.run, named) as folder, stops_on_signals(stop) as look:

        def say_trial(trial: Trial) -> None:
            look()
            _say_trial(trial)

        folder.write_document("tune.toml", dump(comparison.network))
        for labels in comparison.labels:
            if source is None or (checkpoint is None and comparison.labelled_pretraining):
                source = _pretrain(comparison, labels, folder, stop)
            for arm in ARMS:
                click.echo(f"{labels:,} labels, {arm.name}: {arm.title}", err=True)
                result = comparison.result(arm, labels, source, say_trial, stop)
                if result is None:
                    raise _interrupted(stop, folder)
                results.append(result)
                _keep(comparison, results, folder)
        found = document(comparison, results)
        picture = output
        if picture is None and can_draw():
            picture = Output("compare.png", folder.path / "compare.png", [".png"], [])
        if picture is not None:
            require_matplotlib("compare.png")
            draw_comparison(found, picture)
    if request.as_json:
        print_json({"folder": str(folder.path), **found})
        return
    show_comparison(found)
    click.echo(f"Results: {folder.path / 'compare.json'}")
    click.echo(f"Plot: {picture.path}" if picture else "No plot: pip install 'gpunet[plot]' has matplotlib draw one")


def _announce(comparison: Comparison) -> None:
    config, split = comparison.pretraining, comparison.split
    parts = (("train", split.train), ("validation", split.validation), ("test", split.test))
    sizes = " + ".join(f"{len(part):,} {name}" for name, part in parts)
    widths = "-".join(map(str, (comparison.inputs.features, *comparison.model.hidden)))
    click.echo(f"{NAME}: {widths}, {comparison.dataset.name} ({sizes}), {comparison.experiment.device}", err=True)
    counts = ", ".join(f"{count:,}" for count in comparison.labels)
    rates = ", ".join(f"{rate:g}" for rate in comparison.rates)
    click.echo(f"  {counts} labels; learning rates {rates}; {config.members} seeds at once", err=True)


def _pretrain(comparison: Comparison, labels: int, folder: RunFolder, stop: Stop) -> Source:
    """Train the stack, write it, and read it again as any other checkpoint."""
    from gpunet.checkpoint import read
    from gpunet.inspection.portrait import portrait
    from gpunet.persistence import snapshot
    from gpunet.studies import Source

    began, widths = time.perf_counter(), comparison.model.hidden
    for number, job in enumerate(comparison.stack(labels).stages()):
        layer = f"layer {number + 1} of {len(widths)}: {job.inputs.features} to {widths[number]}"
        click.echo(f"pretraining {layer}", err=True)
        with progress(job) as (on_epoch, on_step):
            job.train([on_epoch], on_step, stop)
        if stop.requested:
            raise _interrupted(stop, folder)
    seconds = time.perf_counter() - began
    name = f"stack-{labels}.h5" if comparison.labelled_pretraining else "stack.h5"
    folder.write(name, snapshot(job, best=True, portrait=portrait(job)))
    return Source(read(folder.path / name), seconds)


def _say_trial(trial: Trial) -> None:
    error = trial.validation_error
    said = "diverged" if error is None else f"validation error {100 * error.mean():.2f} %"
    click.echo(f"  rate {trial.rate:g}: {said}, {trial.epochs} epochs, {trial.seconds:.1f} s", err=True)


def _keep(comparison: Comparison, results: list[ArmResult], folder: RunFolder) -> None:
    """Write the networks that were chosen last, and all figures so far."""
    from gpunet.persistence import snapshot
    from gpunet.studies import document

    last = results[-1]
    folder.write(f"{last.arm.name}-{last.labels}.h5", snapshot(last.run, best=True))
    folder.write_document("compare.json", json.dumps(finite(document(comparison, results)), indent=2) + "\n")


def _interrupted(stop: Stop, folder: RunFolder) -> GpunetError:
    kind = OutputClosed if stop.requested == CLOSED else Interrupted
    return kind("compare", f"was stopped by {stop.requested}", None, f"What was finished is in {folder.path}")
