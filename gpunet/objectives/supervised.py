"""Learning by backpropagation: from targets, or from the features themselves."""

import math
from collections.abc import Sequence

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..data import TargetScale
from ..layers import Layer
from ..losses import AbsoluteError, Huber, Loss, SquaredError, learned
from ..members import PerMember
from ..metrics import Accuracy, Metric
from ..ops.weighting import shares
from .base import Objective

# By how much a loss grows with its errors: that of errors ``s e`` is ``s^degree`` times that of ``e``, where the width
# of a Huber loss grows with them.  Only such losses can be learned on standardised targets and told in their units.
DEGREES: dict[type[Loss], int] = {SquaredError: 2, Huber: 2, AbsoluteError: 1}


def degree(loss: Loss) -> int | None:
    """The power of the scale of targets that a loss is proportional to; None where their sign and size carry meaning.

    >>> from gpunet.losses import Poisson
    >>> degree(SquaredError()), degree(Poisson())
    (2, None)
    """
    return next((power for kind, power in DEGREES.items() if type(loss) is kind), None)


class Supervised(Objective):
    """Backpropagation of a loss.

    Args:
        model: layers with a linear output.
        loss: gives per-sample losses and gradients.
        metrics: what is measured beside the loss; correct classes by default.
        scale: by what targets were standardised: the loss is learned on these, and losses and metrics are told in the
            units of the targets, measured from their mean.  The width of a Huber loss counts standard deviations then.
    """

    wants_targets = True

    def __init__(
        self, model: Layer, loss: Loss, metrics: Sequence[Metric] = (Accuracy(),), scale: TargetScale | None = None
    ):
        self.model, self.loss, self.metrics, self.scale = model, loss, tuple(metrics), scale
        self.measures: tuple[str, ...] = ("loss", *(metric.name for metric in self.metrics))
        self.scores: tuple[str, ...] = self.measures

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """One pass forward, the loss, and one pass backward, which adds to the gradients."""
        z, backward = self.model.forward(x, ctx)
        loss, dz, right = learned(z, self.loss, target, shares(weight), ctx)
        measures = self._told(loss, z, target, ctx, right)
        backward(dz)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """One pass forward and the loss, without a gradient."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return self._told(loss, z, target, ctx)

    def _told(
        self, loss: Array, z: Array, target: Array, ctx: Context, right: Array | None = None
    ) -> tuple[Array, ...]:
        """The loss and the metrics of each sample, in the units of the targets; ``right`` is the accuracy, if known."""
        if self.scale is None:
            known = right is not None
            each = (right if known and type(m) is Accuracy else m(z, target, ctx) for m in self.metrics)
            return (loss, *each)
        xp, units, power = array_module(z), self.scale.deviation, degree(self.loss)
        assert power is not None, "only such losses are learned on standardised targets"
        if len(units) == 1:
            told = xp.multiply(loss, units[0] ** power, dtype="f8")
        else:
            told = 0.0
            for k, unit in enumerate(units):
                own, _ = self.loss(z[..., k : k + 1], target[..., k : k + 1], ctx)
                told = told + xp.multiply(own, unit**power, dtype="f8")
        if not self.metrics:
            return (told,)
        values, wanted = ctx.like(z), ctx.empty(target.shape, z.dtype)
        for k, unit in enumerate(units):
            xp.multiply(z[..., k], unit, out=values[..., k])
            xp.multiply(target[..., k], unit, out=wanted[..., k])
        return (told, *(metric(values, wanted, ctx) for metric in self.metrics))


class Reconstruction(Objective):
    """Backpropagation of the difference between what a network gives and what it was given.

    Args:
        model: layers with a linear output as wide as the features; those of an image in one row.
        loss: between output and features.
        corruption: part of the features of each sample that the model does not see while it learns: they are 0, and
            must come back (Vincent et al. 2008).
    """

    measures: tuple[str, ...] = ("loss", "squared_error")
    scores: tuple[str, ...] = ("loss", "squared_error")

    def __init__(self, model: Layer, loss: Loss, corruption: float | PerMember = 0.0):
        self.model, self.loss, self.corruption = model, loss, corruption

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Forward, loss, backward; the targets of the data set are not used."""
        seen = x
        if self.corruption:
            gone, _ = ctx.dropped(x.shape, self.corruption)
            seen = ctx.like(x)
            array_module(x).copyto(seen, x)
            array_module(x).copyto(seen, 0, where=gone)
        z, backward = self.model.forward(seen, ctx)
        x = in_rows(x, z.shape[-1])
        loss, dz, _ = learned(z, self.loss, x, shares(weight), ctx)
        measures = loss, self._squared_error(z, x, ctx)
        backward(dz)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Loss and squared error of the reconstruction, summed over the features."""
        z, _ = self.model.forward(x, ctx)
        x = in_rows(x, z.shape[-1])
        loss, _ = self.loss(z, x, ctx)
        return loss, self._squared_error(z, x, ctx)

    def _squared_error(self, z: Array, x: Array, ctx: Context) -> Array:
        difference = self.loss.activate(z, ctx.like(z), ctx)
        array_module(z).subtract(difference, x, out=difference)
        difference *= difference
        return difference.sum(axis=-1)


def in_rows(x: Array, features: int) -> Array:
    """Samples with all their features on the last axis, whatever their shape was.

    >>> import numpy as np
    >>> in_rows(np.zeros((5, 4, 4, 2)), 32).shape, in_rows(np.zeros((5, 32)), 32).shape
    ((5, 32), (5, 32))
    """
    axes = 1
    while math.prod(x.shape[-axes:]) < features:
        axes += 1
    return x.reshape(*x.shape[:-axes], features)
