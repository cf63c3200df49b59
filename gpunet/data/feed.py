"""One part of a data set on the device, handed out in batches by a device counter."""

import itertools
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..backend import Context, Device, Purpose, SampleStreams, host_generator
from ..backend.arrays import Array
from ..ops.gather import take_rows
from .augmenter import Augmenter
from .dataset import checked_weights
from .picking import picked
from .preprocessing import Preprocessing

BLOCK = 1000  # categories that are prepared at once


class Feed:
    """Samples in device memory, in their original type, picked and preprocessed batch by batch.

    Args:
        device: where the samples live.
        x: host array (samples, *shape of a sample), of any type of numbers; (samples, members, *shape of a sample) with
            ``members_own``.
        y: host array (samples,) of labels, or (samples, outputs).
        preprocessing: applied to each batch.
        dtype: of the batches.
        members: () or (members,): whether each member of a population has an order of its own.
        augmenter: what training batches go through before the preprocessing.
        rows: ([members,] n) numbers of the samples that make up an epoch, some perhaps several times and others never;
            by default each sample is there once.  ``~i`` is sample ``i`` without its label, whose target is then -1.
        members_own: whether each member of a population has features of its own.
        weights: host array (samples,), from 0: a sample of weight 2 counts as two; None where all count alike.

    Attributes:
        shape: of a sample as a model sees it.
        samples: in an epoch.
        some_unlabelled: whether some of them have no label.

    Raises:
        DataError: weights that are none.
    """

    def __init__(
        self,
        device: Device,
        x: np.ndarray,
        y: np.ndarray,
        preprocessing: Preprocessing,
        dtype: np.dtype,
        members: tuple[int, ...] = (),
        augmenter: Augmenter | None = None,
        rows: np.ndarray | None = None,
        members_own: bool = False,
        weights: np.ndarray | None = None,
    ):
        self.augmenter = augmenter
        self.samples: int = len(x) if rows is None else rows.shape[-1]
        self.preprocessing, self.dtype = preprocessing, dtype
        self.device = device
        shape = x.shape[2:] if members_own else x.shape[1:]
        self.shape = preprocessing.shape(shape)
        self.x = device.put(x.reshape(-1, prod(shape)))
        # Where members have their own features, row s of member e lies at s * members + e.
        self.own = device.put(np.arange(x.shape[1])[:, None]) if members_own else None
        self.y = device.put(y.astype(dtype) if y.dtype.kind == "f" else y)
        self.weights = None if weights is None else device.put(checked_weights(weights, len(x)), dtype)
        self.placed = preprocessing.place(device, dtype)
        self.streams = SampleStreams(device, members)
        self.order = device.put(np.broadcast_to(np.arange(self.samples, dtype=np.int32), (*members, self.samples)))
        # Place p of an epoch of member e is sample rows[first[e] + p]. What is drawn for a sample belongs to its place,
        # so a sample that comes again is drawn for anew.
        self.some_unlabelled = rows is not None and bool((rows < 0).any())
        self._chosen = rows
        self._weights_on_host = None if weights is None else np.asarray(weights, np.float64)
        self._host: tuple[np.ndarray, np.ndarray] | None = (x, y)  # until a training or an evaluation is put together
        self.rows = None if rows is None else device.put(rows.reshape(-1))
        self.first = device.put(np.arange(members[0])[:, None] * self.samples if members else np.zeros(1, np.int64))

    def mean(self) -> np.ndarray:
        """Mean of the prepared features over all samples, ([members,] features), float64; computed on the host.

        Weighted, where samples have weights.
        """
        own = () if self.own is None else (len(self.own),)
        x = self.device.get(self.x) if self._host is None else self._host[0]
        raw = x.reshape(len(self.y), *own, -1)
        if self.preprocessing.categorical:
            return self._mean_of_categories(raw)
        prepared = self.preprocessing.on_host(raw, self.dtype)
        if self.weights is None:
            return prepared.mean(axis=0, dtype=np.float64)
        return np.average(prepared.astype(np.float64), axis=0, weights=self._host_weights())

    def _mean_of_categories(self, raw: np.ndarray) -> np.ndarray:
        """The mean of what is prepared block by block; sums of zeros and ones are exact in any order."""
        weights = np.ones(len(raw)) if self.weights is None else self._host_weights()
        total: Any = 0.0
        for start in range(0, len(raw), BLOCK):
            prepared = self.preprocessing.on_host(raw[start : start + BLOCK], np.float64)
            total = total + np.tensordot(weights[start : start + BLOCK], prepared, 1)
        return np.asarray(total / weights.sum())

    def targets(self) -> np.ndarray:
        """Targets of an epoch in the order of its places, ([members,] samples[, outputs]), on the host."""
        y = self.device.get(self.y) if self._host is None else self._host[1]
        if self._chosen is None:
            return y
        found = y[self._samples_of(self._chosen)]
        return np.where(self._chosen < 0, -1, found).astype(found.dtype) if self.some_unlabelled else found

    def target_weights(self) -> np.ndarray | None:
        """Weights of the samples of an epoch in the order of :meth:`targets`, or None where all count alike."""
        weights = None if self.weights is None else self._host_weights()
        return weights if weights is None or self._chosen is None else weights[self._samples_of(self._chosen)]

    def _host_weights(self) -> np.ndarray:
        held = self._weights_on_host
        return self.device.get(self.weights).astype(np.float64) if held is None else held

    @property
    def most(self) -> int:
        """Places of an epoch that can be handed out at once."""
        return self.samples

    @property
    def reach(self) -> int:
        """Places of an epoch that steps of one launch may see."""
        return self.most

    def check_batch(self, size: int) -> None:
        """Refuse steps of so many samples where not all of them can be handed out at once."""

    @property
    def told(self) -> str:
        """What is to be said about how samples come, or nothing."""
        return ""

    def provide(self, start: int, stop: int) -> None:
        """Called before places ``start`` to ``stop`` of an epoch are handed out; they are all there already."""

    @property
    def weight(self) -> float:
        """Sum of the weights of all samples; how many there are where all count alike."""
        return float(len(self.y)) if self.weights is None else float(self._host_weights().sum())

    def forget_host(self) -> None:
        """Keep the samples on the device alone; called once a training or an evaluation is put together."""
        self._host = self._weights_on_host = None

    def shuffle(self, seeds: tuple[int, ...], epoch: int) -> None:
        """Upload the order of an epoch: each member sorts its places by random keys of its seed and the epoch.

        The order is a function of (seed, epoch), so a run resumes inside an epoch from the batch number alone; so is
        what is drawn for a sample.
        """
        self.streams.begin(seeds, epoch)
        orders = [
            host_generator(seed, Purpose.ORDER, step=epoch).random(self.samples).argsort(kind="stable")
            for seed in seeds
        ]
        self.device.copy_into(self.order, np.stack(orders).reshape(self.order.shape))

    def batch(self, ctx: Context, cursor: Array, size: int, rows: int) -> tuple[Array, Array, Array | None]:
        """The batch that the device counter points to, in this epoch's order.

        Args:
            ctx: memory.
            cursor: int64 (1,) on the device, number of the batch.
            size: samples of a full batch.
            rows: samples of this one, less than ``size`` for a remainder.

        Returns:
            Features ([members,] rows, *shape), targets ([members,] rows[, outputs]) and weights ([members,] rows) or
            None.  A sample that is mixed with another keeps its own weight.
        """
        return picked(self.order, self, ctx, cursor, size, rows)

    def batch_of_arrays(self, ctx: Context, cursor: Array, size: int, rows: int) -> tuple[Array, Array, Array | None]:
        """What :meth:`batch` returns, made by array functions."""
        xp, numbers = self.device.xp, itertools.count()
        place = self.order.take(cursor * size + xp.arange(rows), axis=-1)

        def uniform(count: int) -> Array:
            return self.streams.uniform(self._numbers(place), count, next(numbers), ctx, self.dtype)

        raw, target = self._gather(ctx, place)
        if self.augmenter is not None:
            fetch = partial(self._gather, ctx)
            raw, target = self.augmenter.apply(raw, target, uniform, fetch, ctx, self.dtype)
        return self._prepared(raw, ctx, uniform), target, self._weights(ctx, place)

    def padded(self, ctx: Context, cursor: Array, size: int) -> tuple[Array, Array, Array]:
        """A batch in file order for evaluation, the last one padded.

        Returns:
            Features (size, *shape), or (members, size, *shape) where members have their own, targets
            (size[, outputs]) and weights (size,): 1 or the weight of a sample, 0 for padding.
        """
        xp = self.device.xp
        position = cursor * size + xp.arange(size)
        weights = ctx.empty((size,), self.dtype)
        xp.copyto(weights, position < self.samples)
        place = self._in_file(xp.minimum(position, self.samples - 1))
        raw, y = self._gather(ctx, place)
        own = self._weights(ctx, place)
        if own is not None:
            weights *= own
        return self._prepared(raw, ctx), y, weights

    def _in_file(self, place: Array) -> Array:
        """Places of an epoch in the order of the file."""
        return place

    def _numbers(self, place: Array) -> Array:
        """What tells the samples at places apart, int64, for what is drawn for each."""
        return place.astype(np.int64)

    def _prepared(self, raw: Array, ctx: Context, uniform: Any = None) -> Array:
        if not self.preprocessing.steps and raw.dtype == self.dtype:
            x = raw  # gathered for this batch alone
        else:
            x = self.preprocessing.apply(raw, self.placed, ctx, self.dtype, uniform)
        return x if len(self.shape) == 1 else x.reshape(*x.shape[:-1], *self.shape)

    def _rows(self, place: Array) -> Array:
        """Numbers of the samples at places of the epoch."""
        return place if self.rows is None else self._samples_of(self.rows.take(place + self.first))

    def _samples_of(self, rows: Array) -> Array:
        """Which samples rows are, whether their labels are known or not."""
        return self.device.xp.where(rows < 0, ~rows, rows) if self.some_unlabelled else rows

    def _weights(self, ctx: Context, place: Array) -> Array | None:
        if self.weights is None:
            return None
        index = self._rows(place)
        return take_rows(self.weights, index, ctx.empty(index.shape, self.dtype))

    def _gather(self, ctx: Context, place: Array) -> tuple[Array, Array]:
        """Samples and targets by their places in the epoch, as they are."""
        index = self._rows(place)
        rows = index if self.own is None else index * len(self.own) + self.own
        raw = take_rows(self.x, rows, ctx.empty((*rows.shape, self.x.shape[-1]), self.x.dtype))
        target = take_rows(self.y, index, ctx.empty((*index.shape, *self.y.shape[1:]), self.y.dtype))
        if self.some_unlabelled and self.rows is not None:
            self.device.xp.copyto(target, -1, where=self.rows.take(place + self.first) < 0)
        return raw, target
