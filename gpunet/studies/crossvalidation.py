"""Cross-validation: a network trained once for each fold, and judged by samples that it has not seen."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Device
from ..checkpoint import Checkpoint, Group
from ..cluster import Cluster, Task, Tasks
from ..data import Split, folded
from ..errors import ConfigError, Interrupted
from ..experiment import Experiment, Run
from ..interruption import Stop
from ..metrics import Estimate, Outcome, constant_prediction, estimates, usual_metrics
from ..persistence import snapshot
from ..stages import Callbacks, carry_out_population, runs_of
from .paired import Difference, corrected_mean

FOLDS, PREDICTIONS = "folds.json", "predictions.csv"


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What the folds came to.

    Attributes:
        folds: in each repetition.
        repeats: how many repetitions.
        scores: of each fold, (folds * repeats,), means over members, by figure.
        means: their means, with intervals corrected for shared samples.
        pooled: figures of all out-of-fold predictions together, those of a sample averaged over members and repeats.
        rows: sample numbers that were predicted, sorted.
        outcome: their out-of-fold predictions.
        fold: (rows,) in which each was held out, in the first repetition.
        networks: the content of a checkpoint of each fold, with its best weights.
    """

    folds: int
    repeats: int
    scores: dict[str, np.ndarray]
    means: dict[str, Difference]
    pooled: list[Estimate]
    rows: np.ndarray
    outcome: Outcome
    fold: np.ndarray
    networks: list[Group]


class FoldCallbacks(Callbacks):
    """What is told while folds are trained; the methods of its base tell of each training."""

    def on_fold(self, number: int, of: int) -> None:
        """A fold is about to be trained on, counted from 0."""

    def on_fold_end(self, number: int, found: Sequence[Estimate]) -> None:
        """The figures of a fold, of its first member."""


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

    Raises:
        ConfigError: folds that cannot be, or targets that no figure is of.
        Interrupted: ``stop`` was requested.
        ClusterError: the cluster is lost.
    """
    told, stop = callbacks or FoldCallbacks(), stop or Stop()
    splits = fold_splits(experiment, folds, repeats)
    found: dict[int, Judged] = {}
    with ExitStack() as opened:
        if cluster is None:
            each = _here(experiment, splits, source, grafts, told, stop)
        else:
            payload = (replace(experiment), source, tuple(grafts))
            each = opened.enter_context(Tasks(cluster, prepared, carried, payload)).each(list(splits), stop)
        for number, judged in each:
            if cluster is not None:
                told.on_fold(number, len(splits))
            told.on_fold_end(number, judged.figures[0])
            found[number] = judged
    if len(found) < len(splits):
        raise _interrupted(stop)
    ordered = [found[number] for number in range(len(splits))]
    held = [(split.test, judged.said) for split, judged in zip(splits, ordered)]
    figures, networks = [judged.figures for judged in ordered], [judged.network for judged in ordered]
    return _together(experiment, folds, repeats, splits, figures, held, networks)


@dataclass(frozen=True, eq=False)
class Judged:
    """A fold that was trained on.

    Attributes:
        said: what each member that has not diverged says about its held out samples.
        figures: of each of them.
        network: the content of its checkpoint.
    """

    said: list[Outcome]
    figures: list[list[Estimate]]
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
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    told: FoldCallbacks,
    stop: Stop,
) -> Iterator[tuple[int, Judged]]:
    for number, split in enumerate(splits):
        told.on_fold(number, len(splits))
        yield number, _judged(experiment, split, source, grafts, told, stop)


def _judged(
    experiment: Experiment,
    split: Split,
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    told: Callbacks,
    stop: Stop,
) -> Judged:
    """Train on a split, and judge by its test part."""
    own = Experiment(experiment.config, experiment.dataset.learned_on(split), split, experiment.device)
    done = carry_out_population(lambda own, _: runs_of(own, source, grafts), own, told, stop)
    if not done.finished:
        raise _interrupted(stop)
    said = done.run.outcomes("test")
    if not said:
        raise ConfigError("folds", "need targets that figures are of", experiment.config.model.name)
    said = [said[member] for member in done.run.trainer.going_well]
    figures = [estimates(usual_metrics(), one, _constant(done.run, one)) for one in said]
    return Judged(said, figures, snapshot(done.run, best=True))


def _interrupted(stop: Stop) -> Interrupted:
    return Interrupted("folds", f"were stopped by {stop.requested}", None, "Begin again")


def _constant(run: Run, said: Outcome) -> np.ndarray:
    """What is best said of all samples alike, by the training part."""
    target = run.dataset.y[run.split.train]
    empty = Outcome(said.task, np.zeros((len(target), said.outputs.shape[1])), target, None, said.probability)
    return constant_prediction(empty)


def _together(
    experiment: Experiment,
    folds: int,
    repeats: int,
    splits: list[Split],
    found: list[list[list[Estimate]]],
    held: list[tuple[np.ndarray, list[Outcome]]],
    networks: list[Group],
) -> CrossValidation:
    names = [one.name for one in found[0][0]]
    by_name = [{one.name: [] for one in found[0][0]} for _ in found]  # type: ignore[var-annotated]
    for place, figures in enumerate(found):
        for member in figures:
            for one in member:
                by_name[place].setdefault(one.name, []).append(one.value)
    scores = {name: np.array([np.mean(part.get(name) or [np.nan]) for part in by_name]) for name in names}
    train, test = (float(np.mean([len(getattr(s, part)) for s in splits])) for part in ("train", "test"))
    learned = train + float(np.mean([len(split.validation) for split in splits]))
    shares = {one.name for one in found[0][0] if one.percent}
    means = {n: corrected_mean(v.tolist(), learned, test) for n, v in scores.items() if np.isfinite(v).all()}
    means |= {n: mean.within(0.0, 1.0) for n, mean in means.items() if n in shares}
    first = held[0][1][0]
    rows = np.sort(np.concatenate([part for part, _ in held[:folds]]))
    place_of = {int(row): place for place, row in enumerate(rows)}
    outputs, fold = np.zeros((len(rows), first.outputs.shape[1])), np.zeros(len(rows), int)
    for number, (part, said) in enumerate(held):
        places = [place_of[int(row)] for row in part]
        outputs[places] += np.mean([one.outputs for one in said], axis=0) / repeats
        if number < folds:
            fold[places] = number
    target: Any = np.concatenate([said[0].target for _, said in held[:folds]])
    order = np.argsort(np.concatenate([part for part, _ in held[:folds]]))
    weights = experiment.dataset.weights
    outcome = Outcome(
        first.task, outputs, target[order], None if weights is None else weights[rows], first.probability
    )  # fmt: skip
    pooled = estimates(usual_metrics(), outcome, constant_prediction(outcome))
    return CrossValidation(folds, repeats, scores, means, pooled, rows, outcome, fold, networks)
