"""Batches of a feed by one kernel, where nothing is drawn for them."""

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import ops
from ..backend import Context, kernel, op
from ..backend.arrays import Array

if TYPE_CHECKING:
    from .feed import Feed

SOURCE = Path(ops.__file__).parent / "cuda" / "gather.cu"
THREADS = 256
TYPES = {np.dtype(np.uint8): "uint8", np.dtype(np.float32): "float32"}  # of features, as they are kept


@op
def picked(
    order: Array, feed: "Feed", ctx: Context, cursor: Array, size: int, rows: int
) -> tuple[Array, Array, Array | None]:
    """The batch of a feed that the device counter points to; arguments are those of :meth:`.Feed.batch`.

    Args:
        order: that of the feed.
        feed: where samples come from.
        ctx: memory.
        cursor: number of the batch.
        size: samples of a full batch.
        rows: samples of this one.
    """
    return feed.batch_of_arrays(ctx, cursor, size, rows)


@picked.override("cupy")
def _picked_cuda(
    order: Array, feed: "Feed", ctx: Context, cursor: Array, size: int, rows: int
) -> tuple[Array, Array, Array | None]:
    x, y, chosen = feed.x, feed.y, feed.rows
    plain = feed.augmenter is None and feed.preprocessing.affine and y.itemsize % 4 == 0
    whole = order.dtype == np.int32 and (chosen is None or chosen.dtype == np.int32)
    if not plain or x.dtype not in TYPES or not whole:
        return feed.batch_of_arrays(ctx, cursor, size, rows)
    lead, features = order.shape[:-1], x.shape[-1]
    members, own = prod(lead), 0 if feed.own is None else len(feed.own)
    out = ctx.empty((*lead, rows, *feed.shape), feed.dtype)
    target = ctx.empty((*lead, rows, *y.shape[1:]), y.dtype)
    weight = None if feed.weights is None else ctx.empty((*lead, rows), feed.dtype)
    scale = feed.placed[0] if feed.placed else None
    launch = kernel(SOURCE, f"gather_{TYPES[x.dtype]}_{'double' if feed.dtype == np.float64 else 'float'}")
    launch(
        (-(-rows * features // THREADS), members),
        (THREADS,),
        (
            x, order, cursor, order if chosen is None else chosen, np.int32(chosen is not None), feed.first,
            np.int64(feed.samples), np.int64(size), out if scale is None else scale["shift"],
            out if scale is None else scale["factor"], np.int32(scale is not None), out, np.int64(rows),
            np.int32(features), np.int32(own), y, target, np.int32(y.nbytes // (4 * len(y))),
            out if weight is None else feed.weights, out if weight is None else weight, np.int32(weight is not None),
        ),
    )  # fmt: skip
    return out, target, weight
