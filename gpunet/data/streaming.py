"""One part of a data set that is too large for memory, handed out in batches while it is read from its file."""

import threading
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..backend import Device, Landing, SampleStreams
from ..backend.arrays import Array
from ..errors import ConfigError
from .augmenter import Augmenter
from .dataset import checked_weights
from .feed import Feed
from .mixing import Mixing
from .passes import sum_of
from .preprocessing import Preprocessing
from .streamed import MB, Streamed
from .windows import Windows

TRAINING, OTHERS = 3 / 4, 1 / 8  # of the allowed memory, for the training part and for each of two others


def feed_of(
    device: Device,
    x: Streamed,
    y: np.ndarray,
    preprocessing: Preprocessing,
    dtype: np.dtype,
    members: tuple[int, ...] = (),
    augmenter: Augmenter | None = None,
    rows: np.ndarray | None = None,
    members_own: bool = False,
    weights: np.ndarray | None = None,
    seed: int = 0,
    training: bool = False,
) -> Feed:
    """A part of what is streamed: as one in memory where it is small enough, else a :class:`StreamedFeed`.

    Arguments are those of :class:`.Feed`; the further ones are:

    Args:
        device: see there.
        x: the part.
        y: see there.
        preprocessing: see there.
        dtype: see there.
        members: see there.
        augmenter: see there.
        rows: see there.
        members_own: see there.
        weights: see there.
        seed: of the order of chunks.
        training: whether it is what is trained on, which has most of the memory.

    Raises:
        ConfigError: an epoch of some samples, or of mixed ones, that does not fit into memory.
    """
    room = int(x.most * (TRAINING if training else OTHERS))
    used = None if rows is None else np.unique(np.where(rows < 0, ~rows, rows))
    needed = (len(x) if used is None else len(used)) * x.bytes_of_one
    if 2 * needed <= room:  # there are two copies for a moment
        if rows is None or used is None:
            return Feed(device, x[:], y, preprocessing, dtype, members, augmenter, None, members_own, weights)
        places = np.searchsorted(used, np.where(rows < 0, ~rows, rows)).astype(np.int32)
        chosen = np.where(rows < 0, ~places, places)
        own = None if weights is None else weights[used]
        return Feed(device, x[used], y[used], preprocessing, dtype, members, augmenter, chosen, members_own, own)
    got = f"{needed / MB:,.0f} MB that stream with memory={x.most / MB:g}"
    remedy = f"Leave it out, or set memory={-(-2 * needed // (MB * TRAINING)):.0f}"
    if rows is not None:
        raise ConfigError("labels, updates or bags", "need samples that fit into memory", got, remedy)
    if augmenter is not None and any(isinstance(one, Mixing) for one in augmenter.augmentations):
        raise ConfigError("augmentation", "must mix samples that fit into memory", got, remedy)
    return StreamedFeed(device, x, y, preprocessing, dtype, room, members, augmenter, members_own, weights, seed)


class StreamedFeed(Feed):
    """Samples of which two windows are in device memory: one that batches come from, and one that is being read.

    It hands out batches as :class:`.Feed` does, in the order that :class:`.Windows` says; :meth:`provide` has the
    window read that comes next, by a thread, while steps are made from the present one.

    Args:
        device: where the windows live.
        x: the part, (samples, *shape of a sample), or (samples, members, *shape of a sample) with ``members_own``.
        y: host array (samples,) of labels, or (samples, outputs).
        preprocessing: applied to each batch.
        dtype: of the batches.
        room: bytes for both windows.
        members: () or (members,): whether each member of a population has an order of its own.
        augmenter: what training batches go through before the preprocessing.
        members_own: whether each member of a population has features of its own.
        weights: host array (samples,), or None.
        seed: of the order of chunks.

    Attributes:
        windows: how the samples are cut.
    """

    def __init__(
        self,
        device: Device,
        x: Streamed,
        y: np.ndarray,
        preprocessing: Preprocessing,
        dtype: np.dtype,
        room: int,
        members: tuple[int, ...] = (),
        augmenter: Augmenter | None = None,
        members_own: bool = False,
        weights: np.ndarray | None = None,
        seed: int = 0,
    ):
        self.device, self.augmenter, self.preprocessing, self.dtype = device, augmenter, preprocessing, dtype
        self.samples, self.some_unlabelled = len(x), False
        self.rows: Array = None
        shape = x.row[1:] if members_own else x.row
        self.shape = preprocessing.shape(shape)
        self._x, self._y = x, y.astype(dtype) if y.dtype.kind == "f" else y
        self._weights_on_host = None if weights is None else np.asarray(checked_weights(weights, len(x)), np.float64)
        kept = self._y.itemsize * prod(y.shape[1:]) + 8 + (0 if weights is None else np.dtype(dtype).itemsize)
        self.windows = Windows.fitting(len(x), x.bytes_of_one + kept, room, seed)
        half = self.windows.most
        held = device.empty((2 * half, *x.row), x.dtype)
        self.y = device.empty((2 * half, *y.shape[1:]), self._y.dtype)
        self.numbers = device.empty((2 * half,), np.int64)
        self.weights = None if weights is None else device.empty((2 * half,), dtype)
        own = [] if self.weights is None else [self.weights]
        self.landing = Landing(device, [held, self.y, self.numbers, *own], half)
        self.x = held.reshape(-1, prod(shape))
        self.own = device.put(np.arange(x.row[0])[:, None]) if members_own else None
        self.placed = preprocessing.place(device, dtype)
        self.streams = SampleStreams(device, members)
        self.order = device.zeros((*members, self.samples), np.int32)
        self.first = device.put(np.arange(members[0])[:, None] * self.samples if members else np.zeros(1, np.int64))
        self._held: list[Any] = [None, None]  # which window is in each half: (epoch, number)
        self._reading: _Reading | None = None
        self._begin(self.windows.epoch(None), ())

    @property
    def most(self) -> int:
        """Places that can be handed out at once."""
        return self.samples if self.windows.count == 1 else self.windows.least

    @property
    def reach(self) -> int:
        """A quarter of a window, so that the next one is read while most launches see one alone."""
        return self.samples if self.windows.count == 1 else self.windows.least // 4

    def check_batch(self, size: int) -> None:
        """Refuse steps of more samples than there are in a window.

        Raises:
            ConfigError: so many.
        """
        if size > self.most:
            rule = f"must be room for a step: {self.most:,} samples are with this one"
            needed = 2.2 * size * self._x.bytes_of_one / TRAINING / MB
            raise ConfigError("memory", rule, f"batch_size {size:,}", f"Set memory={needed:.3g}, or lower batch_size")

    @property
    def told(self) -> str:
        """How samples come, in a line."""
        windows, size = self.windows, self._x.bytes_of_one
        chunk = f"chunks of {windows.chunk:,} samples ({windows.chunk * size / 1000:,.0f} kB)"
        most = f"at most {2 * windows.most * size / MB:,.3g} MB of them in memory"
        return f"{self.samples:,} samples from {self._x.name} in {chunk}, {windows.together:,} at a time; {most}"

    def mean(self) -> np.ndarray:
        """Mean of the prepared features over all samples, in one pass over them."""
        weights, start = self._weights_on_host, 0
        width = self.preprocessing.width(self.x.shape[-1])
        own = () if self.own is None else (len(self.own),)

        def prepared() -> Any:
            nonlocal start
            for block in self._x.blocks():
                x = self.preprocessing.on_host(block.reshape(len(block), *own, -1), self.dtype).reshape(len(block), -1)
                yield x if weights is None else x * weights[start : start + len(block), None]
                start += len(block)

        total = sum_of(prepared(), width * prod(own))
        return np.asarray(total / self.weight).reshape(*own, width)

    def targets(self) -> np.ndarray:
        """Targets of all samples in the order of the file, on the host."""
        return self._y

    def target_weights(self) -> np.ndarray | None:
        """Weights of all samples in the order of the file, or None where all count alike."""
        return self._weights_on_host

    @property
    def weight(self) -> float:
        """Sum of the weights of all samples; how many there are where all count alike."""
        return float(self.samples) if self._weights_on_host is None else float(self._weights_on_host.sum())

    def forget_host(self) -> None:
        """Nothing is kept twice."""

    def shuffle(self, seeds: tuple[int, ...], epoch: int) -> None:
        """Upload the order of an epoch: which windows there are, and in which order each member sees them.

        It is a function of (seeds, epoch), so a run resumes inside an epoch from the batch number alone.
        """
        self.streams.begin(seeds, epoch)
        self._begin(self.windows.epoch(epoch), seeds)

    def provide(self, start: int, stop: int) -> None:
        """Have the windows of places ``start`` to ``stop`` in memory, and the next one read meanwhile.

        Raises:
            DataError: the file is not what it was.
        """
        first, last = self._epoch.window_at(start), self._epoch.window_at(stop - 1)
        assert last <= first + 1, "a step has fewer samples than a window"
        self._pass_on()
        for window in range(first, last + 1):
            self._have(self._epoch, window)
        if first == last and self._reading is None:
            self._read_ahead(first)

    def _begin(self, epoch: Any, seeds: tuple[int, ...]) -> None:
        """Take up an epoch, whose first window may have been read already."""
        self._epoch = epoch
        key = (epoch.number, 0)
        if self._reading is not None and self._reading.key != key:
            self._reading.wait()
            self._reading = None
        ahead = 0 if self._reading is None else self._reading.side
        self._side = self._held.index(key) if key in self._held else ahead
        orders = np.empty((max(1, len(seeds)), self.samples), np.int32)
        for window in range(self.windows.count):
            places = slice(int(epoch.starts[window]), int(epoch.starts[window + 1]))
            slot = self._side_of(window) * self.windows.most
            for member, seed in enumerate(seeds):
                orders[member, places] = slot + epoch.shuffled(window, seed)
            if not seeds:
                orders[:, places] = slot + np.arange(epoch.size(window))
        self.device.copy_into(self.order, orders.reshape(self.order.shape) if seeds else orders[0])

    def _side_of(self, window: int) -> int:
        return (self._side + window) % 2

    def _have(self, epoch: Any, window: int) -> None:
        """Wait until a window is in its half, which is read now where nobody has begun to."""
        key, side = (epoch.number, window), self._side_of(window)
        if self._held[side] == key:
            return
        if self._reading is None or self._reading.key != key:
            if self._reading is not None:
                self._reading.wait()
                self._reading = None
            self._start(epoch, window, side)
        self._finish()
        self.landing.wait(side)

    def _read_ahead(self, window: int) -> None:
        """Begin to read what comes after a window: the next one, or the first one of the next epoch."""
        epoch, following, side = self._epoch, window + 1, self._side_of(window + 1)
        if following == self.windows.count:
            if epoch.number is None:
                return
            epoch, following = self.windows.epoch(epoch.number + 1), 0
        if self._held[side] != (epoch.number, following):
            self._start(epoch, following, side)

    def _start(self, epoch: Any, window: int, side: int) -> None:
        numbers = epoch.numbers(window)
        self._held[side] = None
        self.landing.release(side)

        def read() -> None:
            x, y, own, *weights = self.landing.open(side, len(numbers))
            self._x.take(numbers, x)
            own[...] = numbers
            np.take(self._y, numbers, axis=0, out=y)
            for held in weights:
                held[...] = self._weights_on_host[numbers]  # type: ignore[index]

        self._reading = _Reading((epoch.number, window), side, len(numbers), read)

    def _pass_on(self) -> None:
        """Send what has been read to the device as soon as it is there."""
        if self._reading is not None and self._reading.done:
            self._finish()

    def _finish(self) -> None:
        reading = self._reading
        assert reading is not None
        self._reading = None
        reading.wait()
        self.landing.send(reading.side, reading.rows)
        self._held[reading.side] = reading.key

    def _in_file(self, place: Array) -> Array:
        """Where the samples at places of the file lie."""
        return self.order.take(place)

    def _numbers(self, place: Array) -> Array:
        """Numbers of samples by where they lie."""
        return self.numbers.take(place)


class _Reading:
    """A window that a thread reads."""

    def __init__(self, key: Any, side: int, rows: int, read: Callable[[], None]):
        self.key, self.side, self.rows = key, side, rows
        self._error: BaseException | None = None
        self._read = read
        self._thread = threading.Thread(target=self._run, name="gpunet-reading", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Until it is over; raises what went wrong."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001  raised where the window is waited for
            self._error = error
