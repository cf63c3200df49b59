"""Means over the samples of a batch, which may have weights; without weights nothing is computed for them.

A sample of weight 2 counts as two samples and one of weight 0 as none, so means are ``sum(w x) / sum(w)``.
"""

import numpy as np

from ..backend import array_module, matmul
from ..backend.arrays import Array


def shares(weight: Array | None) -> Array | None:
    """What part each sample has in a mean: ``weight`` ([E,] N) over its sum; zeros where all weights are 0.

    >>> shares(np.array([1.0, 3.0])).tolist(), shares(np.zeros(2)).tolist(), shares(None)
    ([0.25, 0.75], [0.0, 0.0], None)
    """
    if weight is None:
        return None
    total = weight.sum(axis=-1, keepdims=True)
    return weight / array_module(weight).maximum(total, np.finfo(weight.dtype).tiny)


def mean_of(x: Array, share: Array | None, out: Array = None) -> Array:
    """Mean over the samples of ``x`` ([E,] N, n), ([E,] n).

    >>> x = np.array([[1.0, 5.0], [3.0, 9.0]])
    >>> mean_of(x, None).tolist(), mean_of(x, np.array([0.25, 0.75])).tolist()
    ([2.0, 7.0], [2.5, 8.0])
    """
    if share is None:
        return x.mean(axis=-2, out=out)
    mean = matmul(share[..., None, :], x)[..., 0, :]
    if out is None:
        return mean
    array_module(x).copyto(out, mean)
    return out


def weighs(share: Array | None) -> Array | None:
    """Whether a batch has any weight at all, ([E,] 1); None where samples have no weights.

    >>> weighs(np.array([[0.25, 0.75], [0.0, 0.0]])).tolist()
    [[True], [False]]
    """
    return None if share is None else share.sum(axis=-1, keepdims=True) > 0


def observed(mean: Array, share: Array | None, before: Array) -> Array:
    """What a running statistic ([E,] n) observes: the mean of a batch, or itself where the batch has no weight."""
    some = weighs(share)
    return mean if some is None else array_module(mean).where(some, mean, before)


def average(gradients: Array, share: Array | None, factor: float = 1.0) -> None:
    """Turn the gradient of each sample's loss, ([E,] N, n), into that of ``factor`` times the batch's mean, in place.

    >>> each = np.array([[2.0], [4.0]])
    >>> average(each, None)
    >>> each.tolist()
    [[1.0], [2.0]]
    """
    if share is None:
        gradients *= factor / gradients.shape[-2]
    else:
        gradients *= share[..., None] if factor == 1 else share[..., None] * factor
