"""Images read at other places than their pixels' own: what all geometric augmentations share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import array_module
from ..backend.arrays import Array
from .gather import take_rows


def resample(images: Array, y: Array, x: Array, empty: Callable[[tuple[int, ...], Any], Array], dtype: Any) -> Array:
    """Bilinear interpolation of each image at places of its own; beyond the edge there is 0.

    Args:
        images: (N, H, W, C) of any type.
        y: row of each place, (N, H, W), a fraction; likewise ``x``, its column.
        x: see ``y``.
        empty: gives memory.
        dtype: of the result, that of ``y`` and ``x``.

    Returns:
        (N, H, W, C).
    """
    xp, (count, height, width, channels) = array_module(images), images.shape
    table = images.reshape(-1, channels)
    first = (xp.arange(count) * (height * width)).reshape(-1, 1, 1)
    corners = [_corners(places, size, empty, dtype) for places, size in ((y, height), (x, width))]
    out, part = empty(images.shape, dtype), empty(images.shape, dtype)
    picked, weight = empty(images.shape, images.dtype), empty(y.shape, dtype)
    out.fill(0)
    for row, row_weight in corners[0]:
        for column, column_weight in corners[1]:
            index = row * width
            index += column
            index += first
            take_rows(table, index, picked)
            xp.multiply(row_weight, column_weight, out=weight)
            xp.multiply(picked, weight[..., None], out=part)
            out += part
    return out


def pick(
    images: Array, rows: Array, columns: Array, empty: Callable[[tuple[int, ...], Any], Array], dtype: Any
) -> Array:
    """As :func:`resample` where whole rows and columns move: each pixel is one other pixel, and needs no weights.

    Args:
        images: (N, H, W, C) of any type.
        rows: from which each row comes, whole numbers (N, H); beyond the edge there is 0.
        columns: likewise each column, (N, W).
        empty: gives memory.
        dtype: of the result.

    Returns:
        (N, H, W, C), the same numbers as :func:`resample` gives.
    """
    xp, (count, height, width, channels) = array_module(images), images.shape
    first = (xp.arange(count) * (height * width)).reshape(-1, 1, 1)
    held = []
    for places, size in ((rows, height), (columns, width)):
        number = xp.minimum(xp.maximum(places, -1), size).astype(np.int64)
        inside = xp.logical_and(number >= 0, number < size)
        held.append((xp.minimum(xp.maximum(number, 0), size - 1), inside))
    (row, row_inside), (column, column_inside) = held
    index = (row * width)[:, :, None] + column[:, None, :]
    index += first
    picked, out = empty(images.shape, images.dtype), empty(images.shape, dtype)
    take_rows(images.reshape(-1, channels), index, picked)
    out[...] = picked
    out *= xp.logical_and(row_inside[:, :, None], column_inside[:, None, :])[..., None]
    out += 0  # there is no negative zero
    return out


def _corners(places: Array, size: int, empty: Callable[..., Array], dtype: Any) -> list[tuple[Array, Array]]:
    """The two pixels beside each place with their weights, 0 where a pixel is beyond the edge."""
    xp = array_module(places)
    floor = xp.floor(places, out=empty(places.shape, dtype))
    above = xp.subtract(places, floor, out=empty(places.shape, dtype))
    below = xp.subtract(1, above, out=empty(places.shape, dtype))
    # Far places would not fit the integer; just beyond the edge is as good.
    xp.maximum(floor, -2, out=floor)
    xp.minimum(floor, size, out=floor)
    number = floor.astype(np.int64)
    found = []
    for offset, weight in ((0, below), (1, above)):
        pixel = number + offset
        weight *= xp.logical_and(pixel >= 0, pixel < size)
        found.append((xp.minimum(xp.maximum(pixel, 0), size - 1), weight))
    return found
