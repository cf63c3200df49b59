"""Choosing a learning rate: several rates with all seeds as one population, and the run of the chosen one."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..errors import DivergedError
from ..experiment import Run
from ..interruption import Stop
from ..training import epochs_of, rows_of
from .arms import Trial

WIDER = 2  # rates that are tried beyond an end, at a time


def train_rates(run: Run, rates: Sequence[float], stop: Stop | None) -> list[Trial]:
    """Train a population of rates and seeds, rates outermost, without a look at its test part.

    Returns:
        A trial for each rate, with an equal share of the time.
    """
    began = time.perf_counter()
    with suppress(DivergedError):
        run.train(stop=stop, test=False)
    seconds = (time.perf_counter() - began) / len(rates)
    return [
        _trial(run, rate, rows, seconds) for rate, rows in zip(rates, rows_of(len(run.selection.active), len(rates)))
    ]


def wider(trials: Sequence[Trial], least: int = 2) -> list[float]:
    """Rates beyond the end at which the best one lies, or none where it lies inside of those that were tried.

    A rate at which a seed diverged counts as tried.

    Args:
        trials: of all rates so far.
        least: with fewer rates nothing is widened.

    >>> import numpy as np
    >>> errors = {0.01: 0.3, 0.1: 0.2}
    >>> wider([Trial(rate, np.array([error]), np.array([1]), 1, True, 0.0) for rate, error in errors.items()])
    [1.0, 10.0]
    """
    best, rates = best_of(trials), sorted(trial.rate for trial in trials)
    if best is None or len(rates) < least:
        return []
    if best.rate == rates[-1]:
        factor = rates[-1] / rates[-2]
        found = [rates[-1] * factor**power for power in range(1, WIDER + 1)]
    elif best.rate == rates[0]:
        factor = rates[1] / rates[0]
        found = [rates[0] / factor**power for power in range(WIDER, 0, -1)]
    else:
        return []
    return [float(f"{rate:.3g}") for rate in found]


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the lowest mean validation error; of several that are as good, the one next to the middle."""
    ordered = sorted(trials, key=lambda trial: trial.rate)
    middle = (len(ordered) - 1) / 2
    finite = [(place, trial) for place, trial in enumerate(ordered) if trial.validation_error is not None]
    found = min(finite, key=lambda one: (error_of(one[1]), abs(one[0] - middle), one[0]), default=None)
    return None if found is None else found[1]


def error_of(trial: Trial) -> float:
    """Its mean validation error over seeds; infinite where one diverged."""
    return math.inf if trial.validation_error is None else float(trial.validation_error.mean())


def alone(run: Run, place: int, places: int, empty: Run) -> Run:
    """The run of one rate, as if it had been trained by itself.

    Args:
        run: the population, trained.
        place: of the rate.
        places: how many rates there are.
        empty: a run of that rate that has not begun.
    """
    if places == 1:
        return run
    rows, device = rows_of(len(run.selection.active), places)[place], run.device
    theirs, ours = run.selection, empty.selection
    ours.best, ours.best_epoch, ours.active = theirs.best[rows], theirs.best_epoch[rows], theirs.active[rows]
    weights = device.get(theirs.weights)[rows].reshape(ours.weights.shape)
    device.copy_into(ours.weights, weights)
    ours.restore()
    history = [
        replace(
            record,
            numbers={name: values[rows] for name, values in record.numbers.items()},
            improved=record.improved[rows],
            active=record.active[rows],
            diverged=(),
        )
        for record in run.history[: epochs_of(run.history, rows)]
    ]
    empty.came_from(run.lineage)
    empty.go_on_from(history, 0)
    steps = empty.trainer.steps_per_epoch(empty.config.training.drop_last)
    device.copy_into(empty.trainer.clock, len(history) * steps)
    return empty


def _trial(run: Run, rate: float, rows: slice, seconds: float) -> Trial:
    diverged = any(member in run.trainer.diverged for member in range(rows.start, rows.stop))
    error = None if diverged else 1 - run.selection.best_so_far[rows]
    settled = not run.selection.active[rows].any()
    return Trial(rate, error, run.selection.best_epoch[rows], epochs_of(run.history, rows), settled, seconds)
