"""The journal of a search: one file of Optuna's, in which trials are queued, taken, given back and finished.

Every change is made while the lock of the journal is held, so that what was looked at still holds when it is changed.
A trial is taken by a lease of the worker; one whose lease is over, or whose process is gone, is queued again under its
number.  Whoever lost a lease finds so when it finishes, and its result is left out: another one has the trial.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError, DataError, GpunetError, WriteError, printable
from ..paths import exists
from ..plain import finite
from .lease import ATTEMPTS, Lease, Worker
from .locking import FileLock

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

NAME, STUDY = "search.journal", "gpunet"
LEASE, VALUES, RESULT, PROBLEM, IDENTITY, DRAWN = "lease", "values", "result", "problem", "search", "drawn"
State = Literal["COMPLETE", "PRUNED", "FAIL"]
Fit = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]


def require_optuna() -> Any:
    """Optuna, loaded when it is first needed, and quiet.

    Raises:
        ConfigError: it is not installed.
    """
    for name in ("optuna", "sklearn"):  # the second is what importances stand on, and loaded for them alone
        if find_spec(name) is None:
            remedy = "Install the extra with pip install 'gpunet[search]'"
            raise ConfigError("search", "needs optuna and scikit-learn", f"no {name}", remedy)
    import optuna

    logging.getLogger("optuna").setLevel(logging.ERROR)
    return optuna


class Journal:
    """The trials of a search, shared by all its workers.

    Args:
        folder: of the search.
        identity: of the search; a journal of another one is refused.
        higher: whether larger scores are better.
        begins: whether the journal may be new.
        worker: who takes trials through this object.

    Raises:
        ConfigError: no optuna, no journal, or one of another search.
        DataError: a journal that is damaged, or emptied.
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, Any], higher: bool, begins: bool, worker: Worker | None = None
    ):
        self._optuna = require_optuna()
        self.path, self.worker = folder / NAME, worker or Worker()
        if not begins and not exists(self.path):
            remedy = "Begin it with gpunet search"
            raise ConfigError(str(folder), f"must hold {NAME} of a search", "none", remedy)
        self.lock = FileLock(self.path)
        journal = self._optuna.storages.journal
        with self._guarded():
            self._storage = journal.JournalStorage(journal.JournalFileBackend(str(self.path), lock_obj=self.lock))
            self.study: optuna.Study = self._study(dict(identity), higher, begins)

    def _study(self, identity: dict[str, Any], higher: bool, begins: bool) -> Any:
        optuna = self._optuna
        names = [study.study_name for study in self._storage.get_all_studies()]
        if STUDY not in names:
            if names:
                raise self._other("a journal of another program")
            if not begins:
                raise self._damaged("no record of a search")
            study = optuna.create_study(
                storage=self._storage, study_name=STUDY, direction="maximize" if higher else "minimize"
            )
            study.set_user_attr(IDENTITY, identity)
            return study
        study = optuna.load_study(storage=self._storage, study_name=STUDY)
        held = study.user_attrs.get(IDENTITY)
        if held is None:  # its process was killed between two records
            study.set_user_attr(IDENTITY, identity)
        elif held.get("data_sha256") != identity["data_sha256"]:
            raise self._other("one of other data")
        elif held != identity:
            raise self._other("one of another configuration, space or settings")
        return study

    def _other(self, received: str) -> ConfigError:
        remedy = "Take the configuration that it was begun with, or another folder"
        return ConfigError(str(self.path), "must be the journal of this search", received, remedy)

    def _damaged(self, received: str) -> DataError:
        remedy = "Restore it from a copy, or begin the search anew in another folder"
        return DataError(printable(str(self.path)), "must be a journal as it was written", received, remedy)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Hold the lock; what cannot be read is an error of one line."""
        try:
            with self.lock:
                yield
        except GpunetError:
            raise
        except OSError as error:
            raise WriteError(str(self.path), "must be readable and writable", error.strerror) from None
        except (ValueError, KeyError, TypeError, AttributeError, LookupError, AssertionError, RecursionError) as error:
            reason = printable((str(error).splitlines() or [type(error).__name__])[0])[:100]
            raise self._damaged(reason) from None

    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        with self._guarded():
            return self._all()

    def enqueue(self, drawn: Sequence[Mapping[str, Any]], parameters: Sequence[Mapping[str, Any]], first: int) -> None:
        """Queue trials whose values are known, unless they are there already.

        Args:
            drawn: values by key.
            parameters: the same as Optuna knows them, name: (value, distribution).
            first: number of the first of them.

        """
        optuna = self._optuna
        with self._guarded():
            there = len(self._all())
            for number, (values, known) in enumerate(zip(drawn, parameters), first):
                if number < there:
                    continue
                trial = optuna.trial.create_trial(
                    state=optuna.trial.TrialState.WAITING,
                    params={name: value for name, (value, _) in known.items()},
                    distributions={name: distribution for name, (_, distribution) in known.items()},
                    user_attrs={VALUES: dict(values), DRAWN: True},
                )
                self._storage.create_new_trial(self.study._study_id, trial)

    def requeue_stale(self) -> list[int]:
        """Queue again what nobody works on any more; the numbers of those trials.

        A trial that was begun :data:`~gpunet.searches.lease.ATTEMPTS` times in vain is given up.
        """
        states = self._optuna.trial.TrialState
        found = []
        with self._guarded():
            for trial in self._all():
                if trial.state != states.RUNNING:
                    continue
                lease = Lease.of(trial.user_attrs.get(LEASE))
                if lease is not None and lease.is_alive(self.worker.clock()):
                    continue
                if lease is not None and lease.attempt >= ATTEMPTS:
                    problem = f"its worker was gone {lease.attempt} times"
                    self._storage.set_trial_user_attr(trial._trial_id, PROBLEM, problem)
                    self._storage.set_trial_state_values(trial._trial_id, states.FAIL)
                    continue
                self._storage.set_trial_state_values(trial._trial_id, states.WAITING)
                found.append(trial.number)
        return found

    def take(
        self,
        most: int = 1,
        most_trials: int | None = None,
        fit: Fit = lambda first, other: True,
        workers: int = 1,
        below: int | None = None,
    ) -> list[FrozenTrial]:
        """Take the trial that waits longest, and others that go with it, with a lease; none where there are no more.

        Args:
            most: at most so many, all queued ones.
            most_trials: make a new one without values where none waits and there are fewer than these.
            fit: whether a trial goes with the first one, by the values of both.
            workers: who share the trials that go together, so that none takes more than its part of them.
            below: numbers from there on wait on, as where a search goes on with fewer trials than it has queued.
        """
        states = self._optuna.trial.TrialState
        with self._guarded():
            self.requeue_stale()
            end = math.inf if below is None else below
            waiting = [trial for trial in self._all() if trial.state == states.WAITING and trial.number < end]
            if most > 1:
                waiting = [one for one in waiting if one is waiting[0] or _go_together(waiting[0], one, fit)]
            waiting = waiting[: min(most, -(-len(waiting) // workers))]
            if not waiting and most_trials is not None and len(self._all()) < most_trials:
                identifier = self._storage.create_new_trial(self.study._study_id)
                self._lease(identifier, 1)
                return [self._storage.get_trial(identifier)]
            for trial in waiting:
                before = Lease.of(trial.user_attrs.get(LEASE))
                self._lease(trial._trial_id, 1 if before is None else before.attempt + 1)
                self._storage.set_trial_state_values(trial._trial_id, states.RUNNING)
            return [self._storage.get_trial(trial._trial_id) for trial in waiting]

    def asked(self, trial: FrozenTrial, sampler: Any, suggest: Any) -> dict[str, Any]:
        """The values of a trial that a sampler chooses by the results so far.

        Args:
            trial: taken, perhaps with some values that were chosen before.
            sampler: of Optuna.
            suggest: from a trial of Optuna to values by key.
        """
        with self._guarded():
            self.study.sampler = sampler
            values: dict[str, Any] = suggest(self._optuna.trial.Trial(self.study, trial._trial_id))
            self._storage.set_trial_user_attr(trial._trial_id, VALUES, values)
            return values

    def renew(self, trials: Sequence[FrozenTrial], attempts: int = 0) -> None:
        """Make leases last longer, of trials that are still ours.

        Args:
            trials: taken.
            attempts: how often they were begun again, since whoever trained them for us is gone.
        """
        with self._guarded():
            for trial in trials:
                lease = self._ours(trial)
                if lease is not None:
                    self._lease(trial._trial_id, lease.attempt + attempts)

    def report(self, trial: FrozenTrial, step: int, value: float, pruner: Any) -> bool:
        """Note the score of an epoch; whether the pruner would end the trial."""
        with self._guarded():
            if self._ours(trial) is None:
                return False
            self._storage.set_trial_intermediate_value(trial._trial_id, step, value)
            return bool(pruner.prune(self.study, self._storage.get_trial(trial._trial_id)))

    def finish(self, trial: FrozenTrial, state: State, value: float | None, result: Mapping[str, Any]) -> bool:
        """Write what came of a trial; False where it is somebody else's by now, and nothing was written."""
        with self._guarded():
            if self._ours(trial) is None:
                return False
            for key, held in result.items():
                self._storage.set_trial_user_attr(trial._trial_id, key, finite(held))
            values = None if value is None else [value]
            self._storage.set_trial_state_values(trial._trial_id, self._optuna.trial.TrialState[state], values)
            return True

    def give_back(self, trials: Sequence[FrozenTrial]) -> None:
        """Queue trials again that were stopped from outside; the attempt does not count."""
        with self._guarded():
            for trial in trials:
                lease = self._ours(trial)
                if lease is not None:
                    self._lease(trial._trial_id, lease.attempt - 1)
                    self._storage.set_trial_state_values(trial._trial_id, self._optuna.trial.TrialState.WAITING)

    def _all(self) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self.study._study_id, deepcopy=False)

    def _ours(self, trial: FrozenTrial) -> Lease | None:
        """Our lease on a trial, None where it is over or another's."""
        now = self._storage.get_trial(trial._trial_id)
        lease = Lease.of(now.user_attrs.get(LEASE))
        running = now.state == self._optuna.trial.TrialState.RUNNING
        return lease if running and lease is not None and lease.owner == self.worker.owner else None

    def _lease(self, identifier: int, attempt: int) -> None:
        self._storage.set_trial_user_attr(identifier, LEASE, self.worker.lease(attempt).document())


def _go_together(first: FrozenTrial, other: FrozenTrial, fit: Fit) -> bool:
    values = [trial.user_attrs[VALUES] for trial in (first, other) if trial.user_attrs.get(DRAWN)]
    return len(values) == 2 and fit(*values)
