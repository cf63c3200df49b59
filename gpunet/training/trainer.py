"""The training step: everything that happens to one batch, as one function that a CUDA graph can hold."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, Purpose, Streams, capture, products_in, repeat
from ..data import Feed
from ..errors import DivergedError
from ..objectives import Objective
from ..ops.guard import put_back
from ..optimizers import NEVER, Counters, Optimization, Optimizer, Rule, end_step
from ..parameter import Parameters
from .diagnosis import diagnose
from .together import Together

CHAINS_BEGIN = 100  # samples at least that they begin at, where there are as many


class Trainer:
    """A model, or a population of models, with all that its training step touches.

    The step holds fixed shapes, reads nothing back and takes every number that changes from device arrays, so on a
    GPU it is recorded once and replayed.  A member whose loss, gradient or update is not finite is marked with the
    number of the step and never updated again, so its weights, chains and sums stay those of its last good step; the
    others go on.  Where no member is left, the counters stand still at the step that failed.

    Args:
        objective: the model and what is learned from a batch.
        optimization: a rule, alone or with penalties, clipping and averaging.
        seeds: one seed, or one for each member.
        feed: the training part.
        batch_size: samples of a step.
        device: where everything lives.
        dtype: of features, parameters and gradients: float32 or float64.
        precision: of the products of a step on CUDA, see :func:`gpunet.backend.products_in`.

    Attributes:
        together: how many steps are one launch.
        diverged: members that have left the finite numbers, as far as was looked, with what is known of it.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        optimization: Rule | Optimization,
        seeds: int | Sequence[int],
        feed: Feed,
        batch_size: int,
        device: Device,
        dtype: Any = np.float32,
        precision: str = "float32",
    ):
        device.check_precision(precision)
        feed.check_batch(min(batch_size, feed.samples))
        self.precision = precision
        self.objective, self.feed, self.device, self.batch_size = objective, feed, device, batch_size
        objective.build(feed.shape)
        self.parameters = Parameters(objective.model, seeds, device, dtype)
        objective.start(device, self.parameters.members, dtype)
        objective.start_from(feed)
        feed.forget_host()
        self.optimizer = Optimizer(optimization, self.parameters)
        self.clock = device.zeros((1,), np.uint64)
        self.cursor = device.zeros((1,), np.int64)
        self.streams = Streams(device, seeds, self.clock)
        self.rows = (len(self.parameters.seeds),)
        self.active = device.put(np.ones(self.rows, bool))
        self.failed = device.put(np.full(self.rows, NEVER))
        self.totals = device.zeros((len(objective.measures) + 1, *self.rows), np.float64)
        self.counters = Counters(self.active, self.failed, self.totals, self.clock, self.cursor)
        self.context = Context(True, Arena(device), self.streams, False, objective.numerics)
        self.step = capture(self._step, device)
        self.variant: Hashable = None
        self.together = Together(self)
        self.diverged: dict[int, DivergedError] = {}

    def steps_per_epoch(self, drop_last: bool) -> int:
        """``floor(N / batch)``, or ``ceil`` where the remainder is trained on as a smaller batch."""
        return self.feed.samples // self.batch_size if drop_last else -(-self.feed.samples // self.batch_size)

    def products(self, steps: int) -> tuple[float, float]:
        """Multiplications of the largest product of a step, and of all products of an epoch of so many steps."""
        sizes = [math.prod(p.shape) for p in self.parameters.named.values() if len(p.shape) > 1]
        passes = 3 * steps * self.batch_size * len(self.parameters.seeds)  # forward, to the inputs, to the weights
        return float(self.batch_size * max(sizes, default=0)), float(passes * sum(sizes))

    def begin_chains(self) -> None:
        """Let Markov chains begin near samples; called once the weights of another model were copied in."""
        feed, device, objective = self.feed, self.device, self.objective
        if type(objective).begin_at is Objective.begin_at:
            return
        rows = min(max(self.batch_size, CHAINS_BEGIN), feed.samples, feed.most)
        feed.shuffle(self.parameters.seeds, 0)
        feed.provide(0, rows)
        streams = self.parameters.streams(Purpose.SAMPLING)
        ctx = Context(False, Arena(device), streams, False, objective.numerics)
        x, target, _ = feed.batch(ctx, device.zeros((1,), np.int64), rows, rows)
        objective.begin_at(x, target, ctx)

    def begin_epoch(self, epoch: int, steps: int, batch: int = 0) -> None:
        """Upload the order of the samples and the hyperparameters of the epoch, and start its sums.

        Args:
            epoch: counted from 0.
            steps: of the epoch.
            batch: where to go on inside the epoch; the sums are then those of the batches before it.
        """
        self.variant = self.objective.begin_epoch(epoch, batch), steps
        self.feed.shuffle(self.parameters.seeds, epoch)
        self.optimizer.plan(epoch + np.arange(steps) / steps, self.cursor)
        self.device.copy_into(self.cursor, batch)
        if not batch:
            self.device.copy_into(self.totals, 0)

    def end_epoch(self) -> None:
        """Say that no epoch is under way: the next batch is the first of the next one."""
        self.device.copy_into(self.cursor, 0)

    def train_batch(self, number: int) -> None:
        """Run step ``number`` of the epoch; steps come in order, since the device counts them itself."""
        self.train_batches(number, 1)

    def train_batches(self, number: int, count: int) -> None:
        """Run steps of the epoch as one launch, from ``number`` on.

        Args:
            number: of the first one.
            count: at most what :meth:`.Together.at` says for it.
        """
        back = self.objective.between(number, self.context)  # which may measure likelihoods
        if back is not None:
            self.optimizer.begin_anew(back)
        start = number * self.batch_size
        rows = min(self.batch_size, self.feed.samples - start)
        self.feed.provide(start, start + rows + (count - 1) * self.batch_size)
        with products_in(self.precision):
            repeat(self.step, count, rows, self.variant)
        if rows == self.batch_size:
            self.together.made(count)

    def averages(self) -> dict[str, np.ndarray]:
        """Mean of each measure, weighted like the samples, since the epoch began, (members,); reads the device.

        NaN for a member that has learned from none.

        Raises:
            DivergedError: every member has left the finite numbers, see :meth:`check`.
        """
        self.check()
        return self.means()

    def means(self) -> dict[str, np.ndarray]:
        """The same, whoever has left the finite numbers; reads the device."""
        *sums, samples = self.device.get(self.totals)
        known = np.where(samples > 0, samples, np.nan)
        return {name: total / known for name, total in zip(self.objective.measures, sums)}

    def failures(self) -> np.ndarray:
        """Step at which each member left the finite numbers, (members,), or ``NEVER``; reads the device."""
        return self.device.get(self.failed)

    def check(self) -> None:
        """Look which members have left the finite numbers, and note them in :attr:`diverged`; reads the device.

        Raises:
            DivergedError: every member has; it names the first one with its step and layer.  The weights of each are
                those of its last good step.
        """
        failed = self.failures()
        for member in map(int, np.flatnonzero(failed != NEVER)):
            if member not in self.diverged:
                step = int(failed[member])
                rule, received = diagnose(self, member, step)
                kept = f"{received}; the weights of the step before are kept"
                where = f"step {step + 1}{self._said(member)}"
                self.diverged[member] = DivergedError(where, rule, kept, "Lower learning_rate")
        if len(self.diverged) == len(failed):
            raise self.diverged[int(failed.argmin())]

    @property
    def going_well(self) -> list[int]:
        """The members that have not left the finite numbers; all of them where each has."""
        members = range(len(self.parameters.seeds))
        return [member for member in members if member not in self.diverged] or list(members)

    def give_up(self, member: int, error: DivergedError) -> None:
        """End a member whose steps were finite, but not what came of them.

        Raises:
            DivergedError: ``error``, where it was the last one.
        """
        failed = self.failures()
        failed[member] = min(int(failed[member]), int(self.device.get(self.clock)[0]))
        self.device.copy_into(self.failed, failed)
        self.diverged[member] = error
        if len(self.diverged) == len(failed):
            raise error

    def _said(self, member: int) -> str:
        """Which member, where there are several."""
        seeds = self.parameters.seeds
        return f" of member {member} (seed {seeds[member]})" if len(seeds) > 1 else ""

    def _step(self, rows: int, variant: Hashable = None) -> None:
        """One update; ``variant`` is part of the key of the capture alone."""
        ctx, xp = self.context, self.device.xp
        ctx.arena.rewind()
        self.streams.rewind()
        self.parameters.zero_grad()
        x, target, weight = self.feed.batch(ctx, self.cursor, self.batch_size, rows)
        states = list(self.objective.state().values())
        before = [ctx.like(array) for array in states]
        for copy, array in zip(before, states):
            xp.copyto(copy, array)
        measures = self.objective.learn(x, target, weight, ctx)
        self.parameters.finish_grad()
        kept = end_step(self.parameters.grads, self.optimizer, self.counters, measures, weight, rows)
        put_back(kept, states, before)
