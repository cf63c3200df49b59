"""Contrastive divergence of machines with units of 0 and 1 on both sides, by kernels of its own.

Between two products there is one kernel: it adds the bias and draws the states.  What is learned is what
:class:`.ContrastiveDivergence` says.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..backend import Context, array_module, kernel, matmul, op
from ..backend.arrays import Array
from ..ops.linear import affine_grad_weight
from .chains import FromData, Persistent
from .discrete import Bernoulli
from .machine import RBM

if TYPE_CHECKING:
    from .contrastive import ContrastiveDivergence

SOURCE = Path(ops.__file__).parent / "cuda" / "machine.cu"
THREADS, SPAN, COLUMNS, LANES = 256, 4096, 32, 8  # as in the source


@op
def contrasted(x: Array, learning: "ContrastiveDivergence", weight: Array | None, ctx: Context) -> Array:
    """Add the gradient of a batch.

    Args:
        x: ([members,] N, visible).
        learning: what is learned.
        weight: of each sample, ([members,] N), or None.
        ctx: memory and random numbers.

    Returns:
        The free energy of the states that were learned, in nats, ([members,] N).
    """
    return learning.by_arrays(x, weight, ctx)


@contrasted.override("cupy")
def _contrasted_cuda(x: Array, learning: "ContrastiveDivergence", weight: Array | None, ctx: Context) -> Array:
    rbm, chains, k = learning.model, learning.chains, learning.k
    bits = type(rbm) is RBM and type(rbm.visible) is Bernoulli and type(rbm.hidden) is Bernoulli
    simple = type(chains) in (FromData, Persistent) and not chains.mean_field
    apart = ctx.streams is None or ctx.streams.apart
    plain = weight is None and ctx.numerics != 1 and x.ndim == rbm.weight.value.ndim
    if not bits or not simple or not plain or apart or not isinstance(k, int):
        return learning.by_arrays(x, weight, ctx)
    walk = _Walk(rbm, ctx)
    v = Bernoulli.draw(x, ctx) if learning.binarise else x
    data = walk.to_hidden(v)
    if isinstance(chains, Persistent):
        model = walk.to_hidden(chains.states)
    else:
        model = data
    v_model = v
    for _ in range(k):
        v_model = walk.to_visible(model)
        model = walk.to_hidden(v_model)
    if isinstance(chains, Persistent):
        array_module(v).copyto(chains.states, v_model)
    walk.accumulate(v, data, v_model, model, learning.center)
    if learning.sparsity is not None:
        learning.accumulate_sparsity(v, None, ctx)
    return walk.free_energy(v, data)


class _Inputs:
    """Inputs of hidden units; they lack the bias until a kernel has added it on its way."""

    def __init__(self, x: Array):
        self.x, self.lacks = x, True


class _Walk:
    """The kernels, for one machine in one step."""

    def __init__(self, rbm: RBM, ctx: Context):
        self.rbm, self.ctx = rbm, ctx
        self.weight: Array = rbm.weight.value
        self.ending = "double" if self.weight.dtype == np.float64 else "float"
        self.members = self.weight.shape[0] if self.weight.ndim == 3 else 1
        self.stride = _stride(rbm.visible_bias.value)  # the same for all parts of the flat vector

    def to_hidden(self, v: Array) -> _Inputs:
        """``v W``, without the bias."""
        return _Inputs(self._product(v, self.weight))

    def to_visible(self, inputs: _Inputs) -> Array:
        """Hidden states drawn, and visible ones drawn for them."""
        h = self._sampled(inputs.x, self.rbm.hidden_bias.value if inputs.lacks else None)
        inputs.lacks = False
        return self._sampled(self._product(h, self.weight.swapaxes(-1, -2)), self.rbm.visible_bias.value)

    def accumulate(self, v: Array, data: _Inputs, v_model: Array, model: _Inputs, centres: bool) -> None:
        """The gradient to minimise, model term minus data term, as :class:`.ContrastiveDivergence` centres it."""
        rbm, ctx, like = self.rbm, self.ctx, v.dtype
        lead, (visible, hidden) = v.shape[:-2], self.weight.shape[-2:]
        samples, count = v.shape[-2], v_model.shape[-2]
        stacked_v = ctx.empty((*lead, samples + count, visible), like)
        stacked_h = ctx.empty((*lead, samples + count, hidden), like)
        v_difference, h_difference = ctx.empty((*lead, visible), like), ctx.empty((*lead, hidden), like)
        offsets = (rbm.visible_offset.value, rbm.hidden_offset.value)
        sizes = (np.int32(visible), np.int32(hidden))

        def statistics(v_mean: Array, h_mean: Array) -> None:
            self._launch("statistics", (-(-visible // COLUMNS) + -(-hidden // COLUMNS), self.members))(
                v, v_model, data.x, model.x, rbm.hidden_bias.value, np.int32(data.lacks), np.int32(model.lacks),
                *offsets, self.stride, np.int32(centres), stacked_v, stacked_h, v_mean, h_mean, _stride(v_mean),
                v_difference, h_difference, np.int32(samples), np.int32(count), *sizes,
            )  # fmt: skip

        def biases(b: Array, c: Array) -> None:
            slope = rbm.weight.grad
            step = np.int64(slope.strides[0] // slope.itemsize if slope.ndim == 3 else 0)
            self._launch("biases", (-(-visible // LANES) + -(-hidden // COLUMNS), self.members))(
                slope, step, v_difference, h_difference, *offsets, self.stride, np.int32(centres), b, c, _stride(b),
                *sizes,
            )  # fmt: skip

        rbm.visible_offset.accumulate(ctx, lambda v_mean: rbm.hidden_offset.accumulate(
            ctx, lambda h_mean: statistics(v_mean, h_mean)
        ))  # fmt: skip
        rbm.weight.accumulate(ctx, lambda out: affine_grad_weight(stacked_v, stacked_h, out))
        rbm.visible_bias.accumulate(ctx, lambda b: rbm.hidden_bias.accumulate(ctx, lambda c: biases(b, c)))

    def free_energy(self, v: Array, inputs: _Inputs) -> Array:
        """``- v b - log of the sum over all hidden states``, ([members,] N)."""
        rbm, energy = self.rbm, self.ctx.empty(v.shape[:-1], v.dtype)
        visible, hidden = self.weight.shape[-2:]
        self._launch("free_energy", (v.shape[-2], self.members))(
            v, inputs.x, rbm.visible_bias.value, rbm.hidden_bias.value, self.stride, np.int32(inputs.lacks), energy,
            np.int32(visible), np.int32(hidden),
        )  # fmt: skip
        return energy

    def _product(self, states: Array, weight: Array) -> Array:
        out = self.ctx.empty((*states.shape[:-1], weight.shape[-1]), weight.dtype)
        return matmul(states, weight, out=out)

    def _sampled(self, x: Array, bias: Array | None) -> Array:
        """States drawn for inputs, which get the bias where there is one."""
        state, (keys, clock, site) = self.ctx.like(x), self.ctx.site()
        count = x.size // self.members
        self._launch("sample", (-(-count // SPAN), self.members))(
            x, x if bias is None else bias, self.stride, np.int32(bias is not None), state, np.int64(count),
            np.int32(x.shape[-1]), keys, clock, np.uint64(site),
        )  # fmt: skip
        return state

    def _launch(self, name: str, grid: tuple[int, int]) -> Any:
        found = kernel(SOURCE, f"{name}_{self.ending}")
        return lambda *arguments: found(grid, (THREADS,), arguments)


def _stride(numbers: Array) -> np.int64:
    """From the numbers of a member to those of the next, ([members,] n)."""
    return np.int64(0 if numbers.ndim == 1 else numbers.strides[0] // numbers.itemsize)
