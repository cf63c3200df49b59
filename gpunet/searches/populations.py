"""Trials that differ only in numbers train together as one population; each comes to what it would alone."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import Config, check
from ..errors import ConfigError, DivergedError
from ..experiment import Run
from ..interruption import Stop
from ..stages import Callbacks
from ..training import epochs_of, rows_of
from ..vocabulary import MEMBERS
from .problem import Search
from .scoring import Goal, Measured, score_of, trained

Values = Mapping[str, Any]


class Populations:
    """Which trials of a search can be trained together.

    Args:
        search: whose trials.
    """

    def __init__(self, search: Search):
        self._search, self._known = search, dict[str, bool]()
        settings, start, model = search.settings, search.start, search.config.model
        alone = settings.adaptive or search.purpose != "validation" or model.grown_on is not None
        # Members take weights of one model, not each those of another one.
        several = start is not None and (start.foreign or "members" in start.root)
        self.most = 1 if alone or several else settings.together

    def fit(self, first: Values, other: Values) -> bool:
        """Whether two trials have the same keys, and differ in numbers alone that may differ by member."""
        if first.keys() != other.keys():
            return False
        return all(first[key] == other[key] or self._may_differ(key, first, other[key]) for key in first)

    def _may_differ(self, key: str, values: Values, value: Any) -> bool:
        if key not in self._known:
            numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (values[key], value))
            self._known[key] = numbers and self.together([values, {**values, key: value}]) is not None
        return self._known[key]

    def together(self, trials: Sequence[Values]) -> Config | None:
        """The configuration of a population that has the trials as its places; None where there is none.

        Args:
            trials: values by key, of each.
        """
        seeds = self._search.settings.seeds
        try:
            each = [self._search.configured(values) for values in trials]
            merged = check(_merged([one.model_dump(mode="json") for one in each]), self._search.config.families)
        except ConfigError:
            return None
        merged = merged.model_copy(update={"members": seeds})
        same = merged.places == len(trials) and all(
            merged.member(place * seeds + number) == one.model_copy(update={"seed": one.seed + number})
            for place, one in enumerate(each)
            for number in range(seeds)
        )
        return merged if same else None


def _merged(documents: Sequence[Any]) -> Any:
    """One document out of several: what differs becomes one value for each member."""
    first = documents[0]
    if all(one == first for one in documents):
        return first
    named = isinstance(first, dict) and all(
        isinstance(one, dict) and one.keys() == first.keys() and one.get("name") == first.get("name")
        for one in documents
    )
    if named:
        return {key: _merged([one[key] for one in documents]) for key in first}
    if all(isinstance(one, list) and len(one) == len(first) for one in documents):
        return [_merged(list(parts)) for parts in zip(*documents)]
    return {MEMBERS: list(documents)}


def measure_together(search: Search, goal: Goal, config: Config, stop: Stop) -> list[Measured | DivergedError]:
    """Train a population of trials on all parts, and score each.

    Args:
        search: what they belong to.
        goal: what they are judged by.
        config: of the population, see :meth:`Populations.together`.
        stop: ends it after the present step.

    Returns:
        What came of each, in order: an error where all of its seeds have left the finite numbers.

    Raises:
        Stopped: ``stop`` was requested.
        GpunetError: it cannot be trained so, or all have diverged.
    """
    began, places = time.perf_counter(), rows_of(config.population, config.places)
    problems: dict[int, DivergedError] = {}
    scores: list[list[np.ndarray]] = [[] for _ in places]
    curves: list[list[float]] = [[] for _ in places]
    epochs = [0] * len(places)
    for part, split in enumerate(search.splits):
        run = trained(search, config, None, split, stop, Callbacks())
        found = goal.shown(score_of(search, goal, run, split))
        for place, rows in enumerate(places):
            error = _diverged(run, rows)
            if error is not None:
                problems.setdefault(place, error)
            scores[place].append(found[rows])
            if not part:
                epochs[place] = epochs_of(run.history, rows)
                scored = [record.numbers.get(f"validation_{goal.measure}") for record in run.history[: epochs[place]]]
                curves[place] = [float(goal.shown(one[rows].mean())) for one in scored if one is not None]
    seconds = (time.perf_counter() - began) / len(places)
    models = len(search.splits) * config.members
    return [
        problems.get(place)
        or Measured(np.array(scores[place]), curves[place], epochs[place], seconds, models)
        for place in range(len(places))
    ]  # fmt: skip


def _diverged(run: Run, rows: slice) -> DivergedError | None:
    """What a trial would have ended with alone, where all of its members have left the finite numbers."""
    members, ended = range(rows.start, rows.stop), run.trainer.diverged
    if not all(member in ended for member in members):
        return None
    failed = run.trainer.failures()[rows]
    number = int(failed.argmin())
    error = ended[rows.start + number]
    seed = run.trainer.parameters.seeds[rows.start + number]
    alone = f" of member {number} (seed {seed})" if len(members) > 1 else ""
    thing = error.thing.replace(f" of member {rows.start + number} (seed {seed})", alone)
    return DivergedError(thing, error.rule, error.received, error.remedy)
