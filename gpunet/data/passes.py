"""What is to be known of all features: in one pass over samples in memory, or over those that are streamed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .streamed import Features, Streamed


@dataclass(frozen=True, eq=False)
class Extent:
    """Between which numbers features lie.

    Attributes:
        lows: smallest value of each feature, (features,), of the type of the features.
        highs: largest one.
        whole: whether all values are whole numbers.
    """

    lows: np.ndarray
    highs: np.ndarray
    whole: bool

    @property
    def low(self) -> float:
        """The smallest value of all."""
        return float(self.lows.min())

    @property
    def high(self) -> float:
        """The largest value of all."""
        return float(self.highs.max())

    def and_of(self, other: "Extent | None") -> "Extent":
        """That of both together."""
        if other is None:
            return self
        lows, highs = np.minimum(self.lows, other.lows), np.maximum(self.highs, other.highs)
        return Extent(lows, highs, self.whole and other.whole)


def extent(x: Features) -> Extent:
    """Between which numbers the features of samples lie.

    Args:
        x: (samples, *shape), not empty and finite.

    >>> found = extent(np.array([[1.0, 5.0], [2.0, 3.5]]))
    >>> found.lows.tolist(), found.highs.tolist(), found.whole
    ([1.0, 3.5], [2.0, 5.0], False)
    """
    if not isinstance(x, Streamed):
        return extent_of_blocks([x])
    found: Extent = x.found("extent", lambda: extent_of_blocks(x.blocks()))
    return found


def extent_of_blocks(blocks: Iterable[np.ndarray]) -> Extent:
    """The same of samples that come block by block."""
    found: Extent | None = None
    for block in blocks:
        flat = block.reshape(len(block), -1)
        whole = (found is None or found.whole) and _are_whole(flat)
        found = Extent(flat.min(axis=0), flat.max(axis=0), whole).and_of(found)
    assert found is not None, "there are samples"
    return found


def _are_whole(x: np.ndarray) -> bool:
    """Whether all numbers are whole; the first row tells it of most that are not."""
    return x.dtype.kind in "biu" or all(bool((rows == np.floor(rows)).all()) for rows in (x[:1], x))


def look_over(name: str, x: Streamed, beginning: bytes) -> Any:
    """One pass over samples that are streamed: whether they are finite, between which numbers, and what hash they have.

    Args:
        name: of the data, for messages.
        x: all of them.
        beginning: what is hashed in front of the bytes of the samples.

    Returns:
        The hash after the last sample, to be copied and gone on with.

    Raises:
        DataError: NaN or infinity, with its place; or the file is not what it was.
    """

    def look() -> Any:
        digest, found, row = hashlib.sha256(beginning), None, 0
        for block in x.blocks():
            check_finite(name, block, row)
            digest.update(block.data)
            found = extent_of_blocks([block]).and_of(found)
            row += len(block)
        x.found("extent", lambda: found)
        return digest

    return x.found(f"hash {hashlib.sha256(beginning).hexdigest()}", look)


def check_finite(name: str, x: np.ndarray, first: int = 0) -> None:
    """Refuse numbers that are not finite, by the place of the first one.

    Args:
        name: of the data, for messages.
        x: (samples, *shape).
        first: number of the first of these samples.

    Raises:
        DataError: NaN or infinity.
    """
    if x.dtype.kind != "f":
        return
    flat = x.reshape(len(x), -1)
    finite = np.isfinite(flat)
    if not finite.all():
        row, column = (int(i) for i in np.argwhere(~finite)[0])
        where = f"{flat[row, column]} in sample {first + row}, feature {column}"
        raise DataError(name, "must hold finite numbers", where, "Remove or fill such samples")


def sum_of(blocks: Iterable[np.ndarray], features: int) -> np.ndarray:
    """Sums of features over the rows of all blocks, added in double precision one row after the other.

    So they are, bit for bit, those that NumPy forms of all rows at once, where there are several features.

    Args:
        blocks: (count, features) each.
        features: how many.

    >>> sum_of([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]])], 2).tolist()
    [9.0, 12.0]
    """
    total = np.zeros((1, features))
    for block in blocks:
        total = np.add.reduce(np.concatenate([total, block], dtype=np.float64), axis=0, keepdims=True)
    return total[0]
