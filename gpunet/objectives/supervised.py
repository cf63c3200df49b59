"""Learning by backpropagation: from targets, or from the features themselves."""

from collections.abc import Sequence

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..layers import Layer
from ..losses import Loss
from ..metrics import Accuracy, Metric
from ..ops.weighting import average, shares
from .base import Objective


class Supervised(Objective):
    """Backpropagation of a loss.

    Args:
        model: layers with a linear output.
        loss: gives per-sample losses and gradients.
        metrics: what is measured beside the loss; correct classes by default.
    """

    wants_targets = True

    def __init__(self, model: Layer, loss: Loss, metrics: Sequence[Metric] = (Accuracy(),)):
        self.model, self.loss, self.metrics = model, loss, tuple(metrics)
        self.measures: tuple[str, ...] = ("loss", *(metric.name for metric in self.metrics))
        self.scores: tuple[str, ...] = self.measures

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """One pass forward, the loss, and one pass backward, which adds to the gradients."""
        z, backward = self.model.forward(x, ctx)
        loss, dz = self.loss(z, target, ctx)
        measures = (loss, *(metric(z, target, ctx) for metric in self.metrics))
        average(dz, shares(weight))
        backward(dz)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """One pass forward and the loss, without a gradient."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return (loss, *(metric(z, target, ctx) for metric in self.metrics))


class Reconstruction(Objective):
    """Backpropagation of the difference between what a network gives and what it was given.

    Args:
        model: layers with a linear output as wide as the features.
        loss: between output and features.
    """

    measures: tuple[str, ...] = ("loss", "squared_error")
    scores: tuple[str, ...] = ("loss", "squared_error")

    def __init__(self, model: Layer, loss: Loss):
        self.model, self.loss = model, loss

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Forward, loss, backward; the targets of the data set are not used."""
        z, backward = self.model.forward(x, ctx)
        loss, dz = self.loss(z, x, ctx)
        measures = loss, self._squared_error(z, x, ctx)
        average(dz, shares(weight))
        backward(dz)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Loss and squared error of the reconstruction, summed over the features."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, x, ctx)
        return loss, self._squared_error(z, x, ctx)

    def _squared_error(self, z: Array, x: Array, ctx: Context) -> Array:
        difference = self.loss.predict(z, ctx.like(z))
        array_module(z).subtract(difference, x, out=difference)
        difference *= difference
        return difference.sum(axis=-1)
