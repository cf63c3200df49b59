"""A cross-validation told on the terminal, and written to its folder."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from gpunet.checkpoint import BEST, diverged_in
from gpunet.data import thin_classes
from gpunet.ensembles import FOLDS as METHOD
from gpunet.ensembles import Combination, OutOfFold, ensemble_tree
from gpunet.errors import printable
from gpunet.persistence import RunFolder, run_name
from gpunet.plain import finite
from gpunet.studies.crossvalidation import (
    FOLDS,
    PREDICTIONS,
    CrossValidation,
    FoldCallbacks,
    cross_validate,
    fold_splits,
)

from .clusters import cluster_at, end_dry_run
from .figures import TELLING
from .guidance import NETWORKS
from .naming import translated
from .options import decimals, print_json, program
from .output import Output
from .remarks import remark
from .tables import write_table
from .terminal import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpunet.checkpoint import Checkpoint, Group
    from gpunet.experiment import Experiment, Run
    from gpunet.metrics import Estimate

    from .options import Request
    from .terminal import Terminal


class FoldTerminal(FoldCallbacks):
    """Prints a line for each fold on stderr."""

    def __init__(self, terminal: Terminal):
        self._terminal, self._end = terminal, ""

    def on_fold(self, number: int, of: int) -> None:
        """Remember which."""
        self._end = f"fold {number + 1}/{of}"

    def on_step(self, run: Run, epoch: int, step: int, steps: int) -> None:
        """See whether the reader of the output has left."""
        self._terminal.look()

    def on_fold_end(self, number: int, found: Sequence[Estimate]) -> None:
        """Say what the fold came to."""
        said = ", ".join(f"{one.name.replace('_', ' ')} {_number(one.value, one.percent)}" for one in found[:2])
        remark(f"{self._end}: {said}")


def run_folds(
    request: Request,
    experiment: Experiment,
    folds: int,
    repeats: int,
    source: Checkpoint | None,
    grafts: Sequence[tuple[str, str]],
    dask: str | None = None,
) -> None:
    """Cross-validate, write the figures and out-of-fold predictions, and report them.

    Args:
        request: where to write, and what to print.
        experiment: what to train, on what.
        folds: from 2 on.
        repeats: of them.
        source: checkpoint to take weights from.
        grafts: pairs of layers.
        dask: cluster whose workers train, or None.
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
    if request.dry_run:
        end_dry_run(request.run, dask, request.device)
        return
    with told() as (terminal, stop), ExitStack() as opened:
        cluster = None if dask is None else opened.enter_context(cluster_at(dask, request.device))
        found = cross_validate(experiment, folds, repeats, source, grafts, FoldTerminal(terminal), stop, cluster)
    name = f"{run_name(config, dataset.name)}-folds"
    with RunFolder.create(request.run, config, name=name) as folder:
        folder.write_text(FOLDS, json.dumps(finite(document(found)), indent=2) + "\n")
        folder.write(BEST, content(found))
        write_table(predictions(found, experiment), Output(PREDICTIONS, folder.path / PREDICTIONS, [".csv"], []))
        where = printable(str(folder.path))
    if request.as_json:
        print_json({"folder": str(folder.path), **document(found)})
        return
    for line in lines(found):
        click.echo(line)
    click.echo(f"Results: {where}/{FOLDS}, out-of-fold predictions: {where}/{PREDICTIONS}")
    count = len(found.networks)
    click.echo(f"Ensemble: {where}/{BEST}, the {count} networks, which predict together")
    remark(f"Next: {program()} predict {where} FILE\n      {program()} ensemble {where} MORE... --method select")


def content(found: CrossValidation) -> Group:
    """The networks of all folds as one ensemble, with what they said of samples that they did not learn from."""
    members = sum(len(one["streams/seeds"].data) - len(diverged_in(one)) for one in found.networks)
    said = OutOfFold(found.rows, found.outcome)
    facts = {"folds": found.folds, "repeats": found.repeats}
    return ensemble_tree(found.networks, Combination(), members, METHOD, facts, out_of_fold=said)


def document(found: CrossValidation) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    return {
        "folds": found.folds,
        "repeats": found.repeats,
        "samples": len(found.rows),
        "scores": {name: values.tolist() for name, values in found.scores.items()},
        "means": {name: vars(one) for name, one in found.means.items()},
        "pooled": {
            one.name: {"value": one.value, "low": one.low, "high": one.high, "baseline": one.baseline}
            for one in found.pooled
        },
    }


def predictions(found: CrossValidation, experiment: Experiment) -> dict[str, list[Any]]:
    """The out-of-fold prediction of each sample, by column."""
    dataset, outcome = experiment.dataset, found.outcome
    columns: dict[str, list[Any]] = {"sample": found.rows.tolist(), "fold": (found.fold + 1).tolist()}
    if outcome.task == "classification":
        columns["target"] = [dataset.classes[int(k)] for k in outcome.target]
        columns["predicted"] = [dataset.classes[int(k)] for k in outcome.predicted]
        names = [f"p_{name}" if outcome.probability else f"score_{name}" for name in dataset.classes]
        return columns | {name: outcome.columns[:, k].tolist() for k, name in enumerate(names)}
    width = outcome.outputs.shape[1]
    ends = [""] if width == 1 else [f"_{k + 1}" for k in range(width)]
    target = outcome.target.reshape(len(found.rows), -1)
    columns |= {f"target{end}": target[:, k].tolist() for k, end in enumerate(ends)}
    return columns | {f"predicted{end}": outcome.outputs[:, k].tolist() for k, end in enumerate(ends)}


def lines(found: CrossValidation) -> list[str]:
    """A table of the figures: over folds with the corrected interval, and pooled."""
    from .figures import interval_text, no_better, table_lines

    rows: list[Sequence[str]] = [("", "mean of folds", "95 % interval", "pooled", "over samples", "baseline")]
    for one in found.pooled:
        mean = found.means.get(one.name)
        if mean is None:
            continue
        ends = ("-",) if mean.low is None else (_number(mean.low, one.percent), _number(mean.high or 0.0, one.percent))
        pooled = [_number(value, one.percent) for value in (one.value, one.baseline)]
        name = one.name.replace("_", " ")
        across = _number(mean.mean, one.percent), " to ".join(ends)
        rows.append((name, *across, pooled[0], interval_text(one), pooled[1]))
    told = next((one for one in found.pooled if one.name in TELLING), None)
    better = told is None or not no_better(told)
    doubt = [] if better else [f"No better than the baseline, as far as these samples can tell; see {NETWORKS}."]
    count = f"{found.folds} folds" + (f", {found.repeats} times" if found.repeats > 1 else "")
    about = f"Over {count}, with the t interval corrected for shared samples (Nadeau and Bengio 2003)"
    return [about, *(f"  {line}" for line in table_lines(rows)), *doubt]


def _number(value: float, percent: bool) -> str:
    if value != value:
        return "-"
    return f"{100 * value:.2f} %" if percent else decimals(value) if abs(value) < 1000 else f"{value:.6g}"
