"""What a training step learns from a batch: the part of the step that differs between kinds of learning."""

from typing import Any, Protocol

from ..backend import Context
from ..backend.arrays import Array
from ..layers import Layer
from ..losses import Loss
from ..metrics import accuracy


class Objective(Protocol):
    """Accumulates the gradients of a batch; the trainer does everything around it.

    Attributes:
        model: whose parameters are trained.
        measures: names of what :meth:`learn` returns.
        scores: names of what :meth:`judge` returns.
    """

    model: Any
    measures: tuple[str, ...]
    scores: tuple[str, ...]

    def learn(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch's mean to the parameters; return each measure per sample, ([members,] N)."""

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Return each score per sample, ([members,] N), without learning and without random numbers."""


class Supervised:
    """Backpropagation of a loss.

    Args:
        model: layers with a linear output.
        loss: gives per-sample losses and gradients.
        classify: whether to count correct classes as well.
    """

    def __init__(self, model: Layer, loss: Loss, classify: bool = True):
        self.model, self.loss, self.classify = model, loss, classify
        self.measures: tuple[str, ...] = ("loss", "accuracy") if classify else ("loss",)
        self.scores: tuple[str, ...] = self.measures

    def learn(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Forward, loss, backward."""
        z, backward = self.model.forward(x, ctx)
        loss, dz = self.loss(z, target, ctx)
        measures = (loss, accuracy(z, target, ctx)) if self.classify else (loss,)
        dz *= 1 / x.shape[-2]
        backward(dz)
        return measures

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Forward and loss."""
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        return (loss, accuracy(z, target, ctx)) if self.classify else (loss,)
