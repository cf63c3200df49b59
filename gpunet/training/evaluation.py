"""Evaluation: losses, metrics and predictions over a part of a data set."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..backend import Arena, Context, Device, capture
from ..backend.arrays import Array
from ..data import Feed
from ..layers import Layer
from ..losses import Loss
from ..metrics import accuracy


@dataclass(frozen=True)
class Scores:
    """Mean loss and, for classes, mean accuracy of each member, (members,)."""

    loss: np.ndarray
    accuracy: np.ndarray | None


class Evaluator:
    """Runs a model without training it, in batches of one size, the last one padded and masked.

    Args:
        model: its parameters must have memory.
        loss: also gives the output activation.
        feed: the samples, without a members axis: all members see the same.
        members: number of models in the population, 1 for one model.
        device: where everything lives.
        classify: whether to count correct classes.
        batch_size: samples at once.
    """

    def __init__(
        self, model: Layer, loss: Loss, feed: Feed, members: int, device: Device, classify: bool, batch_size: int = 1000
    ):
        self.model, self.loss, self.feed, self.device, self.classify = model, loss, feed, device, classify
        self.batch_size = min(batch_size, feed.samples)
        self.cursor = device.zeros((1,), np.int64)
        self.totals = device.zeros((3, members), np.float64)
        self.context = Context(training=False, arena=Arena(device))
        self.step = capture(self._step, device)
        self.outputs: Array = None

    @property
    def steps(self) -> int:
        """Number of batches."""
        return -(-self.feed.samples // self.batch_size)

    def scores(self) -> Scores:
        """Evaluate all samples; reads the device once."""
        self.cursor.fill(0)
        self.totals.fill(0)
        for _ in range(self.steps):
            self.step()
        loss, correct, samples = self.device.get(self.totals)
        return Scores(loss / samples, correct / samples if self.classify else None)

    def predictions(self) -> Iterator[np.ndarray]:
        """Yield the activated outputs batch by batch, float of shape ([members,] rows, K)."""
        self.cursor.fill(0)
        for number in range(self.steps):
            self.step()
            rows = min(self.batch_size, self.feed.samples - number * self.batch_size)
            yield self.device.get(self.loss.predict(self.outputs, self.outputs))[..., :rows, :]

    def _step(self) -> None:
        ctx = self.context
        ctx.arena.rewind()
        x, target, weights = self.feed.padded(ctx, self.cursor, self.batch_size)
        z, _ = self.model.forward(x, ctx)
        loss, _ = self.loss(z, target, ctx)
        self.totals[0] += (loss * weights).sum(axis=-1)
        if self.classify:
            self.totals[1] += (accuracy(z, target, ctx) * weights).sum(axis=-1)
        self.totals[2] += weights.sum()
        self.outputs = z
        self.cursor += 1
