"""When the state of a training is written: often enough to lose little, seldom enough to cost little.

After an epoch it is written where nine times as long has passed as the save before took, so that saving takes at most
about a tenth of the time; inside an epoch likewise, where the last save is also a minute old.  What is written when a
training ends does not depend on what was written before.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from ..checkpoint import Group, NotFiniteError
from ..errors import DivergedError
from ..experiment import Run
from ..paths import exists
from ..persistence import BEST, LAST, RunFolder, snapshot
from ..training import EpochRecord

PAUSE = 9  # times as long as a save takes, until the next one
MINUTE = 60.0  # seconds between saves inside an epoch, at least


class Saving:
    """Writes ``last.h5`` and ``best.h5`` of the runs of a training.

    Args:
        folder: entered.
        clock: tells the time in seconds.
    """

    def __init__(self, folder: RunFolder, clock: Callable[[], float] = time.monotonic):
        self.folder, self._clock = folder, clock
        self._took, self._since = 0.0, clock()
        self._improved = False

    def begin(self, run: Run) -> None:
        """Write the state before the first step, so that there is something to resume."""
        if not exists(self.folder.path / LAST):
            self._save(run)

    def within_epoch(self, run: Run, step: int) -> None:
        """Step ``step`` of an epoch, counted from 0, is about to be made.

        Raises:
            DivergedError: one of those before it left the finite numbers.
        """
        if step and self._due(MINUTE):
            run.trainer.check()
            self._save(run)

    def after_epoch(self, run: Run, record: EpochRecord, now: bool = False) -> None:
        """An epoch is over; after the last one its state is written in any case, as where ``now`` says so."""
        self._improved = self._improved or bool(record.improved.any())
        over = record.epoch == record.epochs or not record.active.any()
        if over or now or self._due(0):
            self._save(run)

    def stopped(self, run: Run) -> None:
        """Write what is not written yet of a run that was stopped in the middle."""
        self._write_best(run)
        content = snapshot(run, best=False)
        if not self.folder.holds(content):
            self._write(run, LAST, content)

    def diverged(self, run: Run) -> None:
        """Save the state of the last good step, where steps were made since the last save and it can be written.

        It is marked: the next save takes its place, so that ``last.previous.h5`` remains the last healthy state.
        """
        with suppress(DivergedError):  # which is told already
            self._write_best(run)
        content = snapshot(run, best=False)
        content.attrs["diverged"] = True
        if content.attrs["step"] and not self.folder.holds(content):
            with suppress(NotFiniteError):
                self.folder.write(LAST, content)

    def finish(self, run: Run, portrait: Callable[[Run], Group | None], on_note: Callable[[str], None]) -> None:
        """Write the best weights with their portrait, but for pictures of what is not finite."""
        try:
            self.folder.write(BEST, snapshot(run, best=True, portrait=portrait(run)))
        except NotFiniteError as error:
            on_note(f"{error.path} is not finite, so {BEST} has no portrait")
            self._write(run, BEST)
        self._improved = False

    def _due(self, least: float) -> bool:
        return self._clock() - self._since >= max(least, PAUSE * self._took)

    def _save(self, run: Run) -> None:
        began = self._clock()
        self._write_best(run)
        self._write(run, LAST)
        self._since = self._clock()
        self._took = self._since - began

    def _write_best(self, run: Run) -> None:
        """Write the best weights where they are others than when they were last written."""
        if self._improved:
            self._write(run, BEST)
            self._improved = False

    def _write(self, run: Run, name: str, content: Group | None = None) -> None:
        """Write a checkpoint of a run under way.

        Raises:
            DivergedError: numbers in it have left the finite ones, which no step has shown.
        """
        try:
            self.folder.write(name, snapshot(run, best=name == BEST) if content is None else content)
        except NotFiniteError as error:
            thing, remedy = f"the state after epoch {len(run.history)}", "Lower learning_rate"
            raise DivergedError(thing, f"{error.path} must be finite", error.received, remedy) from None
