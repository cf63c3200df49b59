"""Pictures for the checkpoint: arrays of bytes that any HDF5 viewer shows."""

import math
from typing import Any

import numpy as np

from ..checkpoint import Array, Group
from ..models import DBN
from ..parameter import Parameters
from .run import Run
from .sampling import Sampler, reconstructions

TILES = 100
PAIRS = 20
STEPS = 200
GREY = {"CLASS": "IMAGE", "IMAGE_VERSION": "1.2", "IMAGE_SUBCLASS": "IMAGE_GRAYSCALE"}


def pictures(dbn: DBN, parameters: Parameters, run: Run) -> Group:
    """Filters of the first machine, reconstructions of data and fantasies of the stack, of the first member.

    Args:
        dbn: a stack, or a machine as a stack of one.
        parameters: its.
        run: gives the data and the shape of a sample.

    Returns:
        A group of images; empty where samples are no images.
    """
    shape = run.description.input_shape
    if len(shape) != 2:
        return Group()
    member = (0,) if parameters.members else ()
    device, original = run.device, run.inputs.original
    part = run.split.test if len(run.split.test) else run.split.train
    x = run.dataset.x[part[:PAIRS]].reshape(-1, math.prod(shape))
    v = original.apply(x, original.shift, original.factor, np.empty(x.shape, np.float32))
    again = reconstructions(dbn, device.put(v, parameters.dtype), device)[member]
    sampler = Sampler(dbn, parameters, TILES)
    sampler.run(STEPS)
    weight = device.get(dbn.machines[0].weight.value)[member].T[:TILES]
    largest = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-12)
    bits = original.kind != "standardise"
    images = {
        "filters": (_bytes(weight / largest, -1, 1), "each scaled by its largest weight"),
        "reconstructions": (_pairs(_levels(v, bits), _levels(again, bits)), "data above what came back of them"),
        "fantasies": (_levels(sampler.data()[member], bits), f"means after {STEPS} Gibbs steps at the top"),
    }
    return Group({}, {name: image(tiles.reshape(-1, *shape), note) for name, (tiles, note) in images.items()})


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


def _pairs(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Rows of ten tiles in turn from the first and from the second."""
    blocks: list[Any] = []
    for start in range(0, len(above), 10):
        blocks += [above[start : start + 10], below[start : start + 10]]
    return np.concatenate(blocks)


def _levels(values: np.ndarray, bits: bool) -> np.ndarray:
    """Grey levels: 0 to 1 for probabilities, three standard deviations either way for standardised features."""
    return _bytes(values, 0, 1) if bits else _bytes(values, -3, 3)


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint(np.clip((values - low) / (high - low), 0, 1) * 255).astype(np.uint8)
