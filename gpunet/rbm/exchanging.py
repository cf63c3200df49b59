"""Exchanges between chains at neighbouring temperatures; on CUDA two kernels."""

from typing import TYPE_CHECKING

import numpy as np

from ..backend import Context, array_module, op
from ..backend.arrays import Array
from .halves import Inputs, Side, given, launch, members_of, suits
from .machine import RBM

if TYPE_CHECKING:
    from .chains import Tempered


@op
def exchanged(v: Array, chains: "Tempered", rbm: RBM, inputs: Inputs, ctx: Context) -> tuple[Array, Array]:
    """Let neighbours exchange their states, which the chains then have, and count how many would.

    Args:
        v: ([members,] temperatures x chains, visible), states.
        chains: whose they are.
        rbm: the machine.
        inputs: of its hidden units under the states.
        ctx: memory and random numbers.

    Returns:
        Visible states at the first temperature, ([members,] chains, visible), and their inputs to the hidden units.
    """
    xp, hidden_input = array_module(v), inputs.complete()
    order = chains.exchanges(rbm, v, hidden_input, ctx)
    xp.copyto(chains.states, xp.take_along_axis(v, order[..., None], axis=-2))
    top = order[..., : chains.count, None]
    return chains.states[..., : chains.count, :], xp.take_along_axis(hidden_input, top, axis=-2)


@exchanged.override("cupy")
def _exchanged_cuda(v: Array, chains: "Tempered", rbm: RBM, inputs: Inputs, ctx: Context) -> tuple[Array, Array]:
    hidden, x, streams = Side.of(rbm.hidden), inputs.x, ctx.streams
    whole = suits(v, ctx) and suits(x, ctx) and v.dtype == x.dtype == chains.betas.dtype
    if hidden is None or not whole or streams is None or streams.apart or len(streams.keys) != members_of(v):
        return exchanged.reference(v, chains, rbm, inputs, ctx)
    lead, (rows, n), m, rungs = v.shape[:-2], v.shape[-2:], x.shape[-1], chains.betas.shape[-1]
    levels, top = ctx.empty((*lead, rows, 3), np.float64), ctx.empty((*lead, chains.count, m), x.dtype)
    keys, clock, site = ctx.site()
    sizes = (np.int32(rungs), np.int32(chains.count))
    launch("levels", v, rows)(
        v, *given(rbm.visible_bias.value, x)[:2], np.int32(n), x, *given(inputs.lacking, x), *hidden.arguments(x),
        chains.betas, *sizes, levels,
    )  # fmt: skip
    launch("exchange", v, rows + rungs - 1)(
        levels, v, chains.states, np.int32(n), x, *given(inputs.lacking, x), top, np.int32(m), chains.swaps,
        chains.attempts, *sizes, keys, clock, np.uint64(site),
    )  # fmt: skip
    return chains.states[..., : chains.count, :], top
