"""gpunet evaluate."""

from typing import Any

import click

from gpunet.errors import ConfigError

from .. import completing
from ..figures import doubt, figure_lines, figures_json, unrecognised
from ..naming import translated
from ..options import choose_device, device_option, json_option, memory_option, print_json, spread


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT... [DATA]", shell_complete=completing.runs)
@click.option("--data", metavar="SOURCE", help="Other data than it was trained on; all of it is evaluated.")
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True,
    help="Which part of the data it was trained on.",
)  # fmt: skip
@click.option("--samples", metavar="FILE", help="Of a machine: samples to judge; new ones by default.")
@click.option("-n", "count", default=1000, show_default=True, type=click.IntRange(10), help="New samples of a machine.")
@click.option("--steps", default=1000, show_default=True, type=click.IntRange(20), help="Gibbs steps of a machine.")
@click.option("--trajectory", is_flag=True, help="Draw them along the training of the machine, see gpunet sample.")
@click.option("-o", "output", metavar="FILE", help="Draw how samples of a machine stand to the data: .png, .svg, .pdf.")
@memory_option
@device_option
@json_option
def evaluate(
    checkpoints: tuple[str, ...],
    data: str | None,
    part: str,
    samples: str | None,
    count: int,
    steps: int,
    trajectory: bool,
    output: str | None,
    memory: float | None,
    device: str,
    as_json: bool,
) -> None:
    """Measure loss, error and other figures of a checkpoint.

    Each figure stands beside its 95 % interval over samples and its baseline: always saying the same, as the training
    part suggests, or the evaluated samples where other data are given. Several checkpoints, or the members of a
    population, are measured alone and as an ensemble that averages their predictions; the figures are then those of
    the ensemble. A file that gpunet ensemble wrote combines its members as it says.

    With --json, loss, accuracy and error are lists with a number for each model, also for one alone: .accuracy[0] is
    what train --json calls .test_accuracy[0], and null where a member diverged in training: such members are left out
    of means and ensembles, and named under .diverged. Those of an ensemble, ensemble_accuracy and ensemble_error, are
    numbers.

    Of a restricted Boltzmann machine, or a stack, samples are judged, from --samples or new ones: whether they are
    copies of training rows, miss a part of the data, can be told from held-out rows, and have the correlations of one,
    two and three features; and whether chains come to rest: autocorrelation times, the steps after which chains from
    data and from noise meet, and whether samples come near to the data and go away again.

    \b
    gpunet evaluate runs/digits-mlp-1
    gpunet evaluate runs/digits-mlp-1 more.csv
    gpunet evaluate runs/digits-mlp-*/best.h5 --data more.csv --json
    gpunet evaluate runs/digits-rbm-1 -o trust.svg
    gpunet evaluate runs/digits-rbm-1 --samples samples.npz
    """
    from dataclasses import replace

    import numpy as np

    from gpunet.api.loading import together_of
    from gpunet.api.memory import with_memory
    from gpunet.api.reading import evaluation_sets, parts
    from gpunet.checkpoint import read
    from gpunet.data import abridged, some_of
    from gpunet.metrics import constant_prediction, estimates, usual_metrics

    from ..opening import checkpoint_at, models_and_data
    from ..trusting import is_machine, show_trust

    checkpoints, data = models_and_data(checkpoints, data)
    place = choose_device(device)
    paths = [checkpoint_at(path) for path in checkpoints]
    opened = [read(path) for path in paths]
    if len(opened) == 1 and is_machine(opened[0]):
        if data is not None:
            raise ConfigError("--data", "must be left out for a machine", data, f"Use --samples {data}")
        show_trust(opened[0], paths[0], samples, count, steps, trajectory, output, place, as_json)
        return
    if samples is not None or trajectory or output is not None:
        rule, remedy = "needs one restricted Boltzmann machine", "Leave it out"
        name = "--samples" if samples is not None else "--trajectory" if trajectory else "-o"
        raise ConfigError(name, rule, "networks", remedy)
    with place.activate():
        together = together_of(opened, paths, place)
        networks = together.networks
        sets, chosen = evaluation_sets(with_memory([network.trained for network in networks], memory), data, part)
        dataset, y = sets[0], sets[0].y[chosen]
        weights = None if dataset.weights is None else dataset.weights[chosen]
        for line in (*together.left_out, *abridged(note for found in sets for note in found.notes)):
            click.echo(f"  {translated(line)}", err=True)
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
        told = []
        if outcome is not None:
            seen = outcome
            if data is None:
                rows = dataset.labelled(parts(networks[0].trained.config, dataset).train)
                weight = None if dataset.weights is None else dataset.weights[rows]
                width = np.zeros((len(rows), outputs.shape[1]))
                seen = replace(outcome, outputs=width, target=dataset.y[rows], weight=weight)
            told = estimates(usual_metrics(), outcome, constant_prediction(seen))
            document["figures"] = figures_json([told])
            document["baseline"] = "training part" if data is None else "evaluated samples"
        about = together.networks[0].description
        names = list(about.classes or about.targets) or [f"target {k + 1}" for k in range(outputs.shape[1])]
        if told:
            document["names"] = names
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['data']}: {document['samples']:,} samples")
    click.echo(f"Loss:  {spread([value for value in loss if value is not None])}")
    if classify:
        errors = [value for value in document["error"] if value is not None]
        click.echo(f"Error: {spread(errors, percent=True)}")
    if "ensemble_error" in document:
        click.echo(f"Ensemble error: {spread([document['ensemble_error']], percent=True)}")
    for line in figure_lines(told, names):
        click.echo(line)
    for line in filter(None, (unrecognised(told, names), doubt(told))):
        click.echo(line)
