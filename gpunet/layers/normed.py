"""Batch normalisation of rows by two kernels, one for each way."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..backend import Context, array_module, kernel, op
from ..backend.arrays import Array
from .base import Backward

if TYPE_CHECKING:
    from .batchnorm import BatchNorm

SOURCE = Path(ops.__file__).parent / "cuda" / "norm.cu"
THREADS, COLUMNS = 256, 32  # as in the source


@op
def normed(x: Array, norm: "BatchNorm", ctx: Context) -> tuple[Array, Backward]:
    """The forward pass of a batch norm, and its backward.

    Args:
        x: ([E,] N, *positions, n).
        norm: the layer.
        ctx: of the pass.
    """
    return norm.by_arrays(x, ctx)


@normed.override("cupy")
def _normed_cuda(x: Array, norm: "BatchNorm", ctx: Context) -> tuple[Array, Backward]:
    scale, shift = norm.scale.value, norm.shift.value
    # Positions make many rows of few features, which are too few blocks.
    suits = (
        ctx.training
        and norm.positions == 1
        and x.ndim == scale.ndim + 1
        and x.shape[-2] > 1
        and bool(x.flags.c_contiguous)
    )
    if not suits:
        return norm.by_arrays(x, ctx)
    rows, n = x.shape[-2:]
    members, dtype = x.size // (rows * n), x.dtype.type
    grid, unbiased = (-(-n // COLUMNS), members), rows / (rows - 1)
    correction = dtype(unbiased if norm.unbiased else 1.0)
    normal, y, inverse = ctx.like(x), ctx.like(x), ctx.empty((*x.shape[:-2], n), x.dtype)

    def forward(mean: Array, variance: Array) -> None:
        _kernel("forward", x)(
            grid,
            (THREADS,),
            (
                x, scale, shift, _stride(scale), normal, y, inverse, mean, variance, _stride(mean), np.int32(rows),
                np.int32(n), dtype(norm.epsilon), dtype(unbiased), correction,
            ),
        )  # fmt: skip

    norm.mean.accumulate(ctx, lambda mean: norm.variance.accumulate(ctx, lambda variance: forward(mean, variance)))

    def backward(dy: Array) -> Array:
        dy = array_module(dy).ascontiguousarray(dy)

        def pull(d_scale: Array, d_shift: Array) -> None:
            _kernel("backward", dy)(
                grid,
                (THREADS,),
                (
                    dy, normal, scale, _stride(scale), inverse, d_scale, d_shift, _stride(d_scale), np.int32(rows),
                    np.int32(n), correction,
                ),
            )  # fmt: skip

        norm.scale.accumulate(ctx, lambda d_scale: norm.shift.accumulate(ctx, lambda d_shift: pull(d_scale, d_shift)))
        return dy

    return y, backward


def _kernel(name: str, x: Array) -> Any:
    return kernel(SOURCE, f"{name}_{'double' if x.dtype == np.float64 else 'float'}")


def _stride(numbers: Array) -> np.int64:
    """From the numbers of a member to those of the next, ([members,] n)."""
    return np.int64(0 if numbers.ndim == 1 else numbers.strides[0] // numbers.itemsize)
