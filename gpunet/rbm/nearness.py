"""Which samples of a batch lie near each other."""

import numpy as np

from ..backend import Context, array_module, matmul
from ..backend.arrays import Array


def nearest(x: Array, weight: Array | None, count: int, ctx: Context) -> Array:
    """How much each sample of a batch tells of each: the nearest others alike, in rows that sum to 1.

    A sample of weight 2 is two samples, of which each is the other's neighbour, and one of weight 0 is none.  All at
    the distance of the last neighbour that is wanted are taken.

    Args:
        x: ([E,] N, features).
        weight: of the samples, ([E,] N), or None where all count as one.
        count: neighbours of a sample, by Euclidean distance; fewer where the batch has no more.
        ctx: memory.

    Returns:
        ([E,] N, N); a row of zeros for a sample without any other.

    >>> from gpunet.backend import Device
    >>> from gpunet.testing import make_context
    >>> nearest(np.array([[0.0], [1.0], [9.0]]), None, 1, make_context(Device())).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    xp, n, dtype = array_module(x), x.shape[-2], x.dtype
    own = xp.eye(n, dtype=bool)
    away = matmul(-2 * x, x.swapaxes(-1, -2), ctx.empty((*x.shape[:-1], n), dtype))
    away += (x * x).sum(axis=-1)[..., None, :]  # squared distance, less what a row has in common
    others = None
    if weight is None:
        xp.copyto(away, np.inf, where=own)
    else:  # how many each is to each; a sample is its own nearest neighbour where there are more of it
        others = weight[..., None, :] - own.astype(dtype)
        away = xp.where(others > 0, xp.where(own, -np.inf, away), np.inf)
    rest, missing, last = away.copy(), count, None
    for _ in range(count):
        least = rest.min(axis=-1, keepdims=True)
        last = least if last is None else xp.where((missing > 0) & (least < np.inf), least, last)
        hit = rest == least
        mass = hit.sum(axis=-1, keepdims=True) if others is None else (hit * others).sum(axis=-1, keepdims=True)
        missing = missing - mass
        xp.copyto(rest, np.inf, where=hit)
    found = ((away <= last) & (away < np.inf)).astype(dtype)
    if others is not None:
        found *= others
    found /= xp.maximum(found.sum(axis=-1, keepdims=True), np.finfo(dtype).tiny)
    return found
