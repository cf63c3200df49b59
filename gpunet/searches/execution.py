"""Carrying out a search: its trials, the chosen configuration once more, and a folder that holds what came of it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint import Group
from ..cluster import Cluster
from ..config import Config
from ..errors import ClusterError, ConfigError, DataError, GpunetError, Interrupted, printable
from ..interruption import Stop
from ..paths import exists
from ..persistence import BEST, RunFolder, dump
from ..stages import Callbacks
from .files import NAME, RESULTS, search_text
from .final import Kept, keep, noise
from .journal import Journal
from .listing import read_results
from .problem import Search
from .remote import Remote
from .results import Final, Trial, best_of, document, importances, trials_of
from .scoring import Goal, Stopped
from .work import Told, all_finished, work
from .workers import Workers

FINISHED = ("complete", "pruned", "failed")
STACK, PRETRAINING = "stack.h5", "pretrain.toml"


class SearchCallbacks(Callbacks, Told):
    """What is told while a search is carried out; the methods of its bases tell of trials and of the last training."""

    def on_trials(self, trials: list[Trial]) -> None:
        """Workers have finished some trials since the last call; all there are by number."""

    def on_choice(self, trial: Trial) -> None:
        """All trials are finished, and this one is trained again to be kept."""

    def on_noise(self, seeds: int) -> None:
        """The chosen configuration is about to be trained with so many other seeds."""


@dataclass(frozen=True)
class Concluded:
    """What a search came to.

    Attributes:
        document: everything, as ``search.json`` holds it.
        config: the chosen configuration, of the network that is kept.
        network: the content of its checkpoint, with its best weights.
    """

    document: dict[str, Any]
    config: Config
    network: Group


def begin_search(search: Search, folder: RunFolder, journal: Journal) -> None:
    """Write down what is searched, for workers and for whoever goes on.

    Args:
        search: what is searched.
        folder: entered.
        journal: of the search.

    Raises:
        GpunetError: as :func:`check_goes_on`.
    """
    check_goes_on(search, journal)
    folder.write_text(NAME, search_text(search))


def check_goes_on(search: Search, journal: Journal) -> None:
    """Refuse to go on with what does not fit together.

    Raises:
        ConfigError: fewer trials than are finished already.
        DataError: a journal that has lost trials that the results in the folder have.
    """
    finished = sum(trial.state in FINISHED for trial in trials_of(journal))
    if search.settings.trials < finished:
        rule, remedy = f"must be at least the {finished:,} that are finished already", "Leave it out, or try more"
        raise ConfigError("trials", rule, search.settings.trials, remedy)
    kept = finished_in(journal.path.parent)
    if kept > finished:
        rule = f"must have the {kept:,} finished trials that {RESULTS} has"
        remedy = "Restore it from a copy, or begin the search anew in another folder"
        raise DataError(printable(str(journal.path)), rule, finished, remedy)


def finished_in(folder: Path) -> int:
    """How many finished trials the results in a folder have; those that cannot be read are written anew at the end."""
    if exists(folder / RESULTS):
        with suppress(GpunetError):
            return sum(trial["state"] in FINISHED for trial in read_results(folder)["trials"])
    return 0


def carry_out_search(
    search: Search,
    goal: Goal,
    folder: RunFolder,
    journal: Journal,
    callbacks: SearchCallbacks | None = None,
    stop: Stop | None = None,
    workers: Workers | Cluster | None = None,
) -> Concluded:
    """Train what is left of the trials, then the chosen one once more, and write what came of all.

    The folder then holds the journal, ``search.json`` with all figures, and of the chosen configuration ``config.toml``
    and ``best.h5``; where trials pretrain, also ``stack.h5`` and ``pretrain.toml``.

    Args:
        search: what is searched.
        goal: what trials are judged by.
        folder: entered.
        journal: of its trials, perhaps with some that are finished.
        callbacks: what is told meanwhile.
        stop: ends the search after the present step; finished trials are kept.
        workers: who trains the trials, a cluster also the chosen one; this process by itself without any.

    Raises:
        Interrupted: ``stop`` was requested.
        ConfigError: no trial could be trained.
        ClusterError: the cluster was lost; what was finished is kept.
    """
    told, stop = callbacks or SearchCallbacks(), stop or Stop()
    progress = _Progress(journal, told)
    with ExitStack() as opened:
        opened.enter_context(_leaving_nothing(folder, journal))
        remote = None
        if isinstance(workers, Cluster):
            remote = opened.enter_context(Remote(search, goal, journal, workers, progress))
            workers = None
        speed = _train_all(search, goal, journal, progress, stop, workers, remote)
        if stop.requested:
            raise _interrupted(stop, folder)
        best = _best(journal, goal)
        told.on_choice(best)
        shares = importances(search, journal)
        _write(folder, document(search, goal, journal, None, speed, shares))
        began = time.perf_counter()
        try:
            kept, spread = _final(search, goal, best, folder, told, stop, remote)
        except Stopped:
            raise _interrupted(stop, folder) from None
    found = document(search, goal, journal, Final(kept.scores, spread, time.perf_counter() - began), speed, shares)
    _write(folder, found)
    return Concluded(found, kept.config, kept.network)


@contextmanager
def _leaving_nothing(folder: RunFolder, journal: Journal) -> Iterator[None]:
    """While this is open, a search that begins and fails before it has a result leaves an empty folder behind.

    What was interrupted, or has lost its cluster, stays to go on.
    """
    try:
        yield
    except (Interrupted, ClusterError):
        raise
    except GpunetError:
        if folder.begins and not any(trial.state in ("complete", "pruned") for trial in trials_of(journal)):
            folder.clear()
        raise


class _Progress(Told):
    """Passes on what is told of trials, and all trials whenever some of them are finished.

    Args:
        journal: of the search.
        told: what is told.
    """

    def __init__(self, journal: Journal, told: SearchCallbacks):
        self._journal, self._told, self._seen = journal, told, 0
        self._seen = self._finished(trials_of(journal))

    @staticmethod
    def _finished(trials: list[Trial]) -> int:
        return sum(trial.state in FINISHED for trial in trials)

    def look(self) -> None:
        """See whether there are more."""
        trials = trials_of(self._journal)
        if (done := self._finished(trials)) > self._seen:
            self._seen = done
            self._told.on_trials(trials)

    def on_trial(self, number: int, values: dict[str, Any]) -> None:
        """Pass it on."""
        self._told.on_trial(number, values)

    def on_result(self, number: int, values: dict[str, Any], state: str, value: float | None, problem: str) -> None:
        """Pass it on, and see whether there are more."""
        self._told.on_result(number, values, state, value, problem)
        self.look()


def _train_all(
    search: Search,
    goal: Goal,
    journal: Journal,
    progress: _Progress,
    stop: Stop,
    workers: Workers | None,
    remote: Remote | None,
) -> float | None:
    """Finish all trials; models per second, None where none was left."""
    before, began = sum(trial.models for trial in trials_of(journal)), time.perf_counter()
    if remote is not None:
        remote.train(stop)
    elif workers is None:
        work(search, goal, journal, stop, progress)
    elif not all_finished(search, journal):
        with workers.running():
            while not (stop.requested or all_finished(search, journal)):
                workers.watch(stop, progress.look)
        progress.look()
    models = sum(trial.models for trial in trials_of(journal)) - before
    return models / (time.perf_counter() - began) if models else None


def _best(journal: Journal, goal: Goal) -> Trial:
    """The best trial.

    Raises:
        ConfigError: none could be trained.
    """
    trials = trials_of(journal)
    best = best_of(trials, goal)
    if best is None:
        problems = [trial.problem for trial in trials if trial.problem]
        received = problems[0].rstrip(".") if problems else "trials that were all pruned"
        raise ConfigError("search", "must have a trial that can be trained to its end", received, "Change the space")
    return best


def _final(
    search: Search,
    goal: Goal,
    best: Trial,
    folder: RunFolder,
    told: SearchCallbacks,
    stop: Stop,
    remote: Remote | None,
) -> tuple[Kept, list[list[float]]]:
    """Train the chosen configuration and write it; what came of it, and of the same with other seeds."""
    others = search.settings.noise
    if remote is not None:
        if others:
            told.on_noise(others)
        kept, spread = remote.final(best.values, stop)
        _keep(folder, kept)
        return kept, spread
    kept = keep(search, goal, best.values, told, stop)
    _keep(folder, kept)
    if others:
        told.on_noise(others)
    return kept, noise(search, goal, best.values, stop)


def _keep(folder: RunFolder, kept: Kept) -> None:
    """Write the chosen model with its configuration, and the stack that it starts from."""
    if kept.pretraining is not None:
        folder.write_text(PRETRAINING, dump(kept.pretraining))
    folder.write_config(kept.config)
    if kept.stack is not None:
        folder.write(STACK, kept.stack)
    folder.write(BEST, kept.network)


def _write(folder: RunFolder, found: dict[str, Any]) -> None:
    folder.write_text(RESULTS, json.dumps(found, indent=2, allow_nan=False) + "\n")


def _interrupted(stop: Stop, folder: RunFolder) -> Interrupted:
    return Interrupted("search", f"was stopped by {stop.requested}", None, f"Finished trials are in {folder.path}")
