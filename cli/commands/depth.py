"""gpunet depth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import ConfigError, Interrupted, OutputClosed

from ..drawing import FORMATS, can_draw, require_matplotlib
from ..options import Request, choose_device, print_json, run_options
from ..output import Output
from ..remarks import remark

if TYPE_CHECKING:
    from gpunet.studies import DepthResult, DepthStudy

NAME, SEEDS = "depth", 3
KINDS = ("sigmoid", "relu")


@click.command()
@click.option("--layers", default="8,16,32,64", show_default=True, metavar="N,...", help="Depths: layers with weights.")
@click.option("--activations", default="sigmoid,relu", show_default=True, metavar="NAME,...", help="Of hidden layers.")
@click.option("-o", "--output", metavar="FILE", help="Where to draw; depth.png in the run's folder by default.")
@run_options
def depth(request: Request, layers: str, activations: str, output: str | None) -> None:
    """Plain and residual networks of several depths: how signals pass them, and what they learn.

    For each activation and depth a network without shortcuts and the same one with them. Before training, the spread of
    outputs and the size of gradients at each layer on one batch, as doctor --signal shows them; then all are trained
    alike, and each is scored on the test part at the epoch that is best on validation. Three seeds by default, trained
    at once. A network that errs hardly less than the most frequent class would is named, with what its signals do.

    The preset depth is a narrow resmlp without norms; resnet has depths as well.

    \b
    gpunet depth
    gpunet depth --layers 8,32 --seeds 6 epochs=30 -o depth.svg
    gpunet depth resnet-digits --layers 10,18 --activations relu --seeds 1 model.norm=none epochs=3
    """
    from gpunet.api.reading import load_split
    from gpunet.experiment import Experiment
    from gpunet.studies import DepthStudy

    config = request.configuration(NAME)
    if request.members is None and config.members == 1:
        config = config.model_copy(update={"members": SEEDS})
    drawing = None
    if output is not None:
        drawing = Output("-o", Path(output), FORMATS, [request.data])
        require_matplotlib("-o")
    place = choose_device(request.device, told=True)
    with place.activate():
        dataset, parts = load_split(config, run=request.place, writes=not request.dry_run)
        study = DepthStudy(Experiment(config, dataset, parts, place), _depths(layers), activations.split(","))
        _carry_out(study, request, drawing)


def _carry_out(study: DepthStudy, request: Request, drawing: Output | None) -> None:
    from gpunet.interruption import CLOSED, Stop, stops_on_signals
    from gpunet.persistence import RunFolder
    from gpunet.studies import carry_out_depth_study, depth_document
    from gpunet.studies.depth import RESULTS

    from ..clusters import end_dry_run
    from ..views.depth_plot import draw_depth

    config, dataset = study.experiment.config, study.experiment.dataset
    depths = ", ".join(map(str, study.layers))
    remark(f"{NAME}: {config.model.name} of {depths} layers, {dataset.name}, {study.experiment.device}")
    remark(f"  {config.training.epochs} epochs each; {config.members} seeds at once")
    if request.dry_run:
        end_dry_run(request.run)
        return
    stop = Stop()
    with (
        RunFolder.create(request.run, config.model_copy(update={"name": NAME})) as folder,
        stops_on_signals(stop) as look,
    ):
        try:
            results = carry_out_depth_study(study, folder, _tell, stop, look)
        except Interrupted as error:
            if stop.requested != CLOSED:
                raise
            raise OutputClosed(error.thing, error.rule, error.received, error.remedy) from None
        found = depth_document(study, results)
        if drawing is None and can_draw():
            drawing = Output("depth.png", folder.path / "depth.png", [".png"], [])
        if drawing is not None:
            require_matplotlib("depth.png")
            draw_depth(found, drawing)
    if request.as_json:
        print_json({"folder": str(folder.path), **found})
        return
    _show(found)
    click.echo(f"Results: {folder.path / RESULTS}")
    click.echo(f"Plot: {drawing.path}" if drawing else "No plot: pip install 'gpunet[plot]' has matplotlib draw one")


def _tell(result: DepthResult) -> None:
    error = result.test_error
    said = "diverged" if error is None else f"test error {100 * error.mean():.2f} %"
    remark(f"  {result.built.title}: {said}, {result.seconds:.1f} s")


def _show(found: dict[str, Any]) -> None:
    """A table of the errors, a row for each kind of network, and what follows."""
    import numpy as np
    from rich import box
    from rich.table import Table

    from ..views.tree import console

    depths = sorted({entry["layers"] for entry in found["results"]})
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("test error")
    for count in depths:
        table.add_column(f"{count} layers", justify="right")
    for kind in dict.fromkeys(entry["kind"] for entry in found["results"]):
        row = []
        for entry in found["results"]:
            if entry["kind"] == kind:
                error = entry["test_error"]
                spread = f" ± {100 * np.std(error, ddof=1):.2f}" if error and len(error) > 1 else ""
                row.append("diverged" if error is None else f"{100 * np.mean(error):.2f} %{spread}")
        table.add_row(kind, *row)
    console().print(table)
    click.echo(f"Always the most frequent class: {100 * found['baseline_error']:.2f} %")
    for line in found["conclusions"]:
        click.echo(line)


def _depths(text: str) -> list[int]:
    found = [int(word) if word.strip().isdecimal() else 0 for word in text.split(",")]
    if 0 in found:
        raise ConfigError("--layers", "must be numbers above 0, with commas between", text, "For example 8,16,32")
    return found
