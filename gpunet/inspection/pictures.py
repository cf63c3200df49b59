"""Pictures for the checkpoint: arrays of bytes that any HDF5 viewer shows."""

import math
from collections.abc import Sequence

import numpy as np

from ..backend import Arena, Context
from ..checkpoint import Group, NamedArray, Scalar
from ..config import build_loss
from ..data import Preprocessing
from ..experiment import Run
from ..members import of_member
from ..models import DBM, DBN
from ..rbm import ClassRBM
from .maps import Seen, feature_maps, saliency, shows_images, tiles_of_samples
from .sampling import Generator, Sampler, reconstructions
from .tiles import KERNEL, as_tiles, enlarged, filters, in_pairs, is_filters, tiled

TILES = 100
PAIRS = 20
SALIENT = 20
STEPS = 200
SMALLEST = 12  # pixels of a tile: kernels of three by three pixels would not be seen
PAIRED = "data above what came back of them"
GREY: dict[str, Scalar] = {"CLASS": "IMAGE", "IMAGE_VERSION": "1.2", "IMAGE_SUBCLASS": "IMAGE_GRAYSCALE"}
COLOUR = GREY | {"IMAGE_SUBCLASS": "IMAGE_TRUECOLOR", "INTERLACE_MODE": "INTERLACE_PIXEL"}  # (height, width, 3)


def pictures(run: Run, seen: Sequence[Seen] = (), samples: int = 0) -> Group:
    """What a trained model shows of itself, of the first member: a group of images, empty where samples are none.

    Filters of the first layer; reconstructions of data by machines and autoencoders; fantasies of machines; maps of the
    features of convolutions; the pixels that the answers of a network hang on.

    Args:
        run: that was trained.
        seen: what its layers give.
        samples: of how many samples; which they are :func:`shown` says.
    """
    model = run.objective.model
    if not shows_images(run):
        return Group()
    found = {"filters": _filters(run)}
    family, device, members = run.config.model, run.device, run.trainer.parameters.members
    generator = family.generator(family.whole(model, run.lineage.machines))
    if isinstance(generator, DBN | DBM):
        v = prepared(run, PAIRS)
        again = of_member(reconstructions(generator, device.put(v), device), members)
        found["reconstructions"] = in_pairs(_tiles(run, v), _tiles(run, again)), PAIRED
        found["fantasies"] = _fantasies(run, generator), f"means after {STEPS} Gibbs steps at the top"
    elif generator is not None and not isinstance(generator, ClassRBM):
        labels = np.arange(TILES) % generator.classes
        note = f"means after {STEPS} Gibbs steps at the top, the classes held in turn"
        found["fantasies"] = _fantasies(run, generator, labels), note
    elif family.reconstructs:
        v, ctx = prepared(run, PAIRS), Context(False, Arena(device))
        z, _ = model.forward(device.put(v), ctx)
        loss = build_loss(run.config, len(run.description.classes))
        again = of_member(device.get(loss.predict(z, ctx.like(z))), members)
        found["reconstructions"] = in_pairs(_tiles(run, v), _tiles(run, again)), PAIRED
    found["feature_maps"] = feature_maps(run, seen, tiles_of_samples(run, shown(run, samples)))
    found["saliency"] = saliency(run, prepared(run, SALIENT), tiles_of_samples(run, shown(run, SALIENT)))
    return Group({}, {name: image(tiles, note) for name, (tiles, note) in found.items() if len(tiles)})


def image(tiles: np.ndarray, note: str) -> NamedArray:
    """Tiles of bytes, beside and below each other, as one HDF5 image with its description.

    Args:
        tiles: (n, height, width), or (n, height, width, 3) in colour.
        note: its description.
    """
    return NamedArray(tiled(tiles), {**(GREY if tiles.ndim == 3 else COLOUR), "description": note})


def _fantasies(run: Run, model: Generator, labels: np.ndarray | None = None) -> np.ndarray:
    """Tiles of samples of the first member."""
    sampler = Sampler(model, run.trainer.parameters, TILES, labels=labels)
    sampler.run(STEPS)
    return _tiles(run, of_member(sampler.data(), run.trainer.parameters.members))


def _filters(run: Run) -> tuple[np.ndarray, str]:
    """Tiles of the weights from the features into the first units; none where a model begins otherwise."""
    parameters, shape = run.trainer.parameters, run.description.input_shape
    weights = [p for p in parameters.named.values() if p.role == "weight"]
    first = run.lineage.machines[0].weight if run.lineage.machines else next(iter(weights), None)
    if first is None:
        return np.zeros(0), ""
    weight = of_member(run.device.get(first.value), parameters.members)
    if first.axes != KERNEL:
        weight = weight[: math.prod(shape)]  # a machine with label units has rows for them below those of the features
    if not is_filters(weight.shape, first.axes, shape):
        return np.zeros(0), ""
    return enlarged(filters(weight[..., :TILES], first.axes, shape), SMALLEST), "each scaled by its largest weight"


def shown(run: Run, count: int) -> np.ndarray:
    """At most so many sample numbers, evenly spaced: files may be sorted by class.

    They are of the test part, or of the training part where there is no other.
    """
    part = run.split.test if len(run.split.test) else run.dataset.labelled(run.split.train)
    return part[np.arange(min(count, len(part))) * len(part) // min(count, len(part))]


def prepared(run: Run, count: int) -> np.ndarray:
    """Those samples as the first layer sees them, (samples, *shape of a sample)."""
    x = run.dataset.x[shown(run, count)]
    seen = run.inputs.original.on_host(x.reshape(len(x), -1))
    return seen.reshape(len(x), *run.inputs.shape) if run.config.model.sees_positions else seen


def _tiles(run: Run, values: np.ndarray) -> np.ndarray:
    """Features as tiles of bytes."""
    return as_tiles(levels(values, run.inputs.original), run.description.input_shape)


def levels(values: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Prepared features as bytes: 0 to 1 for probabilities, -1 to 1 for spins, three deviations for standardised."""
    low, high = (-3, 3) if preprocessing.unit_variance else (-1, 1) if values.size and values.min() < 0 else (0, 1)
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
