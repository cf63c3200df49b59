"""One part of a data set on the device, handed out in batches by a device counter."""

import numpy as np

from ..backend import Context, Device, Purpose, host_generator
from ..backend.arrays import Array
from ..ops.gather import take_rows
from .preprocessing import Preprocessing


class Feed:
    """Samples in device memory, in their original type, picked and preprocessed batch by batch.

    Args:
        device: where the samples live.
        x: host array (samples, features), uint8 or float32; (samples, members, features) where each member of a
            population has features of its own.
        y: host array (samples,) of labels, or (samples, outputs).
        preprocessing: applied to each batch.
        dtype: of the batches.
        members: () or (members,): whether each member of a population has an order of its own.
        rows: ([members,] n) sample numbers that make up an epoch, some perhaps several times and others never; by
            default each sample is there once.
    """

    def __init__(
        self,
        device: Device,
        x: np.ndarray,
        y: np.ndarray,
        preprocessing: Preprocessing,
        dtype: np.dtype,
        members: tuple[int, ...] = (),
        rows: np.ndarray | None = None,
    ):
        self.rows = np.arange(len(x), dtype=np.int32) if rows is None else rows
        self.samples: int = self.rows.shape[-1]
        self.preprocessing, self.dtype = preprocessing, dtype
        self.device = device
        self.x = device.put(x.reshape(-1, x.shape[-1]))
        # Where members have their own features, row s of member e lies at s * members + e.
        self.own = None if x.ndim == 2 else device.put(np.arange(x.shape[1])[:, None])
        self.y = device.put(y.astype(dtype) if y.dtype.kind == "f" else y)
        self.shift, self.factor = device.put(preprocessing.shift, dtype), device.put(preprocessing.factor, dtype)
        self.order = device.put(np.broadcast_to(self.rows, (*members, self.samples)))

    def shuffle(self, seeds: tuple[int, ...], epoch: int) -> None:
        """Upload the order of an epoch: each member sorts its rows by random keys of its seed and the epoch.

        The order is a function of (seed, epoch), so a run resumes inside an epoch from the batch number alone.
        """
        orders = [
            host_generator(seed, Purpose.ORDER, step=epoch).random(self.samples).argsort(kind="stable")
            for seed in seeds
        ]
        places = np.stack(orders).reshape(self.order.shape)
        rows = np.broadcast_to(self.rows, self.order.shape)
        self.device.copy_into(self.order, np.take_along_axis(rows, places, axis=-1))

    def batch(self, ctx: Context, cursor: Array, size: int, rows: int) -> tuple[Array, Array]:
        """The batch that the device counter points to, in this epoch's order.

        Args:
            ctx: memory.
            cursor: int64 (1,) on the device, number of the batch.
            size: samples of a full batch.
            rows: samples of this one, less than ``size`` for a remainder.

        Returns:
            Features ([members,] rows, n) and targets ([members,] rows[, outputs]).
        """
        xp = self.device.xp
        return self._pick(ctx, self.order.take(cursor * size + xp.arange(rows), axis=-1))

    def padded(self, ctx: Context, cursor: Array, size: int) -> tuple[Array, Array, Array]:
        """A batch in file order for evaluation, the last one padded.

        Returns:
            Features (size, n), targets (size[, outputs]) and weights (size,): 1 for a sample, 0 for padding.
        """
        xp = self.device.xp
        position = cursor * size + xp.arange(size)
        weights = ctx.empty((size,), self.dtype)
        xp.copyto(weights, position < self.samples)
        x, y = self._pick(ctx, xp.minimum(position, self.samples - 1))
        return x, y, weights

    def _pick(self, ctx: Context, index: Array) -> tuple[Array, Array]:
        rows = index if self.own is None else index * len(self.own) + self.own
        raw = take_rows(self.x, rows, ctx.empty((*rows.shape, self.x.shape[-1]), self.x.dtype))
        x = self.preprocessing.apply(raw, self.shift, self.factor, ctx.empty(raw.shape, self.dtype))
        return x, take_rows(self.y, index, ctx.empty((*index.shape, *self.y.shape[1:]), self.y.dtype))
