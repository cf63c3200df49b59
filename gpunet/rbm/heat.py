"""Inverse temperatures of a walk in a table on the device, from which each of its steps reads its own."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Context, Device, array_module
from ..backend.arrays import Array


@dataclass(frozen=True)
class Heat:
    """Where a walk is.

    A row of the table holds four numbers of a step: the inverse temperature before it, ``low``, and its own, ``high``;
    what part the base has in the inputs of visible units, ``1 - high``; and ``high - low``.

    Attributes:
        table: (steps, 4).
        start: uint64 (1,), the clock of the first step.
        clock: uint64 (1,), that of this step.
        base: (n,), inputs at an inverse temperature of 0; none where they are 0.
    """

    table: Array
    start: Array
    clock: Array
    base: Array = None

    @property
    def row(self) -> tuple[Array, Array, Array, Array]:
        """The numbers of this step, each (1,)."""
        place = (self.clock - self.start).astype(np.int64)
        found = self.table.take(place, axis=0)[0]
        return found[0:1], found[1:2], found[2:3], found[3:4]

    def soften(self, x: Array, ctx: Context) -> Array:
        """Inputs at the inverse temperature of this step, in memory of their own."""
        _, high, rest, _ = self.row
        out = array_module(x).multiply(x, high, out=ctx.like(x))
        if self.base is not None:
            out += rest * self.base
        return out

    def arguments(self, like: Array) -> tuple[Any, ...]:
        """What a launch that draws is told; ``like`` stands where there is no array."""
        based = self.base is not None
        kind = np.int32(1), np.int32(based), np.int32(0), np.int64(0)
        return (self.table, self.base if based else like, self.start, *kind)

    def towards(self, base: Array) -> "Heat":
        """The same for units whose inputs have a base."""
        return replace(self, base=base)


@dataclass(frozen=True)
class Rungs:
    """Chains at several inverse temperatures, so many rows in a row at each.

    Attributes:
        betas: ([members,] temperatures).
        count: rows of each.
    """

    betas: Array
    count: int

    def soften(self, x: Array, ctx: Context) -> Array:
        """Inputs ([members,] rows, n) at the inverse temperatures of their rows, in memory of their own."""
        xp = array_module(x)
        return xp.multiply(x, xp.repeat(self.betas, self.count, axis=-1)[..., None], out=ctx.like(x))

    def arguments(self, like: Array) -> tuple[Any, ...]:
        """What a launch that draws is told; ``like`` stands where there is no array."""
        kind = np.int32(1), np.int32(0), np.int32(self.count), np.int64(self.betas.shape[-1])
        return (self.betas, like, like, *kind)


def table(pairs: np.ndarray, device: Device, dtype: np.dtype) -> Array:
    """The table of steps from one inverse temperature to another, each (low, high): ``pairs`` is (steps, 2)."""
    low, high = np.asarray(pairs, np.float64).reshape(-1, 2).T
    return device.put(np.stack([low, high, 1 - high, high - low], axis=1), dtype)
