"""Contrastive divergence by kernels of its own, of machines whose units have kernels.

Between two products there is one kernel.  What is learned is what :class:`.ContrastiveDivergence` says.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Context, array_module, op
from ..backend.arrays import Array
from ..ops.linear import affine_grad_weight
from ..parameter import find_parameters
from .chains import Chains, FromData, Persistent
from .discrete import Bernoulli
from .halves import Inputs, Side, launch, stride, suits
from .machine import RBM

if TYPE_CHECKING:
    from .contrastive import ContrastiveDivergence

COLUMNS, LANES, WEIGHTS = 32, 8, 256  # of a block, as in the source
States = tuple[Array, Array, Array | None]  # visible, hidden, and what part each row has in their mean


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
    kernels = _Kernels.of(rbm, x, [weight], ctx)
    if kernels is None:
        return learning.by_arrays(x, weight, ctx)
    v = Bernoulli.draw(x, ctx) if learning.binarise else x
    if isinstance(k, int) and type(chains) is Persistent:  # whose chains know nothing of the batch
        going_on, steps = chains.states, k

        def of_chains() -> tuple[Array, Inputs]:
            return _after_gibbs(rbm, rbm.to_hidden(going_on, ctx), chains, steps, ctx)

        numbers = max(v.size, v.size // v.shape[-1] * rbm.hidden.n, going_on.size)
        data, (v_model, model) = ctx.beside(lambda: rbm.to_hidden(v, ctx), of_chains, numbers)
    elif isinstance(k, int) and type(chains) is FromData:
        data = rbm.to_hidden(v, ctx)
        v_model, model = _after_gibbs(rbm, data, chains, k, ctx)
    else:
        data = rbm.to_hidden(v, ctx)
        drawn, inputs = chains.draw(rbm, data.complete(), k, ctx)
        v_model, model = array_module(v).ascontiguousarray(drawn), Inputs(inputs)
    energy = ctx.empty(v.shape[:-1], v.dtype)
    weights = weight, weight if chains.of_samples else None
    kernels.accumulate((v, v_model), (data, model), weights, learning.center, learning.strength, energy)
    chains.learn(rbm)
    return energy


def _after_gibbs(rbm: RBM, model: Inputs, chains: Chains, k: int, ctx: Context) -> tuple[Array, Inputs]:
    """Visible states of the chains and their inputs to the hidden units, as the chains draw them by themselves.

    Args:
        rbm: the machine.
        model: inputs of the hidden units that the chains begin with.
        chains: where they go on.
        k: Gibbs steps.
        ctx: memory and random numbers.
    """
    going_on = chains.states if isinstance(chains, Persistent) else None
    v_model: Array = None
    for step in range(k):
        h = model.drawn(rbm.hidden, ctx)
        inputs, last = rbm.to_visible(h, ctx), going_on if step == k - 1 else None
        v_model = (inputs.expected if chains.mean_field else inputs.drawn)(rbm.visible, ctx, last)
        model = rbm.to_hidden(v_model, ctx)
    if isinstance(chains, FromData):
        chains.ended = v_model
    return v_model, model


@op
def accumulated(v: Array, learning: "ContrastiveDivergence", data: States, model: States, ctx: Context) -> None:
    """Add the gradient to minimise: model term minus data term.

    Args:
        v: the visible states of the data.
        learning: what is learned.
        data: ([members,] N, n) on either side.
        model: ([members,] chains, n) on either side.
        ctx: memory.
    """
    learning.accumulate_by_arrays(data, model, ctx)


@accumulated.override("cupy")
def _accumulated_cuda(v: Array, learning: "ContrastiveDivergence", data: States, model: States, ctx: Context) -> None:
    kernels = _Kernels.of(learning.model, v, [data[2], model[2]], ctx)
    if kernels is None or not all(suits(states, ctx) for states in (data[1], *model[:2])):
        learning.accumulate_by_arrays(data, model, ctx)
        return
    kernels.hidden = kernels.hidden.of_means
    means = Inputs(data[1]), Inputs(model[1])
    kernels.accumulate((v, model[0]), means, (data[2], model[2]), learning.center, None, None)


class _Kernels:
    """Those of one machine in one step."""

    def __init__(self, rbm: RBM, visible: Side, hidden: Side, ctx: Context):
        self.rbm, self.visible, self.hidden, self.ctx = rbm, visible, hidden, ctx
        self.weight: Array = rbm.weight.value
        self.members = self.weight.shape[0] if self.weight.ndim == 3 else 1
        # The same for all parts of the flat vectors, those of the gradient included.
        self.stride = stride(self.weight) if self.weight.ndim == 3 else np.int64(0)

    @classmethod
    def of(cls, rbm: RBM, v: Array, weights: list[Array | None], ctx: Context) -> "_Kernels | None":
        """None where kernels do not know the machine, or where something was added to its gradient already."""
        visible, hidden = Side.of(rbm.visible), Side.of(rbm.hidden)
        if type(rbm) is not RBM or visible is None or hidden is None:
            return None
        whole = suits(v, ctx) and v.ndim == rbm.weight.value.ndim
        whole = whole and all(weight is None or weight.flags.c_contiguous for weight in weights)
        untouched = all(parameter.untouched for _, parameter in find_parameters(rbm))
        return cls(rbm, visible, hidden, ctx) if whole and untouched else None

    def accumulate(
        self,
        visible: tuple[Array, Array],
        hidden: tuple[Inputs, Inputs],
        weights: tuple[Array | None, Array | None],
        centres: bool,
        strength: Array | None,
        energy: Array | None,
    ) -> None:
        """Write the gradient to minimise, model term minus data term, as :class:`.ContrastiveDivergence` centres it.

        Args:
            visible: states of the data and of the model.
            hidden: their inputs of the hidden units.
            weights: of the samples and of the chains, or None where all count alike.
            centres: whether to subtract the offsets.
            strength: target and cost of the activity of hidden units, or None.
            energy: ([members,] N), gets the free energies of the data where it is given.
        """
        rbm, ctx, (v, v_model), (data, model) = self.rbm, self.ctx, visible, hidden
        lead, (n, m), like = v.shape[:-2], self.weight.shape[-2:], v.dtype
        samples, count = v.shape[-2], v_model.shape[-2]
        stacked_v, stacked_h = (ctx.empty((*lead, samples + count, width), like) for width in (n, m))
        v_difference, h_difference = (ctx.empty((*lead, width), like) for width in (n, m))
        sparse = np.int32(strength is not None)
        pull = v if strength is None else ctx.empty((*lead, m), like)
        centred = (rbm.visible_offset.value, rbm.hidden_offset.value, self.stride, np.int32(centres))
        sizes, tiles = (np.int32(n), np.int32(m)), -(-n // COLUMNS) + -(-m // COLUMNS)
        v_mean, h_mean = rbm.visible_offset.written(), rbm.hidden_offset.written()
        slopes = (v if own is None else own.written() for own in (self.visible.variance, self.hidden.variance))
        self._launch("statistics", tiles + (0 if energy is None else samples))(
            v, v_model, *self.visible.arguments(v), data.x, model.x, *self.hidden.arguments(v), rbm.visible_bias.value,
            rbm.hidden_bias.value, np.int32(data.lacking is not None), np.int32(model.lacking is not None), *centred,
            *_or(weights[0], v), *_or(weights[1], v), *_or(strength, v), stacked_v, stacked_h, v_mean, h_mean,
            v_difference, h_difference, pull, *slopes, v if energy is None else energy, np.int32(samples),
            np.int32(count),
        )  # fmt: skip
        slope = affine_grad_weight(stacked_v, stacked_h, rbm.weight.written())
        self._launch("biases", -(-n // LANES) + -(-m // COLUMNS))(
            slope, v_difference, h_difference, *centred, pull, sparse, rbm.visible_bias.written(),
            rbm.hidden_bias.written(), *sizes,
        )  # fmt: skip
        if strength is not None:
            self._launch("press", -(-n * m // WEIGHTS))(slope, self.stride, v_mean, pull, *sizes)

    def _launch(self, name: str, blocks: int) -> Any:
        return launch(name, self.weight, blocks, self.members)


def _or(array: Array | None, like: Array) -> tuple[Array, np.int32]:
    """An array that a launch may lack, and whether it is there."""
    return (like, np.int32(0)) if array is None else (array, np.int32(1))
