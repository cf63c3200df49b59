"""Denoising autoencoders: another way to learn the parameters of a machine."""

from ..backend import Arena, Context, array_module
from ..backend.arrays import Array
from ..data import Feed
from ..members import PerMember
from ..objectives import Objective
from ..ops.linear import affine_grad_bias, affine_grad_input, affine_grad_weight
from ..ops.weighting import average, mean_of, observed, shares
from .machine import RBM


class Denoising(Objective):
    """Reconstructs data from a corrupted copy through the machine's means, with tied weights.

    The loss is ``-log p(v | h)`` of the visible units at ``h = E[h | corrupted v]``: the cross-entropy for Bernoulli
    units, half the squared error for Gaussian ones, up to a constant.

    Vincent, Larochelle, Lajoie, Bengio, Manzagol: Stacked denoising autoencoders (2010).

    Args:
        model: the machine; its hidden units must be Bernoulli.
        corruption: part of the inputs that is set to 0.
    """

    measures: tuple[str, ...] = ("reconstruction_loss",)
    scores: tuple[str, ...] = ("reconstruction_loss",)

    def __init__(self, model: RBM, corruption: float | PerMember = 0.25):
        self.model, self.corruption = model, corruption

    def start_from(self, feed: Feed) -> None:
        """Visible biases and offsets begin at the data's mean."""
        self.model.start_from(feed.mean(), Context(False, Arena(feed.device)), feed.weight)

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Corrupt, encode, decode, and go back through both."""
        rbm, xp, share = self.model, array_module(x), shares(weight)
        dropped, _ = ctx.dropped(x.shape, self.corruption)
        keep = xp.logical_not(dropped, out=dropped)
        seen = xp.multiply(x, keep, out=ctx.like(x))
        h = rbm.encode(seen, ctx)
        inputs = rbm.visible_input(h, ctx)
        loss = self._loss(x, inputs, ctx)
        slope = rbm.visible.mean(inputs, ctx)  # of the loss with respect to the input of the visible units
        slope -= x
        average(slope, share)
        dh = affine_grad_input(slope, rbm.weight.value.swapaxes(-1, -2), ctx.like(h))
        rbm.weight.accumulate(ctx, lambda out: affine_grad_weight(slope, h, out))
        dh *= h
        dh *= xp.subtract(1, h, out=ctx.like(h))
        rbm.weight.accumulate(ctx, lambda out: affine_grad_weight(seen, dh, out))
        rbm.visible_bias.accumulate(ctx, lambda out: affine_grad_bias(slope, out))
        rbm.hidden_bias.accumulate(ctx, lambda out: affine_grad_bias(dh, out))
        for offset, states in ((rbm.visible_offset, x), (rbm.hidden_offset, h)):
            seen = observed(mean_of(states, share), share, offset.value)
            offset.accumulate(ctx, lambda out, seen=seen: xp.copyto(out, seen))
        return (loss,)

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """The loss without corruption, ([members,] N)."""
        h = self.model.encode(x, ctx)
        return (self._loss(x, self.model.visible_input(h, ctx), ctx),)

    def _loss(self, x: Array, inputs: Array, ctx: Context) -> Array:
        return self.model.visible.cost(x, inputs, ctx)
