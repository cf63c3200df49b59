"""What train, pretrain and resume share: a training told on the terminal, from its announcement to its report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import GpunetError, Interrupted, OutputClosed, printable
from gpunet.interruption import CLOSED

from .figures import averaged_lines, doubt, figure_lines, figures_json
from .naming import translated
from .options import print_json, program, spread

if TYPE_CHECKING:
    from pathlib import Path

    from gpunet.experiment import Run

DRY = "Dry run: nothing was trained and nothing was written."


def announce(job: Run) -> None:
    """Say what is going to be trained, on what."""
    from gpunet.data import abridged, summarise

    about, config = job.description, job.config
    parts = " + ".join(f"{n:,} {name}" for n, name in zip(about.parts, ("train", "validation", "test")) if n)
    layerwise = config.model.layerwise is not None
    size = "" if layerwise else f"{job.trainer.parameters.count:,} parameters, "
    click.echo(f"{config.name}: {size}{about.name} ({parts}), {job.device}", err=True)
    found = summarise(
        job.dataset, job.split, about.target_scale, job.preprocessing.said or "as they are", config.model.wants_targets
    )
    several = [f"{config.members} members at once"] if config.members > 1 else []
    loss = getattr(job.objective, "loss", None)
    remarks = [loss.remark] if loss is not None and loss.remark else []
    for word, line in found.lines:
        click.echo(f"  {word + ':':10}{line}", err=True)
    for line in map(translated, (*abridged(job.dataset.notes), *job.preprocessing.notes, *several, *remarks)):
        click.echo(f"  {line}", err=True)
    for line in (*abridged(found.warnings), *_waits(job)):
        click.echo(f"  Warning: {translated(line)}", err=True)


def _waits(job: Run) -> list[str]:
    """What is to be said where the threads of large products will wait for busy cores."""
    from gpunet.backend import lanes, threads_pay

    if job.device.kind != "cpu" or not hasattr(os, "getloadavg"):
        return []
    load, cores, threads = os.getloadavg()[0], os.cpu_count() or 1, lanes()
    steps = job.trainer.steps_per_epoch(job.config.training.drop_last)
    if threads < 2 or load < cores or not threads_pay(*job.trainer.products(steps)):
        return []
    return [
        f"{threads} threads will wait for each other (load {load:.1f}); try OMP_NUM_THREADS=1 in front of the command"
    ]


def announce_stage(job: Run) -> None:
    """Say which layer of a stack, or which network of those that grow, is going to be trained."""
    model: Any = job.config.model
    if model.growth:
        click.echo(f"{model.growth}: {job.trainer.parameters.count:,} parameters", err=True)
    if model.layerwise is None:
        return
    number, widths = len(job.lineage.below), model.hidden
    count = f"{job.trainer.parameters.count:,} parameters"
    click.echo(f"layer {number + 1} of {len(widths)}: {job.inputs.features} to {widths[number]}, {count}", err=True)


def interrupted(reason: str, folder: Path) -> GpunetError:
    """The error that a stopped training ends with, after its state was saved."""
    from gpunet.persistence import LAST

    rule = f"was stopped by {reason}; its state is in {folder / LAST}"
    kind = OutputClosed if reason == CLOSED else Interrupted
    return kind("training", rule, None, f"Go on with {program()} resume {folder}")


def report(job: Run, folder: Path, seconds: float, as_json: bool) -> None:
    """Print what came of a run."""
    from gpunet.persistence import BEST

    best, scores = job.selection, job.test_scores
    checkpoint, figures = folder / BEST, job.test_figures() if scores else []
    if as_json:
        document: dict[str, Any] = {
            "checkpoint": str(checkpoint),
            "seconds": round(seconds, 3),
            "epochs": job.history[-1].epoch,
            "monitor": best.monitor,
            "best": best.best.tolist(),
            "best_epoch": best.best_epoch.tolist(),
        }
        document |= {f"test_{name}": values.tolist() for name, values in scores.items()}
        if figures:
            document["test_figures"] = figures_json(figures)
        if job.thresholds is not None:
            document["thresholds"] = job.thresholds.tolist()
        print_json(document)
        return
    if best.monitor != "last":
        percent = best.monitor.endswith("accuracy")
        click.echo(f"Best {best.monitor.replace('_', ' ')}: {spread(best.best.tolist(), percent)}")
    if "accuracy" in scores:
        click.echo(f"Test error: {spread((1 - scores['accuracy']).tolist(), percent=True)}")
    else:
        for name, values in scores.items():
            click.echo(f"Test {name.replace('_', ' ')}: {spread(values.tolist())}")
    if job.thresholds is not None:
        click.echo(f"Threshold fitted on validation: {spread(job.thresholds.tolist())}")
    for line in averaged_lines(figures) if len(figures) > 1 else figure_lines(figures[0]) if figures else ():
        click.echo(f"  {line}")
    if len(figures) == 1 and (doubtful := doubt(figures[0])):
        click.echo(doubtful)
    click.echo(f"Trained for {job.history[-1].epoch} epochs in {seconds:.1f} s")
    shown = printable(str(checkpoint))
    click.echo(f"Checkpoint: {shown}")
    click.echo(f"Next: {program()} {_next_command(job.config.model, shown)}")


def _next_command(model: Any, checkpoint: str) -> str:
    """What one would do with such a checkpoint."""
    if model.followed_by == "finetune":
        return f"train finetune --from {checkpoint} model.hidden=[{','.join(map(str, model.hidden))}]"
    return f"{model.followed_by} {checkpoint}"
