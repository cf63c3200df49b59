"""gpunet sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gpunet.errors import CheckpointError, ConfigError

from .. import completing
from ..options import choose_device, device_option, json_option, print_json
from ..output import Output


@click.command()
@click.argument("checkpoint", shell_complete=completing.runs)
@click.option("-n", "count", default=100, show_default=True, type=click.IntRange(1), help="How many chains.")
@click.option(
    "--steps", default=1000, show_default=True, type=click.IntRange(1), help="Gibbs steps of the top machine."
)
@click.option("--start", default="rest", show_default=True, type=click.Choice(["rest", "data"]), help="From where.")
@click.option("--trajectory", is_flag=True, help="Exchange states with earlier versions: frozen ones, or snapshots.")
@click.option("--class", "--label", "label", metavar="NAME", help="Dream of this class; all in turn by default.")
@click.option("--clamp", metavar="FILE", help="Hold these pixels or sites; NaN, an empty cell or ? is free.")
@click.option("--data", metavar="SOURCE", help="Start at this data.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the chains.")
@click.option("--member", default=0, show_default=True, type=click.IntRange(0), help="Which member of a population.")
@click.option(
    "-o", "output", default="samples.png", show_default=True, metavar="FILE", help="A .png, .npz or .fasta file."
)
@device_option
@json_option
def sample(
    checkpoint: str,
    count: int,
    steps: int,
    start: str,
    trajectory: bool,
    label: str | None,
    clamp: str | None,
    data: str | None,
    seed: int,
    member: int,
    output: str,
    device: str,
    as_json: bool,
) -> None:
    """Draw samples of restricted Boltzmann machines: Gibbs steps at the top, then down to the data.

    All layers of a deep Boltzmann machine are sampled together. A classrbm, a network trained up and down, and a deep
    machine with classes, dream of a class that is held. --clamp holds some features of a single machine while the
    others are drawn: x of an NPZ or HDF5 file with NaN where a pixel is free, a table with empty cells, or sequences
    with ? at free sites; one sample for all chains or one for each.

    What is written are the means of the visible units in the end, as a picture of tiles where samples are images (needs
    pillow), or as numbers in an NPZ file: x, in the units of the data. Sequences are drawn letter by letter, and
    written as FASTA, also gzipped.

    Chains of a machine with far modes stay in the one where they begin. --trajectory lets them exchange states with
    earlier versions of the machine, which chains=trajectory has frozen in training, or which snapshots=30 has kept.

    \b
    gpunet sample runs/digits-rbm-1/best.h5
    gpunet sample runs/digits-dbn-1/best.h5 -n 25 --steps 5000 --start data -o dreams.png
    gpunet sample runs/digits-updown-1/best.h5 --class 3 -o threes.png
    gpunet sample runs/digits-classrbm-1 --label 3 --clamp upper-half.npz -o threes.png
    gpunet sample runs/digits-classdbm-1 --class 3 --steps 2000
    gpunet sample runs/digits-rbm-1/best.h5 -n 10000 -o samples.npz
    gpunet sample runs/digits-rbm-1 --trajectory
    gpunet sample runs/family-rbm-1 -n 5000 -o samples.fasta.gz
    """
    import gpunet
    from gpunet.api.clamping import read_clamp
    from gpunet.api.sequences import ENDINGS
    from gpunet.inspection.tiles import is_image
    from gpunet.members import of_member

    from ..opening import checkpoint_at
    from ..views.pictures import require_pillow

    file = Output("-o", Path(output), [".png", ".npz", *ENDINGS], [checkpoint, data, clamp])
    as_picture = file.ending == ".png"
    if as_picture:
        require_pillow("-o", ", or use -o samples.npz")
    model = gpunet.load(checkpoint_at(checkpoint), device=str(choose_device(device)))
    if isinstance(model, gpunet.Ensemble):
        rule, remedy = "must hold one model to sample from", "Save one of its networks by itself"
        raise CheckpointError(checkpoint, rule, f"an ensemble of {len(model)}", remedy)
    shape = model.description.input_shape
    if as_picture and not is_image(shape):
        raise ConfigError("-o", "a picture needs samples that are images", f"shape {shape}", "Use -o samples.npz")
    letters = model.description.alphabet
    if file.ending in ENDINGS and not letters:
        raise ConfigError("-o", "needs a machine of sequences", f"features of shape {shape}", "Use -o samples.npz")
    if as_picture and not model.trained.preprocessing.pixelwise:
        kind = model.trained.preprocessing.kind
        raise ConfigError("-o", "a picture needs features that are pixels", kind, "Use -o samples.npz")
    if member >= len(model.seeds):
        raise ConfigError("--member", f"must be below {len(model.seeds)}", member)
    if data is None and start == "data":
        file = replace(file, reads=[checkpoint, model.trained.source])
    begin = _begin(model, count, start == "data" or data is not None, data, label)
    if trajectory:
        from gpunet.api.machine import Machine

        if not isinstance(model, Machine) or begin or clamp is not None:
            rule = "needs machines, and chains that begin without weights"
            raise ConfigError("--trajectory", rule, "others", "Leave it, --start, --clamp and --data out")
        begin = {"trajectory": True}
    if clamp is not None:
        begin["clamp"] = read_clamp(clamp, model.trained)
    drawn = model.sample(count, steps=steps, seed=seed, prepared=as_picture, **begin)
    drawn = of_member(drawn, model.parameters.members, member)
    _write(file, drawn, model.trained)
    if as_json:
        print_json({"output": output, "samples": count, "steps": steps, "mean": float(drawn.mean())})
    else:
        click.echo(f"{count:,} samples after {steps:,} Gibbs steps: {output}")


def _begin(model: Any, count: int, from_data: bool, source: str | None, label: str | None) -> dict[str, Any]:
    """Where chains begin: at data, or with a class held, whatever such a model takes."""
    from gpunet.api.evaluation import evaluation_data
    from gpunet.api.machine import Machine

    if not isinstance(model, Machine):
        if not model.generates:
            path, remedy = str(model.checkpoint.path), "Use gpunet predict for networks"
            raise CheckpointError(path, "must hold restricted Boltzmann machines", model.config.model.name, remedy)
        if from_data:
            raise ConfigError("--start", "must be rest where classes are held", "data", "Choose a --class")
        return {"label": _label(model.description, label)}
    if label is not None:
        remedy = "Train one: gpunet train classrbm"
        raise ConfigError("--class", "needs a model that knows classes", "machines", remedy)
    if not from_data:
        return {}
    dataset, chosen = evaluation_data(model.trained, source, "train")
    return {"start": dataset.x[chosen[:count]]}


def _label(about: Any, name: str | None) -> Any:
    """The class with a name, as the data have it."""
    classes = list(about.classes)
    if name is not None and name not in classes:
        raise ConfigError("--class", f"must be one of {', '.join(classes)}", name)
    return None if name is None else about.labels[classes.index(name)]


def _write(output: Output, drawn: Any, model: Any) -> None:
    import numpy as np

    from gpunet.api.sequences import fasta_bytes
    from gpunet.data import Sequences
    from gpunet.inspection.pictures import levels
    from gpunet.inspection.tiles import as_tiles, tiled

    from ..views.pictures import png

    if output.ending not in (".png", ".npz"):
        drawn = Sequences(drawn, model.description.alphabet, tuple(f"sample{i + 1}" for i in range(len(drawn))))
        output.write([fasta_bytes(drawn, output.ending.endswith(".gz"))])
        return
    if output.ending == ".npz":
        with output.opened() as file:
            np.savez(file, x=drawn if model.description.alphabet else drawn.astype(np.float32))
        return
    picture = tiled(as_tiles(levels(drawn, model.preprocessing), model.description.input_shape))
    output.write([png(picture, max(1, 600 // picture.shape[1]))])
