"""Populations that are too large to be trained at once: some members after the others, and in the end one run of all.

While that goes on, ``last.h5`` in the folder of a run is the state in which all members began, and each portion has a
folder of its own below ``portions``, from which training goes on.  In the end they are put together: ``last.h5`` and
``best.h5`` are as if all members had been trained at once, and the folder of portions is gone.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..backend import Device
from ..checkpoint import NamedArray, in_memory, note
from ..config import Config, portions, stamped
from ..errors import ConfigError, DivergedError
from ..experiment import Experiment, Lineage, Run
from ..interruption import Stop
from ..metrics import Estimate
from ..paths import exists, is_folder
from ..persistence import (
    LAST,
    RunFolder,
    Trained,
    has_state,
    identity_of,
    joined,
    newest,
    open_trained,
    portion_of,
    restore_state,
    snapshot,
)
from ..training import EpochRecord, Scores, last_record
from .carrying import Callbacks, Carried, Forwarding, carry_out
from .growth import full_grown
from .resuming import resume
from .saving import Saving

FOLDER = "portions"
NAME = re.compile(r"members-(\d+)-(\d+)")
Restored = Callable[[Experiment, Trained, range], Iterator[Run]]


@dataclass(frozen=True)
class _Ended:
    """What a portion came to.

    Attributes:
        state: after its last epoch.
        scores: of the test part.
        thresholds: of its members, where some were fitted.
        figures: of each on the test part.
        diverged: its members that left the finite numbers, numbered as in the population.
        seconds: that it took.
    """

    state: Trained
    scores: Scores
    thresholds: np.ndarray | None
    figures: list[list[Estimate]]
    diverged: dict[int, DivergedError]
    seconds: float


def restored(experiment: Experiment, saved: Trained, members: range) -> Iterator[Run]:
    """The runs of a portion of the members, from its state on."""
    return resume(experiment, saved)


def restored_by(make: Callable[[Experiment, range], Run]) -> Restored:
    """The same for runs that are put together otherwise than by their experiment alone.

    Args:
        make: a run of some members that has not begun.
    """

    def restored(experiment: Experiment, saved: Trained, members: range) -> Iterator[Run]:
        run = make(experiment, members)
        run.came_from(Lineage.of(saved.checkpoint))
        restore_state(run, saved.checkpoint)
        yield run

    return restored


def whole_state(first_run: Callable[[Experiment], Run], experiment: Experiment) -> Trained:
    """The state in which all members begin.

    Args:
        first_run: of an experiment, left to train.
        experiment: of all members; they are put together in the memory of the host.
    """
    root = snapshot(first_run(_on_host(experiment)), best=False)
    document = experiment.config.model_dump(mode="json")
    document["data"].pop("source")
    root["config/json"] = note(stamped(document))
    return open_trained(in_memory(root), experiment.config.families)


def longest_begun(saved: Trained | None) -> int:
    """Members of the longest portion that was begun in the folder of a state, 0 where none was."""
    return 0 if saved is None else max(map(len, _begun(saved.checkpoint.path.parent)), default=0)


def in_portions(
    experiment: Experiment,
    state: Trained,
    most: int,
    folder: RunFolder | None,
    callbacks: Callbacks,
    stop: Stop,
    again: Restored = restored,
    prepare: Callable[[Run], object] = lambda run: None,
) -> Carried:
    """Train the members of a population in portions, one after the other.

    Args:
        experiment: of all members.
        state: in which they begin.
        most: members of a portion.
        folder: entered; nothing is written without one.
        callbacks: what is told meanwhile, of each portion by itself.
        stop: ends training after the present step where it is requested; what is returned is then of the portion under
            way.
        again: the runs of a portion from its state on.
        prepare: called with the very first run.

    Raises:
        ConfigError: snapshots on the way, which would be of a portion each.
        DivergedError: every member has left the finite numbers, or, of layers that are trained one after the other,
            every member of a portion.
    """
    config, seconds = experiment.config, 0.0
    if config.training.snapshots:
        rule, remedy = "does not go with members that are trained in portions", "Leave it out, or train fewer members"
        raise ConfigError("snapshots", rule, config.training.snapshots, remedy)
    if folder is not None and not exists(folder.path / LAST):
        folder.write(LAST, state.checkpoint.root)
    layout = _layout(config, most, [] if folder is None else _still_going(folder.path, state))
    sizes = " and ".join(map(str, sorted({len(members) for members in layout}, reverse=True)))
    callbacks.on_note(f"{config.population} members in {len(layout)} populations of {sizes}, one after the other")
    state, ended = replace(state, config=config), dict[range, _Ended]()
    for members in layout:
        several = f"s {members.start} to {members.stop - 1}" if len(members) > 1 else f" {members.start}"
        callbacks.on_note(f"member{several} of {config.population}, counted from 0")
        own = config.portion(members)
        with _place(folder, members, own) as place:
            begins = _state(place, portion_of(state, members), own)
            runs = again(experiment.configured(begins.config), begins, members)
            portion = _Portion(callbacks, members)
            carried, found = portion.trained(runs, place, stop, prepare if not ended else None)
        seconds += 0.0 if carried is None else carried.seconds
        if found is None:
            assert carried is not None, "it was stopped"
            return replace(carried, seconds=seconds)
        ended[members] = found
        del runs, carried
        experiment.device.release()
    return replace(_whole(experiment, ended, folder, callbacks, again), seconds=seconds)


class _Portion(Forwarding):
    """Some members that are trained by themselves.

    Args:
        inner: what is told.
        members: which.
    """

    def __init__(self, inner: Callbacks, members: range):
        super().__init__(inner)
        self.members = members
        self._run: Run | None = None
        self._state: Trained | None = None

    def trained(
        self, runs: Iterator[Run], place: RunFolder | None, stop: Stop, prepare: Callable[[Run], object] | None
    ) -> tuple[Carried | None, _Ended | None]:
        """Carry them out; None where they were stopped, and where all have diverged.

        Raises:
            DivergedError: all of several layers have.
        """

        def first() -> Iterator[Run]:
            for number, run in enumerate(runs):
                if not number and prepare is not None:
                    prepare(run)
                yield run

        try:
            carried = carry_out(first(), place, self, stop, controlled=False)
        except DivergedError:
            run = self._run
            if run is None or run.config.model.layerwise is not None or run.config.model.grown_on is not None:
                raise
            epochs = run.config.training.epochs
            record = last_record(run.trainer, run.validation, run.selection, epochs, run.history)
            if run.doctor is not None:
                run.doctor.on_epoch(record)
            self.measure(run, record)
            run.history.append(record)
            self._note_state(run)
            run.conclude()
            return None, self._ended(run, 0.0)
        return carried, self._ended(carried.run, carried.seconds) if carried.finished else None

    def on_run(self, run: Run) -> None:
        """Keep its state, which is its last one where nothing is left to train."""
        self._run = run
        self._note_state(run)
        super().on_run(run)

    def on_epoch(self, run: Run, record: EpochRecord) -> None:
        """Keep the state after the last epoch."""
        if record.epoch == record.epochs or not record.active.any():
            self._note_state(run)
        super().on_epoch(run, record)

    def _note_state(self, run: Run) -> None:
        root = snapshot(run, best=False)
        if run.trainer.diverged:
            root["loop/failed"] = NamedArray(run.trainer.failures())
        self._state = open_trained(in_memory(root), run.config.families)

    def _ended(self, run: Run, seconds: float) -> _Ended:
        assert self._state is not None, "a run was begun"
        figures = run.test_figures() if run.test_scores else []
        several, first = len(self.members) > 1, self.members.start
        diverged = {}
        for member, error in run.trainer.diverged.items():
            seed = run.trainer.parameters.seeds[member]
            thing = error.thing.replace(f" of member {member} (seed {seed})", "") if several else error.thing
            thing = f"{thing} of member {first + member} (seed {seed})"
            diverged[first + member] = DivergedError(thing, error.rule, error.received, error.remedy)
        return _Ended(self._state, run.test_scores, run.thresholds, figures, diverged, seconds)


def _whole(
    experiment: Experiment, ended: dict[range, _Ended], folder: RunFolder | None, told: Callbacks, again: Restored
) -> Carried:
    """The run of all members, with its files where there is a folder."""
    config = full_grown(experiment.config)
    state = joined({members: one.state for members, one in ended.items()}, config)
    own = _on_host(experiment.configured(config))
    run = next(again(own, replace(state, config=own.config), range(config.population)))
    run.experiment = run.experiment.configured(config)
    run.trainer.diverged = {member: error for one in ended.values() for member, error in one.diverged.items()}
    if len(run.trainer.diverged) == config.population:
        raise run.trainer.diverged[int(run.trainer.failures().argmin())]
    saving = None if folder is None else Saving(folder)
    if saving is not None:
        saving.stopped(run)
    first = next(iter(ended.values()))
    scores = {name: np.concatenate([one.scores[name] for one in ended.values()]) for name in first.scores}
    fitted = [one.thresholds for one in ended.values() if one.thresholds is not None]
    run.conclude_as(
        scores, np.concatenate(fitted) if fitted else None, [f for one in ended.values() for f in one.figures]
    )
    if saving is not None:
        saving.finish(run, told.portrait, told.on_note)
        shutil.rmtree(saving.folder.path / FOLDER, ignore_errors=True)
    return Carried(run, 0.0, True)


def _on_host(experiment: Experiment) -> Experiment:
    """The experiment in the memory of the host, which has no other precision."""
    return replace(experiment, device=Device()).changed({"training.precision": "float32"})


def _place(folder: RunFolder | None, members: range, config: Config) -> AbstractContextManager[RunFolder | None]:
    """The folder of a portion."""
    if folder is None:
        return nullcontext()
    path = _path(folder.path, members)
    return RunFolder(path) if has_state(path) else RunFolder.create(str(path), config)


def _state(place: RunFolder | None, begins: Trained, config: Config) -> Trained:
    """The state of a portion to go on from: its own where it has one."""
    if place is None or not has_state(place.path):
        return begins
    source, _ = newest(place.path)
    saved = open_trained(source, config.families)
    if config.model.grown_on is not None:
        config = config.model_copy(update={"model": saved.config.model})
    place.go_on(source, identity_of(place.path, saved, config.families)[0], config, saved.config != config)
    return replace(saved, config=config)


def _still_going(folder: Path, state: Trained) -> list[range]:
    """The members whose portions were begun from a state; those of an older one are removed."""
    begun = _begun(folder)
    if begun:
        saved = open_trained(newest(_path(folder, begun[0]))[0], state.config.families)
        if _position(saved) < _position(state):
            shutil.rmtree(folder / FOLDER)
            return []
    return begun


def _path(folder: Path, members: range) -> Path:
    """Where a portion is kept in the folder of a run."""
    return folder / FOLDER / f"members-{members.start}-{members.stop - 1}"


def _position(saved: Trained) -> tuple[int, int]:
    """Layers, and epochs of the last one."""
    root = saved.checkpoint.root
    layers = len(root["pretraining"].children) if "pretraining" in root else 0
    return layers, int(root["loop"].attrs["epoch"])


def _begun(folder: Path) -> list[range]:
    """The members whose portions were begun in a folder, from the first on."""
    place, found = folder / FOLDER, list[range]()
    names = [NAME.fullmatch(inside.name) for inside in place.iterdir()] if is_folder(place) else []
    for first, last in sorted((int(name[1]), int(name[2])) for name in names if name):
        if first == (found[-1].stop if found else 0) and has_state(_path(folder, range(first, last + 1))):
            found.append(range(first, last + 1))
    return found


def _layout(config: Config, most: int, begun: Sequence[range]) -> list[range]:
    """The members in portions: those that were begun, and the others in portions of at most so many."""
    found, seeds = list(begun), config.members
    done = found[-1].stop if found else 0
    if done % seeds:
        end = (done // seeds + 1) * seeds
        found += [range(first, min(first + most, end)) for first in range(done, end, most)]
        done = end
    rest = portions(config.places - done // seeds, seeds, most)
    return found + [range(done + members.start, done + members.stop) for members in rest]
