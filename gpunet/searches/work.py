"""A worker: takes trials from the journal, trains them, and writes what came of them, until none is left."""

import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..backend import out_of_memory
from ..errors import ConfigError, DeviceError, DivergedError, GpunetError
from ..interruption import Stop
from .drawing import Judged, draw, sizes, zoomed
from .journal import DRAWN, PROBLEM, RESULT, VALUES, Journal
from .lease import RENEWED
from .populations import Populations, measure_together
from .problem import Search
from .sampling import parameters, pruner, suggest, tpe
from .scoring import Goal, Measured, Pruned, Stopped, measure

PAUSE = 0.2  # seconds between looks at a journal in which others are at work
OWN = (ConfigError, DivergedError, DeviceError)  # what a trial may fail by; everything else ends the search


class Told:
    """What is told while a worker is at work; each method does nothing unless a subclass says otherwise."""

    def on_trial(self, number: int, values: dict[str, Any]) -> None:
        """A trial is about to be trained."""

    def on_result(self, number: int, values: dict[str, Any], state: str, value: float | None, problem: str) -> None:
        """A trial is finished: complete, pruned or failed."""


def work(
    search: Search,
    goal: Goal,
    journal: Journal,
    stop: Stop | None = None,
    told: Told | None = None,
    go_on: Callable[[], bool] = lambda: True,
    workers: int = 1,
) -> bool:
    """Train trials until all of the search are finished.

    Args:
        search: what is searched.
        goal: what trials are judged by.
        journal: shared with other workers.
        stop: ends the work after the present step; its trial is queued again.
        told: what is told meanwhile.
        go_on: asked before each trial, or population of trials.
        workers: how many share the trials.

    Returns:
        Whether all trials are finished; False where ``stop`` or ``go_on`` came first.
    """
    stop, told, populations = stop or Stop(), told or Told(), Populations(search)
    while not stop.requested and go_on():
        advance(search, goal, journal)
        adaptive = search.settings.method == "tpe"
        taken = journal.take(populations.most, search.settings.trials if adaptive else None, populations.fit, workers)
        if not taken:
            if all_finished(search, journal):
                return True
            time.sleep(PAUSE)  # others are at work, and what comes next may depend on them
            continue
        with _renewed(journal, taken):
            _carry_out_all(search, goal, journal, populations, taken, stop, told)
    return all_finished(search, journal)


def advance(search: Search, goal: Goal, journal: Journal) -> None:
    """Queue the next stage once the one before is finished; which trials it has depends on their results alone."""
    settings = search.settings
    if settings.method == "tpe":
        return
    trials = journal.trials()
    first = 0
    for size in sizes(settings.trials, settings.stages if settings.method == "coarse_to_fine" else 1):
        if len(trials) < first + size:
            earlier = trials[:first]
            if all(trial.state.is_finished() for trial in earlier):
                region = zoomed(search.space, [_judged(goal, trial) for trial in earlier]) if first else {}
                numbers = range(first, first + size)
                drawn = [draw(search.space, search.seed, number, region, search.fixed) for number in numbers]
                journal.enqueue(drawn, [parameters(search.space, values) for values in drawn], first)
            return
        first += size


def all_finished(search: Search, journal: Journal) -> bool:
    """Whether every trial of the search is."""
    trials = journal.trials()
    return len(trials) >= search.settings.trials and all(trial.state.is_finished() for trial in trials)


def _judged(goal: Goal, trial: Any) -> Judged:
    complete = trial.state.name == "COMPLETE" and trial.value is not None
    return Judged(trial.number, trial.user_attrs[VALUES], goal.loss(trial.value) if complete else math.inf)


def _carry_out_all(
    search: Search,
    goal: Goal,
    journal: Journal,
    populations: Populations,
    trials: Sequence[Any],
    stop: Stop,
    told: Told,
) -> None:
    """Train trials together where that can be done, else one after the other; smaller populations if memory ends."""
    each = [dict(trial.user_attrs[VALUES]) for trial in trials] if len(trials) > 1 else []
    config = populations.together(each) if each else None
    if config is None:
        for trial in trials:
            _carry_out(search, goal, journal, trial, stop, told)
        return
    for trial, values in zip(trials, each):
        told.on_trial(trial.number, values)
    full = False
    try:
        results = measure_together(search, goal, config, stop)
    except Stopped:
        journal.give_back(trials)
        return
    except OWN:  # each says by itself what is wrong with it
        results = []
    except Exception as error:
        full = out_of_memory(error)
        if not full:
            journal.give_back(trials)
            raise
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
        results = []
    if full:
        search.experiment.device.release()
        half = len(trials) // 2
        for part in (trials[:half], trials[half:]):
            _carry_out_all(search, goal, journal, populations, part, stop, told)
    elif not results:
        for trial in trials:
            _carry_out(search, goal, journal, trial, stop, told)
    for trial, values, found in zip(trials, each, results):
        _finish(journal, trial, values, found, told)


def _carry_out(search: Search, goal: Goal, journal: Journal, trial: Any, stop: Stop, told: Told) -> None:
    """Train one trial and write what came of it."""
    if trial.user_attrs.get(DRAWN):
        values = dict(trial.user_attrs[VALUES])
    else:
        values = journal.asked(trial, tpe(search.seed, trial.number), lambda asked: _suggest(search, asked))
    told.on_trial(trial.number, values)
    curve: list[float] = []
    ends = pruner(search.settings.prune) if search.settings.prune != "none" else None

    def on_value(step: int, value: float) -> None:
        curve.append(value)
        if ends is not None and journal.report(trial, step, value, ends):
            raise Pruned

    began = time.perf_counter()
    try:
        config = search.configured(values, search.settings.seeds)
        tune = search.tuned(values, config)
        found = measure(search, goal, config, tune, search.splits, stop, on_value)
    except Stopped:
        journal.give_back([trial])
        return
    except Pruned:
        result: dict[str, Any] = {"curve": curve, "epochs": len(curve), "seconds": time.perf_counter() - began}
        value = min(curve, key=goal.loss)
        if journal.finish(trial, "PRUNED", value, {RESULT: result}):
            told.on_result(trial.number, values, "pruned", value, "")
        return
    except OWN as error:
        _finish(journal, trial, values, error, told)
        return
    except GpunetError:
        journal.give_back([trial])
        raise
    _finish(journal, trial, values, found, told)


def _finish(journal: Journal, trial: Any, values: dict[str, Any], found: Measured | GpunetError, told: Told) -> None:
    """Write what came of a trial that was trained to its end, or could not be."""
    if isinstance(found, GpunetError):
        problem = str(found).splitlines()[0]
        if journal.finish(trial, "FAIL", None, {PROBLEM: problem}):
            told.on_result(trial.number, values, "failed", None, problem)
    elif journal.finish(trial, "COMPLETE", found.value, {RESULT: _result(found)}):
        told.on_result(trial.number, values, "complete", found.value, "")


def _suggest(search: Search, asked: Any) -> dict[str, Any]:
    return suggest(search.space, asked, search.fixed)


def _result(found: Measured) -> dict[str, Any]:
    return {
        "scores": found.scores.tolist(),
        "curve": found.curve,
        "epochs": found.epochs,
        "seconds": found.seconds,
        "models": found.models,
    }


@contextmanager
def _renewed(journal: Journal, trials: Sequence[Any]) -> Iterator[None]:
    """While this is open, a thread makes the leases of some trials last."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED):
            with suppress(GpunetError):  # where the journal is gone, the next change of the worker itself says so
                journal.renew(trials)

    thread = threading.Thread(target=renew, daemon=True, name="lease")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
