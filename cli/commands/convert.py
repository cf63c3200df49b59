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
@click.option("--zero-sum", is_flag=True, help="Of a machine of sequences of ours: put it into the zero-sum gauge.")
@json_option
def convert(
    source: str,
    output: str,
    weight: str | None,
    visible_bias: str | None,
    hidden_bias: str | None,
    visible_units: str | None,
    hidden_units: str | None,
    zero_sum: bool,
    as_json: bool,
) -> None:
    """Make a checkpoint of a machine that another program trained.

    SOURCE is an archive of rbms 0.5 or 0.6, whose states all come along: OUTPUT is then the folder of a run, with the
    last one as its best.h5 and each below snapshots. Or it holds fields and couplings of spins, JSON or HDF5, as
    inspect --export-couplings writes them, or arrays that are named one by one: OUTPUT is then a .h5 file. Foreign
    files are read by a confined process; nothing of them is run.

    With --zero-sum, SOURCE is a machine of ours whose visible units are softmax: over the letters of each site the
    weights of a hidden unit then sum to 0, and every free energy is what it was.

    \b
    gpunet convert RBM.h5 runs/theirs
    gpunet convert ising.json ising.h5 --visible-units bernoulli
    gpunet convert theirs.h5 machine.h5 --weight rbm/W --visible-bias rbm/a --hidden-bias rbm/b
    gpunet convert runs/family-rbm-1 zero.h5 --zero-sum
    """
    from gpunet.api.converting import convert as converted
    from gpunet.errors import ConfigError

    given = {"weight": weight, "visible_bias": visible_bias, "hidden_bias": hidden_bias}
    keys = {name: path for name, path in given.items() if path is not None}
    if keys and weight is None:
        raise ConfigError("--weight", "must be named where biases are", None, "Add --weight NAME")
    if zero_sum:
        _in_zero_sum(source, output, bool(keys or visible_units or hidden_units), as_json)
        return
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


def _in_zero_sum(source: str, output: str, foreign: bool, as_json: bool) -> None:
    """Write a machine of ours in the zero-sum gauge."""
    import gpunet
    from gpunet.api import Machine
    from gpunet.errors import CheckpointError, ConfigError, WriteError
    from gpunet.paths import exists

    from ..opening import checkpoint_at

    if foreign:
        raise ConfigError("--zero-sum", "is for machines of ours", "names of arrays or units", "Leave them out")
    if exists(output):
        raise WriteError(output, "must not be there yet", "a file or folder", "Choose another name")
    model = gpunet.load(checkpoint_at(source), device="cpu")
    if not isinstance(model, Machine):
        received, remedy = type(model).__name__.lower(), "Name a machine with softmax visible units"
        raise CheckpointError(source, "must hold a restricted Boltzmann machine", received, remedy)
    path = model.zero_sum().save(output)
    if as_json:
        print_json({"output": str(path), "kind": "zero-sum gauge", "model": model.summary})
        return
    click.echo(f"zero-sum gauge: {model.summary}")
    click.echo(f"Checkpoint: {path}")
