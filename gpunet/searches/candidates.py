"""The networks of finished trials, trained once more: a search keeps figures alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checkpoint import Group
from ..data import Dataset, Split
from ..errors import ConfigError, Interrupted
from ..interruption import Stop
from ..persistence import LEARNED_PARTS, snapshot
from ..stages import Callbacks
from .populations import Populations
from .problem import Search
from .scoring import Stopped, trained


@dataclass(frozen=True)
class Candidates:
    """Trials that were trained together.

    Attributes:
        names: of the members, such as ``trial 7``.
        networks: a checkpoint's content with all of these members for each fold, or one.
        splits: the parts that each was trained on; with folds ``test`` is the fold.
        datasets: with features as each of them reads them.
    """

    names: list[str]
    networks: list[Group]
    splits: list[Split]
    datasets: list[Dataset]


def candidates_of(
    search: Search,
    trials: Sequence[Mapping[str, Any]],
    callbacks: Callbacks | None = None,
    stop: Stop | None = None,
) -> Iterator[Candidates]:
    """Train finished trials once more; they come to what they came to in the search.

    Args:
        search: that they are of.
        trials: as the document of its results has them.
        callbacks: what is told meanwhile.
        stop: ends it after the present step.

    Raises:
        ConfigError: trials that are no networks of targets, or none that is finished.
        Interrupted: ``stop`` was requested.
    """
    if search.purpose == "likelihood":
        remedy = "Name a search over networks of targets"
        raise ConfigError("search", "must be of networks that predict", search.config.model.name, remedy)
    finished = [trial for trial in trials if trial["state"] == "complete"]
    if not finished:
        raise ConfigError("search", "must have finished trials to select from", "none", "Search again")
    told, stop, seeds = callbacks or Callbacks(), stop or Stop(), search.settings.seeds
    splits = search.splits if search.settings.folds > 1 else [search.experiment.split]
    for group in _groups(search, finished):
        values = [dict(trial["values"]) for trial in group]
        together = Populations(search).together(values) if len(group) > 1 else None
        config = together or search.configured(values[0], seeds)
        told.on_note(f"trial{'s' * (len(group) > 1)} {', '.join(str(trial['number']) for trial in group)}")
        try:
            runs = [trained(search, config, search.tuned(values[0], config), split, stop, told) for split in splits]
        except Stopped:
            raise Interrupted("ensemble", f"was stopped by {stop.requested}", None, "Begin again") from None
        several = [f", seed {search.seed + number}" if seeds > 1 else "" for number in range(seeds)]
        names = [f"trial {trial['number']}{seed}" for trial in group for seed in several]
        folds_of = LEARNED_PARTS if search.settings.folds > 1 else None
        contents = [snapshot(run, best=True, folds_of=folds_of) for run in runs]
        yield Candidates(names, contents, splits, [run.dataset for run in runs])


def _groups(search: Search, trials: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Trials that can be trained together, as the search has trained them."""
    populations, left = Populations(search), list(trials)
    while left:
        first = left[0]
        fitting = [trial for trial in left if trial is first or populations.fit(first["values"], trial["values"])]
        group = fitting[: populations.most]
        if len(group) > 1 and populations.together([trial["values"] for trial in group]) is None:
            group = [first]
        yield group
        left = [trial for trial in left if all(trial is not other for other in group)]
