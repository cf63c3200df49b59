"""Augmentations that mix a sample with another of the training part, and their targets in the same proportion."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le

from ..backend import Device, array_module
from ..backend.arrays import Array
from ..fields import Positive
from .augmentations import Augmentation, Shape

TABLE = 1024  # intervals of a quantile function


class Mixing(Augmentation):
    """Base of those that mix, whose first uniform number says which is the other sample.

    Targets are mixed in the same proportion: those of a sample that is a part ``w`` of another are ``1 - w`` of its own
    and ``w`` of the other's.  Mixing comes first, so that what follows happens to both alike.
    """

    alpha: float

    def place(self, device: Device, dtype: Any) -> Array:
        """``v`` at equally spaced probabilities, where ``v^(1 / alpha)`` is the smaller half of Beta(alpha, alpha).

        In ``v`` the density of the smaller half is ``(1 - v^(1 / alpha))^(alpha - 1)``, without the pole at 0.
        """
        v = np.linspace(0, 0.5**self.alpha, 1 << 16)
        density = (1 - v ** (1 / self.alpha)) ** (self.alpha - 1)
        cumulative = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return device.put(np.interp(np.linspace(0, 1, TABLE + 1), cumulative / cumulative[-1], v), dtype)

    def smaller(self, u: Array, placed: Array) -> Array:
        """The smaller half of a Beta distribution, 0 to 1/2, out of uniform numbers."""
        xp = array_module(u)
        number = xp.floor(u * TABLE)
        low, high = placed.take(number.astype(np.int64)), placed.take(number.astype(np.int64) + 1)
        return (low + (u * TABLE - number) * (high - low)) ** (1 / self.alpha)

    def portion(self, u: Array, placed: Array, shape: Shape) -> tuple[Array, Array]:
        """What of a sample becomes the other.

        Args:
            u: uniform numbers without the first, (..., draws - 1).
            placed: what :meth:`place` gave.
            shape: of the sample.

        Returns:
            The part of the other in each value, broadcast to (..., features), and in the target, (..., 1).
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Mixup(Mixing):
    """A weighted mean of the sample and another of the training part, and of their targets.

    The smaller weight is that of the other sample: the smaller half of a Beta(alpha, alpha) distribution.

    Zhang, Cisse, Dauphin, Lopez-Paz: mixup: beyond empirical risk minimization (2018).
    """

    alpha: Positive = 0.2
    of = "numbers"

    def draws(self, shape: Shape) -> int:
        """The other sample and its weight."""
        return 2

    def portion(self, u: Array, placed: Array, shape: Shape) -> tuple[Array, Array]:
        """The same weight for every value."""
        weight = self.smaller(u[..., :1], placed)
        return weight, weight


@dataclass(frozen=True)
class CutMix(Mixing):
    """A rectangle of another sample of the training part lies on the image; targets are mixed by its area.

    The area is a part Beta(alpha, alpha) of the image, in the image's proportions, in whole pixels; its middle is
    anywhere in the image.  What lies outside does not count, so targets are mixed by the pixels that are seen.

    Yun, Han, Oh, Chun, Choe, Yoo: CutMix: regularization strategy to train strong classifiers (2019).

    Attributes:
        alpha: of the distribution of areas; at 1 all are alike.
        probability: that a sample gets such a rectangle.
    """

    alpha: Positive = 1.0
    probability: Annotated[float, Gt(0), Le(1)] = 1.0

    def draws(self, shape: Shape) -> int:
        """The other sample, the area, the row and the column of the middle, and whether it happens."""
        return 5

    def portion(self, u: Array, placed: Array, shape: Shape) -> tuple[Array, Array]:
        """1 inside of the rectangle and 0 elsewhere, and its part of the image."""
        xp, (height, width, channels) = array_module(u), shape
        upper = u[..., 0] >= 0.5
        half = self.smaller(2 * u[..., 0] - upper, placed)
        side = xp.sqrt(xp.where(upper, 1 - half, half)) * (u[..., 3] < self.probability)
        inside = []
        for axis, size in enumerate((height, width)):
            length = xp.floor(side * size + 0.5)
            first = xp.floor(u[..., 1 + axis] * size) - xp.floor(length / 2)
            place = xp.arange(size) - first[..., None]
            inside.append(xp.logical_and(place >= 0, place < length[..., None]))
        mask = xp.logical_and(inside[0][..., :, None, None], inside[1][..., None, :, None])
        area = mask.sum(axis=(-3, -2)).astype(u.dtype) / (height * width)
        flat = xp.broadcast_to(mask, (*mask.shape[:-1], channels)).reshape(*mask.shape[:-3], math.prod(shape))
        return flat, area

    @classmethod
    def examples(cls) -> list[Augmentation]:
        """Always, and in half of the samples."""
        return [cls(), cls(0.5, 0.5)]
