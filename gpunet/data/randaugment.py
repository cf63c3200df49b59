"""A few operations, drawn anew for each sample, of one strength: the sets of RandAugment."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from ..backend import array_module
from ..backend.arrays import Array
from ..fields import Count
from ..ops.gather import count_into
from .augmentations import Augmentation, Shape

LEVELS = 256  # grey levels that histograms have
LUMA = (0.299, 0.587, 0.114)  # how much red, green and blue count in the light of a pixel, ITU-R BT.601

Amount = Array  # (N, 1, 1, 1) or (N,), strength with a random sign
Range = tuple[float, float]  # smallest and largest value of the images


@dataclass(frozen=True)
class RandAugment(Augmentation):
    """Each sample goes through operations drawn at random out of a set of thirteen, all of one strength.

    Movements: rotation up to 30 degrees, shear up to 0.3, shift up to 0.45 of the image, on both axes and either way.
    Changes of values: brightness, contrast, colour and sharpness up to 0.9 stronger or weaker, solarised above a
    threshold, fewer grey levels, histograms stretched or equalised.  A fourteenth does nothing.  Strength 1 is the far
    end of each; an operation may be drawn twice.  Movements come before changes of values, in one interpolation.

    Cubuk, Zoph, Shlens, Le: RandAugment: practical automated data augmentation with a reduced search space (2020).

    Attributes:
        operations: how many each sample goes through.
        strength: 0 to 1 of all operations.
    """

    operations: Count = 2
    strength: Annotated[float, Ge(0), Le(1)] = 0.3

    def draws(self, shape: Shape) -> int:
        """Which operation, and its sign, for each of them."""
        return 2 * self.operations

    def movements(self, u: Array, shape: Shape) -> list[Array]:
        """One matrix (N, 3, 3) for each operation: where pixels come from, the identity where it moves nothing."""
        xp, found = array_module(u), []
        height, width, _ = shape
        for which, amount in self._drawn(u):
            m = xp.zeros_like(u, shape=(len(u), 3, 3))
            m[:, 0, 0] = m[:, 1, 1] = m[:, 2, 2] = 1
            angle = xp.where(which == MOVES.index("rotate"), amount * math.radians(30), 0)
            m[:, 0, 0] = m[:, 1, 1] = xp.cos(angle)
            m[:, 0, 1] = xp.sin(angle)
            m[:, 1, 0] = -m[:, 0, 1] + xp.where(which == MOVES.index("shear_right"), amount * 0.3, 0)
            across = m[:, 0, 1]
            across += xp.where(which == MOVES.index("shear_down"), amount * 0.3, 0)
            m[:, 0, 2] = xp.where(which == MOVES.index("shift_down"), -amount * (0.45 * height), 0)
            m[:, 1, 2] = xp.where(which == MOVES.index("shift_right"), -amount * (0.45 * width), 0)
            found.append(m)
        return found

    def change(self, x: Array, u: Array, bounds: Range) -> None:
        """Change the values of images ``x`` (N, H, W, C) between ``bounds``, in place."""
        xp = array_module(x)
        low, high = bounds
        for which, amount in self._drawn(u):
            for number, operation in enumerate(VALUES, len(MOVES)):
                chosen = (which == number)[:, None, None, None]
                changed = operation(x, amount[:, None, None, None], self.strength, bounds)
                xp.minimum(xp.maximum(changed, low, out=changed), high, out=changed)
                xp.copyto(x, changed, where=chosen)

    def _drawn(self, u: Array) -> list[tuple[Array, Array]]:
        """Number of the operation and strength with its sign, (N,) each, for each of the operations."""
        xp, count = array_module(u), len(MOVES) + len(VALUES) + 1  # the last one does nothing
        drawn = []
        for k in range(self.operations):
            sign = 2 * (u[:, 2 * k + 1] >= 0.5).astype(u.dtype) - 1
            drawn.append((xp.floor(u[:, 2 * k] * count), sign * self.strength))
        return drawn

    @classmethod
    def examples(cls) -> list[Augmentation]:
        """Two moderate operations, and three of the greatest strength."""
        return [cls(), cls(3, 1.0)]


def brightness(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Away from the darkest value or towards it."""
    return (x - bounds[0]) * (1 + 0.9 * amount) + bounds[0]


def contrast(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Away from the mean of the image or towards it."""
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    return (x - mean) * (1 + 0.9 * amount) + mean


def colour(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Away from grey or towards it; a grey image stays."""
    if x.shape[-1] != len(LUMA):
        return x.copy()
    grey = sum(weight * x[..., k : k + 1] for k, weight in enumerate(LUMA))
    return (x - grey) * (1 + 0.9 * amount) + grey


def sharpness(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Away from a blurred image or towards it; a pixel at the edge has fewer neighbours to be blurred with."""
    xp = array_module(x)
    total = 4 * x  # the pixel counts five times, each neighbour once
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            to, of = _overlap(x.shape[1], down), _overlap(x.shape[1], -down)
            to_side, of_side = _overlap(x.shape[2], right), _overlap(x.shape[2], -right)
            part = total[:, to, to_side]
            part += x[:, of, of_side]
    rows, columns = (1 + (xp.arange(n) > 0) + (xp.arange(n) < n - 1) for n in x.shape[1:3])
    total /= (4 + rows[:, None] * columns)[..., None].astype(x.dtype)
    return (x - total) * (1 + 0.9 * amount) + total


def solarise(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Values above a threshold are turned around, which sinks from the largest value to the smallest."""
    low, high = bounds
    return array_module(x).where(x > high - strength * (high - low), high + low - x, x)


def posterise(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Only so many bits of 8 remain: 4 at full strength."""
    low, high = bounds
    step = (high - low) / (LEVELS - 1) * 2.0 ** round(4 * strength)
    xp = array_module(x)
    return xp.floor((x - low) / step + 1e-4) * step + low


def stretch(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """Each channel of each image reaches from the smallest to the largest value; a constant one stays."""
    xp, (low, high) = array_module(x), bounds
    least, most = x.min(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
    flat = most <= least
    return xp.where(flat, x, (x - least) * ((high - low) / xp.where(flat, 1, most - least)) + low)


def equalise(x: Array, amount: Amount, strength: float, bounds: Range) -> Array:
    """All grey levels of a channel of an image become equally frequent, as nearly as pixels of one level allow."""
    xp, (low, high) = array_module(x), bounds
    pixels = x.shape[1] * x.shape[2]
    planes = x.transpose(0, 3, 1, 2).copy().reshape(-1, pixels)
    level = xp.floor((planes - low) * ((LEVELS - 1) / (high - low)) + 0.5)
    place = xp.minimum(xp.maximum(level, 0), LEVELS - 1).astype(np.int64)
    counts = xp.zeros_like(place, np.int32, shape=(len(planes), LEVELS))
    count_into(counts, place)
    below = xp.cumsum(counts, axis=1)
    first = xp.take_along_axis(below, place.min(axis=1)[:, None], axis=1)  # pixels of the darkest level
    flat = first >= pixels
    rank = (xp.take_along_axis(below, place, axis=1) - first) / xp.where(flat, 1, pixels - first)
    even = xp.where(flat, planes, rank * (high - low) + low).astype(x.dtype)
    return even.reshape(len(x), -1, *x.shape[1:3]).transpose(0, 2, 3, 1).copy()


def _overlap(size: int, moved: int) -> slice:
    """The places that have a neighbour so far away."""
    return slice(max(moved, 0), size + min(moved, 0))


MOVES = ("rotate", "shear_right", "shear_down", "shift_right", "shift_down")
VALUES: tuple[Callable[[Array, Amount, float, Range], Array], ...] = (
    brightness, contrast, colour, sharpness, solarise, posterise, stretch, equalise,
)  # fmt: skip
