"""Trials on a cluster: this process holds the journal, and workers train what it has taken for them.

Workers see neither the folder nor the journal.  What they get is sent: the search with its data once, then values of
trials; what comes back is what the trials came to.  A population whose worker ended is begun again one trial after the
other, so that one that ends its workers takes no others with it.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..backend import Device
from ..cluster import ATTEMPTS, Cluster, Gone, Task, Tasks
from ..errors import ClusterError
from ..experiment import Run
from ..inspection.portrait import portrait
from ..interruption import Stop
from ..stages import Callbacks
from .final import Kept, keep, noise
from .journal import Journal
from .outcomes import Ended, Outcome, outcomes
from .populations import Populations
from .problem import Search
from .scoring import Goal, Stopped
from .work import Told, advance, all_finished, ends_of, finish, renewed, values_of


class _Portraits(Callbacks):
    def portrait(self, run: Run) -> Any:
        return portrait(run)


def prepared(payload: tuple[Search, Goal], place: Device) -> tuple[Search, Goal, Populations]:
    """A search in a worker, on its device."""
    search, goal = payload
    search = replace(search, experiment=replace(search.experiment, device=place))
    return search, goal, Populations(search)


def carried(known: tuple[Search, Goal, Populations], argument: tuple[str, Any], task: Task) -> Any:
    """What a worker does: ``trials``, the model to ``keep``, or the ``noise``, of the values in its argument."""
    (search, goal, populations), (kind, values) = known, argument
    if kind == "keep":
        return keep(search, goal, values, _Portraits(), task.stop)
    if kind == "noise":
        return noise(search, goal, values, task.stop)

    def told(step: int, value: float) -> bool:
        task.tell((step, value))
        return False  # whether it ends is known where the journal is, which then cancels the task

    ends = told if search.settings.prune != "none" else None
    found: dict[int, Outcome] = dict(outcomes(search, goal, populations, values, task.stop, ends))
    return [found[place] for place in range(len(values))]


@dataclass(eq=False)
class _Batch:
    """Trials that are in one task, with what is known about them."""

    trials: list[Any]
    each: list[dict[str, Any]]
    ends: Any
    curve: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)


class Remote:
    """A search on a cluster.

    Args:
        search: what is searched.
        goal: what trials are judged by.
        journal: of its trials.
        cluster: that trains them.
        told: what is told meanwhile.
    """

    def __init__(self, search: Search, goal: Goal, journal: Journal, cluster: Cluster, told: Told):
        self._search, self._goal, self._journal, self._told = search, goal, journal, told
        bare = replace(search, experiment=replace(search.experiment))  # without what was derived from it
        self._tasks = Tasks(cluster, prepared, carried, (bare, goal), self._reported)
        self._populations = Populations(search)
        self._batches: dict[tuple[int, ...], _Batch] = {}
        self._again: deque[_Batch] = deque()
        self._gone: dict[int, int] = {}  # how often the worker of a trial was gone
        self._leased: list[Any] = []

    def __enter__(self) -> "Remote":
        """Listen to the workers."""
        self._tasks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """What still runs is not wanted any more."""
        self._tasks.__exit__(*error)

    def train(self, stop: Stop) -> None:
        """Train trials until all are finished, or ``stop`` is requested.

        Raises:
            ClusterError: the cluster is lost; what is finished is in the journal, and all else queued again.
        """
        with renewed(self._journal, self._leased):
            try:
                while not stop.requested:
                    advance(self._search, self._goal, self._journal)
                    self._start()
                    if not self._tasks.running and not self._again and all_finished(self._search, self._journal):
                        return
                    for job, found in self._tasks.ended():
                        self._end(self._batches.pop(job), found)
            finally:
                for job in self._tasks.running:
                    self._tasks.cancel(job)
                self._journal.give_back(self._leased)
                self._leased.clear()

    def final(self, values: Mapping[str, Any], stop: Stop) -> tuple[Kept, list[list[float]]]:
        """The chosen model and the noise, trained at once where there are two workers.

        Raises:
            Stopped: ``stop`` was requested.
            ClusterError: the cluster is lost.
        """
        found = dict(self._tasks.each([("keep", dict(values)), ("noise", dict(values))], stop))
        if len(found) < 2:
            raise Stopped
        return found[0], found[1]

    def _start(self) -> None:
        """Give trials to workers that have nothing to do."""
        adaptive = self._search.settings.method == "tpe"
        for left in range(self._tasks.free(), 0, -1):
            if self._again:
                batch = self._again.popleft()
            else:
                count = self._search.settings.trials
                most = count if adaptive else None
                trials = self._journal.take(self._populations.most, most, self._populations.fit, left, count)
                if not trials:
                    return
                self._leased.extend(trials)
                batch = self._batch(trials)
            job = tuple(trial.number for trial in batch.trials)
            if not self._tasks.start(job, ("trials", batch.each)):
                self._again.appendleft(batch)
                return
            self._batches[job] = batch

    def _batch(self, trials: list[Any]) -> _Batch:
        each = [values_of(self._search, self._journal, trial) for trial in trials]
        for trial, values in zip(trials, each):
            self._told.on_trial(trial.number, values)
        return _Batch(trials, each, ends_of(self._search, self._journal, trials[0]))

    def _end(self, batch: _Batch, found: Any) -> None:
        """What came of trials is written, or they are begun again."""
        if isinstance(found, Gone):
            for trial, values in zip(batch.trials, batch.each):
                times = self._gone[trial.number] = self._gone.get(trial.number, 0) + 1
                if times >= ATTEMPTS and len(batch.trials) == 1:
                    error = ClusterError(f"trial {trial.number}", "must not end its workers", f"{times} times")
                    self._write(trial, values, error)
                else:
                    self._journal.renew([trial], 1)
                    self._again.append(_Batch([trial], [values], batch.ends))
        elif isinstance(found, BaseException):
            raise found
        else:
            for trial, values, one in zip(batch.trials, batch.each, found):
                self._write(trial, values, one)

    def _reported(self, job: tuple[int, ...], message: tuple[int, float]) -> None:
        """A trial that is trained alone tells the score of an epoch."""
        batch = self._batches[job]
        step, value = message
        batch.curve.append(value)
        if batch.ends is not None and batch.ends(step, value):
            self._tasks.cancel(job)
            del self._batches[job]
            self._write(batch.trials[0], batch.each[0], Ended(batch.curve, time.perf_counter() - batch.began))

    def _write(self, trial: Any, values: dict[str, Any], found: Outcome) -> None:
        finish(self._journal, self._goal, trial, values, found, self._told)
        self._leased.remove(trial)
