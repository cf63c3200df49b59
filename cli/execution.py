"""What train and pretrain share: a run from its configuration to its report."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import DivergedError, Interrupted

from .options import choose_device, load_split, print_json, program, spread

if TYPE_CHECKING:
    from gpunet.training import Run, Stop

    from .folder import RunFolder


def execute(config: Any, run: str | None, device: str, dry_run: bool, as_json: bool) -> None:
    """Load the data, train, write the checkpoints and report.

    Args:
        config: checked configuration.
        run: folder to write to, or None for the next free one.
        device: name of the device.
        dry_run: stop before the first step, with nothing written.
        as_json: report one JSON document.
    """
    place = choose_device(device)
    with place.activate():
        dataset, parts = load_split(config)
        from gpunet.training import Run, Stop

        job, stop = Run(config, dataset, parts, place), Stop()
        _announce(job)
        if dry_run:
            click.echo("Dry run: nothing was trained and nothing was written.", err=True)
            return
        from .folder import RunFolder

        with RunFolder.create(run, config) as folder, _stops_on_signals(stop):
            seconds = _fit(job, folder, stop)
    _report(job, folder, seconds, as_json)


def _announce(job: Run) -> None:
    about, config = job.description, job.config
    parts = " + ".join(f"{n:,} {name}" for n, name in zip(about.parts, ("train", "validation", "test")) if n)
    click.echo(
        f"{config.name}: {job.trainer.parameters.count:,} parameters, {about.name} ({parts}), {job.device}", err=True
    )
    several = [f"{config.members} members at once"] if config.members > 1 else []
    for line in (*job.dataset.notes, *several):
        click.echo(f"  {line}", err=True)


def _fit(job: Run, folder: RunFolder, stop: Stop) -> float:
    from gpunet.training import snapshot

    from .progress import progress

    def keep(record: Any) -> None:
        if record.improved.any():
            folder.write("best.h5", snapshot(job, best=True))
        folder.write("last.h5", snapshot(job, best=False))

    began = time.perf_counter()
    try:
        with progress(job) as (on_epoch, on_step):
            job.train([on_epoch, keep], on_step, stop)
    except DivergedError:
        folder.write("last.h5", snapshot(job, best=False))
        raise
    if stop.requested:
        folder.write("last.h5", snapshot(job, best=False))
        raise Interrupted(
            "training", f"was stopped by {stop.requested}", None, f"The state is in {folder.path / 'last.h5'}"
        )
    folder.write("best.h5", snapshot(job, best=True))
    return time.perf_counter() - began


def _report(job: Run, folder: RunFolder, seconds: float, as_json: bool) -> None:
    best, scores = job.selection, job.test_scores
    checkpoint = folder.path / "best.h5"
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
    click.echo(f"Next: {program()} {'likelihood' if job.config.model.name == 'rbm' else 'inspect'} {checkpoint}")


@contextmanager
def _stops_on_signals(stop: Stop) -> Iterator[None]:
    """The first signal asks training to save and stop, the second ends the program at once."""

    def handler(number: int, _frame: Any) -> None:
        if stop.requested:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.request(signal.Signals(number).name)

    old = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, previous in old.items():
            signal.signal(number, previous)
