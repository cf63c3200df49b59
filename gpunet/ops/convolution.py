"""Convolutions and their gradients: products of the columns of windows with the kernel, block by block."""

from collections.abc import Callable
from math import prod

from ..backend import Context, array_module, matmul, op
from ..backend.arrays import Array
from . import grouped
from .windows import Around, Pair, Windows, beside, blocks_of, column_sums, columns, inner, spread, spread_terms


@op
def convolve(
    x: Array, kernel: Array, bias: Array | None, windows: Windows, groups: int, out: Array, ctx: Context
) -> Array:
    """The products of each window with the kernel.

    Args:
        x: ([E,] N, height, width, n_in); without members it may serve all members of the kernel.
        kernel: ([E,] rows, columns, n_in / groups, n_out).
        bias: ([E,] n_out), or None.
        windows: that look at the images, as large as the kernel.
        groups: of channels; the outputs of a group see its inputs alone.
        out: ([E,] N, down, across, n_out); written.
        ctx: gives memory for a block.
    """
    if depthwise(kernel, groups):
        return _convolve_each(x, kernel, bias, windows, out, ctx)
    weight, positions = _matrices(kernel, groups), out.shape[-3:-1]
    width = weight.shape[-2] * groups
    blocks = _blocks(x, windows, positions, width)

    def make(run: list[slice]) -> Callable[[], None]:
        looked = _Columns(x, windows, positions, groups, width, blocks[0].stop, ctx)

        def work() -> None:
            for block in run:
                part = out[..., block, :, :, :]
                matmul(looked.block(block), weight, out=_rows(part, groups))
                if bias is not None:
                    part += bias[..., None, None, None, :]

        return work

    beside(blocks, ctx, make)
    return out


@op
def convolve_grad_kernel(x: Array, dy: Array, windows: Windows, groups: int, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] rows, columns, n_in / groups, n_out): the gradient of the kernel, over all samples and windows."""
    if depthwise(out, groups):
        return _grad_kernel_each(x, dy, windows, out, ctx)
    total, positions = _matrices(out, groups), dy.shape[-3:-1]
    width = total.shape[-2] * groups
    blocks = _blocks(x, windows, positions, width)
    sums: list[Array] = []

    def make(run: list[slice]) -> Callable[[], None]:
        looked = _Columns(x, windows, positions, groups, width, blocks[0].stop, ctx)
        own = ctx.empty(total.shape, total.dtype) if sums else total
        part = ctx.empty(total.shape, total.dtype) if len(run) > 1 else None
        sums.append(own)

        def work() -> None:
            for block in run:
                first = block is run[0]
                rows = _rows(dy[..., block, :, :, :], groups)
                matmul(looked.block(block).swapaxes(-1, -2), rows, out=own if first else part)
                if not first:
                    array_module(own).add(own, part, out=own)

        return work

    beside(blocks, ctx, make)
    for own in sums[1:]:  # given back, but nothing was asked for since
        total += own
    return out


@op
def convolve_grad_input(dy: Array, kernel: Array, windows: Windows, groups: int, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] N, height, width, n_in): the gradient of the images."""
    if depthwise(kernel, groups):
        return _grad_input_each(dy, kernel, windows, out, ctx)
    turned = _turned(windows)
    if turned is not None and kernel.shape[-1] <= 2 * out.shape[-1]:
        # Where windows move by one pixel this is a convolution too; adding up columns costs more than making them.
        with ctx.scratch():
            return convolve(dy, _turn(kernel, groups, ctx), None, turned, groups, out, ctx)
    weight, positions, image = _matrices(kernel, groups).swapaxes(-1, -2), dy.shape[-3:-1], out.shape[-3:-1]
    width = weight.shape[-1] * groups
    blocks = _blocks(dy, windows, positions, width)
    lead, count = out.shape[:-4], blocks[0].stop

    def make(run: list[slice]) -> Callable[[], None]:
        outer = ctx.empty((*lead, count, *windows.outer(image), out.shape[-1]), out.dtype)
        first = _rows(dy[..., run[0], :, :, :], groups)
        room = ctx.empty((*first.shape[:-1], weight.shape[-1]), dy.dtype)

        def work() -> None:
            for block in run:
                rows = _rows(dy[..., block, :, :, :], groups)
                found = matmul(rows, weight, out=room[..., : rows.shape[-2], :])
                found = found if groups > 1 else found[..., None, :, :]
                added = spread(found, windows, positions, outer[..., : block.stop - block.start, :, :, :])
                array_module(out).copyto(out[..., block, :, :, :], inner(added, windows, image))

        return work

    beside(blocks, ctx, make)
    return out


@convolve.override("cupy")
def _convolve_cuda(
    x: Array, kernel: Array, bias: Array | None, windows: Windows, groups: int, out: Array, ctx: Context
) -> Array:
    if grouped.suits(groups, x, kernel, out):
        return grouped.forward(x, kernel, bias, windows, groups, out)
    return convolve.reference(x, kernel, bias, windows, groups, out, ctx)


@convolve_grad_kernel.override("cupy")
def _convolve_grad_kernel_cuda(x: Array, dy: Array, windows: Windows, groups: int, out: Array, ctx: Context) -> Array:
    if grouped.suits(groups, x, dy, out):
        return grouped.grad_kernel(x, dy, windows, groups, out, ctx)
    return convolve_grad_kernel.reference(x, dy, windows, groups, out, ctx)


@convolve_grad_input.override("cupy")
def _convolve_grad_input_cuda(
    dy: Array, kernel: Array, windows: Windows, groups: int, out: Array, ctx: Context
) -> Array:
    if grouped.suits(groups, dy, kernel, out):
        return grouped.grad_input(dy, kernel, windows, groups, out)
    return convolve_grad_input.reference(dy, kernel, windows, groups, out, ctx)


def convolve_grad_bias(dy: Array, out: Array, ctx: Context) -> Array:
    """``out``, ([E,] n_out): the sum over samples and windows."""
    return column_sums(dy.reshape(*dy.shape[:-4], -1, dy.shape[-1]), out, ctx)


def depthwise(kernel: Array, groups: int) -> bool:
    """Whether each output sees one channel and each channel is seen by one output: products of matrices do not pay."""
    return kernel.shape[-2] == 1 and kernel.shape[-1] == groups > 1


class _Columns:
    """The columns of one block after the other, in the same memory; images themselves where a window is a pixel."""

    def __init__(self, x: Array, windows: Windows, positions: Pair, groups: int, width: int, count: int, ctx: Context):
        self.windows, self.positions, self.groups = windows, positions, groups
        self.around = Around(x, windows, count, ctx)
        self.plain = windows.alone and groups == 1
        self.lead = x.shape[:-4]
        if not self.plain:
            self.room = ctx.empty((*self.lead, count * prod(positions) * width), x.dtype)
            self.each = prod(positions) * width

    def block(self, samples: slice) -> Array:
        """([E,] groups, rows, width), without the axis of groups where there is one group."""
        outer = self.around.block(samples)
        if self.plain:
            return outer.reshape(*self.lead, -1, outer.shape[-1])
        room = self.room[..., : (samples.stop - samples.start) * self.each]
        found = columns(outer, self.windows, self.positions, self.groups, room)
        return found if self.groups > 1 else found[..., 0, :, :]


def _blocks(x: Array, windows: Windows, positions: Pair, width: int) -> list[slice]:
    samples = x.shape[-4]
    if windows.alone:
        return [slice(0, samples)]
    return blocks_of(samples, prod(positions) * width * x.itemsize, x)


def _matrices(kernel: Array, groups: int) -> Array:
    """A kernel as ([E,] [groups,] pixels * inputs, outputs), a view."""
    *lead, rows, across, n_in, n_out = kernel.shape
    flat = kernel.reshape(*lead, rows * across * n_in, n_out)
    if groups == 1:
        return flat
    return flat.reshape(*flat.shape[:-1], groups, n_out // groups).swapaxes(-2, -3)


def _rows(y: Array, groups: int) -> Array:
    """([E,] n, down, across, channels) as ([E,] [groups,] n * down * across, channels), a view of contiguous arrays."""
    flat = y.reshape(*y.shape[:-4], -1, y.shape[-1])
    if groups == 1:
        return flat
    return flat.reshape(*flat.shape[:-1], groups, y.shape[-1] // groups).swapaxes(-2, -3)


def _turned(windows: Windows) -> Windows | None:
    """The windows on what windows found whose sum is the way back, where those move by one pixel and see all others."""
    ends = [tuple(s - 1 - n for s, n in zip(windows.span, around)) for around in (windows.before, windows.after)]
    if windows.stride != (1, 1) or min(map(min, ends)) < 0:
        return None
    return Windows(windows.size, (1, 1), windows.dilation, ends[0], ends[1])  # type: ignore[arg-type]


def _turn(kernel: Array, groups: int, ctx: Context) -> Array:
    """The kernel of the way back: turned about its middle, inputs and outputs exchanged within each group."""
    *lead, rows, across, n_in, n_out = kernel.shape
    turned = kernel[..., ::-1, ::-1, :, :].reshape(*lead, rows, across, n_in, groups, n_out // groups)
    out = ctx.empty((*lead, rows, across, n_out // groups, groups * n_in), kernel.dtype)
    target = out.reshape(*lead, rows, across, n_out // groups, groups, n_in)
    array_module(kernel).copyto(target, turned.swapaxes(-3, -1))
    return out


def _convolve_each(x: Array, kernel: Array, bias: Array | None, windows: Windows, out: Array, ctx: Context) -> Array:
    """Each channel by itself: the images, shifted, times one number of the kernel."""
    xp, positions = array_module(x), out.shape[-3:-1]
    taps = kernel.reshape(*kernel.shape[:-4], -1, kernel.shape[-1])
    blocks = blocks_of(out.shape[-4], 2 * prod(out.shape[-3:]) * x.itemsize, x)

    def make(run: list[slice]) -> Callable[[], None]:
        around = Around(x, windows, blocks[0].stop, ctx)
        product = ctx.empty((*out.shape[:-4], blocks[0].stop, *out.shape[-3:]), out.dtype)

        def work() -> None:
            for block in run:
                outer, part = around.block(block), out[..., block, :, :, :]
                term = product[..., : block.stop - block.start, :, :, :]
                for number, row, column in windows.offsets():
                    seen, tap = windows.seen(outer, row, column, positions), taps[..., number, None, None, None, :]
                    xp.multiply(seen, tap, out=term if number else part)
                    if number:
                        part += term
                if bias is not None:
                    part += bias[..., None, None, None, :]

        return work

    beside(blocks, ctx, make)
    return out


def _grad_kernel_each(x: Array, dy: Array, windows: Windows, out: Array, ctx: Context) -> Array:
    xp, positions, n = array_module(x), dy.shape[-3:-1], dy.shape[-1]
    taps = out.reshape(*out.shape[:-4], -1, n)
    blocks = blocks_of(dy.shape[-4], 2 * prod(dy.shape[-3:]) * x.itemsize, x)
    with ctx.scratch():
        around = Around(x, windows, blocks[0].stop, ctx)
        product = ctx.empty((*dy.shape[:-4], blocks[0].stop, *dy.shape[-3:]), dy.dtype)
        sums = ctx.empty((*dy.shape[:-4], n), dy.dtype)
        for block in blocks:
            outer, part = around.block(block), dy[..., block, :, :, :]
            term = product[..., : block.stop - block.start, :, :, :]
            for number, row, column in windows.offsets():
                xp.multiply(windows.seen(outer, row, column, positions), part, out=term)
                tap = taps[..., number, :]
                column_sums(term.reshape(*term.shape[:-4], -1, n), sums if block.start else tap, ctx)
                if block.start:
                    tap += sums
    return out


def _grad_input_each(dy: Array, kernel: Array, windows: Windows, out: Array, ctx: Context) -> Array:
    xp = array_module(dy)
    taps = kernel.reshape(*kernel.shape[:-4], -1, kernel.shape[-1])

    def times(number: int, block: slice, term: Array) -> None:
        xp.multiply(dy[..., block, :, :, :], taps[..., number, None, None, None, :], out=term)

    return spread_terms(dy, times, windows, out, ctx)
