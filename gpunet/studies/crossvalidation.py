"""Cross-validation: a network trained once for each fold, and judged by samples that it has not seen."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Checkpoint, Group
from ..cluster import Cluster, Task, Tasks
from ..config import plain_by_member
from ..data import Split, folded
from ..errors import ConfigError, Interrupted
from ..experiment import Experiment
from ..interruption import Stop
from ..metrics import Estimate, Outcome, constant_prediction, estimates, usual_metrics
from ..persistence import ALL_SAMPLES, snapshot
from ..stages import Callbacks, carry_out_population, runs_of
from .paired import Difference, corrected_mean

FOLDS, PREDICTIONS = "folds.json", "predictions.csv"


@dataclass(frozen=True, eq=False)
class Figures:
    """What networks came to over the folds.

    Attributes:
        scores: of each fold, (folds * repeats,), means over single networks, by figure.
        means: their means, with intervals corrected for shared samples.
        pooled: figures of all out-of-fold predictions together, each that of the networks that did not learn from the
            sample: averaged over members and repetitions, where there are several.
        together: how many networks predict each sample in them.
        settings: what these networks were trained with, by dotted key, where members differ.
    """

    scores: dict[str, np.ndarray]
    means: dict[str, Difference]
    pooled: list[Estimate]
    together: int
    settings: dict[str, Any]


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What the folds came to.

    Attributes:
        folds: in each repetition.
        repeats: how many repetitions.
        figures: of all networks.
        by_setting: of those of each place of values that differ by member; empty where none does.
        rows: sample numbers that were predicted, sorted.
        outcome: their out-of-fold predictions, of all networks together.
        fold: (rows,) in which each was held out, in the first repetition.
        networks: the content of a checkpoint of each fold, with its best weights.
    """

    folds: int
    repeats: int
    figures: Figures
    by_setting: list[Figures]
    rows: np.ndarray
    outcome: Outcome
    fold: np.ndarray
    networks: list[Group]


class FoldCallbacks(Callbacks):
    """What is told while folds are trained; the methods of its base tell of each training."""

    def on_fold(self, number: int, of: int) -> None:
        """A fold is about to be trained on, counted from 0."""

    def on_fold_end(self, number: int, found: "Judged") -> None:
        """What a fold came to."""


def fold_splits(experiment: Experiment, folds: int, repeats: int) -> list[Split]:
    """The parts of each training: all samples are folded but those of a test part that the files fix.

    Raises:
        ConfigError: a model without predictions of targets, or folds that cannot be.
    """
    config, dataset = experiment.config, experiment.dataset
    if not config.model.wants_targets or not config.model.has_outputs:
        raise ConfigError("folds", "need a network that predicts targets", config.model.name, "Leave them out")
    if count := config.training.snapshots:
        raise ConfigError("snapshots", "are kept by a training, and not by folds", count, "Leave it out")
    rows = np.arange(len(dataset.x) if dataset.test_from is None else dataset.test_from)
    data = config.data
    return folded(
        dataset, rows, folds=folds, repeats=repeats, validation=data.validation, seed=data.split_seed, order=data.split
    )  # fmt: skip


def cross_validate(
    experiment: Experiment,
    folds: int,
    repeats: int = 1,
    source: Checkpoint | None = None,
    grafts: Sequence[tuple[str, str]] = (),
    callbacks: FoldCallbacks | None = None,
    stop: Stop | None = None,
    cluster: Cluster | None = None,
    known: Mapping[int, "Judged"] | None = None,
) -> CrossValidation:
    """Train once for each fold, and judge each by the fold.

    Whatever is learned of the samples before training is learned on each training part anew: preparations of features,
    the scale of targets, and what a table's columns become, its fillings and categories.

    Args:
        experiment: what to train, on what, and where; its own parts are left aside.
        folds: from 2 on.
        repeats: how often, with other folds each time.
        source: checkpoint to take weights from.
        grafts: pairs of layers, of that checkpoint and of the network.
        callbacks: what is told meanwhile.
        stop: ends everything after the present step where it is requested.
        cluster: whose workers train, a fold each; then callbacks are told of folds when they are over.
        known: folds that were finished before, by number.

    Raises:
        ConfigError: folds that cannot be, or targets that no figure is of.
        Interrupted: ``stop`` was requested.
        ClusterError: the cluster is lost.
    """
    told, stop = callbacks or FoldCallbacks(), stop or Stop()
    splits = fold_splits(experiment, folds, repeats)
    found: dict[int, Judged] = dict(known or {})
    left = [number for number in range(len(splits)) if number not in found]
    with ExitStack() as opened:
        if cluster is None:
            each = _here(experiment, splits, left, source, grafts, told, stop)
        else:
            payload = (replace(experiment), source, tuple(grafts))
            tasks = opened.enter_context(Tasks(cluster, prepared, carried, payload))
            each = ((left[place], one) for place, one in tasks.each([splits[number] for number in left], stop))
        for number, judged in each:
            if cluster is not None:
                told.on_fold(number, len(splits))
            told.on_fold_end(number, judged)
            found[number] = judged
    if len(found) < len(splits):
        raise _interrupted(stop)
    ordered = [found[number] for number in range(len(splits))]
    return _together(experiment, folds, repeats, splits, ordered)


@dataclass(frozen=True, eq=False)
class Judged:
    """A fold that was trained on.

    Attributes:
        said: what each member that has not diverged says about its held out samples, by number of the member.
        figures: of each of them.
        network: the content of its checkpoint.
    """

    said: dict[int, Outcome]
    figures: dict[int, list[Estimate]]
    network: Group


def prepared(payload: tuple[Experiment, Any, Any], place: Device) -> tuple[Experiment, Any, Any]:
    """The experiment in a worker, on its device."""
    experiment, source, grafts = payload
    return replace(experiment, device=place), source, grafts


def carried(known: tuple[Experiment, Any, Any], split: Split, task: Task) -> Judged:
    """What a worker does: one fold."""
    experiment, source, grafts = known
    return _judged(experiment, split, source, grafts, Callbacks(), task.stop)


def _here(
    experiment: Experiment,
    splits: Sequence[Split],
    left: Sequence[int],
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    told: FoldCallbacks,
    stop: Stop,
) -> Iterator[tuple[int, Judged]]:
    for number in left:
        told.on_fold(number, len(splits))
        yield number, _judged(experiment, splits[number], source, grafts, told, stop)


def _judged(
    experiment: Experiment,
    split: Split,
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    told: Callbacks,
    stop: Stop,
) -> Judged:
    """Train on a split, and judge by its test part."""
    own = fold_experiment(experiment, split)
    done = carry_out_population(lambda own, _: runs_of(own, source, grafts), own, told, stop)
    if not done.finished:
        raise _interrupted(stop)
    said = done.run.outcomes("test")
    if not said:
        raise ConfigError("folds", "need targets that figures are of", experiment.config.model.name)
    kept = {int(member): said[member] for member in done.run.trainer.going_well}
    return judged(own, kept, snapshot(done.run, best=True, folds_of=ALL_SAMPLES))


def judged(own: Experiment, said: dict[int, Outcome], network: Group) -> Judged:
    """A fold with its figures.

    Args:
        own: what was trained, with data and split of the fold.
        said: what each member says about the held out samples.
        network: the content of its checkpoint.
    """
    target = own.dataset.y[own.split.train]
    figures = {
        member: estimates(
            usual_metrics(),
            one,
            constant_prediction(
                Outcome(one.task, np.zeros((len(target), one.outputs.shape[1])), target, None, one.probability)
            ),
        )
        for member, one in said.items()
    }
    return Judged(said, figures, network)


def fold_experiment(experiment: Experiment, split: Split) -> Experiment:
    """What is trained for a fold: whatever is learned of samples beforehand is learned on its training part."""
    return Experiment(experiment.config, experiment.dataset.learned_on(split), split, experiment.device)


def _interrupted(stop: Stop) -> Interrupted:
    return Interrupted("folds", f"were stopped by {stop.requested}", None, "Begin again")


def _together(
    experiment: Experiment, folds: int, repeats: int, splits: Sequence[Split], found: Sequence[Judged]
) -> CrossValidation:
    config = experiment.config
    rows = np.sort(np.concatenate([split.test for split in splits[:folds]]))
    fold = np.zeros(len(rows), int)
    for number, split in enumerate(splits[:folds]):
        fold[np.searchsorted(rows, split.test)] = number
    weights = None if experiment.dataset.weights is None else experiment.dataset.weights[rows]

    def outcome_of(members: Sequence[int]) -> Outcome:
        return _out_of_fold(splits, found, rows, weights, members)

    def figures_of(members: Sequence[int], settings: dict[str, Any]) -> Figures:
        scores = _scores([[one.figures[m] for m in members if m in one.figures] for one in found])
        whole = all(any(m in one.said for m in members) for one in found)
        outcome = outcome_of(members) if whole else None
        pooled = [] if outcome is None else estimates(usual_metrics(), outcome, constant_prediction(outcome))
        means = _means(scores, splits)
        return Figures(scores, means, pooled, len(members) * repeats, settings)

    everyone = range(config.population)
    differing = dict(plain_by_member(config.model_dump(mode="json")))
    by_setting = [
        figures_of(range(at * config.members, (at + 1) * config.members), {k: v[at] for k, v in differing.items()})
        for at in range(config.places if differing else 0)
    ]
    networks = [one.network for one in found]
    return CrossValidation(
        folds, repeats, figures_of(everyone, {}), by_setting, rows, outcome_of(everyone), fold, networks
    )


def _scores(found: Sequence[Sequence[Sequence[Estimate]]]) -> dict[str, np.ndarray]:
    """Of each fold the mean over its networks, by figure; NaN where a fold has none."""
    names = list(dict.fromkeys(one.name for part in found for figures in part for one in figures))
    scores = {}
    for name in names:
        by_fold = [[one.value for figures in part for one in figures if one.name == name] for part in found]
        scores[name] = np.array([np.mean(values) if values else np.nan for values in by_fold])
    return scores


def _means(scores: dict[str, np.ndarray], splits: Sequence[Split]) -> dict[str, Difference]:
    """Over the folds, with intervals that allow for the samples that trainings share."""
    learned = float(np.mean([len(split.train) + len(split.validation) for split in splits]))
    test = float(np.mean([len(split.test) for split in splits]))
    means = {n: corrected_mean(v.tolist(), learned, test) for n, v in scores.items() if np.isfinite(v).all()}
    bounds = {metric.name: metric.bounds for metric in usual_metrics()}
    return {name: mean.within(*bounds[name]) if name in bounds else mean for name, mean in means.items()}


def _out_of_fold(
    splits: Sequence[Split], found: Sequence[Judged], rows: np.ndarray, weights: Any, members: Sequence[int]
) -> Outcome:
    """What members say of each sample, by the networks that did not learn from it, averaged over repetitions."""
    outputs: Any = None
    target: Any = None
    times = np.zeros(len(rows))
    for split, judged in zip(splits, found):
        said = [judged.said[member] for member in members if member in judged.said]
        places, first = np.searchsorted(rows, split.test), said[0]
        if outputs is None:
            outputs = np.zeros((len(rows), first.outputs.shape[1]))
            target = np.zeros((len(rows), *first.target.shape[1:]), first.target.dtype)
        outputs[places] += np.mean([one.outputs for one in said], axis=0)
        target[places] = first.target
        times[places] += 1
    return Outcome(first.task, outputs / times[:, None], target, weights, first.probability)
