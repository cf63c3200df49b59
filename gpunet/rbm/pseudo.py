"""Pseudo-likelihood: what can be said of a machine without its normaliser."""

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..ops.activations import softplus
from .machine import RBM


def pseudo_log_likelihood(rbm: RBM, v: Array, ctx: Context) -> Array:
    """Sum over all bits of the log-probability of each given all the others, ([E,] N), in nats.

    Every bit is flipped, not one drawn at random, so the value has no noise; flipping bit ``i`` changes the input of
    the hidden units by a row of the weight, so no further products are needed.  Besag: Statistical analysis of
    non-lattice data (1975).

    Args:
        rbm: whose visible units have two states, such as bits or spins.
        v: ([E,] N, visible), states; a block at a time, since (visible, N, hidden) numbers are passed through.
        ctx: memory; rewound before each bit, so nothing of the caller's may lie in its arena.

    Raises:
        ConfigError: for visible units of another type.
    """
    if rbm.visible.ends is None:
        rule = "needs visible units of two states"
        raise ConfigError("pseudo-likelihood", rule, type(rbm.visible).__name__, "Use the likelihood")
    both = sum(rbm.visible.ends)
    xp = array_module(v)
    inputs = rbm.hidden_input(v, ctx).copy()
    own = rbm.hidden.log_partition(inputs, ctx)
    total = xp.zeros(inputs.shape[:-1], np.float64)
    for bit in range(rbm.visible.n):
        ctx.arena.rewind()
        turned = both - 2 * v[..., bit]
        flipped = xp.multiply(turned[..., None], rbm.weight.value[..., None, bit, :], out=ctx.like(inputs))
        flipped += inputs
        gain = turned * rbm.visible_bias.value[..., bit, None] + rbm.hidden.log_partition(flipped, ctx) - own
        total -= softplus(gain, xp.empty_like(gain), xp.empty_like(gain))
    return total
