"""What a network makes of a few images: maps of its features, and the pixels that its answer hangs on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..backend import Arena, Context
from ..data import extent, some_of
from ..experiment import Run
from ..layers import Layer
from ..members import of_member
from .tiles import as_tiles, enlarged, in_pairs, is_image

IMAGES = 3  # of which features are shown
LAYERS = 5  # that show them
ACROSS = 10  # tiles of a row: an image, and maps of its features
LEAST = 24  # pixels of a tile
PALE = 128  # a tile that stands for nothing

Picture = tuple[np.ndarray, str]  # tiles of bytes, and what they are


class Seen(NamedTuple):
    """What a layer gives on the samples.

    Attributes:
        name: of the layer.
        values: ([members,] samples, units), or ([members,] samples, height, width, channels).
        members: ``(E,)`` where the values have a members axis, else ``()``.
        ends: of the range of its units, where that is bounded.
        units_of: the layer whose weights lead to these units.
    """

    name: str
    values: np.ndarray
    members: tuple[int, ...] = ()
    ends: tuple[float, float] | None = None
    units_of: str = ""


def feature_maps(run: Run, seen: Sequence[Seen], originals: np.ndarray) -> Picture:
    """Channels of a few layers, from the data upwards, for a few samples of the first member.

    Args:
        run: of a network on images.
        seen: what its layers give.
        originals: tiles of the samples that they give it for, in the same order.

    Returns:
        Rows of ten tiles: an image and the channels of a layer that differ most among the samples.
    """
    layers = [one for one in seen if one.values.ndim - len(one.members) == 4]
    # Of a block and the activation behind it, the activation.
    layers = [one for one, above in zip(layers, [*layers[1:], None]) if above is None or above.units_of != one.name]
    layers = [layers[k] for k in _spread(len(layers), LAYERS)]
    if not layers or not len(originals):
        return np.zeros(0), ""
    side = enlarged(originals, LEAST)
    height, width = side.shape[1:3]
    rows = []
    for sample in _spread(len(originals), IMAGES):
        for one in layers:
            maps = of_member(one.values, one.members)
            chosen = np.sort(np.argsort(-maps.std(axis=(0, 1, 2)), kind="stable")[: ACROSS - 1])
            tiles = np.full((ACROSS, *side.shape[1:]), PALE, np.uint8)
            tiles[0] = side[sample]
            for place, channel in enumerate(chosen, 1):
                found = _fitted(shades(maps[sample, :, :, channel]), height, width)
                tiles[place] = found if tiles.ndim == 3 else found[..., None]
            rows.append(tiles)
    names = ", ".join(one.name for one in layers)
    note = f"an image and channels of the layers {names}, downwards; each scaled by its largest value"
    return np.concatenate(rows), note


def saliency(run: Run, x: np.ndarray, originals: np.ndarray) -> Picture:
    """The size of the gradient of the answer with respect to the pixels, below each of a few images.

    The answer is the largest output of the first member before any softmax.  Simonyan, Vedaldi, Zisserman: Deep inside
    convolutional networks: visualising image classification models and saliency maps (2013), section 3.

    Args:
        run: of a network.
        x: samples as the network sees them.
        originals: their tiles.
    """
    model, parameters, shape = run.objective.model, run.trainer.parameters, run.description.input_shape
    if not (isinstance(model, Layer) and run.config.model.has_outputs) or run.config.model.reconstructs or not len(x):
        return np.zeros(0), ""
    size = of_member(input_gradient(run, x), parameters.members)
    strength = np.abs(size).reshape(len(x), *shape[:2], -1).max(axis=-1)
    tiles = np.stack([shades(each) for each in strength])
    if originals.ndim == 4:
        tiles = np.repeat(tiles[..., None], 3, axis=-1)
    note = "images above how much the largest output changes with each pixel; each scaled by its largest value"
    return enlarged(in_pairs(originals, tiles, ACROSS), LEAST), note


def input_gradient(run: Run, x: np.ndarray) -> np.ndarray:
    """The gradient of each sample's largest output with respect to what the network sees, ([members,] samples, ...)."""
    device, parameters = run.device, run.trainer.parameters
    ctx = Context(False, Arena(device), input_gradient=True)
    z, backward = run.objective.model.forward(device.put(x, parameters.dtype), ctx)
    xp = device.xp
    dz = ctx.like(z)
    xp.copyto(dz, xp.arange(z.shape[-1]) == z.argmax(axis=-1)[..., None])
    found: np.ndarray = device.get(backward(dz))
    parameters.zero_grad()
    return found


def shades(values: np.ndarray) -> np.ndarray:
    """Numbers (height, width) as bytes: 0 is black where none is negative and grey else, the largest size is full.

    >>> shades(np.array([[0.0, 2.0]])).tolist(), shades(np.array([[-2.0, 0.0, 2.0]])).tolist()
    ([[0, 255]], [[0, 128, 255]])
    """
    largest = np.abs(values).max()
    scaled = values / largest if np.isfinite(largest) and largest > 0 else np.zeros_like(values)
    return np.rint(255 * scaled if scaled.min() >= 0 else 127.5 + 127.5 * scaled).astype(np.uint8)


def _fitted(tile: np.ndarray, height: int, width: int) -> np.ndarray:
    """The nearest pixel at each place of another size."""
    rows = (np.arange(height) * tile.shape[0]) // height
    return tile[rows[:, None], (np.arange(width) * tile.shape[1]) // width]


def _spread(count: int, most: int) -> list[int]:
    """At most so many numbers below ``count``, evenly spaced, the last among them.

    >>> _spread(9, 3), _spread(2, 5)
    ([0, 4, 8], [0, 1])
    """
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))}) if count else []


def shows_images(run: Run) -> bool:
    """Whether samples are images that the model sees pixel by pixel."""
    return is_image(run.description.input_shape) and run.preprocessing.pixelwise


def tiles_of_samples(run: Run, rows: np.ndarray) -> np.ndarray:
    """Samples of the data set as tiles of bytes, from the smallest to the largest value of the training part."""
    shape, dataset = run.description.input_shape, run.dataset
    x = dataset.x[rows].astype(np.float64)
    if dataset.scale != 1:
        low, high = 0.0, dataset.scale
    else:
        span = extent(some_of(dataset.x, run.split.train))
        low, high = span.low, span.high
    return as_tiles(np.rint(np.clip((x - low) / ((high - low) or 1), 0, 1) * 255).astype(np.uint8), shape)
