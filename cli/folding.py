"""A cross-validation told on the terminal, and written to its folder."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from gpunet.api.predictions import unused
from gpunet.checkpoint import BEST, diverged_in, read
from gpunet.data import thin_classes
from gpunet.ensembles import FOLDS as METHOD
from gpunet.ensembles import Combination, OutOfFold, ensemble_tree
from gpunet.errors import CheckpointError, ConfigError, Interrupted, printable
from gpunet.persistence import RunFolder, identity_in, run_name
from gpunet.plain import finite
from gpunet.studies.crossvalidation import (
    FOLDS,
    PREDICTIONS,
    CrossValidation,
    Figures,
    FoldCallbacks,
    Judged,
    cross_validate,
    fold_experiment,
    fold_splits,
    judged,
)
from gpunet.studies.foldfiles import Plan, fold_content, fold_name, kept_fold

from .clusters import cluster_at, end_dry_run
from .execution import ended_by
from .figures import figure_text
from .naming import translated
from .options import print_json, program
from .output import Output
from .remarks import remark
from .tables import write_table
from .terminal import told
from .views.folds import fold_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpunet.checkpoint import Checkpoint, Group
    from gpunet.data import Split
    from gpunet.experiment import Experiment, Run

    from .options import Request
    from .terminal import Terminal


class FoldTerminal(FoldCallbacks):
    """Prints a line for each fold on stderr, and keeps the fold.

    Args:
        terminal: of the training.
        folder: of the run.
        splits: of the folds.
        plan: that they belong to.
    """

    def __init__(self, terminal: Terminal, folder: RunFolder, splits: Sequence[Split], plan: Plan):
        self._terminal, self._folder, self._splits, self._plan = terminal, folder, splits, plan
        self._end = ""

    def on_fold(self, number: int, of: int) -> None:
        """Remember which."""
        self._end = f"fold {number + 1}/{of}"

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """See whether the reader of the output has left."""
        self._terminal.look()

    def on_fold_end(self, number: int, found: Judged) -> None:
        """Keep it, and say what it came to."""
        kept = fold_content(found.network, found.said, self._splits[number].test, number, self._plan)
        self._folder.write(fold_name(number), kept)
        figures = next(iter(found.figures.values()))
        said = ", ".join(f"{one.name.replace('_', ' ')} {figure_text(one.value, one.percent)}" for one in figures[:2])
        remark(f"{self._end}: {said}")


def run_folds(
    request: Request,
    experiment: Experiment,
    folds: int,
    repeats: int,
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    dask: str | None = None,
    kept: Sequence[Path] = (),
) -> None:
    """Cross-validate, write the figures and out-of-fold predictions, and report them.

    Each fold is kept when it is finished; where it is stopped, or killed, ``gpunet resume`` goes on with the others.

    Args:
        request: where to write, and what to print.
        experiment: what to train, on what.
        folds: from 2 on.
        repeats: of them.
        source: checkpoint to take weights from.
        grafts: pairs of layers.
        dask: cluster whose workers train, or None.
        kept: files of the folds that were finished before, in the folder of the request.

    Raises:
        Interrupted: it was stopped.
        CheckpointError: files of folds of other data, or of another cross-validation.
    """
    splits, config, dataset = fold_splits(experiment, folds, repeats), experiment.config, experiment.dataset
    sizes = (
        f"{len(splits[0].train):,} train + {len(splits[0].validation):,} validation + {len(splits[0].test):,} held out"
    )
    again = f", {repeats} times" if repeats > 1 else ""
    remark(f"{run_name(config, dataset.name)}: {folds} folds{again} of {dataset.name} ({sizes}), {experiment.device}")
    rows = np.sort(np.concatenate([split.test for split in splits[:folds]]))
    for line in thin_classes(dataset, rows, folds, config.data.split):
        remark(f"  Warning: {translated(line)}")
    if config.data.labels is not None:
        remark(f"  labels of {config.data.labels:,} training samples of each fold")
    if "data.test" in request.written:
        remark("  Warning: data.test plays no part, since each fold is held out in its turn")
    where = "" if source is None or source.path is None else str(Path(source.path).absolute())
    parent = "" if source is None else str(source.attrs.get("content_sha256", ""))
    plan = Plan(folds, repeats, dataset.sha256, where, parent, tuple(grafts))
    known = _known(kept, experiment, splits, plan)
    if known:
        remark(f"  {len(known)} of {len(splits)} folds are finished")
    if request.dry_run:
        end_dry_run(None if kept else request.run, dask, request.device)
        return
    name = f"{run_name(config, dataset.name)}-folds"
    began = time.perf_counter()
    with ExitStack() as opened:
        cluster = None if dask is None else opened.enter_context(cluster_at(dask, request.device))
        folder = opened.enter_context(_folder(request, config, name, bool(kept)))
        terminal, stop = opened.enter_context(told())
        callbacks = FoldTerminal(terminal, folder, splits, plan)
        try:
            found = cross_validate(experiment, folds, repeats, source, grafts, callbacks, stop, cluster, known)
        except Interrupted as error:
            done = sum((folder.path / fold_name(number)).exists() for number in range(len(splits)))
            rule = f"were stopped by {stop.requested} after {done} of {len(splits)}"
            go_on = f"Go on with {program()} resume {printable(str(folder.path))}"
            raise ended_by(stop.requested)("folds", rule, None, go_on if done else "Begin again") from error
        facts, seconds = document(found), time.perf_counter() - began
        folder.write_text(FOLDS, json.dumps(finite(facts | {"seconds": seconds}), indent=2) + "\n")
        write_table(predictions(found, experiment), Output(PREDICTIONS, folder.path / PREDICTIONS, [".csv"], []))
        folder.write(BEST, content(found, facts, seconds))
        for number in range(len(splits)):  # the ensemble holds all of them now
            (folder.path / fold_name(number)).unlink(missing_ok=True)
        written = printable(str(folder.path))
    if request.as_json:
        print_json({"folder": str(folder.path), **facts, "seconds": seconds})
        return
    for line in fold_lines(finite(facts)):
        click.echo(line)
    click.echo(f"Results: {written}/{FOLDS}, out-of-fold predictions: {written}/{PREDICTIONS}")
    click.echo(f"Ensemble: {written}/{BEST}, the {members_of(found)} networks, which predict together")
    remark(f"Next: {program()} predict {written} FILE\n      {program()} ensemble {written} MORE... --method select")


def _folder(request: Request, config: Any, name: str, goes_on: bool) -> RunFolder:
    """A new one, or that of finished folds."""
    if not goes_on:
        return RunFolder.create(request.run, config, name=name)
    folder = RunFolder(Path(str(request.run)))
    folder.identity = identity_in(folder.path) or folder.identity
    return folder


def _known(paths: Sequence[Path], experiment: Experiment, splits: Sequence[Split], plan: Plan) -> dict[int, Judged]:
    """Finished folds, by number."""
    found = {}
    for path in paths:
        one = kept_fold(read(path))
        number = one.number
        same = one.plan == plan and number < len(splits) and one.rows.tolist() == splits[number].test.tolist()
        if not same:
            what = "other data" if one.plan.data != plan.data else "another cross-validation"
            remedy = "Begin again in a new folder"
            raise CheckpointError(str(path), "must be a fold of the same cross-validation", what, remedy)
        found[number] = judged(fold_experiment(experiment, splits[number]), one.said, one.network)
    return found


def resume_folds(request: Request, kept: Sequence[Path], words: Sequence[str]) -> None:
    """Go on with a cross-validation whose finished folds lie in the folder of the request.

    Args:
        request: with the folder's configuration, where the data are and the device.
        kept: files of the finished folds.
        words: of the command line that would change the configuration; there must be none.

    Raises:
        ConfigError: a change of the configuration.
        CheckpointError: a damaged fold, or one of another cross-validation.
    """
    from .terminal import execute

    if words:
        rule, remedy = "cannot change between the folds of one cross-validation", "Begin again in a new folder"
        raise ConfigError("configuration", rule, " ".join(words), remedy)
    plan = kept_fold(read(kept[0])).plan

    def go_on(experiment: Experiment, source: Checkpoint | None) -> None:
        run_folds(request, experiment, plan.folds, plan.repeats, source, plan.grafts, kept=kept)

    config = request.configuration("mlp", request.words)
    execute(request, config, plan.source or None, plan.grafts, begun=True, instead=go_on)


def content(found: CrossValidation, facts: dict[str, Any], seconds: float) -> Group:
    """The networks of all folds as one ensemble, with what they said of samples that they did not learn from."""
    said = OutOfFold(found.rows, found.outcome)
    return ensemble_tree(
        found.networks, Combination(), members_of(found), METHOD, facts, out_of_fold=said, seconds=seconds
    )


def members_of(found: CrossValidation) -> int:
    """How many networks there are, those of populations one by one, without those that diverged."""
    return sum(len(one["streams/seeds"].data) - len(diverged_in(one)) for one in found.networks)


def document(found: CrossValidation) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    settings = [{"settings": one.settings, **_figures(one)} for one in found.by_setting]
    return {
        "folds": found.folds,
        "repeats": found.repeats,
        "samples": len(found.rows),
        **_figures(found.figures),
        **({"by_setting": settings} if settings else {}),
    }


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "scores": {name: values.tolist() for name, values in found.scores.items()},
        "means": {name: vars(one) for name, one in found.means.items()},
        "pooled": {
            one.name: {"value": one.value, "low": one.low, "high": one.high, "baseline": one.baseline}
            for one in found.pooled
        },
        "pooled_networks": found.together,
    }


def predictions(found: CrossValidation, experiment: Experiment) -> dict[str, list[Any]]:
    """The out-of-fold prediction of each sample, by column, with whatever names the samples."""
    dataset, outcome = experiment.dataset, found.outcome
    named = {name: [texts[row] for row in found.rows.tolist()] for name, texts in dataset.ids.items()}
    numbers = {"sample": found.rows.tolist(), "fold": (found.fold + 1).tolist()}
    columns: dict[str, list[Any]] = {unused(name, named): values for name, values in numbers.items()} | named
    meaning = "p" if outcome.probability else "score"
    if outcome.task == "classification":
        columns["target"] = [dataset.classes[int(k)] for k in outcome.target]
        columns["predicted"] = [dataset.classes[int(k)] for k in outcome.predicted]
        return columns | {f"{meaning}({c})": outcome.columns[:, k].tolist() for k, c in enumerate(dataset.classes)}
    width = outcome.outputs.shape[1]
    names = list(dataset.targets) if len(dataset.targets) == width else [str(k + 1) for k in range(width)]
    ends = [""] if width == 1 else [f"({name})" for name in names]
    target = outcome.target.reshape(len(found.rows), -1).astype(dataset.y.dtype)
    # Through the shortest text of a float32, so that 0.1 stays 0.1 and is not written with the digits of a double.
    columns |= {f"target{end}": [float(str(value)) for value in target[:, k]] for k, end in enumerate(ends)}
    if outcome.task == "multilabel":
        columns |= {f"predicted{end}": outcome.said[:, k].astype(int).tolist() for k, end in enumerate(ends)}
        return columns | {f"{meaning}({names[k]})": outcome.outputs[:, k].tolist() for k in range(width)}
    return columns | {f"predicted{end}": outcome.outputs[:, k].tolist() for k, end in enumerate(ends)}
