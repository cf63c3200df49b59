"""Greedy ensemble selection out of finished runs: on their validation part, or out of fold; and out of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Checkpoint, in_memory, look_into, read
from ..data import Features, Split, some_of
from ..ensembles import (
    OUT_OF_FOLD,
    ROUNDS,
    Combination,
    Evidence,
    OutOfFold,
    Selected,
    aligned,
    fitted_temperature,
    greedy_selection,
    report,
)
from ..errors import CheckpointError, ConfigError
from ..interruption import Stop
from ..paths import is_file
from ..searches import Search, candidates_of
from ..stages import Callbacks
from .ensemble import Ensemble
from .loading import any_of, path_of, result_of
from .network import Network


@dataclass(frozen=True, eq=False)
class Library:
    """What is selected from.

    Attributes:
        names: of the candidates.
        networks: of each, which predict together: one, or those of all folds.
        held_out: what the candidates say about samples that they did not learn from.
        part: what these samples are called.
        test: what they say about the test part, where none has learned from it.
        left_out: a line for each network of which members are left out, since they diverged.
    """

    names: list[str]
    networks: list[list[Network]]
    held_out: Evidence
    part: str
    test: Evidence | None = None
    left_out: list[str] = field(default_factory=list)

    def select(self, rounds: int = ROUNDS) -> "Chosen":
        """Take again and again the candidate that makes the mean of all taken so far best.

        Args:
            rounds: how many steps are tried.
        """
        return Chosen.of(self, greedy_selection(self.held_out.outputs, self.held_out.outcome, rounds))


@dataclass(frozen=True, eq=False)
class Chosen:
    """An ensemble that was selected, at the temperature of the samples that it was selected on.

    Attributes:
        ensemble: of the networks of all candidates that were taken.
        combination: of these candidates, each as often as it was taken.
        names: of them.
        held_out: what they say about the samples that they were selected on.
        part: what these samples are called.
        test: about the test part, where none has learned from it.
    """

    ensemble: Ensemble
    combination: Combination
    names: list[str]
    held_out: Evidence
    part: str
    test: Evidence | None

    @classmethod
    def of(cls, library: Library, selected: Selected) -> "Chosen":
        """What greedy selection took out of a library."""
        taken = [int(number) for number in np.flatnonzero(selected.counts)]
        counts = selected.counts[taken].astype(np.float64)
        members = [[one for network in library.networks[k] for one in Ensemble([network]).members] for k in taken]
        weights = [count / len(own) for count, own in zip(counts, members) for _ in own]
        names = [library.names[k] for k in taken]
        facts = {
            "library": len(library.names),
            "taken": [[name, int(count)] for name, count in zip(names, counts)],
            "order": list(selected.order),
            "step": selected.step,
            "score_name": selected.score_name,
            "scores": list(selected.scores),
            "on": library.part,
        }
        held_out, test = (
            None if one is None else replace(one, outputs=one.outputs[taken])
            for one in (library.held_out, library.test)
        )
        assert held_out is not None, "it was selected on"
        combination = Combination("mean", counts)
        found = Ensemble.of(
            [one for own in members for one in own],
            Combination("mean", np.array(weights)),
            "select",
            {"selection": facts},
        )
        if held_out.outcome.probability:
            found = found.at(fitted_temperature(held_out.together(combination)))
            combination = combination.calibrated(found.combination.temperature)
        return cls(found, combination, names, held_out, library.part, test)


def library_of_folds(paths: Sequence[str | Path], device: Device, names: Sequence[str] = ()) -> Library:
    """What is selected from where each candidate is a cross-validated run, by its predictions out of fold.

    Args:
        paths: of folders of ``gpunet train --folds``, or of their files.
        device: where networks are put.
        names: of the candidates, for reports; their paths by default.

    Raises:
        CheckpointError: another kind of file beside such, or runs on other samples or targets.
    """
    files = [read(path_of(path)) for path in paths]
    held = [OutOfFold.held_in(file) for file in files]
    for path, one in zip(paths, held):
        if one is None:
            rule, remedy = "must be a run with folds, beside others", "Name runs of one kind"
            raise CheckpointError(str(path), rule, "no predictions out of fold", remedy)
    known = [one for one in held if one is not None]
    ensembles = [any_of(file, device) for file in files]
    Ensemble([network for one in ensembles for network in one.networks])  # they go together
    first = known[0]
    for file, one in zip(files, known):
        same = np.array_equal(one.rows, first.rows) and np.array_equal(one.outcome.target, first.outcome.target)
        if (
            not same
            or one.outcome.task != first.outcome.task
            or one.outcome.outputs.shape != first.outcome.outputs.shape
        ):
            rule, remedy = "must have predicted the samples of the first", "Cross-validate them on the same data"
            raise CheckpointError(str(file.path), rule, f"{len(one.rows)} others", remedy)
    outputs = np.stack([one.outcome.outputs for one in known])
    return Library(
        [str(path) for path in names or paths],
        [list(one.networks) for one in ensembles],
        Evidence(outputs, first.outcome),
        "out of fold",
        None,  # they have learned from all samples that they know
        [line for one in ensembles for line in one.left_out],
    )


def has_folds(path: str | Path) -> bool:
    """Whether a file, or the best one of a folder, holds predictions out of fold."""
    file = path_of(path)
    (held,) = look_into([file]) if is_file(file) else (None,)
    return isinstance(held, Checkpoint) and OUT_OF_FOLD in held.root


def library_of_search(
    trials: Sequence[Mapping[str, Any]], search: Search, callbacks: Callbacks | None = None, stop: Stop | None = None
) -> Library:
    """What is selected from where the candidates are all finished trials of a search, trained once more.

    A search keeps figures, and no networks; the trials come to what they came to then.

    Args:
        trials: of the search, as its document has them.
        search: as it was begun.
        callbacks: what is told meanwhile.
        stop: ends it after the present step.

    Raises:
        ConfigError: trials that predict no targets, or none that is finished.
        Interrupted: ``stop`` was requested.
    """
    experiment, families, device = search.experiment, search.config.families, search.experiment.device
    about, split = experiment.dataset, experiment.split
    folds = search.settings.folds > 1
    rows = np.sort(np.concatenate([split.train, split.validation])) if folds else split.validation
    if not len(rows):
        raise ConfigError("validation", "is needed to select on", "no validation part", "Search with folds")
    names, networks, held_out, tests, left_out = [], [], [], [], []
    for group in candidates_of(search, trials, callbacks, stop):
        found = [result_of(in_memory(content), device, families=families) for content in group.networks]
        x = [one.x for one in group.datasets]
        held = _out_of_fold(found, group.splits, x, rows) if folds else found[0].member_outputs_on(some_of(x[0], rows))
        said = (
            [one.member_outputs_on(some_of(own, split.test)) for one, own in zip(found, x)] if len(split.test) else []
        )
        test = np.mean(said, axis=0) if said else None
        good = [m for m in range(len(group.names)) if all(m in one.trained.predicting for one in found)]
        left_out += [line for one in found for line in one.trained.left_out]
        for member in good:
            names.append(group.names[member])
            networks.append([one.members[member] for one in found])
            held_out.append(held[member])
            if test is not None:
                tests.append(test[member])
    evidence = [
        _evidence(networks[0][0], outputs, about.y[part], None if about.weights is None else about.weights[part])
        for outputs, part in ((held_out, rows), (tests, split.test))
        if outputs
    ]
    part = "out of fold" if folds else "validation"
    return Library(names, networks, evidence[0], part, evidence[1] if len(evidence) > 1 else None, left_out)


def _out_of_fold(
    found: Sequence[Network], splits: Sequence[Split], x: Sequence[Features], rows: np.ndarray
) -> np.ndarray:
    """What each member says about samples, by the networks that did not learn from them: (members, samples, K)."""
    total: Any = None
    times = np.zeros(len(rows))
    for network, split, own in zip(found, splits, x, strict=True):
        places = np.searchsorted(rows, split.test)
        outputs = network.member_outputs_on(some_of(own, split.test))
        total = np.zeros((len(outputs), len(rows), outputs.shape[-1])) if total is None else total
        total[:, places] += outputs
        times[places] += 1
    return np.asarray(total / times[:, None])


def _evidence(network: Network, outputs: Sequence[np.ndarray], targets: np.ndarray, weights: Any) -> Evidence:
    """What candidates say about samples.

    Raises:
        ConfigError: targets without figures.
    """
    said = aligned([np.stack(outputs)], len(network.classes))
    outcome = network.outcome(said[0], targets)
    if outcome is None:
        raise ConfigError("search", "needs targets that have figures", network.meaning, "Choose another loss")
    return Evidence(said, replace(outcome, weight=weights))


def selected_report(chosen: Chosen) -> dict[str, Any]:
    """What a selected ensemble gains: on the test part, or, where all have learned from it, on what it was selected on.

    Args:
        chosen: out of a library.
    """
    measured = chosen.held_out if chosen.test is None else chosen.test
    return {
        "data": chosen.ensemble.networks[0].description.name,
        "method": chosen.ensemble.method,
        "size": len(chosen.names),
        "part": chosen.part if chosen.test is None else "test",
        **report(measured, chosen.held_out, chosen.combination),
        "facts": dict(chosen.ensemble.facts),
        "names": chosen.names,
    }
