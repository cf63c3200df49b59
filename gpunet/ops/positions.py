"""Folding positions: what works on rows of features works at every position of an image."""

from ..backend.arrays import Array


def rows(x: Array, axes: int) -> Array:
    """([E,] N, *positions, n) as ([E,] N * positions, n), a view where memory allows.

    Args:
        x: a batch.
        axes: how many position axes a sample has.  They are counted from the end: a leading axis of members may be
            there or not, which the rank alone does not tell.

    >>> import numpy as np
    >>> rows(np.zeros((2, 7, 4, 3, 5)), 2).shape, rows(np.zeros((7, 4, 3, 5)), 2).shape, rows(np.zeros((7, 5)), 0).shape
    ((2, 84, 5), (84, 5), (7, 5))
    """
    return x.reshape(*x.shape[: -2 - axes], -1, x.shape[-1]) if axes else x


def unfold(y: Array, positions: tuple[int, ...]) -> Array:
    """([E,] N * positions, m) as ([E,] N, *positions, m), the inverse of :func:`rows`.

    >>> import numpy as np
    >>> unfold(np.zeros((2, 84, 6)), (4, 3)).shape
    (2, 7, 4, 3, 6)
    """
    return y.reshape(*y.shape[:-2], -1, *positions, y.shape[-1]) if positions else y
