"""gpunet evaluate."""

import click

from gpunet.errors import ConfigError

from .. import completing
from ..options import choose_device, device_option, json_option, memory_option


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
    the ensemble. A file that gpunet ensemble wrote combines its members as it says. Of a run with folds the figures are
    those out of fold: each sample is judged by the networks that did not learn from it.

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
    from gpunet.api.loading import together_of
    from gpunet.checkpoint import read

    from ..evaluating import show_figures
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
        show_figures(together_of(opened, paths, place), opened, data, part, memory, as_json)
