"""Folding positions: what works on rows of features works at every position of an image."""

from typing import Any

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from .windows import column_sums


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


class Wide:
    """Arithmetic of rows with one number for each feature, and sums over rows.

    A row of few features is a short loop for NumPy.  Where samples have positions, as many rows as an image is wide
    are therefore taken as one, with the numbers of the features repeated; the results are the same to the last bit.

    Args:
        x: ([E,] rows, n), as :func:`rows` gives it.
        positions: of a sample, () where it has none.
        ctx: gives memory.
    """

    def __init__(self, x: Array, positions: tuple[int, ...], ctx: Context):
        self.xp, self.ctx, self.positions = array_module(x), ctx, positions
        self.factor = positions[-1] if positions and isinstance(x, np.ndarray) else 1

    def add(self, x: Array, numbers: Array, out: Array) -> Array:
        """``out = x + numbers``: x ([E,] rows, n), numbers ([E,] 1, n)."""
        return self._apply(self.xp.add, x, numbers, out)

    def subtract(self, x: Array, numbers: Array, out: Array) -> Array:
        """``out = x - numbers``."""
        return self._apply(self.xp.subtract, x, numbers, out)

    def multiply(self, x: Array, numbers: Array, out: Array) -> Array:
        """``out = x * numbers``."""
        return self._apply(self.xp.multiply, x, numbers, out)

    def sum(self, x: Array, out: Array) -> Array:
        """``out``, ([E,] n): the sum over rows."""
        return column_sums(x, out, self.ctx) if self.positions else x.sum(axis=-2, out=out)

    def mean(self, x: Array, out: Array) -> Array:
        """``out``, ([E,] 1, n): the mean over rows."""
        if not self.positions:
            return x.mean(axis=-2, keepdims=True, out=out)
        column_sums(x, out[..., 0, :], self.ctx)
        out *= 1 / x.shape[-2]
        return out

    def _apply(self, function: Any, x: Array, numbers: Array, out: Array) -> Array:
        if self.factor == 1:
            return function(x, numbers, out=out)
        with self.ctx.scratch():
            repeated = self.ctx.empty((*numbers.shape[:-1], self.factor, numbers.shape[-1]), numbers.dtype)
            self.xp.copyto(repeated, numbers[..., None, :])
            function(self._widen(x), repeated.reshape(*numbers.shape[:-1], -1), out=self._widen(out))
        return out

    def _widen(self, x: Array) -> Array:
        return x.reshape(*x.shape[:-2], -1, x.shape[-1] * self.factor)
