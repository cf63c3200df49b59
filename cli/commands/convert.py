"""gpunet convert."""

from __future__ import annotations

import click

from ..options import json_option, print_json

UNITS = click.Choice(["bernoulli", "spin"])


@click.command()
@click.argument("source")
@click.argument("output")
@click.option("--weight", metavar="NAME", help="Path of the weight (visible, hidden) within the file.")
@click.option("--visible-bias", metavar="NAME", help="Path of the visible biases; 0 by default.")
@click.option("--hidden-bias", metavar="NAME", help="Path of the hidden biases; 0 by default.")
@click.option("--visible-units", type=UNITS, help="Of couplings and arrays; spin for couplings, else bernoulli.")
@click.option("--hidden-units", type=UNITS, help="Likewise.")
@json_option
def convert(
    source: str,
    output: str,
    weight: str | None,
    visible_bias: str | None,
    hidden_bias: str | None,
    visible_units: str | None,
    hidden_units: str | None,
    as_json: bool,
) -> None:
    """Make a checkpoint of a machine that another program trained.

    SOURCE is an archive of rbms 0.5 or 0.6, whose states all come along: OUTPUT is then the folder of a run, with the
    last one as its best.h5 and each below snapshots. Or it holds fields and couplings of spins, JSON or HDF5, as
    inspect --export-couplings writes them, or arrays that are named one by one: OUTPUT is then a .h5 file. Foreign
    files are read by a confined process; nothing of them is run.

    \b
    gpunet convert RBM.h5 runs/theirs
    gpunet convert ising.json ising.h5 --visible-units bernoulli
    gpunet convert theirs.h5 machine.h5 --weight rbm/W --visible-bias rbm/a --hidden-bias rbm/b
    """
    from gpunet.api.converting import convert as converted
    from gpunet.errors import ConfigError

    given = {"weight": weight, "visible_bias": visible_bias, "hidden_bias": hidden_bias}
    keys = {name: path for name, path in given.items() if path is not None}
    if keys and weight is None:
        raise ConfigError("--weight", "must be named where biases are", None, "Add --weight NAME")
    found = converted(source, output, keys, visible_units, hidden_units)
    if as_json:
        document = {"output": str(found.path), "kind": found.kind, "model": found.model, "chains": found.chains}
        print_json(document | {"updates": list(found.updates)})
        return
    updates = found.updates
    states = f", {len(updates)} states of updates {updates[0]:,} to {updates[-1]:,}" if updates else ""
    chains = f", {found.chains:,} chains" if found.chains else ""
    click.echo(f"{found.kind}: {found.model}{states}{chains}")
    click.echo(f"Checkpoint: {found.path}")
