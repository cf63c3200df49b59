"""Augmentations: what is changed about a sample, anew in every epoch, so that a model learns not to mind.

Each class says how many uniform numbers it needs for a sample and what it makes of them.  Lengths are in pixels, angles
in degrees, and amounts of light in parts of the data set's full scale.  A geometric one only says where the pixels come
from, so that several cost one interpolation.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Le, Lt

from ..backend import Device, array_module, matmul, normal_pairs
from ..backend.arrays import Array
from ..fields import Count, NonNegative, Positive, check_fields
from ..ops.words import move_together

Shape = tuple[int, int, int]  # height, width, channels


@dataclass(frozen=True)
class Augmentation:
    """Base of the augmentations.

    Attributes:
        of: what samples must be; features that are no images are seen as an image of one row.
    """

    of: ClassVar[Literal["images", "numbers", "texts"]] = "images"

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    def draws(self, shape: Shape) -> int:
        """How many uniform numbers it needs for a sample."""
        return 1

    @classmethod
    def examples(cls) -> list["Augmentation"]:
        """Instances that the conformance suite checks."""
        return [cls()]


class Geometric(Augmentation):
    """Base of those that move pixels by an affine map, seen from the middle of the image.

    Attributes:
        whole_pixels: whether it moves whole rows and columns to where others were, so that nothing is interpolated.
    """

    @property
    def whole_pixels(self) -> bool:
        """Not unless a class says so."""
        return False

    def source(self, u: Array, m: Array) -> None:
        """Write where pixels come from.

        Args:
            u: uniform numbers, (N, draws).
            m: (N, 3, 3), the identity, to be changed: ``m @ (y, x, 1)`` is the origin of the pixel at ``(y, x)``.
        """
        raise NotImplementedError


class Pixelwise(Augmentation):
    """Base of those that change values where they are."""

    def change(self, x: Array, u: Array, scale: float) -> None:
        """Change images ``x`` (N, H, W, C) of full scale ``scale`` by uniform numbers ``u`` (N, draws)."""
        raise NotImplementedError


def _both_ways(u: Array, most: float) -> Array:
    """Uniform between ``-most`` and ``most``."""
    return (2 * u - 1) * most


def _factor(u: Array, amount: float) -> Array:
    """Between ``1 / (1 + amount)`` and ``1 + amount``, as likely larger as smaller."""
    return array_module(u).exp(_both_ways(u, math.log1p(amount)))


@dataclass(frozen=True)
class Shift(Geometric):
    """Up to ``pixels`` in each direction; whole pixels unless ``whole`` is false."""

    pixels: NonNegative = 2.0
    whole: bool = True

    @property
    def whole_pixels(self) -> bool:
        """As asked."""
        return self.whole

    def draws(self, shape: Shape) -> int:
        """One number for each direction, down and right."""
        return 2

    def source(self, u: Array, m: Array) -> None:
        """A pixel comes from the other direction."""
        way = _both_ways(u, self.pixels)
        if self.whole:
            most = math.floor(self.pixels)
            way = array_module(u).floor(u * ((2 * most + 1) * (1 - 1e-6))) - most
        m[:, :2, 2] = -way


@dataclass(frozen=True)
class Flip(Geometric):
    """Left and right are exchanged in every second sample, top and bottom where ``vertical`` is set."""

    horizontal: bool = True
    vertical: bool = False

    @property
    def whole_pixels(self) -> bool:
        """Always."""
        return True

    def draws(self, shape: Shape) -> int:
        """One number for each direction, of which 0.5 and more turns it."""
        return 2

    def source(self, u: Array, m: Array) -> None:
        """A flipped axis is read from its other end: its entry of the matrix becomes -1."""
        for axis, wanted in ((0, self.vertical), (1, self.horizontal)):
            if wanted:
                m[:, axis, axis] = 1 - 2 * array_module(u).floor(2 * u[:, axis])

    @classmethod
    def examples(cls) -> list[Augmentation]:
        """Left and right, top and bottom, and both."""
        return [cls(), cls(False, True), cls(True, True)]


@dataclass(frozen=True)
class Rotate(Geometric):
    """Up to ``degrees`` either way."""

    degrees: Annotated[float, Gt(0), Le(180)] = 15.0

    def source(self, u: Array, m: Array) -> None:
        """The matrix of the rotation by the opposite angle, since it leads from the new place to the old one."""
        xp, angle = array_module(u), _both_ways(u[:, 0], math.radians(self.degrees))
        m[:, 0, 0] = m[:, 1, 1] = xp.cos(angle)
        m[:, 0, 1] = xp.sin(angle)
        m[:, 1, 0] = -m[:, 0, 1]


@dataclass(frozen=True)
class Zoom(Geometric):
    """Between ``1 / (1 + amount)`` and ``1 + amount`` times as large."""

    amount: Positive = 0.1

    def source(self, u: Array, m: Array) -> None:
        """Nearer to the middle where the image gets larger."""
        m[:, 0, 0] = m[:, 1, 1] = 1 / _factor(u[:, 0], self.amount)


@dataclass(frozen=True)
class Shear(Geometric):
    """Upright lines lean up to ``degrees`` to either side."""

    degrees: Annotated[float, Gt(0), Le(60)] = 10.0

    def source(self, u: Array, m: Array) -> None:
        """Columns are displaced in proportion to the row."""
        m[:, 1, 0] = array_module(u).tan(_both_ways(u[:, 0], math.radians(self.degrees)))


@dataclass(frozen=True)
class Elastic(Augmentation):
    """Every pixel is displaced by a smooth random field.

    The field is uniform noise smoothed by a Gaussian of ``smoothness`` pixels; its standard deviation is ``pixels``.
    Simard, Steinkraus, Platt: Best practices for convolutional neural networks (2003).
    """

    pixels: Positive = 1.0
    smoothness: Positive = 4.0

    def draws(self, shape: Shape) -> int:
        """Two directions for each pixel."""
        return 2 * shape[0] * shape[1]

    def place(self, device: Device, shape: Shape, dtype: Any) -> tuple[Array, Array]:
        """Smoothing along rows and columns as matrices, which take care of the edges by themselves."""
        return device.put(self._smoothing(shape[0]), dtype), device.put(self._smoothing(shape[1]), dtype)

    def displacement(self, u: Array, shape: Shape, placed: tuple[Array, Array]) -> Array:
        """How far each pixel is moved, (N, 2, H, W)."""
        noise = _both_ways(u, self.pixels).reshape(-1, 2, *shape[:2])
        return matmul(matmul(placed[0], noise), placed[1])

    def _smoothing(self, size: int) -> np.ndarray:
        distance = np.subtract.outer(np.arange(size), np.arange(size)) / self.smoothness
        kernel = np.exp(-(distance**2) / 2)
        # Uniform numbers between -1 and 1 have variance 1/3; their sums have that times the squares of the weights.
        return kernel * (3**0.25 / np.sqrt((kernel**2).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class Brightness(Pixelwise):
    """All values move by up to ``amount`` of the full scale."""

    amount: Positive = 0.1

    def change(self, x: Array, u: Array, scale: float) -> None:
        """``x += (2 u - 1) amount scale``, one number for a whole sample."""
        x += _both_ways(u, self.amount * scale)[:, :, None, None]


@dataclass(frozen=True)
class Contrast(Pixelwise):
    """Distances from the image's mean become up to ``1 + amount`` times larger or smaller."""

    amount: Positive = 0.2

    def change(self, x: Array, u: Array, scale: float) -> None:
        """Away from the mean or towards it."""
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        x -= mean
        x *= _factor(u, self.amount)[:, :, None, None]
        x += mean


@dataclass(frozen=True)
class Colour(Pixelwise):
    """Each channel becomes up to ``1 + amount`` times stronger or weaker."""

    amount: Positive = 0.1

    def draws(self, shape: Shape) -> int:
        """One number for each channel of the sample."""
        return shape[2]

    def change(self, x: Array, u: Array, scale: float) -> None:
        """One factor for each channel."""
        x *= _factor(u, self.amount)[:, None, None, :]


@dataclass(frozen=True)
class Noise(Pixelwise):
    """Gaussian noise of standard deviation ``std``, in parts of the full scale, on every feature."""

    std: Positive = 0.05
    of = "numbers"

    def draws(self, shape: Shape) -> int:
        """Two uniform numbers for each normal one."""
        return 2 * math.prod(shape)

    def change(self, x: Array, u: Array, scale: float) -> None:
        """``x += std scale n`` with an independent normal ``n`` for each value."""
        half = u.shape[1] // 2
        normal = normal_pairs(u[:, :half], u[:, half:]).reshape(x.shape)
        normal *= self.std * scale
        x += normal


@dataclass(frozen=True)
class CutOut(Pixelwise):
    """A square of ``pixels`` becomes 0; its middle is anywhere in the image, so a part of it may lie outside.

    DeVries, Taylor: Improved regularization of convolutional neural networks with cutout (2017).
    """

    pixels: Count = 6

    def draws(self, shape: Shape) -> int:
        """The row and the column of the middle of the square."""
        return 2

    def change(self, x: Array, u: Array, scale: float) -> None:
        """Keep what is far from the middle in either direction."""
        xp, far = array_module(x), []
        for axis in (1, 2):
            first = xp.floor(u[:, axis - 1 : axis] * x.shape[axis]) - self.pixels // 2
            place = xp.arange(x.shape[axis])[None, :] - first
            far.append(xp.logical_or(place < 0, place >= self.pixels))
        x *= xp.logical_or(far[0][:, :, None], far[1][:, None, :])[..., None]


class Textual(Augmentation):
    """Base of those that change the words of a text, int32 (N, length), filled up with 0."""

    of = "texts"

    def draws(self, shape: Shape) -> int:
        """Two places, unless another class knows better."""
        return 2

    def rearrange(self, x: Array, u: Array) -> Array:
        """Return other texts of the same length, out of uniform numbers (N, draws)."""
        raise NotImplementedError


def _places(x: Array, u: Array) -> tuple[Array, Array, Array]:
    """All places (length,), and two random ones in each text, (N, 1)."""
    xp = array_module(x)
    drawn = xp.floor(u * (x > 0).sum(axis=-1)[:, None])
    return xp.arange(x.shape[1]), drawn[:, :1], drawn[:, 1:]


@dataclass(frozen=True)
class DeleteWords(Textual):
    """Each word is left out with probability ``rate``; one of them always stays.

    Wei, Zou: EDA: easy data augmentation techniques for text classification (2019), as the two below.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.1

    def draws(self, shape: Shape) -> int:
        """One number for each word: whether it goes."""
        return math.prod(shape)

    def rearrange(self, x: Array, u: Array) -> Array:
        """Those that stay move together."""
        xp = array_module(x)
        u = xp.where(x > 0, u, -1)
        kept = xp.logical_or(u >= self.rate, u == u.max(axis=1, keepdims=True))
        return move_together(x, kept, xp.empty_like(x))


@dataclass(frozen=True)
class SwapWords(Textual):
    """Two words change places; a bag of words does not see it."""

    def rearrange(self, x: Array, u: Array) -> Array:
        """Each stands where the other was."""
        xp, (here, one, two) = array_module(x), _places(x, u)
        source = xp.where(here == one, two, xp.where(here == two, one, here))
        return xp.take_along_axis(x, source.astype(np.int64), axis=1)


@dataclass(frozen=True)
class MoveWords(Textual):
    """One word moves to another place; a bag of words does not see it."""

    def rearrange(self, x: Array, u: Array) -> Array:
        """The words between the two places make room."""
        xp, (here, one, two) = array_module(x), _places(x, u)
        later = xp.logical_and(here >= one, here < two)  # those that go one place back
        sooner = xp.logical_and(here > two, here <= one)
        source = xp.where(here == two, one, here + later - sooner.astype(here.dtype))
        return xp.take_along_axis(x, source.astype(np.int64), axis=1)
