"""Training runs one after the other: their checkpoints, and what is told meanwhile."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ..backend import gone, lost
from ..checkpoint import Group
from ..errors import DivergedError
from ..experiment import Run
from ..interruption import Stop
from ..persistence import RunFolder
from ..training import EpochRecord
from .control import Control
from .milestones import Milestones
from .saving import Saving


class Callbacks:
    """What is told while runs are trained; each method does nothing unless a subclass says otherwise."""

    def on_start(self, run: Run) -> None:
        """The first run is put together; nothing is written yet."""

    def on_note(self, text: str) -> None:
        """A line about what was prepared, such as which layer took its weights from where."""

    def on_run(self, run: Run) -> None:
        """A run is about to be trained: the only one, or that of the next layer of a stack."""

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Step ``step`` of ``steps`` of an epoch, all counted from 0, is about to be made.

        Short steps may be launched together on CUDA; it is called before the first of them.
        """

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


class Forwarding(Callbacks):
    """Passes everything on; a subclass does something beside it.

    Args:
        inner: what is told.
    """

    def __init__(self, inner: Callbacks):
        self.inner = inner

    def on_start(self, run: Run) -> None:
        """Pass it on."""
        self.inner.on_start(run)

    def on_note(self, text: str) -> None:
        """Pass it on."""
        self.inner.on_note(text)

    def on_run(self, run: Run) -> None:
        """Pass it on."""
        self.inner.on_run(run)

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Pass it on."""
        self.inner.on_step(run, epoch, step, steps)

    def measure(self, run: Run, record: EpochRecord) -> None:
        """Pass it on."""
        self.inner.measure(run, record)

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Pass it on."""
        self.inner.on_epoch(run, record)

    def on_end(self, run: Run) -> None:
        """Pass it on."""
        self.inner.on_end(run)

    def portrait(self, run: Run) -> Group | None:
        """What is asked answers."""
        return self.inner.portrait(run)


def carry_out(
    runs: Iterator[Run],
    folder: RunFolder | None = None,
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
    controlled: bool = True,
) -> Carried:
    """Train runs one after the other and write their checkpoints.

    Args:
        runs: each is asked for when the one before is trained.
        folder: entered; ``last.h5`` is written before the first step, at the end, and in between as :mod:`.saving`
            says, ``best.h5`` with it where a member improved meanwhile.
        callbacks: what is told meanwhile.
        stop: ends training after the present step where it is requested.
        controlled: whether ``control.toml`` in the folder is heeded, see :mod:`.control`.

    Raises:
        DeviceError: the device is gone; the state that was saved last is kept.
        DivergedError: the state of the last good step was saved, if there was one since the last save.
    """
    told, stop, seconds = callbacks or Callbacks(), stop or Stop(), 0.0
    run = next(runs)
    saving = None if folder is None else Saving(folder)
    control = Control(folder.path, told.on_note) if folder is not None and controlled else None
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
        finished = run.train([on_epoch], on_step, stop, apart=milestones.looks_before)
    except DivergedError as error:
        if saving is not None:
            saving.diverged(run)
            error.healthy = saving.folder.healthy()
        raise
    except RuntimeError as error:
        if not (reason := lost(error)):
            raise
        # What is on the device cannot be had any more, so what was written last is what is left.
        found = gone(run.device, reason)
        found.kept = None if saving is None else saving.folder.path
        raise found from error
    if saving is None:
        return finished
    if finished:
        milestones.at_end(run)
        saving.finish(run, told.portrait, told.on_note)
    else:
        saving.stopped(run)
    return finished
