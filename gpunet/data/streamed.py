"""Features that stay in their files: rows are read when they are asked for, never more at once than is allowed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from ..errors import DataError

BLOCK = 1 << 20  # bytes that are read at once
GAP = 1 << 14  # bytes between two rows that are read with them rather than jumped over
SHARES = 64  # of the allowed memory: a block is one of them
MB = 1_000_000

Step = Callable[[np.ndarray], np.ndarray]


class Rows(Protocol):
    """Rows of numbers in one place, all of one type and shape.

    Attributes:
        shape: (rows, *shape of a row).
        dtype: of the numbers, as they come.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, *shape of a row)."""

    @property
    def dtype(self) -> np.dtype:
        """Of the numbers, as they come."""

    def read(self, start: int, out: np.ndarray) -> None:
        """Fill ``out``, contiguous (count, *shape of a row), with the rows from ``start`` on; from any thread."""


@dataclass(frozen=True, eq=False)
class Streamed:
    """An array (samples, *shape of a sample) whose rows are read, and changed row by row, when they are asked for.

    It answers ``len``, ``shape``, ``ndim``, ``dtype``, ``x[start:stop]`` and ``x[numbers]`` as an array does, so that
    whoever looks at some samples need not know; what would hold more than ``most`` bytes at once is refused.

    Attributes:
        name: of the data, for messages.
        parts: where the rows lie, one part behind the other.
        most: bytes that features may take in memory.
        row: shape of a sample.
        dtype: of the features.
        steps: what is done to a block of rows, in this order; each row for itself.
        chosen: numbers of the rows that are the samples, in this order; all of them where None.
        known: what passes over the rows have found, by what was asked; shared by whatever has the same rows.

    >>> class Counted:
    ...     shape, dtype = (5, 2), np.dtype(np.float32)
    ...     def read(self, start, out):
    ...         out[...] = np.arange(start, start + len(out))[:, None]
    >>> x = Streamed("five rows", (Counted(),), 1000, (2,), np.dtype(np.float32))
    >>> len(x), x.shape, x[3:].tolist(), x[np.array([4, 0])].tolist()
    (5, (5, 2), [[3.0, 3.0], [4.0, 4.0]], [[4.0, 4.0], [0.0, 0.0]])
    """

    name: str
    parts: tuple[Rows, ...]
    most: int
    row: tuple[int, ...]
    dtype: np.dtype
    steps: tuple[Step, ...] = ()
    chosen: np.ndarray | None = None
    known: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, *shape of a sample)."""
        return (len(self), *self.row)

    @property
    def ndim(self) -> int:
        """Axes, that of the samples among them."""
        return 1 + len(self.row)

    @property
    def nbytes(self) -> int:
        """What all samples would take in memory."""
        return len(self) * self.bytes_of_one

    @property
    def bytes_of_one(self) -> int:
        """What one sample takes."""
        return prod(self.row) * self.dtype.itemsize

    @property
    def rows_of_block(self) -> int:
        """Samples that are read at once."""
        return max(1, min(BLOCK, self.most // SHARES) // max(1, self._widest))

    @property
    def _widest(self) -> int:
        """Bytes of a row where it takes the most, in the file or as a sample."""
        kept = max(part.dtype.itemsize for part in self.parts)
        return max(prod(self.parts[0].shape[1:]) * kept, self.bytes_of_one)

    def __len__(self) -> int:
        return self._total if self.chosen is None else len(self.chosen)

    @property
    def _total(self) -> int:
        return sum(part.shape[0] for part in self.parts)

    def __getitem__(self, wanted: Any) -> np.ndarray:
        """Some samples as an array: a slice of them, their numbers, or one.

        Raises:
            DataError: they would take more memory than allowed, or the file is not what it was.
        """
        if isinstance(wanted, int | np.integer):
            return self[wanted : wanted + 1][0]
        if isinstance(wanted, slice):
            numbers = np.arange(*wanted.indices(len(self)))
        else:
            numbers = np.asarray(wanted)
            numbers = np.flatnonzero(numbers) if numbers.dtype.kind == "b" else numbers
        if len(numbers) * self.bytes_of_one > self.most:
            needed = f"{len(numbers):,} samples at once, {len(numbers) * self.bytes_of_one / MB:,.0f} MB"
            rule = f"may take {self.most / MB:,.4g} MB of memory"
            raise DataError(self.name, rule, needed, "Raise memory, or leave out what looks at all of them")
        out = np.empty((len(numbers), *self.row), self.dtype)
        self.take(numbers, out)
        return out

    def take(self, numbers: np.ndarray, out: np.ndarray) -> None:
        """Read samples by their numbers into ``out``, (count, *shape of a sample); from any thread.

        Raises:
            DataError: the file is not what it was.
        """
        rows = numbers if self.chosen is None else self.chosen[numbers]
        if len(rows) > 1 and (np.diff(rows) < 0).any():
            order: Any = np.argsort(rows, kind="stable")
            rows = rows[order]
        else:
            order = None
        row_bytes = max(1, self._widest)
        most, gap = self.rows_of_block, max(1, GAP // row_bytes)
        at = 0
        while at < len(rows):
            end = int(np.searchsorted(rows, rows[at] + most))
            far = np.flatnonzero(np.diff(rows[at:end]) > gap)
            end = at + int(far[0]) + 1 if len(far) else end
            first, last = int(rows[at]), int(rows[end - 1])
            whole = last - first + 1 == end - at
            if whole and order is None and self._plain:
                self._read(first, out[at:end].reshape(end - at, *self.parts[0].shape[1:]))
            else:
                block = self._block(first, last + 1)
                target = slice(at, end) if order is None else order[at:end]
                out[target] = block if whole else block[rows[at:end] - first]
            at = end

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples in their order, a block at a time; a block is good until the next is asked for."""
        held = np.empty((min(self.rows_of_block, len(self)), *self.row), self.dtype)
        for start in range(0, len(self), len(held)):
            numbers = np.arange(start, min(start + len(held), len(self)))
            self.take(numbers, held[: len(numbers)])
            yield held[: len(numbers)]

    def mapped(self, step: Step, row: tuple[int, ...] | None = None, dtype: Any = None) -> "Streamed":
        """The same rows with something more done to each block of them.

        Args:
            step: from (count, *shape of a sample) to (count, *row).
            row: shape of a sample afterwards; the same by default.
            dtype: of the numbers afterwards; the same by default.
        """
        before = self.row

        def stepped(block: np.ndarray) -> np.ndarray:
            return step(block.reshape(len(block), *before))

        row, dtype = before if row is None else row, self.dtype if dtype is None else np.dtype(dtype)
        return replace(self, steps=(*self.steps, stepped), row=row, dtype=dtype, known={})

    def reshape(self, *shape: int) -> "Streamed":
        """The same numbers as samples of another shape; the first length must be that of the samples.

        >>> Streamed("none", (), 1000, (2, 3), np.dtype("u1"), chosen=np.arange(4)).reshape(4, -1).shape
        (4, 6)
        """
        row = tuple(shape[1:])
        if -1 in row:
            rest = -prod(row)
            row = tuple(prod(self.row) // rest if n == -1 else n for n in row)
        assert (shape[0], prod(row)) == (len(self), prod(self.row)), "samples stay what they are"
        return replace(self, row=row, known=self.known)

    def selected(self, numbers: np.ndarray) -> "Streamed":
        """Some of the samples, in this order, that are read when they are asked for."""
        rows = numbers if self.chosen is None else self.chosen[numbers]
        return replace(self, chosen=np.ascontiguousarray(rows, np.int64), known=self.known)

    def found(self, what: str, find: Callable[[], Any]) -> Any:
        """What a pass over the samples finds, once for the same samples."""
        rows = b"" if self.chosen is None else hashlib.blake2b(self.chosen.tobytes(), digest_size=16).digest()
        if (what, rows) not in self.known:
            self.known[what, rows] = find()
        return self.known[what, rows]

    @property
    def _plain(self) -> bool:
        """Whether samples are the rows of the file as they lie there."""
        return not self.steps and all(part.dtype == self.dtype for part in self.parts)

    def _block(self, start: int, stop: int) -> np.ndarray:
        """Rows as samples."""
        kept = {part.dtype for part in self.parts}
        raw = np.empty((stop - start, *self.parts[0].shape[1:]), np.result_type(*kept))
        self._read(start, raw)
        for step in self.steps:
            raw = step(raw)
        return raw.reshape(len(raw), *self.row)

    def _read(self, start: int, out: np.ndarray) -> None:
        """Rows as they lie in the files, of which several may follow each other."""
        at = 0
        for part in self.parts:
            count = part.shape[0]
            if start < count and at < len(out):
                piece = out[at : at + count - start]
                if part.dtype == out.dtype:
                    part.read(start, piece)
                else:
                    held = np.empty(piece.shape, part.dtype)
                    part.read(start, held)
                    piece[...] = held
                at += len(piece)
                start = count
            start -= count


Features = np.ndarray | Streamed


def some_of(x: Features, numbers: np.ndarray) -> Features:
    """Samples by their numbers: an array of an array, and of what is streamed something that is."""
    return x.selected(numbers) if isinstance(x, Streamed) else x[numbers]


def blocks_of(x: Features) -> Iterator[np.ndarray]:
    """All samples: an array at once, what is streamed a block at a time."""
    if isinstance(x, Streamed):
        yield from x.blocks()
    else:
        yield x


def in_blocks(x: Features, step: Step, row: tuple[int, ...] | None = None, dtype: Any = None) -> Any:
    """What a function that looks at each row for itself makes of samples: at once, or as they are read."""
    return x.mapped(step, row, dtype) if isinstance(x, Streamed) else step(x)
