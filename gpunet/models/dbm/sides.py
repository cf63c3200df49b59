"""Machines that stand for a deep one, or for a part of it, and share its parameters.

Levels are tied to their neighbours alone, so all levels with even numbers together are one side of a restricted
machine, and those with odd numbers the other.  Whatever works with a machine, such as chains, annealing and exact sums,
therefore works with a deep one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

from ...backend import Context, array_module, matmul
from ...backend.arrays import Array
from ...parameter import Parameter
from ...rbm import RBM, Units
from ...rbm.halves import Inputs
from ...rbm.joint import Joint
from .levels import Level, beside, highest_hidden, level_input


def joined(units: Sequence[Units]) -> Units:
    """The units of several levels beside each other."""
    return reduce(Joint.of, units)


def places(widths: Sequence[int]) -> list[slice]:
    """Where each of several parts lies that are side by side.

    >>> places([2, 3])
    [slice(0, 2, None), slice(2, 5, None)]
    """
    return [slice(start, stop) for start, stop in pairwise(accumulate(widths, initial=0))]


def _beside(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else array_module(parts[0]).concatenate(parts, axis=-1)


def _copying(source: Array) -> Callable[[Array], Any]:
    return lambda out: array_module(source).copyto(out, source)


class Row(Parameter):
    """Vectors of several levels beside each other, as one: it is read as a whole and divided when it learns."""

    def __init__(self, parts: Sequence[Parameter]):
        first = parts[0]
        super().__init__((sum(p.shape[0] for p in parts),), role=first.role, axes=first.axes, momentum=first.momentum)
        self._parts = list(zip(parts, places([p.shape[0] for p in parts])))

    @property
    def value(self) -> Array:
        """A copy of the values, ([members,] n)."""
        return _beside([part.value for part, _ in self._parts])

    @property
    def grad(self) -> Array:
        """A copy of the gradients, ([members,] n)."""
        return _beside([part.grad for part, _ in self._parts])

    def accumulate(self, ctx: Context, write: Callable[[Array], Any]) -> None:
        """Add to the gradient of each part its share of what is written."""
        like = self._parts[0][0].value
        whole = ctx.empty((*like.shape[:-1], *self.shape), like.dtype)
        write(whole)
        for part, place in self._parts:
            part.accumulate(ctx, _copying(whole[..., place]))


class Block(Parameter):
    """Weights between several levels and several others as one matrix, with zeros between those that are not tied.

    Args:
        levels: of the machine.
        rows: numbers of the levels that lie along the first axis.
        columns: likewise along the second.
    """

    def __init__(self, levels: Sequence[Level], rows: Sequence[int], columns: Sequence[int]):
        self._sides = [[levels[number].units.n for number in side] for side in (rows, columns)]
        super().__init__((sum(self._sides[0]), sum(self._sides[1])), axes=("visible", "hidden"))
        self._levels, self._rows, self._columns = levels, rows, columns

    @property
    def value(self) -> Array:
        """A copy of the values, ([members,] rows, columns)."""
        return self._assembled(lambda weight: weight.value)

    @property
    def grad(self) -> Array:
        """A copy of the gradients, ([members,] rows, columns)."""
        return self._assembled(lambda weight: weight.grad)

    def accumulate(self, ctx: Context, write: Callable[[Array], Any]) -> None:
        """Add to the gradient of each weight its part of what is written."""
        like = next(self._tied())[0].value
        whole = ctx.empty((*like.shape[:-2], *self.shape), like.dtype)
        write(whole)
        for weight, row, column, turned in self._tied():
            part = whole[..., row, column]
            part = part.swapaxes(-1, -2) if turned else part
            weight.accumulate(ctx, _copying(part))

    def _tied(self) -> Iterator[tuple[Parameter, slice, slice, bool]]:
        """The weights with their places, and whether they stand there turned over."""
        for number, row in zip(self._rows, places(self._sides[0])):
            for other, column in zip(self._columns, places(self._sides[1])):
                if abs(number - other) == 1:
                    yield self._levels[max(number, other)].weight, row, column, number > other

    def _assembled(self, of: Callable[[Parameter], Array]) -> Array:
        like = of(next(self._tied())[0])
        xp, bands = array_module(like), []
        for number, height in zip(self._rows, self._sides[0]):
            cells = []
            for other, width in zip(self._columns, self._sides[1]):
                if abs(number - other) == 1:
                    part = of(self._levels[max(number, other)].weight)
                    cells.append(part.swapaxes(-1, -2) if number > other else part)
                else:
                    cells.append(xp.zeros((*like.shape[:-2], height, width), like.dtype))
            bands.append(_beside(cells))
        return bands[0] if len(bands) == 1 else xp.concatenate(bands, axis=-2)


class Sides(RBM):
    """A deep machine as a restricted one: every other level on one side, those between on the other.

    Its parameters are those of the levels: reading gathers them, learning divides gradients among them.

    Args:
        levels: of the deep machine.
        first: the number of the lowest level on the visible side: 0 puts the data there, 1 the first hidden layer.
    """

    def __init__(self, levels: Sequence[Level], first: int = 0):
        self.levels = levels
        self.numbers = [range(start, len(levels), 2) for start in (first, 1 - first)]
        self.places = [places([levels[number].units.n for number in side]) for side in self.numbers]
        self.visible, self.hidden = (joined([levels[number].units for number in side]) for side in self.numbers)
        self.weight = Block(levels, *self.numbers)
        self.visible_bias, self.hidden_bias = (Row([levels[n].bias for n in side]) for side in self.numbers)
        self.visible_offset, self.hidden_offset = (Row([levels[n].offset for n in side]) for side in self.numbers)

    def to_hidden(self, v: Array, ctx: Context) -> Inputs:
        """Inputs of the hidden side, with their biases."""
        return Inputs(self._across(v, 0, ctx))

    def to_visible(self, h: Array, ctx: Context) -> Inputs:
        """Inputs of the visible side, with their biases."""
        return Inputs(self._across(h, 1, ctx))

    def parts(self, states: Array, side: int) -> dict[int, Array]:
        """Views of the states of each level of a side, by number; side 0 is the visible one."""
        return {number: states[..., place] for number, place in zip(self.numbers[side], self.places[side])}

    def side(self, states: Sequence[Array], side: int, ctx: Context) -> Array:
        """States of all levels, of which those of one side are put beside each other, ([E,] N, n)."""
        return beside([states[number] for number in self.numbers[side]], ctx)

    def _across(self, states: Array, side: int, ctx: Context) -> Array:
        """Inputs of one side from the states of the other."""
        levels, given = self.levels, self.parts(states, side)
        bias = levels[0].bias.value
        out = ctx.empty((*bias.shape[:-1], states.shape[-2], self.places[1 - side][-1].stop), bias.dtype)
        for number, asked in self.parts(out, 1 - side).items():
            level_input(levels, number, given.get(number - 1), given.get(number + 1), ctx, asked)
        return out


class Doubled(RBM):
    """What one hidden level and the one below it are for a greedy start: a machine whose inputs are doubled.

    In the deep machine a layer in the middle hears from both sides, here from one, so what it hears counts twice: about
    the running means, where both sides say the same.  So the input of a layer in the deep machine is the mean of those
    that the two machines it belongs to would give it, with no correction of biases or weights afterwards.  The data
    have nothing below and the highest hidden layer nothing above, so nothing is doubled towards them; labels belong to
    the machine of the highest layer.  Salakhutdinov, Hinton: Deep Boltzmann machines (2009), section 3.1.

    Args:
        levels: of the deep machine.
        number: of the hidden level.
    """

    def __init__(self, levels: Sequence[Level], number: int):
        highest = highest_hidden(levels)
        self.levels, self.number, self.labelled = levels, number, number == highest < len(levels) - 1
        self.up, self.down = (1.0 if number == highest else 2.0), (1.0 if number == 1 else 2.0)
        level, below = levels[number], levels[number - 1]
        self.hidden, self.hidden_bias, self.hidden_offset = level.units, level.bias, level.offset
        self.visible, self.visible_bias, self.visible_offset = below.units, below.bias, below.offset
        self.weight = level.weight
        if self.labelled:
            label = levels[-1]
            self.visible = joined([below.units, label.units])
            self.visible_bias = Row([below.bias, label.bias])
            self.visible_offset = Row([below.offset, label.offset])
            self.weight = Block(levels, (number - 1, number + 1), (number,))

    def to_hidden(self, v: Array, ctx: Context) -> Inputs:
        """Inputs of the hidden level, with their biases."""
        levels, number, below = self.levels, self.number, self.levels[self.number - 1]
        if self.labelled:
            n = below.units.n
            return Inputs(level_input(levels, number, v[..., :n], v[..., n:], ctx))
        if self.up == 1:
            return Inputs(level_input(levels, number, v, None, ctx))
        weight, resting = levels[number].weight.value, (-below.resting, levels[number + 1].resting)
        return Inputs(self._doubled(v, weight, number, *resting, ctx))

    def to_visible(self, h: Array, ctx: Context) -> Inputs:
        """Inputs of the level below, and of the labels beside it, with their biases."""
        levels, number = self.levels, self.number - 1
        if self.down == 1:
            lower = level_input(levels, number, None, h, ctx)
        else:
            weight, level = levels[number + 1].weight.value.swapaxes(-1, -2), levels[number + 1]
            lower = self._doubled(h, weight, number, levels[number - 1].resting, -level.resting, ctx)
        if not self.labelled:
            return Inputs(lower)
        return Inputs(beside([lower, level_input(levels, number + 2, h, None, ctx)], ctx))

    def _doubled(self, states: Array, weight: Array, number: int, below: Array, above: Array, ctx: Context) -> Array:
        """``2 states W`` plus what the level hears where all around it rest, less what is doubled of that."""
        out = ctx.empty((*weight.shape[:-2], states.shape[-2], weight.shape[-1]), weight.dtype)
        matmul(states, weight, out=out)
        out *= 2
        out += level_input(self.levels, number, below, above, ctx)
        return out
