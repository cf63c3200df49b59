"""Supervised greedy training: a machine's hidden units learned with an output layer that is thrown away."""

from dataclasses import dataclass

from ..backend import Arena, Context, array_module
from ..backend.arrays import Array
from ..data import Feed
from ..fields import Count
from ..layers import Dense
from ..losses import CategoricalCrossEntropy
from ..metrics import Accuracy, accuracy
from ..objectives import Objective
from ..ops.linear import affine_grad_bias, affine_grad_weight
from ..ops.weighting import average, mean_of, observed, shares
from ..parameter import Module
from .machine import RBM


@dataclass(eq=False)
class WithOutput(Module):
    """A machine's upward pass and a softmax on top.

    Args:
        machine: whose weight and hidden biases are learned.
        classes: of the output.
    """

    machine: RBM
    classes: Count

    def __post_init__(self) -> None:
        """Make the output layer."""
        self.output = Dense(self.classes, n_in=self.machine.hidden.n)


class SupervisedGreedy(Objective):
    """One hidden layer trained on the targets; what is below stays as it is.

    Bengio, Lamblin, Popovici, Larochelle: Greedy layer-wise training of deep networks (2007), section 4.

    Args:
        model: the machine, with Bernoulli hidden units, and its output layer.
    """

    measures: tuple[str, ...] = ("loss", "accuracy")
    scores: tuple[str, ...] = ("loss", "accuracy")
    metrics = (Accuracy(),)
    wants_targets = True

    def __init__(self, model: WithOutput):
        self.model, self.loss = model, CategoricalCrossEntropy()

    def start_from(self, feed: Feed) -> None:
        """Visible biases and offsets begin at the data's mean."""
        self.model.machine.start_from(feed.mean(), Context(False, Arena(feed.device)), feed.weight)

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """One pass forward through the layer and its output layer, the loss, and one pass backward."""
        machine, xp, share = self.model.machine, array_module(x), shares(weight)
        h = machine.encode(x, ctx)
        z, backward = self.model.output.forward(h, ctx.with_input_gradient(True))
        loss, dz = self.loss(z, target, ctx)
        measures = loss, accuracy(z, target, ctx)
        average(dz, share)
        dh = backward(dz)
        dh *= h
        dh *= xp.subtract(1, h, out=ctx.like(h))
        machine.weight.accumulate(ctx, lambda out: affine_grad_weight(x, dh, out))
        machine.hidden_bias.accumulate(ctx, lambda out: affine_grad_bias(dh, out))
        for offset, states in ((machine.visible_offset, x), (machine.hidden_offset, h)):
            seen = observed(mean_of(states, share), share, offset.value)
            offset.accumulate(ctx, lambda out, seen=seen: xp.copyto(out, seen))
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Loss and accuracy of the layer with its output."""
        z, _ = self.model.output.forward(self.model.machine.encode(x, ctx), ctx)
        loss, _ = self.loss(z, target, ctx)
        return loss, accuracy(z, target, ctx)
