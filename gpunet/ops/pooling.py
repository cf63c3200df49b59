"""The largest and the mean of what windows see, and their gradients."""

from collections.abc import Callable
from math import prod

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from .windows import Around, Pair, Windows, blocks_of, inner


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
    with ctx.scratch():
        around = Around(x, windows, blocks[0].stop, ctx, value=-np.inf)
        larger = ctx.empty((*out.shape[:-4], blocks[0].stop, *out.shape[-3:]), bool)
        for block in blocks:
            outer, best, number_of = around.block(block), out[..., block, :, :, :], which[..., block, :, :, :]
            beats = larger[..., : block.stop - block.start, :, :, :]
            number_of.fill(0)
            for number, row, column in windows.offsets():
                seen = windows.seen(outer, row, column, positions)
                if number == 0:
                    xp.copyto(best, seen)
                    continue
                xp.greater(seen, best, out=beats)
                xp.copyto(number_of, number, where=beats)
                xp.maximum(best, seen, out=best)  # what is no number stays none
    return out


def max_pool_grad(dy: Array, which: Array, windows: Windows, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] N, height, width, channels): each gradient goes to the pixel that was the largest."""
    xp = array_module(dy)

    def share(number: int, block: slice, term: Array) -> None:
        taken = xp.equal(which[..., block, :, :, :], number, out=ctx.empty(term.shape, bool))
        xp.multiply(dy[..., block, :, :, :], taken, out=term)

    return _spread(dy, share, windows, out, ctx)


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
    with ctx.scratch():
        around = Around(x, windows, blocks[0].stop, ctx)
        for block in blocks:
            outer, total = around.block(block), out[..., block, :, :, :]
            total.fill(0)
            for _, row, column in windows.offsets():
                total += windows.seen(outer, row, column, positions)
            total *= share
    return out


def average_pool_grad(dy: Array, windows: Windows, share: Array, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] N, height, width, channels): each gradient goes to all pixels of the image in its window."""

    def equal(number: int, block: slice, term: Array) -> None:
        if number == 0:
            array_module(dy).multiply(dy[..., block, :, :, :], share, out=term)

    return _spread(dy, equal, windows, out, ctx)


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


def _spread(dy: Array, share: Callable[[int, slice, Array], None], windows: Windows, out: Array, ctx: Context) -> Array:
    """Add up what each pixel of a window gets, which ``share(number, block, term)`` writes into ``term``."""
    xp, positions, image = array_module(dy), dy.shape[-3:-1], out.shape[-3:-1]
    blocks = blocks_of(out.shape[-4], 2 * prod(out.shape[-3:]) * out.itemsize, out)
    lead, count = out.shape[:-4], blocks[0].stop
    with ctx.scratch():
        outer = ctx.empty((*lead, count, *windows.outer(image), out.shape[-1]), out.dtype)
        room = ctx.empty((*lead, count, *dy.shape[-3:]), dy.dtype)
        for block in blocks:
            each = slice(0, block.stop - block.start)
            target, term = outer[..., each, :, :, :], room[..., each, :, :, :]
            target.fill(0)
            for number, row, column in windows.offsets():
                with ctx.scratch():
                    share(number, block, term)
                place = windows.seen(target, row, column, positions)
                place += term
            xp.copyto(out[..., block, :, :, :], inner(target, windows, image))
    return out
