"""Images read at other places than their pixels' own: what all geometric augmentations share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import array_module, kernel, op
from ..backend.arrays import Array
from .gather import take_rows

SOURCE = Path(__file__).parent / "cuda" / "resample.cu"
THREADS = 256
Empty = Callable[[tuple[int, ...], Any], Array]


@op
def warp(images: Array, maps: Array, y: Array, x: Array, whole: bool, out: Array, empty: Empty) -> Array:
    """Images whose pixels come from where affine maps send their places; beyond the edge there is 0.

    Args:
        images: (N, H, W, C) of any type.
        maps: (N, 3, 3); ``m @ (y, x, 1)`` is where the pixel at ``(y, x)`` comes from, both seen from the middle.
        y: rows of the pixels from the middle, (H, 1), or (N, H, W) where each image has places of its own.
        x: columns likewise, (1, W) or (N, H, W).
        whole: whether whole rows and columns move to where others are, so that nothing is interpolated; needs (H, 1)
            and (1, W).  The numbers are those of interpolation, found sooner.
        out: (N, H, W, C) of the type of ``maps``, ``y`` and ``x``, written.
        empty: gives memory.

    >>> image, still = np.arange(6.0).reshape(1, 2, 3, 1), np.eye(3)[None].copy()
    >>> still[0, 1, 2] = 0.5  # half a pixel from the right
    >>> y, x = np.array([[-0.5], [0.5]]), np.array([[-1.0, 0.0, 1.0]])
    >>> warp(image, still, y, x, False, np.empty_like(image), np.empty)[0, :, :, 0].tolist()
    [[0.5, 1.5, 1.0], [3.5, 4.5, 2.5]]
    """
    m, (height, width) = maps[..., None], images.shape[1:3]
    if whole:
        rows = m[:, 0, 0] * y.reshape(1, -1) + (m[:, 0, 2] + (height - 1) / 2)
        columns = m[:, 1, 1] * x.reshape(1, -1) + (m[:, 1, 2] + (width - 1) / 2)
        return pick(images, rows, columns, out, empty)
    from_y = m[:, 0, 0, :, None] * y + m[:, 0, 1, :, None] * x + (m[:, 0, 2, :, None] + (height - 1) / 2)
    from_x = m[:, 1, 0, :, None] * y + m[:, 1, 1, :, None] * x + (m[:, 1, 2, :, None] + (width - 1) / 2)
    return resample(images, from_y, from_x, out, empty)


@warp.override("cupy")
def _warp_cuda(images: Array, maps: Array, y: Array, x: Array, whole: bool, out: Array, empty: Empty) -> Array:
    precision = "double" if out.dtype == np.float64 else "float"
    read = images.dtype.name
    if read not in ("uint8", "float32", out.dtype.name) or not out.flags.c_contiguous:
        return warp.reference(images, maps, y, x, whole, out, empty)
    xp, (height, width, channels) = array_module(images), images.shape[1:]
    own = y.ndim == 3 or x.ndim == 3
    if own:
        y, x = (xp.broadcast_to(places, images.shape[:3]) for places in (y, x))
    given = (xp.ascontiguousarray(array) for array in (images, maps, y, x))
    launch, places = kernel(SOURCE, f"warp_{read}_{precision}"), out.size // channels
    sizes = np.int64(places), np.int32(height), np.int32(width), np.int32(channels), np.int32(own)
    launch((-(-places // THREADS),), (THREADS,), (*given, out, *sizes))
    return out


def resample(images: Array, y: Array, x: Array, out: Array, empty: Empty) -> Array:
    """Bilinear interpolation of each image at places of its own; beyond the edge there is 0.

    Args:
        images: (N, H, W, C) of any type.
        y: row of each place, (N, H, W), a fraction; likewise ``x``, its column.
        x: see ``y``.
        out: (N, H, W, C) of the type of ``y`` and ``x``, written.
        empty: gives memory.
    """
    xp, (count, height, width, channels) = array_module(images), images.shape
    table, dtype = images.reshape(-1, channels), out.dtype
    first = (xp.arange(count) * (height * width)).reshape(-1, 1, 1)
    corners = [_corners(places, size, empty, dtype) for places, size in ((y, height), (x, width))]
    part, picked, weight = empty(out.shape, dtype), empty(out.shape, images.dtype), empty(y.shape, dtype)
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


def pick(images: Array, rows: Array, columns: Array, out: Array, empty: Empty) -> Array:
    """As :func:`resample` where whole rows and columns move: each pixel is one other pixel, and needs no weights.

    Args:
        images: (N, H, W, C) of any type.
        rows: from which each row comes, whole numbers (N, H); beyond the edge there is 0.
        columns: likewise each column, (N, W).
        out: (N, H, W, C), written: the same numbers as :func:`resample` gives.
        empty: gives memory.
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
    picked = empty(images.shape, images.dtype)
    take_rows(images.reshape(-1, channels), index, picked)
    out[...] = picked
    out *= xp.logical_and(row_inside[:, :, None], column_inside[:, None, :])[..., None]
    out += 0  # there is no negative zero
    return out


def _corners(places: Array, size: int, empty: Empty, dtype: Any) -> list[tuple[Array, Array]]:
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
