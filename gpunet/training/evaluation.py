"""Evaluation: measures and predictions over a part of a data set, without training."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, capture
from ..backend.arrays import Array
from ..data import Feed, Preprocessing
from ..layers import Layer
from ..losses import Loss
from ..objectives import Objective
from ..parameter import find_parameters

BATCH = 1000  # samples at once
NUMBERS = 1 << 26  # that a pass may hold, a quarter of a gigabyte in single precision

# The mean of each measure, by name, for each member: (members,).
Scores = dict[str, np.ndarray]


def at_once(model: Any, shape: tuple[int, ...], most: int = BATCH) -> int:
    """How many samples a pass at inference takes: fewer than the most where a network on images would hold too much.

    Args:
        model: whose parameters have memory.
        shape: of a sample as it sees it.
        most: of networks that hold little.
    """
    if not isinstance(model, Layer):
        return most
    first = next((parameter for _, parameter in find_parameters(model)), None)
    members = 1 if first is None else first.value.size // prod(first.shape)
    return max(1, min(most, NUMBERS // (model.held(shape) * members)))


class Evaluator:
    """Averages an objective's measures over all samples, weighted where they have weights.

    Batches are of one size, the last one padded and masked.

    Args:
        objective: its model's parameters must have memory.
        feed: the samples, without a members axis: all members see the same.
        members: number of models in the population, 1 for one model.
        device: where everything lives.
        batch_size: samples at once; see :func:`at_once`.
    """

    def __init__(self, objective: Objective, feed: Feed, members: int, device: Device, batch_size: int | None = None):
        self.objective, self.feed, self.device = objective, feed, device
        feed.forget_host()
        self.batch_size = min(batch_size or at_once(objective.model, feed.shape), feed.samples)
        self.cursor = device.zeros((1,), np.int64)
        self.totals = device.zeros((len(objective.scores) + 1, members), np.float64)
        self.context = Context(training=False, arena=Arena(device))
        self.step = capture(self._step, device)

    def scores(self) -> Scores:
        """Evaluate all samples; reads the device once."""
        self.cursor.fill(0)
        self.totals.fill(0)
        for _ in range(-(-self.feed.samples // self.batch_size)):
            self.step()
        *sums, samples = self.device.get(self.totals)
        return {name: total / samples for name, total in zip(self.objective.scores, sums)}

    def _step(self) -> None:
        ctx = self.context
        ctx.arena.rewind()
        x, target, weights = self.feed.padded(ctx, self.cursor, self.batch_size)
        for number, values in enumerate(self.objective.judge(x, target, ctx)):
            self.totals[number] += (values * weights).sum(axis=-1)
        self.totals[-1] += weights.sum()
        self.cursor += 1


class Predictor:
    """Runs a network on samples and applies its output activation.

    Args:
        model: layers with a linear output; the parameters must have memory.
        loss: gives the output activation.
        feed: the samples.
        device: where everything lives.
        batch_size: samples at once; see :func:`at_once`.
    """

    def __init__(self, model: Layer, loss: Loss, feed: Feed, device: Device, batch_size: int | None = None):
        self.model, self.loss, self.feed, self.device = model, loss, feed, device
        feed.forget_host()
        self.batch_size = min(batch_size or at_once(model, feed.shape), feed.samples)
        self.cursor = device.zeros((1,), np.int64)
        self.context = Context(training=False, arena=Arena(device))
        self.outputs: Array = None
        self.step = capture(self._step, device)

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the activated outputs batch by batch, ([members,] rows, K)."""
        self.cursor.fill(0)
        for start in range(0, self.feed.samples, self.batch_size):
            self.step()
            yield self.device.get(self.outputs)[..., : self.feed.samples - start, :]

    def _step(self) -> None:
        ctx = self.context
        ctx.arena.rewind()
        x, _, _ = self.feed.padded(ctx, self.cursor, self.batch_size)
        z, _ = self.model.forward(x, ctx)
        self.outputs = self.loss.predict(z, ctx.like(z))
        self.cursor += 1


def outputs_of(
    model: Layer, loss: Loss, preprocessing: Preprocessing, x: np.ndarray, device: Device, dtype: Any = np.float32
) -> Iterator[Array]:
    """Activated outputs batch by batch, ([members,] rows, K) on the device; each holds until the next is asked for.

    Args:
        model: layers with a linear output; the parameters must have memory.
        loss: gives the output activation.
        preprocessing: of the model's training.
        x: (samples, *shape of a sample) on the host, unprepared, as the model takes them.
        device: where the model lives.
        dtype: of the model.
    """
    placed, ctx = preprocessing.place(device, dtype), Context(False, Arena(device))
    flat, shape = x.reshape(len(x), -1), preprocessing.shape(x.shape[1:])
    count = at_once(model, shape)
    for start in range(0, len(x), count):
        ctx.arena.rewind()
        prepared = preprocessing.apply(device.put(flat[start : start + count]), placed, ctx, np.dtype(dtype))
        z, _ = model.forward(prepared.reshape(len(prepared), *shape), ctx)
        yield loss.predict(z, ctx.like(z))
