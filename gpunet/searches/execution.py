"""Carrying out a search: its trials, the chosen configuration once more, and a folder that holds what came of it."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import Config
from ..errors import ConfigError, Interrupted
from ..experiment import Run
from ..interruption import Stop
from ..persistence import BEST, RunFolder, dump, snapshot
from ..stages import Callbacks, carry_out_population, runs_of
from .files import NAME, search_text
from .journal import Journal
from .problem import Search
from .results import Final, Trial, best_of, document, trials_of
from .scoring import Goal, Stopped, fine_tuned, likelihood, measure
from .work import Told, all_finished, work
from .workers import Workers

FINISHED = ("complete", "pruned", "failed")
RESULTS, STACK, PRETRAINING = "search.json", "stack.h5", "pretrain.toml"


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
        run: of the network that is kept, with its best weights.
    """

    document: dict[str, Any]
    config: Config
    run: Run


def begin_search(search: Search, folder: RunFolder) -> None:
    """Write down what is searched, for workers and for whoever goes on."""
    folder.write_text(NAME, search_text(search))


def carry_out_search(
    search: Search,
    goal: Goal,
    folder: RunFolder,
    journal: Journal,
    callbacks: SearchCallbacks | None = None,
    stop: Stop | None = None,
    workers: Workers | None = None,
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
        workers: who trains the trials; this process by itself without any.

    Raises:
        Interrupted: ``stop`` was requested.
        ConfigError: no trial could be trained.
    """
    told, stop = callbacks or SearchCallbacks(), stop or Stop()
    speed = _train_all(search, goal, journal, told, stop, workers)
    if stop.requested:
        raise _interrupted(stop, folder)
    best = best_of(trials_of(journal), goal)
    if best is None:
        problems = [trial.problem for trial in trials_of(journal) if trial.problem]
        received = problems[0].rstrip(".") if problems else "trials that were all pruned"
        raise ConfigError("search", "must have a trial that can be trained to its end", received, "Change the space")
    told.on_choice(best)
    _write(folder, document(search, goal, journal, None, speed))
    try:
        began = time.perf_counter()
        config, run, scores = _kept(search, goal, best, folder, told, stop)
        noise = _noise(search, goal, best, told, stop)
    except Stopped:
        raise _interrupted(stop, folder) from None
    found = document(search, goal, journal, Final(scores, noise, time.perf_counter() - began), speed)
    _write(folder, found)
    return Concluded(found, config, run)


def _train_all(
    search: Search, goal: Goal, journal: Journal, told: SearchCallbacks, stop: Stop, workers: Workers | None
) -> float | None:
    """Finish all trials; models per second, None where none was left."""
    before = sum(trial.models for trial in trials_of(journal))
    began, seen = time.perf_counter(), sum(trial.state in FINISHED for trial in trials_of(journal))

    def look() -> None:
        nonlocal seen
        trials = trials_of(journal)
        done = sum(trial.state in FINISHED for trial in trials)
        if done > seen:
            seen = done
            told.on_trials(trials)

    class Looking(Told):
        def on_trial(self, number: int, values: dict[str, Any]) -> None:
            told.on_trial(number, values)

        def on_result(self, number: int, values: dict[str, Any], state: str, value: float | None, problem: str) -> None:
            told.on_result(number, values, state, value, problem)
            look()

    if workers is None:
        work(search, goal, journal, stop, Looking())
    elif not all_finished(search, journal):
        with workers.running():
            while not (stop.requested or all_finished(search, journal)):
                workers.watch(stop, look)
        look()
    models = sum(trial.models for trial in trials_of(journal)) - before
    return models / (time.perf_counter() - began) if models else None


def _kept(
    search: Search, goal: Goal, best: Trial, folder: RunFolder, told: SearchCallbacks, stop: Stop
) -> tuple[Config, Run, list[float]]:
    """Train the chosen configuration on the parts of the data and write it; the test part is read here, once."""
    split = search.experiment.split
    config = search.configured(best.values)
    tune = search.tuned(best.values, config)
    carried = carry_out_population(lambda own, _: runs_of(own, search.start), search.on(config, split), told, stop)
    if not carried.finished:
        raise Stopped
    run = carried.run
    if tune is not None:
        stack = run
        run = fine_tuned(stack, search, tune, split, stop, told)
        folder.write_text(PRETRAINING, dump(config))
        config = tune
    folder.write_config(config)
    if tune is not None:
        folder.write(STACK, snapshot(stack, best=True, portrait=told.portrait(stack)))
    folder.write(BEST, snapshot(run, best=True, portrait=told.portrait(run)))
    if not len(split.test):
        return config, run, []
    if goal.measure == "log_likelihood":
        return config, run, likelihood(run, split.test).tolist()
    return config, run, np.asarray(goal.shown(run.test_scores[goal.measure])).tolist()


def _noise(search: Search, goal: Goal, best: Trial, told: SearchCallbacks, stop: Stop) -> list[list[float]]:
    """Scores of the chosen configuration with seeds that no trial has had."""
    count = search.settings.noise
    if not count:
        return []
    told.on_noise(count)
    config = search.configured(best.values, count, search.seed + search.settings.seeds)
    found = measure(search, goal, config, search.tuned(best.values, config), search.splits, stop)
    return [list(row) for row in found.scores.tolist()]


def _write(folder: RunFolder, found: dict[str, Any]) -> None:
    folder.write_text(RESULTS, json.dumps(found, indent=2, allow_nan=False) + "\n")


def _interrupted(stop: Stop, folder: RunFolder) -> Interrupted:
    return Interrupted("search", f"was stopped by {stop.requested}", None, f"Finished trials are in {folder.path}")
