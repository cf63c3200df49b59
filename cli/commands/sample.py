"""gpunet sample."""

from __future__ import annotations

from typing import Any

import click

from gpunet.errors import ConfigError, WriteError

from ..options import choose_device, device_option, json_option, print_json


@click.command()
@click.argument("checkpoint")
@click.option("-n", "count", default=100, show_default=True, type=click.IntRange(1), help="How many chains.")
@click.option(
    "--steps", default=1000, show_default=True, type=click.IntRange(1), help="Gibbs steps of the top machine."
)
@click.option("--start", default="rest", show_default=True, type=click.Choice(["rest", "data"]), help="From where.")
@click.option("--class", "label", metavar="NAME", help="Dream of this class; all in turn by default.")
@click.option("--data", metavar="SOURCE", help="Start at this data.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the chains.")
@click.option("--member", default=0, show_default=True, type=click.IntRange(0), help="Which member of a population.")
@click.option("-o", "output", default="samples.png", show_default=True, metavar="FILE", help="A .png or .npz file.")
@device_option
@json_option
def sample(
    checkpoint: str,
    count: int,
    steps: int,
    start: str,
    label: str | None,
    data: str | None,
    seed: int,
    member: int,
    output: str,
    device: str,
    as_json: bool,
) -> None:
    """Draw samples of restricted Boltzmann machines: Gibbs steps at the top, then down to the data.

    A network trained up and down dreams of a class that is held. What is written are the means of the visible units
    in the end, as a picture of tiles where samples are images (needs pillow), or as numbers in an NPZ file: x, in the
    units of the data.

    \b
    gpunet sample runs/rbm-1/best.h5
    gpunet sample runs/dbn-1/best.h5 -n 25 --steps 5000 --start data -o dreams.png
    gpunet sample runs/updown-1/best.h5 --class 3 -o threes.png
    gpunet sample runs/rbm-1/best.h5 -n 10000 -o samples.npz
    """
    from gpunet.inspection.sampling import Sampler
    from gpunet.inspection.tiles import is_image
    from gpunet.members import of_member
    from gpunet.persistence import TrainedModel, load_generator

    if not output.endswith((".png", ".npz")):
        raise ConfigError("-o", "must end in .png or .npz", output, "For example -o samples.png")
    place = choose_device(device)
    with place.activate():
        model = load_generator(checkpoint, place)
        shape = model.description.input_shape
        if output.endswith(".png") and not is_image(shape):
            raise ConfigError("-o", "a picture needs samples that are images", f"shape {shape}", "Use -o samples.npz")
        if output.endswith(".png") and not model.preprocessing.pixelwise:
            kind = model.preprocessing.kind
            raise ConfigError("-o", "a picture needs features that are pixels", kind, "Use -o samples.npz")
        if member >= len(model.parameters.seeds):
            raise ConfigError("--member", f"must be below {len(model.parameters.seeds)}", member)
        if isinstance(model, TrainedModel):
            if start == "data" or data is not None:
                raise ConfigError("--start", "must be rest where classes are held", "data", "Choose a --class")
            network: Any = model.model
            sampler = Sampler(network, model.parameters, count, seed, labels=_labels(model, count, label))
        elif label is not None:
            raise ConfigError(
                "--class", "needs a model that knows classes", "machines", "Train one: gpunet train updown"
            )
        else:
            begin = _data(model, count, data) if start == "data" or data is not None else None
            sampler = Sampler(model.dbn, model.parameters, count, seed, begin)
        sampler.run(steps)
        drawn = sampler.data()
    drawn = of_member(drawn, model.parameters.members, member)
    _write(output, drawn, model)
    if as_json:
        print_json({"output": output, "samples": count, "steps": steps, "mean": float(drawn.mean())})
    else:
        click.echo(f"{count:,} samples after {steps:,} Gibbs steps: {output}")


def _data(model: Any, count: int, source: str | None) -> Any:
    """So many samples of data, from the first again where they run out, for each member: where chains start."""
    import numpy as np

    from gpunet.api.reading import evaluation_data

    dataset, chosen = evaluation_data(model, source, "train")
    v = model.preprocessing.on_host(dataset.x[np.resize(chosen, count)].reshape(count, -1))
    return model.parameters.device.put(np.broadcast_to(v, (*model.parameters.members, *v.shape)))


def _labels(model: Any, count: int, label: str | None) -> Any:
    """The class that each chain holds."""
    import numpy as np

    classes = list(model.description.classes)
    if label is not None and label not in classes:
        raise ConfigError("--class", f"must be one of {', '.join(classes)}", label)
    return np.arange(count) % len(classes) if label is None else np.full(count, classes.index(label))


def _write(output: str, drawn: Any, model: Any) -> None:
    import numpy as np

    from gpunet.inspection.pictures import levels
    from gpunet.inspection.tiles import as_tiles, tiled

    p, shape = model.preprocessing, model.description.input_shape
    try:
        if output.endswith(".npz"):
            features = p.undo(drawn).reshape(len(drawn), *shape).astype(np.float32)
            with open(output, "wb") as file:  # noqa: PTH123 - numpy would add a suffix to a path
                np.savez(file, x=features)
            return
        try:
            from PIL import Image
        except ImportError:
            remedy = "pip install 'gpunet[images]', or use -o samples.npz"
            raise ConfigError("-o", "a picture needs pillow", "no pillow", remedy) from None
        picture = Image.fromarray(tiled(as_tiles(levels(drawn, p), shape)))
        zoom = max(1, 600 // picture.width)
        picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST).save(output)
    except OSError as error:
        raise WriteError(output, "must be writable", error.strerror, "Choose another place") from None
