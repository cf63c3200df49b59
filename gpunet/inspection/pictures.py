"""Pictures for the checkpoint: arrays of bytes that any HDF5 viewer shows."""

import math
from typing import Any

import numpy as np

from ..backend import Arena, Context
from ..checkpoint import Array, Group, Scalar
from ..config import build_loss
from ..experiment import Run
from ..models import DBN, LabelledDBN
from .sampling import Sampler, reconstructions

TILES = 100
PAIRS = 20
STEPS = 200
PAIRED = "data above what came back of them"
GREY: dict[str, Scalar] = {"CLASS": "IMAGE", "IMAGE_VERSION": "1.2", "IMAGE_SUBCLASS": "IMAGE_GRAYSCALE"}


def pictures(run: Run) -> Group:
    """What a trained model shows of itself, of the first member: a group of images, empty where samples are none.

    Filters of the first layer; reconstructions of data by machines and autoencoders; fantasies of machines.
    """
    shape, model = run.description.input_shape, run.objective.model
    if len(shape) != 2 or not run.preprocessing.pixelwise:
        return Group()
    found = {"filters": _filters(run)}
    family, device = run.config.model, run.device
    generator = family.generator(family.whole(model, run.lineage.machines))
    member = (0,) if run.trainer.parameters.members else ()
    if isinstance(generator, DBN):
        v = prepared(run, PAIRS)
        again = reconstructions(generator, device.put(v), device)[member]
        found["reconstructions"] = _pairs(_levels(run, v), _levels(run, again)), PAIRED
        found["fantasies"] = _fantasies(run, generator), f"means after {STEPS} Gibbs steps at the top"
    elif generator is not None:
        labels = np.arange(TILES) % generator.classes
        note = f"means after {STEPS} Gibbs steps at the top, the classes held in turn"
        found["fantasies"] = _fantasies(run, generator, labels), note
    elif family.reconstructs:
        v, ctx = prepared(run, PAIRS), Context(False, Arena(device))
        z, _ = model.forward(device.put(v), ctx)
        loss = build_loss(run.config, len(run.description.classes))
        again = device.get(loss.predict(z, ctx.like(z)))[member]
        found["reconstructions"] = _pairs(_levels(run, v), _levels(run, again)), PAIRED
    return Group({}, {name: image(t.reshape(-1, *shape), note) for name, (t, note) in found.items() if len(t)})


def image(tiles: np.ndarray, note: str) -> Array:
    """Tiles (n, height, width) of bytes, beside and below each other, as one HDF5 image with its description."""
    return Array(tiled(tiles), {**GREY, "description": note})


def tiled(tiles: np.ndarray, columns: int = 10) -> np.ndarray:
    """Tiles of bytes in rows of ``columns``, with a line of grey between them.

    >>> tiled(np.zeros((4, 3, 2), np.uint8), columns=2).shape
    (7, 5)
    """
    count, height, width = tiles.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), 128, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def _fantasies(run: Run, model: DBN | LabelledDBN, labels: np.ndarray | None = None) -> np.ndarray:
    """Grey levels of samples of the first member, (tiles, features)."""
    sampler = Sampler(model, run.trainer.parameters, TILES, labels=labels)
    sampler.run(STEPS)
    return _levels(run, sampler.data()[(0,) if run.trainer.parameters.members else ()])


def _pairs(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Rows of ten tiles in turn from the first and from the second."""
    blocks: list[Any] = []
    for start in range(0, len(above), 10):
        blocks += [above[start : start + 10], below[start : start + 10]]
    return np.concatenate(blocks)


def _filters(run: Run) -> tuple[np.ndarray, str]:
    """Weights from the features into the first units, (tiles, features), for a model that begins with some."""
    parameters, features = run.trainer.parameters, math.prod(run.description.input_shape)
    weights = [p for p in parameters.named.values() if p.role == "weight"]
    if run.lineage.machines:
        weights = [run.lineage.machines[0].weight]
    if not weights or len(weights[0].shape) != 2 or weights[0].shape[0] < features:
        return np.zeros((0, features), np.uint8), ""
    # A machine with label units has rows for them below those of the features.
    weight = run.device.get(weights[0].value)[(0,) if parameters.members else ()][:features].T[:TILES]
    largest = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-12)
    return _bytes(weight / largest, -1, 1), "each scaled by its largest weight"


def shown(run: Run, count: int) -> np.ndarray:
    """At most so many sample numbers, evenly spaced: files may be sorted by class.

    They are of the test part, or of the training part where there is no other.
    """
    part = run.split.test if len(run.split.test) else run.split.train
    return part[np.arange(min(count, len(part))) * len(part) // min(count, len(part))]


def prepared(run: Run, count: int) -> np.ndarray:
    """Those samples as the first layer sees them, (samples, features)."""
    x = run.dataset.x[shown(run, count)]
    return run.inputs.original.on_host(x.reshape(len(x), -1))


def _levels(run: Run, values: np.ndarray) -> np.ndarray:
    """Grey levels: 0 to 1 for probabilities, three standard deviations either way for standardised features."""
    return _bytes(values, -3, 3) if run.inputs.original.unit_variance else _bytes(values, 0, 1)


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
