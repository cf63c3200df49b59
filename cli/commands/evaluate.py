"""gpunet evaluate."""

from typing import Any

import click

from ..options import choose_device, device_option, json_option, print_json, spread


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option("--data", metavar="SOURCE", help="Other data than it was trained on; all of it is evaluated.")
@click.option(
    "--part", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True,
    help="Which part of the data it was trained on.",
)  # fmt: skip
@device_option
@json_option
def evaluate(checkpoints: tuple[str, ...], data: str | None, part: str, device: str, as_json: bool) -> None:
    """Measure loss and error of a checkpoint.

    Several checkpoints, or the members of a population, are measured alone and as an ensemble that averages their
    predictions.

    \b
    gpunet evaluate runs/mlp-1/best.h5
    gpunet evaluate runs/mlp-*/best.h5 --data more.csv --json
    """
    import numpy as np

    from gpunet.persistence import load_model
    from gpunet.training import Evaluator

    from ..models import agree, ensemble_outputs, evaluation_data, feed

    place = choose_device(device)
    with place.activate():
        models = [load_model(path, place) for path in checkpoints]
        agree(models)
        dataset, chosen = evaluation_data(models[0], data, part)
        classify = "accuracy" in models[0].objective.scores
        loss: list[float] = []
        accuracy: list[float] = []
        for model in models:
            members = len(model.parameters.seeds)
            samples = feed(model, dataset.x[chosen], dataset.y[chosen], place)
            scores = Evaluator(model.objective, samples, members, place).scores()
            loss += scores["loss"].tolist()
            accuracy += scores["accuracy"].tolist() if classify else []
        document: dict[str, Any] = {"data": dataset.name, "samples": len(chosen), "loss": loss}
        document |= {"error": [1 - a for a in accuracy]} if classify else {}
        if classify and len(loss) > 1:
            outputs = ensemble_outputs(models, dataset.x[chosen], place)
            predicted = outputs[:, 0] > 0.5 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
            document["ensemble_error"] = float(np.mean(predicted != dataset.y[chosen]))
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['data']}: {document['samples']:,} samples")
    click.echo(f"Loss:  {spread(loss)}")
    if classify:
        click.echo(f"Error: {spread(document['error'], percent=True)}")
    if "ensemble_error" in document:
        click.echo(f"Ensemble error: {spread([document['ensemble_error']], percent=True)}")
