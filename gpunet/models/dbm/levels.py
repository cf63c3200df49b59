"""The levels of a deep machine: data, hidden layers and, where it knows classes, labels; neighbours are tied."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...backend import Context, array_module, matmul
from ...backend.arrays import Array
from ...initializers import Normal
from ...ops.linear import affine
from ...parameter import Module, Parameter
from ...rbm import Units
from ...rbm.machine import EXPLODED

SMALL = Normal(0.01)  # as machines begin


@dataclass(eq=False)
class Level(Module):
    """One layer of units with its biases, its running means, and the weights that lead to it from the level below.

    Shapes: ``weight`` ([E,] below, units), ``bias`` and ``offset`` ([E,] units).

    Args:
        units: what the level is made of.
        below: how many units the level below has; 0 for the data, which have none below.
        label: whether it is a class, which data may hold.
        momentum: how far the running means move towards those of a batch at each step.
    """

    units: Units
    below: int = 0
    label: bool = False
    momentum: float = 0.01

    def __post_init__(self) -> None:
        """Declare the arrays."""
        n, axes = (self.units.n,), ("unit",)
        if self.below:
            between = ("visible", "hidden")
            self.weight = Parameter((self.below, self.units.n), SMALL, axes=between, limit=EXPLODED)
        self.bias = Parameter(n, role="bias", axes=axes)
        self.offset = Parameter(n, role="offset", axes=axes, momentum=self.momentum)

    @property
    def resting(self) -> Array:
        """The running means as one row of states, ([E,] 1, units)."""
        return self.offset.value[..., None, :]


def highest_hidden(levels: Sequence[Level]) -> int:
    """The number of the highest level that is no label."""
    return len(levels) - 1 - levels[-1].label


def beside(states: Sequence[Array], ctx: Context) -> Array:
    """States of several levels side by side, ([E,] N, n): some may be the same for all members."""
    if len(states) == 1:
        return states[0]
    shape = max((state.shape for state in states), key=len)
    out, start = ctx.empty((*shape[:-1], sum(state.shape[-1] for state in states)), states[-1].dtype), 0
    for state in states:
        array_module(out).copyto(out[..., start : start + state.shape[-1]], state)
        start += state.shape[-1]
    return out


def level_input(
    levels: Sequence[Level], number: int, below: Array | None, above: Array | None, ctx: Context, out: Array = None
) -> Array:
    """Total input of the units of a level: ``bias + below W + above W^T``.

    Args:
        levels: of the machine.
        number: of the level that is asked for.
        below: states of the level below it, ([E,] N, n), or None where there is none, or it is left out.
        above: states of the level above it, likewise.
        ctx: memory.
        out: where to write, ([E,] N, units).
    """
    level = levels[number]
    given = below if below is not None else above
    if out is None:
        rows = 1 if given is None else given.shape[-2]
        out = ctx.empty((*level.bias.value.shape[:-1], rows, level.units.n), level.bias.value.dtype)
    if given is None:
        array_module(out).copyto(out, level.bias.value[..., None, :])
        return out
    upper = None if above is None else levels[number + 1].weight.value.swapaxes(-1, -2)
    if below is None:
        return affine(above, upper, level.bias.value, out)
    affine(below, level.weight.value, level.bias.value, out)
    if above is not None:
        with ctx.scratch():
            out += matmul(above, upper, out=ctx.like(out))
    return out
