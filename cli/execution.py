"""What train, pretrain and resume share: a run from its configuration to its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import ConfigError, DivergedError, Interrupted
from gpunet.interruption import BROKEN_PIPE, CLOSED, stops_on_signals

from .options import Request, choose_device, load_split, print_json, program, spread

if TYPE_CHECKING:
    from gpunet.experiment import Run
    from gpunet.interruption import Stop
    from gpunet.persistence import RunFolder


def execute(
    request: Request,
    config: Any,
    source: str | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    layers: int | None = None,
) -> None:
    """Load the data, train, write the checkpoints and report.

    Args:
        request: where, and what to print.
        config: its configuration, checked.
        source: checkpoint to take weights from.
        grafts: pairs of layers, of that checkpoint and of the network.
        layers: how many finished layers of that checkpoint to keep, for a stack.
    """
    place = choose_device(request.device)
    with place.activate():
        dataset, parts = load_split(config)
        from gpunet.persistence import RunFolder
        from gpunet.stages import within_memory

        def train() -> None:
            jobs = _jobs(config, dataset, parts, place, source, grafts, layers)
            job = next(jobs)
            announce(job)
            if request.dry_run:
                click.echo("Dry run: nothing was trained and nothing was written.", err=True)
                return
            with RunFolder.create(request.run, config) as folder:
                job, seconds = carry_out(job, jobs, folder)
            report(job, folder, seconds, request.as_json)

        within_memory(train, config, dataset, parts, place)


def carry_out(job: Run, jobs: Iterator[Run], folder: RunFolder) -> tuple[Run, float]:
    """Train a run and those that follow it, and write their checkpoints.

    Returns:
        The last run, and the seconds that all took.

    Raises:
        Interrupted: something from outside ended it, after its state was saved.
        DivergedError: the last good state was saved.
    """
    from gpunet.interruption import Stop
    from gpunet.persistence import LAST, snapshot

    stop, seconds = Stop(), 0.0
    with stops_on_signals(stop) as look:
        if not (folder.path / LAST).exists():
            folder.write(LAST, snapshot(job, best=False))  # from here on there is something to resume
        while True:
            seconds += _fit(job, folder, stop, look)
            following = next(jobs, None)
            if following is None:
                return job, seconds
            job = following
            announce_layer(job)


def _jobs(
    config: Any,
    dataset: Any,
    parts: Any,
    place: Any,
    source: str | None,
    grafts: Sequence[tuple[str, str]],
    layers: int | None,
) -> Iterator[Run]:
    """The runs of a configuration: one, or one for each layer of a stack."""
    from gpunet.checkpoint import is_safetensors, read, read_safetensors
    from gpunet.experiment import Run
    from gpunet.persistence import graft
    from gpunet.stages import Stack

    checkpoint = None if source is None else (read_safetensors if is_safetensors(source) else read)(source)
    if checkpoint is not None and checkpoint.foreign and config.model.layerwise is not None:
        rule = "must be a checkpoint, to continue a stack by its settings"
        raise ConfigError("--from", rule, "a file of arrays alone", "Use gpunet train to take weights from it")
    if config.model.layerwise is not None:
        stack = Stack(config, dataset, parts, place, checkpoint, layers)
        if not stack.left:
            rule, remedy = "must have a layer left to train", "Choose fewer --layers"
            raise ConfigError("model.hidden", rule, f"{len(stack.finished)} finished ones", remedy)
        for layer in stack.finished:
            click.echo(f"{layer.name} from {source}", err=True)
        yield from stack.stages()
        return
    job = Run(config, dataset, parts, place)
    if checkpoint is not None:
        for line in graft(job, checkpoint, grafts):
            click.echo(f"  {line}", err=True)
    yield job


def announce(job: Run) -> None:
    """Say what is going to be trained, on what."""
    about, config = job.description, job.config
    parts = " + ".join(f"{n:,} {name}" for n, name in zip(about.parts, ("train", "validation", "test")) if n)
    layerwise = config.model.layerwise is not None
    size = "" if layerwise else f"{job.trainer.parameters.count:,} parameters, "
    click.echo(f"{config.name}: {size}{about.name} ({parts}), {job.device}", err=True)
    several = [f"{config.members} members at once"] if config.members > 1 else []
    loss = getattr(job.objective, "loss", None)
    remarks = [loss.remark] if loss is not None and loss.remark else []
    for line in (*job.dataset.notes, *job.preprocessing.notes, *several, *remarks):
        click.echo(f"  {line}", err=True)
    if layerwise:
        announce_layer(job)


def announce_layer(job: Run) -> None:
    """Say which layer of a stack is going to be trained."""
    model: Any = job.config.model
    number, widths = len(job.lineage.below), model.hidden
    count = f"{job.trainer.parameters.count:,} parameters"
    click.echo(f"layer {number + 1} of {len(widths)}: {job.inputs.features} to {widths[number]}, {count}", err=True)


def _fit(job: Run, folder: RunFolder, stop: Stop, look: Callable[[], None]) -> float:
    from gpunet.inspection.portrait import portrait
    from gpunet.persistence import BEST, LAST, snapshot

    from .progress import progress

    def keep(record: Any) -> None:
        if record.improved.any():
            folder.write(BEST, snapshot(job, best=True))
        folder.write(LAST, snapshot(job, best=False))

    began = time.perf_counter()
    try:
        with progress(job) as (tell_epoch, tell_step):

            def on_step(epoch: int, step: int, steps: int) -> None:
                look()
                tell_step(epoch, step, steps)

            # First saved, then told: whoever sees the line of an epoch can rely on its checkpoint.
            finished = job.train([keep, tell_epoch], on_step, stop)
    except DivergedError as error:
        folder.write(LAST, snapshot(job, best=False))
        remedy = f"{error.remedy} and go on from there with {program()} resume {folder.path}"
        raise DivergedError(error.thing, error.rule, error.received, remedy) from None
    if not finished:
        folder.write(LAST, snapshot(job, best=False))
        interrupted = Interrupted(
            "training",
            f"was stopped by {stop.requested}; its state is in {folder.path / LAST}",
            None,
            f"Go on with {program()} resume {folder.path}",
        )
        if stop.requested == CLOSED:
            interrupted.exit_code = BROKEN_PIPE
        raise interrupted
    folder.write(BEST, snapshot(job, best=True, portrait=portrait(job)))
    return time.perf_counter() - began


def report(job: Run, folder: RunFolder, seconds: float, as_json: bool) -> None:
    """Print what came of a run."""
    from gpunet.persistence import BEST

    best, scores = job.selection, job.test_scores
    checkpoint = folder.path / BEST
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
    click.echo(f"Trained for {job.history[-1].epoch} epochs in {seconds:.1f} s")
    click.echo(f"Checkpoint: {checkpoint}")
    click.echo(f"Next: {program()} {job.config.model.next_command(str(checkpoint))}")
