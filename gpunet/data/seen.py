"""What a preparation is fitted to where samples are streamed: blocks of them, and what passes over these find."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from .passes import Extent, extent_of_blocks
from .streamed import Step, Streamed


@dataclass(eq=False)
class Moments:
    """Mean and mean squared deviation of features, put together block by block in double precision.

    Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances (1979).

    Attributes:
        weight: of all samples so far; how many there were where they have none.
        mean: (features,), float64.
        squares: (features,), sums of squared deviations from the mean.
    """

    weight: float
    mean: np.ndarray
    squares: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviations, (features,)."""
        found: np.ndarray = np.sqrt(self.squares / self.weight)
        return found

    def add(self, block: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Add samples, (count, features), that have weights, (count,), or count alike."""
        wide = block.astype(np.float64)
        weight = float(len(wide)) if weights is None else float(weights.sum())
        if not weight:
            return
        mean = wide.mean(axis=0) if weights is None else weights @ wide / weight
        wide -= mean
        squares = np.einsum("ij,ij->j", wide, wide) if weights is None else weights @ (wide * wide)
        apart, together = mean - self.mean, self.weight + weight
        self.squares += squares + apart**2 * (self.weight * weight / together)
        self.mean += apart * (weight / together)
        self.weight = together


@dataclass(frozen=True, eq=False)
class Seen:
    """Samples as a preparation sees them that is fitted to what is streamed: once more for each pass.

    Attributes:
        x: the training part, (samples, *shape).
        before: what is done to rows of it before, where something is.
        width: features that this leaves.
        weights: (samples,), or None.
        channels: of images, where each is taken for a feature that every position gives a sample of; else 0.
    """

    x: Streamed
    before: Step | None = None
    width: int = 0
    weights: np.ndarray | None = None
    channels: int = 0

    @property
    def features(self) -> int:
        """How many a preparation is fitted to."""
        return self.channels or self.width or prod(self.x.row)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Blocks (count, features) with the weights of their samples."""
        start = 0
        for block in self.x.blocks():
            flat = block.reshape(len(block), -1)
            seen = flat if self.before is None else self.before(flat)
            weights = None if self.weights is None else self.weights[start : start + len(block)]
            start += len(block)
            if self.channels:
                positions = seen.shape[1] // self.channels
                seen = seen.reshape(-1, self.channels)
                weights = None if weights is None else np.repeat(weights, positions)
            yield seen, weights

    def moments(self, weighted: bool = False) -> Moments:
        """Mean and deviation, by the weights where they are to count."""
        found = Moments(0.0, np.zeros(self.features), np.zeros(self.features))
        for block, weights in self:
            found.add(block, weights if weighted else None)
        return found

    def extent(self) -> Extent:
        """Smallest and largest values."""
        return extent_of_blocks(block for block, _ in self)
