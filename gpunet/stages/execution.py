"""Carrying out a training: its runs one after the other, their checkpoints, and what is told meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import chain

from ..checkpoint import Checkpoint, check_content
from ..errors import ConfigError
from ..experiment import Experiment, Run
from ..interruption import Stop
from ..persistence import LAST, RunFolder, Trained, continue_learning, graft, snapshot
from ..training import EpochRecord
from .carrying import Callbacks, Carried, Forwarding, carry_out
from .growth import growth
from .memory import at_once, first_portion, within_memory
from .milestones import check_snapshots
from .portions import Restored, in_portions, longest_begun, restored, whole_state
from .resuming import resume
from .stack import Stack

MakeRuns = Callable[[Experiment, Callbacks], Iterator[Run]]


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
        lambda own, told: runs_of(own, source, grafts, layers, told, incremental),
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
    return _start(lambda own, told: resume(own, saved), experiment, open_folder, callbacks, stop, dry_run, saved)


def _start(
    make_runs: MakeRuns,
    experiment: Experiment,
    open_folder: Callable[[], AbstractContextManager[RunFolder]] | None,
    callbacks: Callbacks | None,
    stop: Stop | None,
    dry_run: bool,
    saved: Trained | None = None,
) -> Carried | None:
    """Put the first run together, open the folder, and carry all of them out."""
    told = callbacks or Callbacks()

    def prepare(first: Run) -> None:
        check_snapshots(first.config, dry_run or open_folder is not None)
        told.on_start(first)
        if dry_run or open_folder is not None:  # what could not be written is found before anything is
            check_content(LAST, snapshot(first, best=False))

    if not dry_run:
        return carry_out_population(
            make_runs, experiment, told, stop, open_folder=open_folder, saved=saved, prepare=prepare
        )

    def look(own: Experiment) -> None:
        prepare(next(make_runs(own, told)))

    most = at_once(experiment.config)
    within_memory(
        lambda: look(first_portion(experiment, most)), experiment, lambda most: look(first_portion(experiment, most))
    )
    return None


def carry_out_population(
    make_runs: MakeRuns,
    experiment: Experiment,
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
    *,
    open_folder: Callable[[], AbstractContextManager[RunFolder]] | None = None,
    saved: Trained | None = None,
    prepare: Callable[[Run], object] = lambda run: None,
    restored: Restored = restored,
) -> Carried:
    """Carry out the runs of an experiment: of all members at once, or of some after the others, with the same results.

    ``training.together`` says how many members are trained at once; else as many as fit into memory, which is found
    out where they do not.

    Args:
        make_runs: the runs of the experiment, left to train; told what to tell.
        experiment: what to train, on what, and where.
        callbacks: what is told meanwhile; of portions of the members each by itself.
        stop: ends training after the present step where it is requested.
        open_folder: makes the folder to write to, once all that can be wrong before the first step was checked;
            nothing is written without it.
        saved: the state to go on from, where there is one.
        prepare: called with the first run, before the folder is opened.
        restored: the runs of a portion of the members from its state on.

    Raises:
        ConfigError: what cannot be trained in portions.
        DeviceError: memory does not suffice for one member; it names the batch that does.
        DivergedError: a loss or gradient left the finite numbers.
    """
    told, opened, tried = _Counting(callbacks or Callbacks()), list[RunFolder](), list[bool]()
    config = experiment.config
    with ExitStack() as held:

        def folder() -> RunFolder | None:
            if open_folder is not None and not opened:
                opened.append(held.enter_context(open_folder()))
            return opened[0] if opened else None

        def whole() -> Carried:
            runs = make_runs(experiment, told)
            first = next(runs)
            prepare(first)
            tried.append(True)
            return carry_out(chain([first], runs), folder(), told, stop)

        def fewer(most: int) -> Carried | None:
            return None if told.epochs else portions(most)  # they fitted, so something else has taken the memory

        def portions(most: int) -> Carried:
            again = bool(tried)  # what was told then is not told again
            state = saved or whole_state(lambda own: next(make_runs(own, Callbacks() if again else told)), experiment)
            first = (lambda run: None) if again else prepare
            return in_portions(experiment, state, most, folder(), told, stop or Stop(), restored, first)

        begun = longest_begun(saved)
        most = max(begun, min(begun or config.population, at_once(config)))
        if most < config.population:
            return within_memory(lambda: portions(most), experiment)
        return within_memory(whole, experiment, fewer)


class _Counting(Forwarding):
    """Counts epochs."""

    epochs = 0

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Count it."""
        self.epochs += 1
        self.inner.on_epoch(run, record)
