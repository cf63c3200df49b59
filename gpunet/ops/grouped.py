"""Convolutions of several groups of channels on CUDA, by the kernels of ``convolution.cu``.

Columns and products by cuBLAS suit one group; several make many small products, and one channel each makes products of
one column.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Context
from ..backend.arrays import Array
from ..backend.kernels import kernel
from .windows import Windows

SOURCE = Path(__file__).parent / "cuda" / "convolution.cu"
TILE, THREADS, CHANNELS, LANES = 64, 128, 32, 8  # as in the source
PART, MOST_PARTS = (
    4096,
    256,
)  # windows of a part of the sum for a kernel's gradient, and how many parts there are at most
MOST_BLOCKS, MOST_NUMBERS = 65535, 2**31 - 1  # along the second and third axis of a grid, and of an int


def suits(groups: int, *arrays: Array) -> bool:
    """Whether the kernels take these: several groups, contiguous arrays, sizes that an int and a grid hold."""
    small = all(array.size <= MOST_NUMBERS for array in arrays)
    members = max(array.shape[0] if array.ndim == 5 else 1 for array in arrays)
    fits = members * max(groups, MOST_PARTS) <= MOST_BLOCKS
    return groups > 1 and small and fits and all(array.flags.c_contiguous for array in arrays)


def forward(x: Array, weight: Array, bias: Array | None, windows: Windows, groups: int, out: Array) -> Array:
    """As :func:`.convolution.convolve`."""
    members, sizes = _members(weight), _sizes(x, out, windows, groups)
    given = (x, weight, weight if bias is None else bias, out, np.int32(bias is not None), _stride(x), *sizes)
    if _each(weight, groups):
        grid = (-(-out.size // (members * THREADS)), members)
        _kernel("forward_each", x)(grid, (THREADS,), given)
    else:
        count = prod(out.shape[-4:-1])
        _kernel("forward", x)(_tiles(count, out.shape[-1] // groups, members * groups), (256,), given)
    return out


def grad_input(dy: Array, weight: Array, windows: Windows, groups: int, out: Array) -> Array:
    """As :func:`.convolution.convolve_grad_input`."""
    members, given = _members(weight), (dy, weight, out, *_sizes(out, dy, windows, groups))
    if _each(weight, groups):
        _kernel("input_each", dy)((-(-out.size // (members * THREADS)), members), (THREADS,), given)
    else:
        count = prod(out.shape[-4:-1])
        _kernel("input", dy)(_tiles(count, out.shape[-1] // groups, members * groups), (256,), given)
    return out


def grad_kernel(x: Array, dy: Array, windows: Windows, groups: int, out: Array, ctx: Context) -> Array:
    """As :func:`.convolution.convolve_grad_kernel`."""
    members, count = _members(out), prod(dy.shape[-4:-1])
    each = _each(out, groups)
    # Of sizes of one model alone, so that a member's sum is cut as that of the model alone.
    span = max(PART, -(-count // (MOST_PARTS if each else max(1, MOST_PARTS // groups))))
    parts = -(-count // span)
    with ctx.scratch():
        sums = out if parts == 1 else ctx.empty((parts, *out.shape), out.dtype)
        given = (x, dy, sums, _stride(x), np.int32(members), np.int32(span), *_sizes(x, dy, windows, groups))
        if each:
            grid = (-(-dy.shape[-1] // CHANNELS), prod(windows.size), parts * members)
            _kernel("kernel_each", x)(grid, (CHANNELS, LANES), given)
        else:
            deep = prod(out.shape[-4:-1])
            _kernel("kernel", x)(_tiles(deep, out.shape[-1] // groups, parts * members * groups), (256,), given)
        if parts > 1:
            every = (sums, out, np.int32(parts), np.int64(out.size))
            _kernel("sum_parts", x)((-(-out.size // THREADS),), (THREADS,), every)
    return out


def _kernel(name: str, x: Array) -> Any:
    return kernel(SOURCE, f"{name}_{'double' if x.dtype == np.float64 else 'float'}")


def _tiles(m: int, n: int, deep: int) -> tuple[int, int, int]:
    return -(-m // TILE), -(-n // TILE), deep


def _members(weight: Array) -> int:
    return int(weight.shape[0]) if weight.ndim == 5 else 1


def _stride(x: Array) -> np.int64:
    """From the images of a member to those of the next; 0 where all members see the same."""
    return np.int64(prod(x.shape[1:]) if x.ndim == 5 else 0)


def _each(weight: Array, groups: int) -> bool:
    return bool(weight.shape[-2] == 1 and weight.shape[-1] == groups)


def _sizes(x: Array, y: Array, windows: Windows, groups: int) -> list[np.int32]:
    numbers = (*x.shape[-4:], *y.shape[-3:], *windows.size, *windows.stride, *windows.dilation, *windows.before, groups)
    return [np.int32(number) for number in numbers]
