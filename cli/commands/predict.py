"""gpunet predict."""

import click

from gpunet.errors import CheckpointError

from ..options import choose_device, device_option, json_option, print_json


@click.command()
@click.argument("checkpoint")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--probabilities", is_flag=True, help="Print the probability or score of every class.")
@device_option
@json_option
def predict(checkpoint: str, inputs: tuple[str, ...], probabilities: bool, device: str, as_json: bool) -> None:
    """Predict classes or values for files of inputs, as CSV on stdout.

    Files may be of any kind that train reads; labels in them are left out. A population predicts as an ensemble.

    \b
    gpunet predict runs/mlp-1/best.h5 new.csv > predictions.csv
    gpunet predict runs/mlp-1/best.h5 images.npz --probabilities --json
    """
    import csv
    import sys

    from gpunet.api.loading import load_network
    from gpunet.api.reading import features_in

    place = choose_device(device)
    rows: list[dict[str, object]] = []
    with place.activate():
        network = load_network(checkpoint, place)
        if network.reconstructs:
            rule, remedy = "must hold a network that predicts targets", "Use gpunet evaluate for its reconstructions"
            raise CheckpointError(checkpoint, rule, network.config.model.name, remedy)
        about = network.description
        classes = about.classes
        for path in inputs:
            given = features_in(path, network.trained)
            for line in given.notes:
                click.echo(f"  {path}: {line}", err=True)
            for sample, values in enumerate(network.outputs_on(given.x).tolist()):
                row: dict[str, object] = {"input": path, "sample": sample}
                row |= {column: texts[sample] for column, texts in given.ids.items()}
                rows.append(row | named_outputs(values, classes, probabilities, network.meaning, about.targets))
    if as_json:
        print_json(rows)
        return
    writer = csv.DictWriter(sys.stdout, dict.fromkeys(key for row in rows for key in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def named_outputs(
    values: list[float],
    classes: tuple[str, ...],
    every: bool,
    meaning: str = "probability",
    targets: tuple[str, ...] = (),
) -> dict[str, object]:
    """One sample's outputs by name: the class and its probability or score, or the predicted values.

    >>> named_outputs([0.25], ("no", "yes"), False)
    {'class': 'no', 'probability': 0.75}
    >>> named_outputs([0.5, -2.0], ("no", "yes"), True, "score")
    {'class': 'no', 'score': 0.5, 'score(no)': 0.5, 'score(yes)': -2.0}
    """
    if not classes:
        names = targets if len(targets) == len(values) else [f"value_{i}" for i in range(len(values))]
        names = names if targets or len(values) > 1 else ["value"]
        return {name: float(f"{value:.7g}") for name, value in zip(names, values)}
    if len(values) == 1:  # the probability of the second of two classes
        values = [1 - values[0], values[0]]
    best = max(range(len(values)), key=values.__getitem__)
    row: dict[str, object] = {"class": classes[best], meaning: round(values[best], 6)}
    if every:
        short = "p" if meaning == "probability" else meaning
        row |= {f"{short}({name})": round(value, 6) for name, value in zip(classes, values)}
    return row
