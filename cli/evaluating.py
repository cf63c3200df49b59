"""Figures of networks on samples that they did not learn from, told on the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from gpunet.api.evaluation import evaluation_sets
from gpunet.api.memory import with_memory
from gpunet.api.reading import parts
from gpunet.data import abridged, some_of
from gpunet.ensembles import OutOfFold
from gpunet.errors import LearnedError
from gpunet.metrics import constant_prediction, estimates, usual_metrics
from gpunet.studies.foldfiles import HELD_OUT, kept_fold

from .figures import doubt, figure_lines, figures_json, unrecognised
from .naming import translated
from .options import print_json, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpunet.api.ensemble import Ensemble
    from gpunet.checkpoint import Checkpoint
    from gpunet.data import Dataset
    from gpunet.metrics import Estimate


def show_figures(
    together: Ensemble,
    opened: Sequence[Checkpoint],
    data: str | None,
    part: str,
    memory: float | None,
    as_json: bool,
) -> None:
    """Measure networks alone and together, and print what they come to.

    Args:
        together: the networks.
        opened: the files that they are of.
        data: other data than they were trained on, all of which is measured.
        part: of the data that they were trained on.
        memory: megabytes that features may take.
        as_json: print one document instead of lines.

    Raises:
        DataError: no such data, or no such part that they did not learn from.
    """
    networks = together.networks
    try:
        sets, chosen = evaluation_sets(with_memory([network.trained for network in networks], memory), data, part)
    except LearnedError:
        held = _held_out(opened[0]) if len(opened) == 1 and part == "test" else None
        if held is None:
            raise
        document, told = _out_of_fold(together, held)
    else:
        for line in (*together.left_out, *abridged(note for found in sets for note in found.notes)):
            click.echo(f"  {translated(line)}", err=True)
        document, told = _measured(together, sets, chosen, data is None)
    about = networks[0].description
    names = list(about.classes or about.targets) or [f"target {k + 1}" for k in range(about.outputs)]
    if told:
        document["names"] = names
    if as_json:
        print_json(document)
        return
    _print(document, told, names)


def _held_out(opened: Checkpoint) -> OutOfFold | None:
    """What the networks of folds, or that of one, said of samples that they did not learn from; None where unknown."""
    if HELD_OUT not in opened.root:
        return OutOfFold.held_in(opened)
    fold = kept_fold(opened)
    said = list(fold.said.values())
    return OutOfFold(fold.rows, replace(said[0], outputs=np.mean([one.outputs for one in said], axis=0)))


def _out_of_fold(together: Ensemble, held: OutOfFold) -> tuple[dict[str, Any], list[Estimate]]:
    """What the networks of folds said of samples that they did not learn from, when they were trained."""
    said = held.outcome
    told = estimates(usual_metrics(), said, constant_prediction(said))
    name = together.networks[0].description.name
    document: dict[str, Any] = {"data": name, "samples": len(held.rows), "part": "out of fold"}
    if said.task == "classification":
        wrong = float(np.average(said.predicted != said.target, weights=said.weight))
        document |= {"ensemble_accuracy": 1 - wrong, "ensemble_error": wrong}
    return document | {"figures": figures_json([told]), "baseline": "evaluated samples"}, told


def _measured(
    together: Ensemble, sets: Sequence[Dataset], chosen: np.ndarray, own: bool
) -> tuple[dict[str, Any], list[Estimate]]:
    """Figures of each network and of all together on chosen samples, which each reads by its contract."""
    networks, dataset, y = together.networks, sets[0], sets[0].y[chosen]
    weights = None if dataset.weights is None else dataset.weights[chosen]
    scores = [network.scores(some_of(found.x, chosen), y, weights) for network, found in zip(networks, sets)]
    classify = "accuracy" in scores[0]
    # Of a member that has diverged nothing is said; the places of the others stay those of their seeds.
    gone = {(n, member) for n, network in enumerate(networks) for member in network.trained.diverged}

    def each(name: str) -> list[float | None]:
        places = [(n, member) for n, score in enumerate(scores) for member in range(len(score[name]))]
        return [None if place in gone else float(scores[place[0]][name][place[1]]) for place in places]

    loss = each("loss")
    document: dict[str, Any] = {"data": dataset.name, "samples": len(chosen), "loss": loss}
    if classify:
        document["accuracy"] = each("accuracy")
        document["error"] = [None if a is None else 1 - a for a in document["accuracy"]]
    if gone:
        document["diverged"] = [place for place, value in enumerate(loss) if value is None]
    outputs = together.combined(together.member_outputs([some_of(found.x, chosen) for found in sets]))
    if classify and len(loss) > 1:
        wrong = float(np.average(together.class_numbers(outputs) != y, weights=weights))
        document |= {"ensemble_accuracy": 1 - wrong, "ensemble_error": wrong}
    outcome = together.outcome(outputs, y, weights)
    if outcome is None:
        return document, []
    seen = outcome
    if own:
        rows = dataset.labelled(parts(networks[0].trained.config, dataset).train)
        weight = None if dataset.weights is None else dataset.weights[rows]
        width = np.zeros((len(rows), outputs.shape[1]))
        seen = replace(outcome, outputs=width, target=dataset.y[rows], weight=weight)
    told = estimates(usual_metrics(), outcome, constant_prediction(seen))
    document["figures"] = figures_json([told])
    document["baseline"] = "training part" if own else "evaluated samples"
    return document, told


def _print(document: dict[str, Any], told: Sequence[Estimate], names: Sequence[str]) -> None:
    where = " out of fold" if "part" in document else ""
    click.echo(f"{document['data']}: {document['samples']:,} samples{where}")
    if "loss" in document:
        click.echo(f"Loss:  {spread([value for value in document['loss'] if value is not None])}")
    if "error" in document:
        click.echo(f"Error: {spread([value for value in document['error'] if value is not None], percent=True)}")
    if "ensemble_error" in document:
        click.echo(f"Ensemble error: {spread([document['ensemble_error']], percent=True)}")
    for line in figure_lines(told, names):
        click.echo(line)
    for line in filter(None, (unrecognised(told, names), doubt(told))):
        click.echo(line)
