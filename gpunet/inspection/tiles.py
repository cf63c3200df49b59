"""Tiles of pictures: which arrays are images, weights as the filters that they are, tiles beside each other.

NumPy alone, so that a look into a checkpoint needs nothing else.
"""

import math
from collections.abc import Sequence

import numpy as np

CHANNELS = (1, 3)  # grey and colour, channels last
KERNEL = ("height", "width", "input", "output")
GREY = 128


def is_image(shape: Sequence[int]) -> bool:
    """Whether samples of this shape are images: (height, width), with one or three channels behind them or none.

    >>> is_image((28, 28)), is_image((32, 32, 3)), is_image((32, 32, 5)), is_image((64,))
    (True, True, False, False)
    """
    return len(shape) == 2 or (len(shape) == 3 and shape[-1] in CHANNELS)


def as_tiles(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Samples (n, anything) of an image shape as tiles: (n, height, width), or (n, height, width, 3) in colour."""
    return values.reshape(-1, *(shape[:2] if len(shape) == 3 and shape[2] == 1 else shape))


def is_filters(shape: Sequence[int], axes: Sequence[str], image: Sequence[int]) -> bool:
    """Whether a weight can be seen as filters of images.

    Args:
        shape: of the weight, of one member.
        axes: the names of its axes; without names, two of them are taken for inputs and outputs.
        image: shape of one sample.
    """
    if tuple(axes) == KERNEL:
        return shape[2] in CHANNELS and math.prod(shape) > 0
    named = tuple(axes) in ((), ("input", "output"), ("visible", "hidden"))
    return named and len(shape) == 2 and is_image(image) and shape[0] == math.prod(image) and shape[1] > 0


def filters(weight: np.ndarray, axes: Sequence[str], image: Sequence[int]) -> np.ndarray:
    """A tile for each unit, each scaled by its largest weight, as bytes: 127 or 128 is 0, 255 the largest.

    Args:
        weight: that :func:`is_filters`, of one member: (inputs, outputs) or (height, width, inputs, outputs).
        axes: the names of its axes.
        image: shape of one sample.

    Returns:
        (units, height, width), or (units, height, width, 3) where the inputs are colours.

    >>> filters(np.array([[1.0], [-2], [0], [2]]), ("input", "output"), (2, 2)).tolist()
    [[[191, 0], [128, 255]]]
    """
    own = weight.shape[:3] if tuple(axes) == KERNEL else image
    tiles = as_tiles(np.moveaxis(weight, -1, 0).astype(np.float64), own)
    largest = np.abs(tiles).max(axis=tuple(range(1, tiles.ndim)), keepdims=True)
    scaled = np.divide(tiles, largest, out=np.zeros_like(tiles), where=(largest > 0) & np.isfinite(largest))
    return np.rint(127.5 + 127.5 * scaled).astype(np.uint8)


def enlarged(tiles: np.ndarray, least: int) -> np.ndarray:
    """Each pixel as a square, so that tiles are at least so many pixels high or wide."""
    factor = max(1, math.ceil(least / max(tiles.shape[1:3])))
    return tiles.repeat(factor, axis=1).repeat(factor, axis=2)


def in_pairs(above: np.ndarray, below: np.ndarray, columns: int = 10) -> np.ndarray:
    """Rows of tiles in turn from the first and from the second, of one size; the last row may be shorter.

    >>> in_pairs(np.zeros((3, 2, 2), np.uint8), np.ones((3, 2, 2), np.uint8), 2)[:, 0, 0].tolist()
    [0, 0, 1, 1, 0, 128, 1]
    """
    blocks: list[np.ndarray] = []
    for start in range(0, len(above), columns):
        for number, tiles in enumerate((above, below)):
            row = tiles[start : start + columns]
            missing = columns - len(row) if not number else 0
            blocks += [row, np.full((missing, *row.shape[1:]), GREY, np.uint8)]
    return np.concatenate(blocks)


def tiled(tiles: np.ndarray, columns: int = 10) -> np.ndarray:
    """Tiles of bytes in rows of ``columns``, with a line of grey between them.

    >>> tiled(np.zeros((4, 3, 2), np.uint8), columns=2).shape, tiled(np.zeros((4, 3, 2, 3), np.uint8), 4).shape
    ((7, 5), (3, 11, 3))
    """
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *tiles.shape[3:]), GREY, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        canvas[top : top + height, left : left + width] = tile
    return canvas
