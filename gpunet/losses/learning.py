"""A loss as a training step needs it: of each sample, with the gradient of the batch's mean."""

from pathlib import Path

import numpy as np

from .. import ops
from ..backend import Context, kernel, op
from ..backend.arrays import Array
from ..members import each
from ..ops.weighting import average
from .base import Loss
from .classification import BinaryCrossEntropy, CategoricalCrossEntropy
from .regression import SquaredError

SOURCE = Path(ops.__file__).parent / "cuda" / "losses.cu"
LANES = 32  # as in the source
KINDS: dict[type[Loss], int] = {CategoricalCrossEntropy: 0, BinaryCrossEntropy: 1, SquaredError: 2}


@op
def learned(
    z: Array, loss: Loss, target: Array, share: Array | None, ctx: Context
) -> tuple[Array, Array, Array | None]:
    """A loss, and the gradient of its mean over the batch.

    Args:
        z: outputs, ([E,] N, K).
        loss: the rule.
        target: labels or values, see :class:`.Loss`.
        share: what part each sample has in the mean, ([E,] N), or None where all have the same.
        ctx: memory.

    Returns:
        The loss of each sample, ([E,] N); the gradient, ([E,] N, K); and where a kernel finds it on its way, 1 for each
        sample whose class is the likeliest, else 0, ([E,] N), or None.
    """
    values, gradient = loss(z, target, ctx)
    average(gradient, share)
    return values, gradient, None


@learned.override("cupy")
def _learned_cuda(
    z: Array, loss: Loss, target: Array, share: Array | None, ctx: Context
) -> tuple[Array, Array, Array | None]:
    if not _suits(z, loss, target, ctx):
        return learned.reference(z, loss, target, share, ctx)
    outputs, dtype = z.shape[-1], z.dtype.type
    rows, samples = z.size // outputs, z.shape[-2]
    members, labels = rows // samples, target.dtype.kind != "f"
    values, right, gradient = ctx.empty(z.shape[:-1], z.dtype), ctx.empty(z.shape[:-1], z.dtype), ctx.like(z)
    smoothing = getattr(loss, "label_smoothing", 0.0) if ctx.training else 0.0
    kept, spread = each(lambda part: 1 - part, smoothing), each(lambda part: part / outputs, smoothing)
    numbers = [ctx.number_of_each(number, members, z.dtype) for number in (kept, spread)]
    factor = (1 / outputs if getattr(loss, "mean", False) else 1.0) * (0.5 if getattr(loss, "half", False) else 1.0)
    target_rows = target.size if labels else target.size // outputs
    launch = kernel(SOURCE, f"loss_{'double' if z.dtype == np.float64 else 'float'}")
    launch(
        (rows,),
        (LANES,),
        (
            z, target, target, np.int32(labels), z if share is None else share, np.int32(share is not None),
            dtype(1 / samples), *numbers, np.int32(bool(smoothing)), values, gradient, right, np.int32(outputs),
            np.int32(samples), np.int64(target_rows), np.int64(rows if share is None else share.size),
            np.int32(KINDS[type(loss)]), np.float64(factor),
        ),
    )  # fmt: skip
    return values, gradient, right


def _suits(z: Array, loss: Loss, target: Array, ctx: Context) -> bool:
    """Whether the kernel knows the loss, and reads targets of this kind."""
    kind = KINDS.get(type(loss))
    if kind is None or getattr(loss, "both_terms", False) or (kind == 0 and z.shape[-1] == 1):
        return False
    if kind == 1 and ctx.numerics == 1:  # whose formula is another one
        return False
    readable = target.dtype in (z.dtype, np.int32) and bool(target.flags.c_contiguous and z.flags.c_contiguous)
    return readable and bool(z.size)
