"""The posterior of a deep machine's hidden layers, approximated by independent units: the mean field.

With the data given, each hidden unit gets the distribution of its type under the input that the means around it give.
Every other level is put in order at once, exactly, so no sweep raises the free energy, nor does one that goes only part
of the way: the inputs move along a line, on which the free energy falls.

Salakhutdinov, Hinton: Deep Boltzmann machines (2009), section 3; Salakhutdinov, Hinton: An efficient learning procedure
for deep Boltzmann machines (2012).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...backend import Context, array_module, matmul
from ...backend.arrays import Array
from .levels import Level, highest_hidden, level_input
from .sides import Doubled


@dataclass(frozen=True)
class Posterior:
    """The distributions of all levels, data first.

    Attributes:
        states: expected states, ([E,] N, units) each; the data and held labels as they are.
        inputs: the inputs under which free units have them; None for what is held.
    """

    states: list[Array]
    inputs: list[Array | None]


def rising(levels: Sequence[Level], v: Array, ctx: Context, label: Array | None = None) -> list[Array]:
    """Inputs of the hidden levels and of a label that is not held, one after the other upwards; None for the data.

    Each level hears from below alone, as in its machine of the greedy start; the highest also from labels that are
    held.

    Args:
        levels: of the machine.
        v: ([E,] N, n), states of the data.
        ctx: memory.
        label: states of the highest level, where they are held.
    """
    inputs: list[Array] = [None]
    state, highest = v, highest_hidden(levels)
    for number in range(1, len(levels) - (label is not None)):
        if number < highest:
            x = Doubled(levels, number).hidden_input(state, ctx)
        else:
            x = level_input(levels, number, state, label, ctx)
        inputs.append(x)
        state = levels[number].units.mean(x, ctx)
    return inputs


def settle(
    levels: Sequence[Level],
    v: Array,
    ctx: Context,
    sweeps: int,
    tolerance: float = 0.0,
    damping: float = 0.0,
    label: Array | None = None,
    early: bool = False,
) -> Posterior:
    """Sweeps over all levels until the means of a sample stand still; each sample stops by itself.

    Args:
        levels: of the machine.
        v: ([E,] N, n), states of the data.
        ctx: memory.
        sweeps: at most so many; always so many where nothing may be read from the device.
        tolerance: a sample whose means have moved by less in a sweep keeps them.
        damping: part of the inputs of the sweep before that stays.
        label: states of the highest level, where they are held.
        early: end when all samples have stopped, which is read from the device; it changes no number.
    """
    inputs = rising(levels, v, ctx, label)
    states = [v, *(level.units.mean(x, ctx) for level, x in zip(levels[1:], inputs[1:]))]
    states += [] if label is None else [label]
    free, xp = range(1, len(inputs)), array_module(v)
    from_data = level_input(levels, 1, v, None, ctx)
    above = levels[2].weight.value.swapaxes(-1, -2)
    going = ctx.empty(states[1].shape[:-1], bool)
    moved = ctx.empty(states[1].shape[:-1], states[1].dtype)
    going.fill(True)
    for _ in range(sweeps):
        moved.fill(0)
        for number in (*free[::2], *free[1::2]):
            with ctx.scratch():
                if number == 1:
                    x = matmul(states[2], above, out=ctx.like(from_data))
                    x += from_data
                else:
                    upper = states[number + 1] if number + 1 < len(levels) else None
                    x = level_input(levels, number, states[number - 1], upper, ctx)
                if damping:
                    x *= 1 - damping
                    x += xp.multiply(inputs[number], damping, out=ctx.like(x))
                mean = levels[number].units.mean(x, ctx)
                if not tolerance:
                    xp.copyto(inputs[number], x)
                    xp.copyto(states[number], mean)
                    continue
                change = xp.subtract(mean, states[number], out=ctx.like(mean))
                xp.maximum(moved, xp.absolute(change, out=change).max(axis=-1), out=moved)
                xp.copyto(inputs[number], x, where=going[..., None])
                xp.copyto(states[number], mean, where=going[..., None])
        if tolerance:
            xp.logical_and(going, moved >= tolerance, out=going)
            if early and not ctx.arena.device.get(going).any():
                break
    return Posterior(states, [*inputs, *[None] * (len(levels) - len(inputs))])


def free_energy(levels: Sequence[Level], found: Posterior, ctx: Context) -> Array:
    """Expected energy less the entropy of the hidden units, in nats, ([E,] N): at least ``-log p(v) - log Z``.

    With labels held it is that of both, ``-log p(v, label) - log Z``.
    """
    total: Array = 0.0
    states = [*found.states, None]
    for number, (level, x) in enumerate(zip(levels, found.inputs)):
        s = found.states[number]
        # Each weight is counted once, in the inputs of the levels with odd numbers.
        below, above = (states[number - 1], states[number + 1]) if number % 2 else (None, None)
        heard = level_input(levels, number, below, above, ctx)
        if x is None:
            total = total - level.units.log_base(s, ctx) - _product(s, heard)
        else:  # the base measure under the distribution cancels that of its entropy
            total = total - level.units.log_partition(x, ctx) + _product(s, x) - _product(s, heard)
    return total


def _product(s: Array, x: Array) -> Array:
    """``s x`` of each row, also where one of them has a single row, or no members."""
    if x.shape[-2] == 1:
        return matmul(s, x.swapaxes(-1, -2))[..., 0]
    return (s * x).sum(axis=-1)


def differentiable(
    levels: Sequence[Level], v: Array, ctx: Context, sweeps: int
) -> tuple[list[Array], Callable[[Sequence[Array | None]], Array]]:
    """The inputs of all levels above the data after so many sweeps, and the way back to the data.

    The weights are taken as given: they learn otherwise.

    Args:
        levels: of the machine, whose hidden units are bits; labels may stand at the top.
        v: ([E,] N, n), states of the data.
        ctx: memory, for as long as the way back is wanted.
        sweeps: all of which are followed back.

    Returns:
        Inputs by level, None for the data; and a function that takes the gradients with respect to them, or None where
        there is none, and gives that with respect to the data.
    """
    inputs = rising(levels, v, ctx)
    free = range(1, len(levels))
    states = [v, *(level.units.mean(x, ctx) for level, x in zip(levels[1:], inputs[1:]))]
    taken = [(number, states[number]) for number in free]
    for _ in range(sweeps):
        for number in (*free[::2], *free[1::2]):
            upper = states[number + 1] if number < free[-1] else None
            inputs[number] = level_input(levels, number, states[number - 1], upper, ctx)
            states[number] = levels[number].units.mean(inputs[number], ctx)
            taken.append((number, states[number]))
    return inputs, lambda gradients: _back(levels, taken, gradients, ctx)


def _back(
    levels: Sequence[Level], taken: list[tuple[int, Array]], gradients: Sequence[Array | None], ctx: Context
) -> Array:
    """From gradients of the last inputs through all steps back to the data."""
    shape = taken[0][1].shape
    blame: list[Array] = [ctx.empty((*shape[:-1], level.units.n), taken[0][1].dtype) for level in levels]
    for each in blame:
        each.fill(0)
    pending = list(gradients)
    for place in range(len(taken) - 1, -1, -1):
        number, mean = taken[place]
        dx = _slope(levels[number], mean, blame[number], ctx)
        if (given := pending[number]) is not None:
            dx += given
            pending[number] = None
        blame[number].fill(0)
        rises = place < len(levels) - 1
        doubled = 2.0 if rises and number < highest_hidden(levels) else 1.0
        weight = levels[number].weight.value.swapaxes(-1, -2)
        with ctx.scratch():
            lower = matmul(dx, weight, out=ctx.like(blame[number - 1]))
            lower *= doubled
            blame[number - 1] += lower
            if not rises and number + 1 < len(levels):
                blame[number + 1] += matmul(dx, levels[number + 1].weight.value, out=ctx.like(blame[number + 1]))
    return blame[0]


def _slope(level: Level, mean: Array, blame: Array, ctx: Context) -> Array:
    """The gradient with respect to inputs, given that with respect to their means: of bits, or of one choice."""
    xp, dx = array_module(mean), ctx.like(mean)
    if level.units.bits:
        xp.subtract(1, mean, out=dx)
        dx *= mean
        dx *= blame
        return dx
    xp.multiply(mean, blame, out=dx)
    total = dx.sum(axis=-1, keepdims=True)
    dx -= xp.multiply(mean, total, out=ctx.like(mean))
    return dx
