"""Images that are drawn: rectangles, convex sets, digits turned and on noise.

The data sets of Larochelle, Erhan, Courville, Bergstra, Bengio: An empirical evaluation of deep architectures on
problems with many factors of variation (2007), drawn anew by the rules that they published; other random numbers, so
other images of the same distribution.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backend import Purpose, host_generator
from ..errors import ConfigError, DataError
from ..ops.resample import resample

SIDE, INK = 28, 255
NEAR = 3  # rectangles whose sides differ by less are no rectangles with a longer side
ATOMS = {True: (0.195, 19), False: (0.07, 10)}  # by whether convex: chance to stop adding half-planes, fewest pixels
BLOCK = 2000  # images at once


@dataclass(frozen=True)
class Drawing:
    """One of the data sets.

    Attributes:
        about: what is to be told apart, in a line.
        train: images for training and validation in the paper.
        test: images for the test in the paper.
        draw: gives so many images (n, height, width) uint8 and their classes (n,) with a generator; of images and
            classes of digits where it needs some, which come as third and fourth argument.
        of_digits: whether it does.
    """

    about: str
    train: int
    test: int
    draw: Callable[..., tuple[np.ndarray, np.ndarray]]
    of_digits: bool = False


def rectangles(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a rectangle, class 1 where it is higher than wide.

    Height and width are uniform, but differ by at least 3 pixels; so is the corner, and all of it lies in the image.
    """
    sides = np.zeros((0, 2), np.int64)
    while len(sides) < n:
        drawn = generator.integers(1, SIDE + 1, (2 * n + 10, 2))
        sides = np.concatenate([sides, drawn[np.abs(drawn[:, 0] - drawn[:, 1]) >= NEAR]])
    sides = sides[:n]
    corner = (generator.random((n, 2)) * (SIDE - sides + 1)).astype(np.int64)
    end = corner + sides - 1
    place = np.arange(SIDE)
    inside = [(place >= corner[:, i, None]) & (place <= end[:, i, None]) for i in range(2)]
    at_edge = [(place == corner[:, i, None]) | (place == end[:, i, None]) for i in range(2)]
    drawn = at_edge[0][:, :, None] & inside[1][:, None, :]
    drawn |= inside[0][:, :, None] & at_edge[1][:, None, :]
    return np.where(drawn, INK, 0).astype(np.uint8), (sides[:, 0] > sides[:, 1]).astype(np.int64)


def convex(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A region of white pixels, class 1 where it is convex; half of the images are.

    Convex regions are intersections of half-planes of random place and direction, as many as a geometric distribution
    of parameter 0.195 says, of at least 19 pixels; the others are unions of two to four of those of parameter 0.07 and
    at least 10 pixels, as far as they are not convex.
    """
    y = np.zeros(n, np.int64)
    y[generator.permutation(n)[: (n + 1) // 2]] = 1
    x = np.zeros((n, SIDE, SIDE), bool)
    x[y == 1] = _intersections(int(y.sum()), True, generator)
    wanted = np.flatnonzero(y == 0)
    while len(wanted):
        count = generator.integers(2, 5, len(wanted))
        parts = _intersections(int(count.sum()), False, generator)
        union = np.logical_or.reduceat(parts, np.concatenate([[0], np.cumsum(count)[:-1]]), axis=0)
        good = np.array([not is_convex(image) for image in union])
        x[wanted[good]] = union[good]
        wanted = wanted[~good]
    return np.where(x, INK, 0).astype(np.uint8), y


def turned(
    n: int, generator: np.random.Generator, images: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Digits turned about their middle by an angle that is uniform over the circle."""
    chosen = generator.permutation(len(images))[:n]
    angle = generator.random(len(chosen)) * 2 * math.pi
    height, width = images.shape[1:3]
    row, column = (np.arange(size) - (size - 1) / 2 for size in (height, width))
    cosine, sine = (f(angle)[:, None, None] for f in (np.cos, np.sin))
    y = cosine * row[:, None] + sine * column + (height - 1) / 2
    x = cosine * column - sine * row[:, None] + (width - 1) / 2
    out = np.empty((len(chosen), height, width, 1))
    for i in range(0, len(chosen), BLOCK):
        block = slice(i, i + BLOCK)
        resample(images[chosen[block], ..., None], y[block], x[block], out[block], np.empty)
    return np.rint(out[..., 0]).astype(images.dtype), classes[chosen]


def on_noise(
    n: int, generator: np.random.Generator, images: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Digits whose empty pixels are grey levels that are uniform from black to the brightest."""
    chosen = generator.permutation(len(images))[:n]
    found = images[chosen]
    noise = generator.integers(0, int(images.max()) + 1, found.shape).astype(images.dtype)
    return np.where(found > 0, found, noise), classes[chosen]


DRAWINGS = {
    "rectangles": Drawing("whether a rectangle is higher than wide", 1200, 50_000, rectangles),
    "convex": Drawing("whether a region is convex", 8000, 50_000, convex),
    "rotated": Drawing("digits, turned by any angle", 12_000, 50_000, turned, True),
    "background": Drawing("digits, on random grey levels", 12_000, 50_000, on_noise, True),
}


def drawn(
    name: str,
    train: int | None = None,
    test: int | None = None,
    seed: int = 0,
    digits: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """One of the data sets, as arrays that a file of ours can hold.

    Args:
        name: ``rectangles``, ``convex``, ``rotated`` or ``background``.
        train: images for training and validation; as many as in the paper by default, or as there are.
        test: images for the test, likewise.
        seed: of all that is drawn.
        digits: images (n, height, width) and classes of digits, for those that change some; no digit comes twice.

    Returns:
        ``x_train``, ``y_train``, ``x_test`` and ``y_test``.

    Raises:
        ConfigError: another name, or numbers that are no numbers of images.
        DataError: fewer digits than are asked for.

    >>> found = drawn("rectangles", 20, 10)
    >>> found["x_train"].shape, found["y_test"].shape, sorted(set(found["x_test"].ravel().tolist()))
    ((20, 28, 28), (10,), [0, 255])
    """
    if name not in DRAWINGS:
        raise ConfigError("name", f"must be {', '.join(DRAWINGS)}", repr(name), "For example rectangles")
    drawing = DRAWINGS[name]
    sizes = [drawing.train if train is None else train, drawing.test if test is None else test]
    if min(sizes) < 1:
        raise ConfigError("train" if sizes[0] < 1 else "test", "must be at least one image", min(sizes), "Raise it")
    more: tuple[np.ndarray, ...] = ()
    if drawing.of_digits:
        if digits is None:
            raise DataError(name, "needs images of digits", "none", "Pass digits, such as those of MNIST")
        more, there = digits, len(digits[0])
        if train is None and test is None and sum(sizes) > there:
            sizes = [max(1, there * sizes[0] // sum(sizes)), there - max(1, there * sizes[0] // sum(sizes))]
        if sum(sizes) > there:
            rule, received = f"must be at most the {there:,} digits together", f"{sizes[0]:,} + {sizes[1]:,}"
            raise DataError("train and test", rule, received, "Lower them, or pass more digits")
    x, y = drawing.draw(sum(sizes), host_generator(seed, Purpose.DRAWING, site=list(DRAWINGS).index(name)), *more)
    cut = sizes[0]
    return {"x_train": x[:cut], "y_train": y[:cut], "x_test": x[cut:], "y_test": y[cut:]}


def is_convex(image: np.ndarray) -> bool:
    """Whether white pixels are all those that lie in their convex hull.

    >>> is_convex(np.eye(3, dtype=bool)), is_convex(np.array([[1, 0, 1]], bool))
    (True, False)
    """
    for lines in (image, image.T):  # where a line has a gap, nothing more need be looked at
        ends = np.diff(lines.astype(np.int8), axis=1, prepend=0, append=0) == 1
        if (ends.sum(axis=1) > 1).any():
            return False
    rows, columns = np.nonzero(image)
    hull = _hull(sorted(zip(rows.tolist(), columns.tolist())))
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    within = (y >= rows.min()) & (y <= rows.max()) & (x >= columns.min()) & (x <= columns.max())
    for (a, b), (c, d) in zip(hull, [*hull[1:], hull[0]]):
        within &= (c - a) * (x - b) - (d - b) * (y - a) >= 0
    return bool((within == image).all())


def _hull(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Corners of the convex hull of sorted points, counter-clockwise in (row, column)."""

    def half(ordered: list[tuple[int, int]]) -> list[tuple[int, int]]:
        kept: list[tuple[int, int]] = []
        for point in ordered:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return half(points) + half(points[::-1]) if len(points) > 1 else points


def _turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _intersections(n: int, is_convex_class: bool, generator: np.random.Generator) -> np.ndarray:
    """So many intersections of half-planes with enough pixels, (n, SIDE, SIDE) bool."""
    stop, least = ATOMS[is_convex_class]
    found = np.zeros((0, SIDE, SIDE), bool)
    y, x = np.mgrid[:SIDE, :SIDE]
    while len(found) < n:
        some = min(BLOCK, 2 * (n - len(found)) + 10)
        count = generator.geometric(stop, some)
        inside = np.ones((some, SIDE, SIDE), bool)
        for number in range(int(count.max())):
            still = np.flatnonzero(count > number)
            angle = generator.random(len(still)) * 2 * math.pi
            row, column = (generator.random(len(still)) * (SIDE - 1) for _ in range(2))
            across = np.cos(angle)[:, None, None] * (y - row[:, None, None])
            across += np.sin(angle)[:, None, None] * (x - column[:, None, None])
            inside[still] &= across >= 0
        found = np.concatenate([found, inside[inside.sum(axis=(1, 2)) >= least]])
    return found[:n]
