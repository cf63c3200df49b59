"""Outputs of a network over samples, batch by batch."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, capture
from ..backend.arrays import Array
from ..data import Features, Feed, Preprocessing, Streamed
from ..layers import Layer
from ..losses import Loss
from ..parameter import find_parameters

BATCH = 1000  # samples at once
NUMBERS = 1 << 26  # that a pass may hold, a quarter of a gigabyte in single precision


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
        self.batch_size = min(batch_size or at_once(model, feed.shape), feed.most)
        self.cursor = device.zeros((1,), np.int64)
        self.context = Context(training=False, arena=Arena(device))
        self.outputs: Array = None
        self.step = capture(self._step, device)

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the activated outputs batch by batch, ([members,] rows, K)."""
        self.cursor.fill(0)
        for start in range(0, self.feed.samples, self.batch_size):
            self.feed.provide(start, min(start + self.batch_size, self.feed.samples))
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
    model: Layer, loss: Loss, preprocessing: Preprocessing, x: Features, device: Device, dtype: Any = np.float32
) -> Iterator[Array]:
    """Activated outputs batch by batch, ([members,] rows, K) on the device; each holds until the next is asked for.

    Args:
        model: layers with a linear output; the parameters must have memory.
        loss: gives the output activation.
        preprocessing: of the model's training.
        x: (samples, *shape of a sample) on the host, unprepared, as the model takes them; perhaps streamed.
        device: where the model lives.
        dtype: of the model.
    """
    placed, ctx = preprocessing.place(device, dtype), Context(False, Arena(device))
    flat, shape = x.reshape(len(x), -1), preprocessing.shape(x.shape[1:])
    count = at_once(model, shape)
    if isinstance(x, Streamed):
        count = min(count, max(1, x.most // (4 * x.bytes_of_one)))
    for start in range(0, len(x), count):
        ctx.arena.rewind()
        prepared = preprocessing.apply(device.put(flat[start : start + count]), placed, ctx, np.dtype(dtype))
        z, _ = model.forward(prepared.reshape(len(prepared), *shape), ctx)
        yield loss.predict(z, ctx.like(z))
