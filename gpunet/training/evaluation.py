"""Evaluation: measures over a part of a data set, without training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, capture
from ..data import Feed
from ..metrics import Metric
from ..objectives import Objective
from .outcomes import figure, outcomes
from .prediction import at_once

# The mean of each measure, by name, for each member: (members,).
Scores = dict[str, np.ndarray]


class Evaluator:
    """Averages an objective's measures over all samples, weighted where they have weights.

    Batches are of one size, the last one padded and masked.

    Args:
        objective: its model's parameters must have memory.
        feed: the samples, without a members axis: all members see the same.
        members: number of models in the population, 1 for one model.
        device: where everything lives.
        batch_size: samples at once; see :func:`.prediction.at_once`.
        figures: metrics that are computed from all outputs together, beside the objective's own scores.
    """

    def __init__(
        self,
        objective: Objective,
        feed: Feed,
        members: int,
        device: Device,
        batch_size: int | None = None,
        figures: Sequence[Metric] = (),
    ):
        self.figures = tuple(figures)
        self.objective, self.feed, self.device = objective, feed, device
        feed.forget_host()
        self.batch_size = min(batch_size or at_once(objective.model, feed.shape), feed.most)
        self.cursor = device.zeros((1,), np.int64)
        self.totals = device.zeros((len(objective.scores) + 1, members), np.float64)
        self.context = Context(training=False, arena=Arena(device), numerics=objective.numerics)
        self.step = capture(self._step, device)

    def scores(self) -> Scores:
        """Evaluate all samples; reads the device once, and the outputs where figures need them."""
        self.device.copy_into(self.cursor, 0)
        self.device.copy_into(self.totals, 0)
        for start in range(0, self.feed.samples, self.batch_size):
            self.feed.provide(start, min(start + self.batch_size, self.feed.samples))
            self.step()
        *sums, samples = self.device.get(self.totals)
        found = {name: total / samples for name, total in zip(self.objective.scores, sums)}
        if not self.figures:
            return found
        held: Any = self.objective
        said = outcomes(held.model, held.loss, self.feed, self.device, scale=getattr(held, "scale", None))
        return found | {metric.name: figure(metric, said) for metric in self.figures}

    def _step(self) -> None:
        ctx = self.context
        ctx.arena.rewind()
        x, target, weights = self.feed.padded(ctx, self.cursor, self.batch_size)
        for number, values in enumerate(self.objective.judge(x, target, ctx)):
            total = self.totals[number]
            total += (values * weights).sum(axis=-1)
        samples = self.totals[-1]
        samples += weights.sum()
        self.cursor += 1
