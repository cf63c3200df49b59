"""What train, pretrain and resume share: a training told on the terminal, from its announcement to its report."""

from __future__ import annotations

import os
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import GpunetError, Interrupted, OutputClosed, printable
from gpunet.interruption import CLOSED

from .figures import UNITS, averaged_lines, doubt, figure_lines, figures_json, unit_of, unrecognised
from .guidance import BEFORE, MACHINES
from .members import member_lines, member_settings
from .naming import translated
from .options import print_json, program, spread
from .remarks import remark

if TYPE_CHECKING:
    from pathlib import Path

    from gpunet.experiment import Run
    from gpunet.stages import Carried

ENOUGH_UPDATES = 1000  # of a machine; with fewer its weights are hardly beyond where they began
DRY = "Dry run: nothing was trained and nothing was written."


def announce(job: Run) -> None:
    """Say what is going to be trained, on what."""
    from gpunet.data import abridged, summarise
    from gpunet.persistence import title

    about, config = job.description, job.config
    parts = " + ".join(f"{n:,} {name}" for n, name in zip(about.parts, ("train", "validation", "test")) if n)
    layerwise = config.model.layerwise is not None
    size = "" if layerwise else f"{job.trainer.parameters.count:,} parameters, "
    remark(f"{title(config, about.name)}: {size}{about.name} ({parts}), {job.device}")
    found = summarise(
        job.dataset,
        job.split,
        about.target_scale,
        job.preprocessing.said or "as they are",
        config.model.wants_targets,
        config.training.class_weight is not None,
    )
    several = [f"{config.population} members at once"] if config.population > 1 else []
    if config.data.labels is not None and config.model.wants_targets and config.data.labels < about.parts[0]:
        several.append(f"labels of {config.data.labels:,} of the {about.parts[0]:,} training samples")
    loss = getattr(job.objective, "loss", None)
    remarks = [loss.remark] if loss is not None and loss.remark else []
    for word, line in found.lines:
        remark(f"  {word + ':':10}{line}")
    if job.trainer.feed.told:
        remark(f"  {'streams:':10}{job.trainer.feed.told}")
    if not layerwise:
        _say_units(job)
    for line in map(translated, (*abridged(job.dataset.notes), *job.preprocessing.notes, *several, *remarks)):
        remark(f"  {line}")
    for line in (*abridged(found.warnings), *_few_updates(job), *_waits(job)):
        remark(f"  Warning: {translated(line)}")


def _few_updates(job: Run) -> list[str]:
    """What is to be said where a machine has so few updates before it that it will hardly have learned anything."""
    settings = job.config.training
    updates = job.trainer.steps_per_epoch(settings.drop_last) * settings.epochs
    if job.machine is None or updates >= ENOUGH_UPDATES:
        return []
    few = f"{updates:,} updates are few for a machine; training.updates=200 makes epochs of so many"
    return [f"{few}; see {MACHINES}"]


def _waits(job: Run) -> list[str]:
    """What is to be said where the threads of large products will wait for busy cores."""
    from gpunet.backend import lanes, threads_pay

    if job.device.kind != "cpu" or not hasattr(os, "getloadavg"):
        return []
    load, cores, threads = os.getloadavg()[0], os.cpu_count() or 1, lanes()
    steps = job.trainer.steps_per_epoch(job.config.training.drop_last)
    if threads < 2 or load < cores or not threads_pay(*job.trainer.products(steps)):
        return []
    wait = f"{threads} threads will wait for each other (load {load:.1f})"
    return [f"{wait}; try OMP_NUM_THREADS=1 in front of the command; see {BEFORE}"]


def announce_stage(job: Run) -> None:
    """Say which layer of a stack, or which network of those that grow, is going to be trained."""
    model: Any = job.config.model
    if model.growth:
        remark(f"{model.growth}: {job.trainer.parameters.count:,} parameters")
    if model.layerwise is None:
        return
    number, widths = len(job.lineage.below), model.hidden
    count = f"{job.trainer.parameters.count:,} parameters"
    remark(f"layer {number + 1} of {len(widths)}: {job.inputs.features} to {widths[number]}, {count}")
    _say_units(job)


def _say_units(job: Run) -> None:
    """What the figures of a machine are measured in, once before its epochs."""
    inputs = f"{job.inputs.features:,}"
    units = [
        f"{name.replace('_', ' ')}: {UNITS[name].format(inputs=inputs)}"
        for name in job.objective.scores
        if name in UNITS
    ]
    if units:
        remark(f"  {'figures:':10}{'; '.join(units)}; means over samples")


def ended_by(reason: str) -> type[Interrupted | OutputClosed]:
    """The kind of error that ends what was stopped from outside: by a signal, or since its reader left."""
    return OutputClosed if reason == CLOSED else Interrupted


def interrupted(reason: str, folder: Path) -> GpunetError:
    """The error that a stopped training ends with, after its state was saved."""
    from gpunet.paths import is_folder
    from gpunet.persistence import LAST
    from gpunet.stages import PORTIONS

    place = folder / (PORTIONS if is_folder(folder / PORTIONS) else LAST)
    rule = f"was stopped by {reason}; its state is in {place}"
    return ended_by(reason)("training", rule, None, f"Go on with {program()} resume {folder}")


def report(carried: Carried, folder: Path, as_json: bool) -> None:
    """Print what came of a run."""
    from gpunet.persistence import BEST

    job, seconds = carried.run, carried.seconds
    best, scores = job.selection, job.test_scores
    checkpoint, figures = folder / BEST, job.test_figures() if scores else []
    if as_json:
        document: dict[str, Any] = {
            "checkpoint": str(checkpoint),
            "seconds": round(seconds, 3),
            "epochs": job.history[-1].epoch,
            "monitor": best.monitor,
            "best": best.best_so_far.tolist(),
            "best_epoch": best.best_epoch.tolist(),
        }
        if job.config.by_member:
            document["members"] = member_settings(job)
        if job.trainer.diverged:
            document["diverged"] = sorted(job.trainer.diverged)
        document |= {f"test_{name}": values.tolist() for name, values in scores.items()}
        if units := {name: UNITS[name].format(inputs=job.inputs.features) for name in scores if name in UNITS}:
            layers = len(job.lineage.below) + 1
            document |= {"units": units, "test_samples": len(job.split.test), "layer": layers}
        if figures:
            document["test_figures"] = figures_json(figures)
        if job.thresholds is not None:
            document["thresholds"] = job.thresholds.tolist()
        print_json(document)
        return
    kept = [member for member in range(len(best.best)) if member not in job.trainer.diverged]
    scores, figures = {name: values[kept] for name, values in scores.items()}, [figures[m] for m in kept if figures]
    if best.monitor != "last":
        percent = best.monitor.endswith("accuracy")
        value = spread(best.best[kept].tolist(), percent)
        click.echo(f"Best {best.monitor.replace('_', ' ')}: {value}, {_epochs(best.best_epoch[kept].tolist())}")
    layers = len(job.lineage.below) + 1 if job.config.model.layerwise is not None else 1
    of_layer = f" of layer {layers}, the last one" if layers > 1 else ""
    if "accuracy" in scores:
        click.echo(f"Test error: {spread((1 - scores['accuracy']).tolist(), percent=True)}")
    else:
        for name, values in scores.items():
            unit = unit_of(name, job.inputs.features, len(job.split.test))
            click.echo(f"Test {name.replace('_', ' ')}{of_layer}: {spread(values.tolist())}{unit}")
    for line in member_lines(job):
        click.echo(line)
    if job.thresholds is not None:
        click.echo(f"Threshold fitted on validation: {spread(job.thresholds.tolist())}")
    for line in averaged_lines(figures) if len(figures) > 1 else figure_lines(figures[0]) if figures else ():
        click.echo(f"  {line}")
    if len(figures) == 1:
        names = job.dataset.classes or job.dataset.targets
        for line in filter(None, (unrecognised(figures[0], names), doubt(figures[0]))):
            click.echo(line)
    each = f" in each of {layers} layers" if layers > 1 else ""
    click.echo(f"Trained for {job.history[-1].epoch} epochs{each}{_end(job)} in {seconds:.1f} s")
    click.echo(f"Checkpoint: {printable(str(checkpoint))}")
    commands = following_commands(job, folder)
    remark("\n      ".join(["Next: " + commands[0], *commands[1:]]))


def _epochs(best: list[int]) -> str:
    """When members were at their best."""
    found = sorted(set(best))
    return f"in epoch {found[0]}" if len(found) == 1 else f"in epochs {', '.join(map(str, best))}"


def _end(job: Run) -> str:
    """Why training ended before its last epoch, or nothing."""
    epochs, last = job.config.training.epochs, job.history[-1]
    if last.epoch == epochs:
        return ""
    why = f"no improvement for {job.config.training.patience}"
    return f" of {epochs} ({'stopped by control.toml' if last.active.any() else why})"


def following_commands(job: Run, folder: Path) -> list[str]:
    """What one would do next with a trained model, as commands."""
    run, source = printable(shlex.quote(str(folder))), job.config.data.source
    data = "" if source == "digits" else f" --data {printable(shlex.quote(source))}"
    forms = {
        "evaluate": f"evaluate {run} --data MORE{_ending(source)}",
        "finetune": f"train {job.config.model.finetuned_by}{data} --from {run}",
        "likelihood": f"likelihood {run}",
        "predict": f"predict {run} NEW{_ending(source)}",
        "report": f"report {run}",
        "sample": f"sample {run}",
    }
    return [f"{program()} {forms[verb]}" for verb in job.config.model.followed_by]


def _ending(source: str) -> str:
    """How the name of a file of such data ends."""
    return "".join(suffixes) if (suffixes := PurePath(source).suffixes[-2:]) else "-DATA"
