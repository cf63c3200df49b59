"""gpunet predict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gpunet.errors import CheckpointError, ConfigError

from .. import completing
from ..naming import translated
from ..options import choose_device, device_option, json_option, memory_option, print_json

if TYPE_CHECKING:
    from gpunet.api.network import Network

STDIN = "-"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="CHECKPOINT... INPUT...", shell_complete=completing.runs)
@click.option("--probabilities", is_flag=True, help="Give the probability, score or share of the votes of every class.")
@click.option("-o", "--output", metavar="FILE", help="Write a .csv, .tsv, .json, .jsonl or .parquet file.")
@memory_option
@device_option
@json_option
def predict(
    paths: tuple[str, ...], probabilities: bool, output: str | None, memory: float | None, device: str, as_json: bool
) -> None:
    """Predict classes, labels or values for files of inputs, as CSV on stdout or in a file.

    Inputs may be of any kind that train reads, and - is a table of text on standard input; targets in them are left
    out. Each line names its sample by its ids or its file, and gives the prediction under the name of the target: a
    class with its probability, score or share of the votes, each label as 0 or 1 with that of it, or values.

    A checkpoint may also be the folder of a run. Several checkpoints, and the members of a population, predict as an
    ensemble that averages what they give; each reads the inputs by its own contract. A file that gpunet ensemble wrote
    combines its members as it says.

    \b
    gpunet predict runs/digits-mlp-1 new.csv > predictions.csv
    gpunet predict runs/digits-mlp-1/best.h5 images.npz --probabilities -o predictions.parquet
    gpunet predict runs/digits-mlp-* new.csv --json
    zcat new.csv.gz | gpunet predict runs/digits-mlp-1 -
    """
    from pathlib import Path

    from gpunet.api.loading import load_together
    from gpunet.api.predictions import predictions
    from gpunet.data import abridged

    from ..opening import checkpoint_at, is_model
    from ..output import Output
    from ..tables import FORMATS, rows_of, separated, write_table

    models = [paths[0]]
    while len(models) < len(paths) - 1 and is_model(paths[len(models)]):
        models.append(paths[len(models)])
    inputs = paths[len(models) :]
    if not inputs:
        raise ConfigError("predict", "must be told what to predict", "a checkpoint alone", "Add the path of a file")
    if inputs.count(STDIN) > 1:
        raise ConfigError("predict", "can read standard input once", f"{STDIN} twice", "Leave one out")
    file = None if output is None else Output("-o", Path(output), FORMATS, [*models, *inputs])
    place = choose_device(device)
    columns: dict[str, list[object]] = {}
    with place.activate():
        together = load_together([checkpoint_at(path) for path in models], place)
        for network in together.networks:
            _check_predicts(network, models[0] if len(models) == 1 else str(network.trained.checkpoint.path))
        for line in together.left_out:
            click.echo(f"  {line}", err=True)
        for path in inputs:
            held = sys.stdin.buffer.read() if path == STDIN else None
            name = "standard input" if path == STDIN else path
            found = predictions(together, name, probabilities, held, memory)
            for line in abridged(found.notes):
                click.echo(f"  {name}: {translated(line)}", err=True)
            before = len(next(iter(columns.values()), ()))
            for key in found.columns:
                columns.setdefault(key, [None] * before)
            for key, values in columns.items():
                values.extend(found.columns.get(key, [None] * len(found)))
    samples = len(next(iter(columns.values())))
    if file is not None:
        write_table(columns, file)
        if as_json:
            print_json({"output": output, "samples": samples, "columns": list(columns)})
        else:
            click.echo(f"{samples:,} predictions: {output}")
    elif as_json:
        print_json(list(rows_of(columns)))
    else:
        for text in separated(columns):
            click.echo(text, nl=False)


def _check_predicts(network: Network, path: str) -> None:
    """Refuse a network that reconstructs its inputs, and does not predict targets."""
    if network.reconstructs:
        rule, remedy = "must hold a network that predicts targets", "Use gpunet evaluate for its reconstructions"
        raise CheckpointError(path, rule, network.config.model.name, remedy)
