"""A worker: takes trials from the journal, trains them, and writes what came of them, until none is left."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import GpunetError
from ..interruption import Stop
from .drawing import Judged, draw, sizes, zoomed
from .journal import DRAWN, PROBLEM, RESULT, VALUES, Journal
from .lease import RENEWED
from .outcomes import Ended, Ends, Outcome, outcomes
from .populations import Populations
from .problem import Search
from .sampling import parameters, pruner, suggest, tpe
from .scoring import Goal, Measured, Stopped

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
PAUSE = 0.2  # seconds between looks at a journal in which others are at work


class Told:
    """What is told while a worker is at work; each method does nothing unless a subclass says otherwise."""

    def on_trial(self, number: int, values: dict[str, Any]) -> None:
        """A trial is about to be trained, perhaps together with others."""

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
        count = search.settings.trials
        taken = journal.take(populations.most, count if adaptive else None, populations.fit, workers, count)
        if not taken:
            if all_finished(search, journal):
                return True
            time.sleep(PAUSE)  # others are at work, and what comes next may depend on them
            continue
        with renewed(journal, taken):
            _carry_out(search, goal, journal, populations, taken, stop, told)
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
    trials = journal.trials()[: search.settings.trials]  # more may be queued, where it goes on with fewer than before
    return len(trials) == search.settings.trials and all(trial.state.is_finished() for trial in trials)


def _judged(goal: Goal, trial: Any) -> Judged:
    complete = trial.state.name == "COMPLETE" and trial.value is not None
    return Judged(trial.number, trial.user_attrs[VALUES], goal.loss(trial.value) if complete else math.inf)


def _carry_out(
    search: Search,
    goal: Goal,
    journal: Journal,
    populations: Populations,
    trials: Sequence[Any],
    stop: Stop,
    told: Told,
) -> None:
    """Train trials, and write what came of each as soon as it is known."""
    each, left = [values_of(search, journal, trial) for trial in trials], list(trials)
    for trial, values in zip(trials, each):
        told.on_trial(trial.number, values)
    try:
        for place, found in outcomes(search, goal, populations, each, stop, ends_of(search, journal, trials[0])):
            left.remove(trials[place])
            finish(journal, goal, trials[place], each[place], found, told)
    except Stopped:
        journal.give_back(left)
    except Exception:
        journal.give_back(left)
        raise


def values_of(search: Search, journal: Journal, trial: Any) -> dict[str, Any]:
    """The values of a trial that was taken: those that were drawn, or what suits the results so far."""
    if trial.user_attrs.get(DRAWN):
        return dict(trial.user_attrs[VALUES])
    return journal.asked(
        trial, tpe(search.seed, trial.number), lambda asked: suggest(search.space, asked, search.fixed)
    )


def ends_of(search: Search, journal: Journal, trial: Any) -> Ends | None:
    """What says after an epoch whether a trial ends early; None where none does."""
    if search.settings.prune == "none":
        return None
    rule = pruner(search.settings.prune)
    return lambda step, value: journal.report(trial, step, value, rule)


def finish(journal: Journal, goal: Goal, trial: Any, values: dict[str, Any], found: Outcome, told: Told) -> None:
    """Write what came of a trial, unless it is somebody else's by now."""
    state: Any = "COMPLETE"
    value, problem = None, ""
    written: dict[str, Any]
    if isinstance(found, Measured):
        value, written = found.value, {RESULT: _result(found)}
    elif isinstance(found, Ended):
        state, value = "PRUNED", min(found.curve, key=goal.loss)
        written = {RESULT: {"curve": found.curve, "epochs": len(found.curve), "seconds": found.seconds}}
    else:
        state, problem = "FAIL", str(found).splitlines()[0]
        written = {PROBLEM: problem}
    if journal.finish(trial, state, value, written):
        told.on_result(trial.number, values, STATES[state], value, problem)


def _result(found: Measured) -> dict[str, Any]:
    return {
        "scores": found.scores.tolist(),
        "curve": found.curve,
        "epochs": found.epochs,
        "seconds": found.seconds,
        "models": found.models,
    }


@contextmanager
def renewed(journal: Journal, trials: Sequence[Any]) -> Iterator[None]:
    """While this is open, a thread makes the leases of some trials last; of a list, those that it has by then."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED):
            with suppress(GpunetError):  # where the journal is gone, the next change of the worker itself says so
                journal.renew(list(trials))

    thread = threading.Thread(target=renew, daemon=True, name="lease")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
