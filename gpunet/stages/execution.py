"""Carrying out a training: its runs one after the other, their checkpoints, and what is told meanwhile."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain

from ..checkpoint import Checkpoint, Group, check_content
from ..errors import ConfigError, DivergedError
from ..experiment import Experiment, Run
from ..interruption import Stop
from ..persistence import LAST, RunFolder, Trained, continue_learning, graft, snapshot
from ..training import EpochRecord
from .control import Control
from .growth import growth
from .memory import within_memory
from .milestones import Milestones, check_snapshots
from .resuming import resume
from .saving import Saving
from .stack import Stack


class Callbacks:
    """What is told while runs are trained; each method does nothing unless a subclass says otherwise."""

    def on_start(self, run: Run) -> None:
        """The first run is put together; nothing is written yet."""

    def on_note(self, text: str) -> None:
        """A line about what was prepared, such as which layer took its weights from where."""

    def on_run(self, run: Run) -> None:
        """A run is about to be trained: the only one, or that of the next layer of a stack."""

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Step ``step`` of ``steps`` of an epoch, all counted from 0, is about to be made."""

    def measure(self, run: Run, record: EpochRecord) -> None:
        """An epoch is over; numbers that are added to its record become part of the history."""

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """An epoch is over, and its state is written where there is a folder and it was time for it."""

    def on_end(self, run: Run) -> None:
        """A run is over, or was stopped."""

    def portrait(self, run: Run) -> Group | None:
        """Groups that the last checkpoint of a run keeps to be looked at; none by default."""
        return None


@dataclass(frozen=True)
class Carried:
    """What came of a training.

    Attributes:
        run: the last one; of a stack that of its top layer.
        seconds: that all runs took.
        finished: False where ``stop`` came first; the present state is then in the folder.
    """

    run: Run
    seconds: float
    finished: bool


def runs_of(
    experiment: Experiment,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    layers: int | None = None,
    callbacks: Callbacks | None = None,
    incremental: bool = False,
) -> Iterator[Run]:
    """The runs of a configuration: one, or one for each layer of a stack, or network that grows, left to train.

    Args:
        experiment: what to train, on what, and where.
        source: checkpoint to take weights from.
        grafts: pairs of layers, of that checkpoint and of the network, see :func:`~gpunet.persistence.graft`.
        layers: how many finished layers of that checkpoint to keep, for a stack.
        callbacks: told which layers came from where.
        incremental: whether the run goes on from all that the source has learned, see
            :func:`~gpunet.persistence.continue_learning`, instead of from its layers alone.

    Raises:
        ConfigError: a source that does not fit, a stack with no layer left, or one that is to go on.
    """
    told = callbacks or Callbacks()
    if incremental and experiment.config.model.layerwise is not None:
        rule, remedy = "needs a model that is trained as a whole", "Train it anew on all samples"
        raise ConfigError("incremental", rule, experiment.config.model.name, remedy)
    if experiment.config.model.layerwise is not None:
        if source is not None and source.foreign:
            rule = "must be a checkpoint, to continue a stack by its settings"
            raise ConfigError("source", rule, "a file of arrays alone", "Train a network from it instead")
        stack = Stack(experiment, source, layers)
        if not stack.left:
            rule, remedy = "must have a layer left to train", "Keep fewer of its layers"
            raise ConfigError("hidden", rule, f"{len(stack.finished)} finished ones", remedy)
        for layer in stack.finished:
            told.on_note(f"{layer.name} from {source.path if source is not None else 'the stack'}")
        yield from stack.stages()
        return
    run = Run(experiment)
    if source is not None and incremental:
        continue_learning(run, source)
    elif source is not None:
        for line in graft(run, source, grafts):
            told.on_note(f"  {line}")
    yield run
    yield from growth(run)


def begin(
    experiment: Experiment,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    layers: int | None = None,
    open_folder: Callable[[], AbstractContextManager[RunFolder]] | None = None,
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
    dry_run: bool = False,
    incremental: bool = False,
) -> Carried | None:
    """Put a training together and carry it out.

    Args:
        experiment: what to train, on what, and where.
        source: checkpoint to take weights from, see :func:`runs_of`.
        grafts: pairs of layers, of that checkpoint and of the network.
        layers: how many finished layers of that checkpoint to keep, for a stack.
        open_folder: makes the folder to write to, once all that can be wrong before the first step was checked;
            nothing is written without it.
        callbacks: what is told meanwhile.
        stop: ends training after the present step where it is requested.
        dry_run: end before the first step, with nothing written.
        incremental: whether the run goes on from all that the source has learned, see :func:`runs_of`.

    Returns:
        What came of it, or None after a dry run.

    Raises:
        ConfigError: what cannot be trained so.
        DataError: data that do not suit.
        DeviceError: memory does not suffice; it names the batch that does.
        DivergedError: a loss or gradient left the finite numbers; the last good state was saved.
    """
    return _start(
        lambda: runs_of(experiment, source, grafts, layers, callbacks, incremental),
        experiment,
        open_folder,
        callbacks,
        stop,
        dry_run,
    )


def go_on(
    experiment: Experiment,
    saved: Trained,
    open_folder: Callable[[], AbstractContextManager[RunFolder]],
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
    dry_run: bool = False,
) -> Carried | None:
    """Carry out what is left of a training.

    Args:
        experiment: the same as before, but for what may change.
        saved: what the checkpoint to go on from says.
        open_folder: gives the folder to write to, once the state was put back.
        callbacks: what is told meanwhile.
        stop: ends training after the present step where it is requested.
        dry_run: end before the first step, with nothing written.

    Returns:
        What came of it, or None after a dry run.

    Raises:
        DataError: other data than before.
        ConfigError: a change that the state does not allow.
        CheckpointError: a checkpoint that does not hold the state of a run.
        DeviceError: memory does not suffice; it names the batch that does.
        DivergedError: a loss or gradient left the finite numbers; the last good state was saved.
    """
    return _start(lambda: resume(experiment, saved), experiment, open_folder, callbacks, stop, dry_run)


def _start(
    make_runs: Callable[[], Iterator[Run]],
    experiment: Experiment,
    open_folder: Callable[[], AbstractContextManager[RunFolder]] | None,
    callbacks: Callbacks | None,
    stop: Stop | None,
    dry_run: bool,
) -> Carried | None:
    """Put the first run together, open the folder, and carry all of them out."""

    def train() -> Carried | None:
        runs = make_runs()
        first = next(runs)
        check_snapshots(first.config, dry_run or open_folder is not None)
        if callbacks is not None:
            callbacks.on_start(first)
        if dry_run or open_folder is not None:  # what could not be written is found before anything is
            check_content(LAST, snapshot(first, best=False))
        if dry_run:
            return None
        with nullcontext() if open_folder is None else open_folder() as folder:
            return carry_out(chain([first], runs), folder, callbacks, stop)

    return within_memory(train, experiment)


def carry_out(
    runs: Iterator[Run], folder: RunFolder | None = None, callbacks: Callbacks | None = None, stop: Stop | None = None
) -> Carried:
    """Train runs one after the other and write their checkpoints.

    Args:
        runs: each is asked for when the one before is trained.
        folder: entered; ``last.h5`` is written before the first step, at the end, and in between as :mod:`.saving`
            says, ``best.h5`` with it where a member improved meanwhile.
        callbacks: what is told meanwhile.
        stop: ends training after the present step where it is requested.

    Raises:
        DivergedError: the state of the last good step was saved, if there was one since the last save.
    """
    told, stop, seconds = callbacks or Callbacks(), stop or Stop(), 0.0
    run = next(runs)
    saving = None if folder is None else Saving(folder)
    control = None if folder is None else Control(folder.path, told.on_note)
    if saving is not None:
        saving.begin(run)
    while True:
        told.on_run(run)
        began = time.perf_counter()
        try:
            finished = _train(run, saving, control, told, stop)
        finally:
            told.on_end(run)
        seconds += time.perf_counter() - began
        following = next(runs, None) if finished else None
        if following is None:
            return Carried(run, seconds, finished)
        run = following


def _train(run: Run, saving: Saving | None, control: Control | None, told: Callbacks, stop: Stop) -> bool:
    milestones = Milestones(run, None if saving is None else saving.folder)

    def on_epoch(record: EpochRecord) -> None:
        told.measure(run, record)
        if saving is not None:
            over = record.epoch == record.epochs or not record.active.any()
            saving.after_epoch(run, record, control is not None and control.after_epoch(run, over))
        told.on_epoch(run, record)

    def on_step(epoch: int, step: int, steps: int) -> None:
        told.on_step(run, epoch, step, steps)
        milestones.before_step(run, epoch, step)
        if saving is not None:
            saving.within_epoch(run, step)

    try:
        finished = run.train([on_epoch], on_step, stop)
    except DivergedError as error:
        if saving is not None:
            saving.diverged(run)
            error.healthy = saving.folder.healthy()
        raise
    if saving is None:
        return finished
    if finished:
        milestones.at_end(run)
        saving.finish(run, told.portrait, told.on_note)
    else:
        saving.stopped(run)
    return finished
