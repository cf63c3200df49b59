"""The chosen configuration once more: trained, scored on the test part, and with other seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checkpoint import Group
from ..config import Config
from ..interruption import Stop
from ..persistence import snapshot
from ..stages import Callbacks, carry_out_population, runs_of
from .problem import Search
from .scoring import Goal, Stopped, fine_tuned, likelihood, measure

Values = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Kept:
    """The model that a search chose.

    Attributes:
        config: of it.
        network: the content of its checkpoint, with the best weights.
        scores: on the test part, (seeds,), as they are shown; none where there is no such part.
        pretraining: configuration of the stack that it starts from, or None.
        stack: content of the checkpoint of that stack, or None.
    """

    config: Config
    network: Group
    scores: list[float]
    pretraining: Config | None = None
    stack: Group | None = None


def keep(search: Search, goal: Goal, values: Values, told: Callbacks, stop: Stop) -> Kept:
    """Train the chosen configuration on the parts of the data; the test part is read here, once.

    Args:
        search: that chose it.
        goal: of the search.
        values: of the chosen trial.
        told: of the training; its portraits go with the checkpoints.
        stop: ends it after the present step.

    Raises:
        Stopped: ``stop`` was requested.
    """
    split = search.experiment.split
    config = search.configured(values)
    tune = search.tuned(values, config)
    carried = carry_out_population(lambda own, _: runs_of(own, search.start), search.on(config, split), told, stop)
    if not carried.finished:
        raise Stopped
    run = carried.run
    pretraining, stack = None, None
    if tune is not None:
        pretraining, stack = config, snapshot(run, best=True, portrait=told.portrait(run))
        run, config = fine_tuned(run, search, tune, split, stop, told), tune
    network = snapshot(run, best=True, portrait=told.portrait(run))
    if not len(split.test):
        scores: list[float] = []
    elif goal.measure == "log_likelihood":
        scores = likelihood(run, split.test).tolist()
    else:
        scores = np.asarray(goal.shown(run.test_scores[goal.measure])).tolist()
    return Kept(config, network, scores, pretraining, stack)


def noise(search: Search, goal: Goal, values: Values, stop: Stop) -> list[list[float]]:
    """Scores of the chosen configuration with seeds that no trial has had: of each part, by seed.

    Raises:
        Stopped: ``stop`` was requested.
    """
    count = search.settings.noise
    if not count:
        return []
    config = search.configured(values, count, search.seed + search.settings.seeds)
    found = measure(search, goal, config, search.tuned(values, config), search.splits, stop)
    return [list(row) for row in found.scores.tolist()]
