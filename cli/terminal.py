"""A training told on the terminal: its announcement, its progress, and the signals that end it."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpunet.checkpoint import Checkpoint, Group
from gpunet.errors import DeviceError, DivergedError
from gpunet.experiment import Experiment
from gpunet.inspection.portrait import portrait
from gpunet.interruption import Stop, stops_on_signals
from gpunet.persistence import RunFolder, open_trained, run_name
from gpunet.stages import Callbacks, Carried, begin

from .execution import DRY, announce, announce_stage, interrupted, report
from .opening import checkpoint_at
from .options import Request, choose_device, program
from .progress import progress
from .remarks import remark
from .views.differences import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpunet.experiment import Run
    from gpunet.training import EpochRecord


class Terminal(Callbacks):
    """Prints what a training tells on stderr.

    Args:
        look: called before each step, to see whether the reader of the output has left.
        say_more: called with the first run once it is announced.
    """

    announces_first_layer = True  # together with the training; the others when their turn comes

    def __init__(self, look: Callable[[], None], say_more: Callable[[Run], None] | None = None):
        self.look, self._say_more, self._said = look, say_more, self.announces_first_layer
        self._open = ExitStack()

    def on_start(self, run: Run) -> None:
        """Say what is going to be trained, on what."""
        announce(run)
        announce_stage(run)
        if self._say_more is not None:
            self._say_more(run)

    def on_note(self, text: str) -> None:
        """Print it."""
        remark(text)

    def on_run(self, run: Run) -> None:
        """Say which layer comes next, and start its bar."""
        if not self._said:
            announce_stage(run)
        self._said = False
        self._tell_epoch, self._tell_step = self._open.enter_context(progress(run))

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """Move the bar."""
        self.look()
        self._tell_step(epoch, step, steps)

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Print the line of the epoch."""
        self._tell_epoch(record)

    def on_end(self, run: Run) -> None:
        """Take the bar away."""
        self._open.close()

    def portrait(self, run: Run) -> Group | None:
        """What makes a checkpoint worth looking at."""
        return portrait(run)


@contextmanager
def told(say_more: Callable[[Run], None] | None = None) -> Iterator[tuple[Terminal, Stop]]:
    """Callbacks and a stop for a training.

    Args:
        say_more: called with the first run once it is announced.

    Raises:
        DeviceError: with the command that goes on from what was saved last.
        DivergedError: with the command that goes on from the last healthy state.
    """
    stop = Stop()
    with stops_on_signals(stop) as look:
        try:
            yield Terminal(look, say_more), stop
        except DivergedError as error:
            if error.healthy is None:
                raise
            command = f"{program()} resume {shlex.quote(str(error.healthy))}"
            remedy = f"{error.remedy} and go on from before it with {command}"
            raise DivergedError(error.thing, error.rule, error.received, remedy) from None
        except DeviceError as error:
            if error.kept is None:
                raise
            remedy = f"Go on from what was saved last with {program()} resume {shlex.quote(str(error.kept))}"
            raise DeviceError(error.thing, error.rule, error.received, remedy) from None


def finish(carried: Carried, stop: Stop, folder: Path, as_json: bool) -> None:
    """Report what came of a training.

    Raises:
        Interrupted: something from outside ended it, after its state was saved.
    """
    if not carried.finished:
        raise interrupted(stop.requested, folder)
    report(carried, folder, as_json)


def execute(
    request: Request,
    config: Any,
    source: str | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    layers: int | None = None,
    begun: bool = False,
    instead: Callable[[Experiment, Checkpoint | None], None] | None = None,
) -> None:
    """Load the data, train, write the checkpoints and report.

    Args:
        request: where, and what to print.
        config: its configuration, checked.
        source: checkpoint to take weights from.
        grafts: pairs of layers, of that checkpoint and of the network.
        layers: how many finished layers of that checkpoint to keep, for a stack.
        begun: whether the folder may hold its ``config.toml`` already.
        instead: what is done with the experiment and the weights to start from, other than to train it once.
    """
    place = choose_device(request.device, told=True)
    with place.activate():
        from gpunet.api.reading import load_split
        from gpunet.api.starting import batch_that_fits, following, open_source

        source = None if source is None else checkpoint_at(source)
        checkpoint = None if source is None else open_source(Path(source))
        donor = None if checkpoint is None or checkpoint.foreign else open_trained(checkpoint)
        if not (request.names_file or grafts or begun or config.model.layerwise is not None):
            before, config = config, following(config, request.written, checkpoint, ())
            for line in changes(before.model_dump(mode="json"), config.model_dump(mode="json")):
                remark(f"  {line}, as in {source}")
        dataset, parts = load_split(config, features_of=donor, run=request.place, writes=not request.dry_run)
        if not request.chooses_batch:
            config = batch_that_fits(config, parts)
        experiment = Experiment(config, dataset, parts, place)
        if instead is not None:
            instead(experiment, checkpoint)
            return
        made: list[RunFolder] = []

        def open_folder() -> RunFolder:
            made.append(RunFolder.create(request.run, experiment.config, begun, run_name(config, dataset.name)))
            return made[0]

        with told() as (terminal, stop):
            carried = begin(
                experiment, checkpoint, grafts, layers, open_folder, terminal, stop, dry_run=request.dry_run
            )
        if carried is None:
            RunFolder.check(request.run, begun)
            remark(DRY)
            return
        finish(carried, stop, made[0].path, request.as_json)
