"""The largest and the mean of what windows see, and their gradients."""

from collections.abc import Callable
from math import prod

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from .windows import Around, Pair, Windows, beside, blocks_of, inner, spread_terms


def max_pool(x: Array, windows: Windows, out: Array, which: Array, ctx: Context) -> Array:
    """The largest that each window sees.

    Args:
        x: ([E,] N, height, width, channels).
        windows: that look at it; each sees a pixel of the image.
        out: ([E,] N, down, across, channels); written.
        which: of the same shape, uint16: the number of the pixel in its window, the first of equal ones; written.
        ctx: gives memory for a block.
    """
    xp, positions = array_module(x), out.shape[-3:-1]
    blocks = blocks_of(x.shape[-4], 2 * prod(x.shape[-3:]) * x.itemsize, x)

    def make(run: list[slice]) -> Callable[[], None]:
        around = Around(x, windows, blocks[0].stop, ctx, value=-np.inf)
        larger = ctx.empty((*out.shape[:-4], blocks[0].stop, *out.shape[-3:]), bool)

        def work() -> None:
            for block in run:
                outer, best, number_of = around.block(block), out[..., block, :, :, :], which[..., block, :, :, :]
                beats = larger[..., : block.stop - block.start, :, :, :]
                number_of.fill(0)
                xp.copyto(best, windows.seen(outer, 0, 0, positions))
                for number, row, column in windows.offsets():
                    if number:
                        seen = windows.seen(outer, row, column, positions)
                        xp.greater(seen, best, out=beats)
                        xp.copyto(number_of, number, where=beats)
                        xp.maximum(best, seen, out=best)  # what is no number stays none

        return work

    beside(blocks, ctx, make)
    return out


def max_pool_grad(dy: Array, which: Array, windows: Windows, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] N, height, width, channels): each gradient goes to the pixel that was the largest."""
    xp = array_module(dy)

    def share(number: int, block: slice, term: Array) -> None:
        xp.equal(which[..., block, :, :, :], number, out=term)
        term *= dy[..., block, :, :, :]

    return spread_terms(dy, share, windows, out, ctx)


def average_pool(x: Array, windows: Windows, share: Array, out: Array, ctx: Context) -> Array:
    """The mean of the pixels that each window sees.

    Args:
        x: ([E,] N, height, width, channels).
        windows: that look at it.
        share: one over the number of pixels of the image in each window, see :func:`shares`.
        out: ([E,] N, down, across, channels); written.
        ctx: gives memory for a block.
    """
    positions = out.shape[-3:-1]
    blocks = blocks_of(x.shape[-4], 2 * prod(x.shape[-3:]) * x.itemsize, x)

    def make(run: list[slice]) -> Callable[[], None]:
        around = Around(x, windows, blocks[0].stop, ctx)

        def work() -> None:
            for block in run:
                outer, total = around.block(block), out[..., block, :, :, :]
                total.fill(0)
                for _, row, column in windows.offsets():
                    total += windows.seen(outer, row, column, positions)
                total *= share

        return work

    beside(blocks, ctx, make)
    return out


def average_pool_grad(dy: Array, windows: Windows, share: Array, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] N, height, width, channels): each gradient goes to all pixels of the image in its window."""

    def equal(number: int, block: slice, term: Array) -> None:
        if number == 0:
            array_module(dy).multiply(dy[..., block, :, :, :], share, out=term)

    return spread_terms(dy, equal, windows, out, ctx)


def shares(windows: Windows, image: Pair, like: Array, ctx: Context) -> Array | float:
    """One over the number of pixels of the image that each window sees: (down, across, 1), or a number for all.

    >>> from gpunet.testing import make_context
    >>> from gpunet.backend import Device
    >>> shares(Windows((2, 2), (2, 2), after=(1, 0)), (3, 2), np.zeros((2, 1)), make_context(Device()))[..., 0].tolist()
    [[0.25], [0.5]]
    """
    if windows.outer(image) == image:
        return 1 / prod(windows.size)
    out = ctx.empty((*windows.positions(image), 1), like.dtype)
    with ctx.scratch():
        outer = ctx.empty((*windows.outer(image), 1), like.dtype)
        outer.fill(0)
        inner(outer, windows, image).fill(1)
        out.fill(0)
        for _, row, column in windows.offsets():
            out += windows.seen(outer, row, column, windows.positions(image))
    return array_module(out).reciprocal(out, out=out)
