"""Windows on images: where they lie, the columns of what they see, and the way back."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ..backend import Context, array_module, matmul, op, run_beside, strided
from ..backend.arrays import Array

Pair = tuple[int, int]

# Bytes of columns that are made at a time.  On the host they are read again while they are in the cache (decision
# 0021); on a device few large products are what pays, and memory is the bound.
BLOCK = {"numpy": 3 << 19, "cupy": 1 << 28}
RUNS = 4  # of blocks, which can be worked on beside each other


@dataclass(frozen=True)
class Windows:
    """Windows that move over an image, each axis for itself.

    Attributes:
        size: rows and columns of pixels that a window sees.
        stride: distance of windows.
        dilation: distance of the pixels in a window.
        before: rows above, and columns to the left, that are added around the image.
        after: rows below, and columns to the right.

    >>> Windows((3, 3), stride=(2, 2), before=(1, 1), after=(1, 1)).positions((8, 7))
    (4, 4)
    """

    size: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)

    @cached_property
    def span(self) -> Pair:
        """Pixels from the first to the last of a window."""
        (rows, columns), (down, across) = self.size, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * across + 1

    @cached_property
    def alone(self) -> bool:
        """Whether each window is one pixel, and each pixel one window."""
        return self == Windows((1, 1))

    def outer(self, image: Pair) -> Pair:
        """Height and width with what is added around."""
        height, width = (n + b + a for n, b, a in zip(image, self.before, self.after))
        return height, width

    def positions(self, image: Pair) -> Pair:
        """How many windows fit below and beside each other; below 1 where none does."""
        down, across = ((n - span) // s + 1 for n, span, s in zip(self.outer(image), self.span, self.stride))
        return down, across

    def missed(self, image: Pair) -> Pair:
        """Rows and columns at the end of the image that no window sees, though windows as these would see them.

        What lies between two windows because the stride is larger than the span is left out on purpose.
        """
        rows, columns = (
            max((n - span) % s - after - max(s - span, 0), 0)
            for n, span, s, after in zip(self.outer(image), self.span, self.stride, self.after)
        )
        return rows, columns

    def offsets(self) -> Iterator[tuple[int, int, int]]:
        """Number of each pixel in a window, and its row and column from the window's first."""
        for number, (row, column) in enumerate(np.ndindex(*self.size)):
            yield number, row * self.dilation[0], column * self.dilation[1]

    def seen(self, outer: Array, row: int, column: int, positions: Pair) -> Array:
        """What one pixel of the windows sees: (..., height, width, n) to (..., down, across, n), a view."""
        (down, across), (rows, columns) = positions, self.stride
        return outer[
            ..., row : row + (down - 1) * rows + 1 : rows, column : column + (across - 1) * columns + 1 : columns, :
        ]


def blocks_of(samples: int, nbytes: int, x: Array) -> list[slice]:
    """Samples in blocks of which each needs no more memory than suits where they lie.

    Args:
        samples: of the batch.
        nbytes: that one sample needs; of one member, so that its blocks are those of the model alone.
        x: an array of the batch.
    """
    count = max(1, BLOCK[array_module(x).__name__] // max(nbytes, 1))
    return [slice(start, min(start + count, samples)) for start in range(0, samples, count)]


def beside(blocks: list[slice], ctx: Context, make: Callable[[list[slice]], Callable[[], None]]) -> None:
    """Work on blocks, runs of them beside each other where that pays.

    Into how many runs the blocks fall does not depend on how many can run at once, so results do not either.

    Args:
        blocks: of samples.
        ctx: gives the memory of all runs, which is given back at the end.
        make: takes the memory of a run, and returns what works on its blocks; that must not ask for memory.
    """
    # On a device blocks follow each other: its own threads work on one, and a captured stream is that of this thread.
    count = min(RUNS, len(blocks)) if ctx.arena.device.kind == "cpu" else 1
    ends = [len(blocks) * number // count for number in range(count + 1)]
    with ctx.scratch():
        run_beside([make(blocks[start:stop]) for start, stop in itertools.pairwise(ends)])


class Around:
    """Blocks of a batch with what windows add around each image.

    Args:
        x: ([E,] N, height, width, n).
        windows: that will look at it.
        count: samples of the largest block.
        ctx: gives memory for as long as the blocks are needed.
        value: of the pixels that are added.
    """

    def __init__(self, x: Array, windows: Windows, count: int, ctx: Context, value: float = 0.0):
        self.x, self.windows = x, windows
        image = x.shape[-3:-1]
        self.outer = windows.outer(image)
        self.room: Array = None
        if self.outer != image:
            self.room = ctx.empty((*x.shape[:-4], count, *self.outer, x.shape[-1]), x.dtype)
            self.room.fill(value)

    def block(self, samples: slice) -> Array:
        """([E,] n, outer height, outer width, channels) of some samples, until the next block is asked for."""
        part = self.x[..., samples, :, :, :]
        if self.room is None:
            return part
        room = self.room[..., : part.shape[-4], :, :, :]
        array_module(part).copyto(inner(room, self.windows, part.shape[-3:-1]), part)
        return room


def inner(outer: Array, windows: Windows, image: Pair) -> Array:
    """The image inside of what windows add around it, a view."""
    (top, left), (height, width) = windows.before, image
    return outer[..., top : top + height, left : left + width, :]


def columns(outer: Array, windows: Windows, positions: Pair, groups: int, out: Array) -> Array:
    """What each window sees, side by side.

    Args:
        outer: ([E,] n, height, width, channels), with what is added around.
        windows: that look at it.
        positions: how many there are.
        groups: of channels that are kept apart.
        out: memory of that many numbers.

    Returns:
        ([E,] groups, n * positions, pixels of a window * channels / groups), in ``out``.
    """
    lead, samples, channels = outer.shape[:-4], outer.shape[-4], outer.shape[-1]
    *ahead, each, down, across, one = outer.strides
    steps = (
        windows.stride[0] * down,
        windows.stride[1] * across,
        windows.dilation[0] * down,
        windows.dilation[1] * across,
    )
    width = channels // groups
    seen = strided(
        outer,
        (*lead, groups, samples, *positions, *windows.size, width),
        (*ahead, width * one, each, *steps, one),
    )
    array_module(outer).copyto(out.reshape(seen.shape), seen)
    return out.reshape(*lead, groups, samples * positions[0] * positions[1], -1)


def spread(found: Array, windows: Windows, positions: Pair, outer: Array) -> Array:
    """Add up, for each pixel, what all windows have for it: the transpose of :func:`columns`.

    Args:
        found: ([E,] groups, n * positions, pixels of a window * channels / groups).
        windows: that looked at the images.
        positions: how many there are.
        outer: ([E,] n, height, width, channels), with what is added around; written.
    """
    lead, groups = found.shape[:-3], found.shape[-3]
    width = outer.shape[-1] // groups
    parts = found.reshape(*lead, groups, -1, *positions, windows.size[0] * windows.size[1], width)
    xp = array_module(outer)
    parts = xp.moveaxis(parts, -6, -2)  # ([E,] n, down, across, pixels of a window, groups, width)
    outer.fill(0)
    for number, row, column in windows.offsets():
        place = windows.seen(outer, row, column, positions)
        place = place.reshape(*place.shape[:-1], groups, width)  # splits an axis, so it stays a view
        place += parts[..., number, :, :]
    return outer


def spread_terms(
    dy: Array, term_of: Callable[[int, slice, Array], None], windows: Windows, out: Array, ctx: Context
) -> Array:
    """Add up, for each pixel of the image, what each pixel of a window gives it.

    Args:
        dy: ([E,] N, down, across, channels), the gradient of what windows gave.
        term_of: ``term_of(number, block, term)`` writes what the pixel of that number in a window gives, for some
            samples, into ``term`` ([E,] n, down, across, channels); what it leaves there is given by the next too.
        windows: that looked at the images.
        out: ([E,] N, height, width, channels); written.
        ctx: gives memory for blocks.
    """
    positions, image = dy.shape[-3:-1], out.shape[-3:-1]
    blocks = blocks_of(out.shape[-4], 2 * prod(out.shape[-3:]) * out.itemsize, out)
    lead, count = out.shape[:-4], blocks[0].stop

    def make(run: list[slice]) -> Callable[[], None]:
        outer = ctx.empty((*lead, count, *windows.outer(image), out.shape[-1]), out.dtype)
        room = ctx.empty((*lead, count, *dy.shape[-3:]), dy.dtype)

        def work() -> None:
            for block in run:
                each = slice(0, block.stop - block.start)
                target, term = outer[..., each, :, :, :], room[..., each, :, :, :]
                target.fill(0)
                for number, row, column in windows.offsets():
                    term_of(number, block, term)
                    place = windows.seen(target, row, column, positions)
                    place += term
                array_module(out).copyto(out[..., block, :, :, :], inner(target, windows, image))

        return work

    beside(blocks, ctx, make)
    return out


@op
def column_sums(x: Array, out: Array, ctx: Context) -> Array:
    """``out = sum of x over the axis before the last``: (..., N, n) to (..., n).

    A sum over many rows of few numbers is slow in NumPy, a product with ones is not.
    """
    with ctx.scratch():
        ones = ctx.empty((1, x.shape[-2]), x.dtype)
        ones.fill(1)
        matmul(ones, x, out=out[..., None, :])
    return out


@column_sums.override("cupy")
def _column_sums_cuda(x: Array, out: Array, ctx: Context) -> Array:
    return x.sum(axis=-2, out=out)
