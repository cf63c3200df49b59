"""What a search came to, as one document of plain data."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..plain import finite
from .journal import LEASE, PROBLEM, RESULT, VALUES, Journal, require_optuna
from .problem import VERSION, Search
from .sampling import name_of
from .scoring import Goal

TOLD = 5  # trials that are listed
EDGE = 0.05  # of its scale: a choice that is nearer to an end may have its best value beyond it
STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


@dataclass(frozen=True)
class Trial:
    """One configuration that was tried.

    Attributes:
        number: from 0.
        state: ``complete``, ``pruned``, ``failed``, ``running`` or ``waiting``.
        values: by key.
        score: the mean over parts and seeds; of a pruned one its best epoch; None where there is none.
        spread: standard deviation over parts and seeds, None of a single one.
        scores: (parts, seeds).
        curve: by epoch, of the first part.
        epochs: that its first part took.
        seconds: of all.
        models: that were trained.
        attempts: how often it was begun; more than 1 where a worker was gone.
        problem: why it failed.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    score: float | None = None
    spread: float | None = None
    scores: Sequence[Sequence[float]] = ()
    curve: Sequence[float] = ()
    epochs: int = 0
    seconds: float = 0.0
    models: int = 0
    attempts: int = 1
    problem: str = ""


@dataclass(frozen=True)
class Final:
    """What the chosen configuration came to.

    Attributes:
        test: its score on the test part, for each seed; empty where there is none.
        noise: scores of other seeds, (parts, seeds); empty where none were trained.
        seconds: that both took.
    """

    test: Sequence[float] = ()
    noise: Sequence[Sequence[float]] = field(default_factory=list)
    seconds: float = 0.0


def trials_of(journal: Journal) -> list[Trial]:
    """All trials of a journal."""
    found = []
    for trial in journal.trials():
        held = trial.user_attrs
        result = held.get(RESULT) or {}
        scores = result.get("scores") or []
        flat = np.array(scores, float).ravel()
        found.append(
            Trial(
                trial.number, STATES[trial.state.name], held.get(VALUES) or {},
                trial.value if trial.state.is_finished() else None,
                float(flat.std(ddof=1)) if len(flat) > 1 else None,
                scores, result.get("curve") or [], result.get("epochs") or 0, result.get("seconds") or 0.0,
                result.get("models") or 0, (held.get(LEASE) or {}).get("attempt", 1), held.get(PROBLEM) or "",
            )
        )  # fmt: skip
    return found


def best_of(trials: Sequence[Trial], goal: Goal) -> Trial | None:
    """The complete trial of the best score, the first of equal ones; None where none is complete."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.score is not None]
    return min(complete, key=lambda trial: (goal.loss(float(trial.score or 0.0)), trial.number), default=None)


def importances(search: Search, journal: Journal) -> dict[str, float]:
    """How much of the difference between good and bad trials each key makes, adding up to 1; empty for few trials.

    By Optuna's functional ANOVA of a random forest, among the keys that all complete trials have.  Hutter, Hoos,
    Leyton-Brown: An efficient approach for assessing hyperparameter importance (2014).
    """
    optuna = require_optuna()
    complete = [trial for trial in journal.trials() if trial.state.name == "COMPLETE"]
    shared = [one for one in search.space if all(name_of(one) in trial.params for trial in complete)]
    if len(complete) < 5 or len(shared) < 2 or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator: Any = None
    with warnings.catch_warnings(), suppress(ValueError, RuntimeError):
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        names = [name_of(one) for one in shared]
        found = optuna.importance.get_param_importances(journal.study, evaluator=evaluator, params=names)
        keys = {name_of(one): one.key for one in shared}
        return {keys[name]: float(value) for name, value in found.items()}
    return {}


def document(
    search: Search,
    goal: Goal,
    journal: Journal,
    final: Final | None,
    speed: float | None = None,
    shares: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What a search came to, for reports and programs.

    Args:
        search: what was searched.
        goal: what trials were judged by.
        journal: of its trials.
        final: what the chosen configuration came to, None before that is known.
        speed: models that were trained per second, None where that was not measured.
        shares: :func:`importances` of the trials, where they are known already.
    """
    trials = trials_of(journal)
    while len(trials) > search.settings.trials and trials[-1].state == "waiting":
        trials.pop()  # queued before the search went on with fewer trials
    best = best_of(trials, goal)
    split, settings = search.experiment.split, search.settings
    found: dict[str, Any] = {
        "version": VERSION,
        "data": search.experiment.dataset.name,
        "model": search.config.model.name,
        "parts": {name: len(getattr(split, name)) for name in ("train", "validation", "test")},
        "purpose": search.purpose,
        "score": {"name": goal.name, "higher": goal.higher, "percent": goal.percent, "part": goal.part},
        "seed": search.seed,
        "settings": settings.document(),
        "space": search.space.document(),
        "trials": [_entry(trial) for trial in trials],
        "best": None if best is None else best.number,
        "importances": importances(search, journal) if shares is None else dict(shares),
        "models": sum(trial.models for trial in trials),
        "seconds": sum(trial.seconds for trial in trials),
        "models_per_second": speed,
        "test": None,
        "optimism": None,
        "noise": None,
    }
    if best is not None and best.score is not None and final is not None:
        if len(final.test):
            found["test"] = float(np.mean(final.test))
            found["optimism"] = best.score - found["test"]
        if len(final.noise):
            each = np.mean(final.noise, axis=0)
            sd = float(each.std(ddof=1)) if len(each) > 1 else None
            found["noise"] = {"scores": each.tolist(), "mean": float(each.mean()), "sd": sd}
    found["notes"] = notes(search, goal, trials, best, found)
    return dict(finite(found))


def notes(
    search: Search, goal: Goal, trials: Sequence[Trial], best: Trial | None, found: Mapping[str, Any]
) -> list[str]:
    """What one must know to read the figures."""
    lines = []
    if best is not None:
        for one in search.space:
            if one.kind == "choice" or one.key not in best.values:
                continue
            place = one.place(best.values[one.key])
            if not EDGE <= place <= 1 - EDGE and not (place < EDGE and one.low == 0):  # nothing lies below 0
                end = "lower" if place < EDGE else "upper"
                lines.append(
                    f"{one.key} = {one.said(best.values[one.key])} lies at the {end} end of its range: widen it"
                )
    ties = [trial for trial in trials if best is not None and trial.state == "complete" and trial.score == best.score]
    if best is not None and len(ties) > 1:
        numbers = ", ".join(str(trial.number) for trial in ties[:TOLD]) + (" and more" if len(ties) > TOLD else "")
        lines.append(f"{len(ties)} trials have the best score ({numbers}): the first of them, {best.number}, is chosen")
    noise = found["noise"]
    if best is not None and noise is not None and noise["sd"]:
        rivals = [
            trial for trial in trials
            if trial.state == "complete" and trial.number != best.number and trial.score is not None
            and goal.loss(trial.score) - goal.loss(best.score or 0.0) < 2 * noise["sd"]
        ]  # fmt: skip
        if rivals:
            count = f"{len(rivals)} other trial{'s' if len(rivals) > 1 else ''}"
            lines.append(f"{count} within twice the noise of the best one: which of them is best is not known")
    failed = [trial for trial in trials if trial.state == "failed"]
    if failed:
        lines.append(f"{len(failed)} of {len(trials)} trials failed, the first by: {failed[0].problem.rstrip('.')}")
    if search.settings.adaptive:
        what = "tpe" if search.settings.method == "tpe" else f"{search.settings.prune} pruning"
        lines.append(f"{what} depends on the order of results: with other numbers of workers it may try otherwise")
    again = [trial.number for trial in trials if trial.attempts > 1]
    if again:
        lines.append(f"trials begun again after a worker was gone: {', '.join(map(str, again))}")
    return lines


def _entry(trial: Trial) -> dict[str, Any]:
    return {**vars(trial), "values": dict(trial.values), "scores": [list(row) for row in trial.scores]}
