"""Exact sums over the hidden layers of a deep machine that is small enough."""

from ...backend import Context, array_module, matmul
from ...backend.arrays import Array
from ...errors import ConfigError
from ...rbm import Units
from ...rbm.likelihood import BLOCK, MAX_STATES
from .sides import Sides, joined


def log_sum_over_hidden(machine: Sides, v: Array, ctx: Context) -> Array:
    """``log of the sum over all hidden states of exp(-energy)`` for each sample, ([E,] N), in the parameters' type.

    Args:
        machine: with the data first on its visible side.
        v: ([E,] N, n), states of the data.
        ctx: memory.

    Raises:
        ConfigError: more than 2^25 states of the side that has fewer.
    """
    levels, units = machine.levels, enumerated(machine)
    with_data = units is not machine.hidden
    if units.state_count > MAX_STATES:
        rule, remedy = "needs every other hidden layer to have at most 2^25 states", "Use the lower bound"
        raise ConfigError("exact log-likelihood", rule, f"{units.state_count:.3g}", remedy)
    device, dtype = ctx.arena.device, levels[0].bias.value.dtype
    count, rows = int(units.state_count), v.shape[-2]
    block = max(1, BLOCK // rows)
    members = max((v.shape[:-2], levels[0].bias.value.shape[:-1]), key=len)
    total: Array = None
    for start in range(0, count, block):
        states = device.put(units.states(start, min(start + block, count)), dtype)
        with ctx.scratch():
            one = _with_data if with_data else _with_hidden
            log_p = one(machine, v, states, members, ctx)
            found = _log_sum_exp(log_p.reshape(*members, rows, len(states)))
            total = found if total is None else array_module(total).logaddexp(total, found)
    return total


def enumerated(machine: Sides) -> Units:
    """The hidden layers whose states are gone through: those beside the data or those opposite, which have fewer."""
    beside = joined([machine.levels[number].units for number in machine.numbers[0][1:]])
    return beside if beside.state_count <= machine.hidden.state_count else machine.hidden


def _pairs(v: Array, states: Array, members: tuple[int, ...]) -> tuple[Array, Array]:
    """Each sample with each state, samples first, ([E,] N states, n) both."""
    xp, count = array_module(v), len(states)
    v = xp.broadcast_to(v, (*members, *v.shape[-2:]))
    shape = (*members, v.shape[-2], count)
    tiled = xp.broadcast_to(states, (*shape, states.shape[-1])).reshape(*members, -1, states.shape[-1])
    return xp.repeat(v, count, axis=-2), tiled


def _with_data(machine: Sides, v: Array, states: Array, members: tuple[int, ...], ctx: Context) -> Array:
    """States of the layers beside the data: the hidden side is summed in closed form."""
    repeated, tiled = _pairs(v, states, members)
    return -machine.free_energy(array_module(v).concatenate([repeated, tiled], axis=-1), ctx)


def _with_hidden(machine: Sides, v: Array, states: Array, members: tuple[int, ...], ctx: Context) -> Array:
    """States of the layers on the hidden side: those beside the data are summed in closed form."""
    v, h = _pairs(v, states, members)
    n, levels = v.shape[-1], machine.levels
    inputs = machine.visible_input(h, ctx)
    beside = joined([levels[number].units for number in machine.numbers[0][1:]])
    above = inputs[..., n:].copy()
    linear = (v * inputs[..., :n]).sum(axis=-1) + matmul(h, machine.hidden_bias.value[..., :, None])[..., 0]
    based = levels[0].units.log_base(v, ctx) + machine.hidden.log_base(h, ctx)
    return based + linear + beside.log_partition(above, ctx)


def _log_sum_exp(x: Array) -> Array:
    xp = array_module(x)
    top = x.max(axis=-1, keepdims=True)
    return xp.log(xp.exp(x - top).sum(axis=-1)) + top[..., 0]
