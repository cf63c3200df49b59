"""In which order samples that are streamed come: windows of chunks, which fit into memory one after the other."""

from dataclasses import dataclass

import numpy as np

from ..backend import Purpose, host_generator

CHUNK = 1 << 18  # bytes of a chunk: what a disk reads at its full speed
MIXED = 16  # chunks of a window, at least, so that samples are mixed that lie far from each other


@dataclass(frozen=True)
class Windows:
    """Samples cut into chunks that lie side by side, and chunks put together to windows.

    In an epoch of training the chunks come in random order, so many at a time, and the samples of such a window in
    random order; each sample comes once.  The chunks of a window follow from one seed and the epoch alone, so that
    members of a population, which see their samples in orders of their own, see the same windows.

    Attributes:
        samples: how many there are.
        chunk: samples of a chunk; the last one may have fewer.
        together: chunks of a window.
        seed: of the order of the chunks.
    """

    samples: int
    chunk: int
    together: int
    seed: int = 0

    @classmethod
    def fitting(cls, samples: int, size: int, room: int, seed: int = 0) -> "Windows":
        """The largest windows of which two fit into memory.

        Args:
            samples: how many there are.
            size: bytes of one.
            room: bytes for both windows.
            seed: of the order of the chunks.

        >>> Windows.fitting(10_000, 1000, 1_000_000)
        Windows(samples=10000, chunk=31, together=16, seed=0)
        """
        window = max(1, room // (2 * size))
        chunk = max(1, min(CHUNK // size, window // MIXED))
        return cls(samples, chunk, window // chunk, seed)

    @property
    def most(self) -> int:
        """Samples of a window."""
        return self.chunk * self.together

    @property
    def least(self) -> int:
        """Samples of a window with a chunk that is not full, unless it is the last one."""
        return max(1, self.most - self.chunk + 1)

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.samples // self.chunk)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return -(-self.chunks // self.together)

    def epoch(self, number: int | None) -> "Order":
        """The windows of an epoch, counted from 0; in the order of the file where None."""
        order = np.arange(self.chunks)
        if number is not None:
            order = host_generator(self.seed, Purpose.CHUNKS, step=number).permutation(self.chunks)
        sizes = np.full(self.chunks, self.chunk)
        sizes[-1] = self.samples - (self.chunks - 1) * self.chunk
        ends = np.cumsum(sizes[order])
        starts = np.concatenate([[0], ends[self.together - 1 : -1 : self.together], [self.samples]])
        return Order(self, number, order, starts)


@dataclass(frozen=True, eq=False)
class Order:
    """The windows of one epoch.

    Attributes:
        windows: how samples are cut.
        number: of the epoch, or None.
        chunks: numbers of the chunks, in the order in which they come.
        starts: place of the first sample of each window, and behind the last one.
    """

    windows: Windows
    number: int | None
    chunks: np.ndarray
    starts: np.ndarray

    def window_at(self, place: int) -> int:
        """The window that a place of the epoch is in."""
        return int(np.searchsorted(self.starts, place, side="right")) - 1

    def size(self, window: int) -> int:
        """How many samples a window has."""
        return int(self.starts[window + 1] - self.starts[window])

    def numbers(self, window: int) -> np.ndarray:
        """Numbers of the samples of a window, in the order of the file, which is that in which they are read."""
        first, together, chunk = window * self.windows.together, self.windows.together, self.windows.chunk
        chunks = np.sort(self.chunks[first : first + together])
        found = (chunks[:, None] * chunk + np.arange(chunk)).reshape(-1)
        return found[found < self.windows.samples]

    def shuffled(self, window: int, seed: int) -> np.ndarray:
        """The order in which a member sees the samples of a window."""
        assert self.number is not None, "an epoch of training"
        generator = host_generator(seed, Purpose.ORDER, step=self.number, site=window)
        return generator.random(self.size(window)).argsort(kind="stable")
