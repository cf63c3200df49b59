"""Whether an update may be made: computed and judged, before anything of it reaches the parameters."""

from typing import TYPE_CHECKING

import numpy as np

from ..backend import op
from ..backend.arrays import Array
from ..ops.guard import guarded
from .looping import Looped, average, suits

if TYPE_CHECKING:
    from .engine import Optimizer

# Sums of squares of other orders differ by far less than what lies between these and the ends of what they stand for.
SURELY = {"f": float(np.finfo(np.float32).max) / 8, "d": float(np.finfo(np.float64).max) / 8}
WITHIN = 0.99  # of a limit


@op
def judged(deltas: Array, allowed: Array, optimizer: "Optimizer") -> Array:
    """Compute the update of all members that are allowed, and say whose may be applied.

    Args:
        deltas: the optimizer's.
        allowed: bool, () or (members,): members that may change.
        optimizer: whose gradients are complete.

    Returns:
        Bool, () or (members,): whose update is finite and within all limits.
    """
    guarded(allowed, [deltas, optimizer.updates, *optimizer.slots.values()], optimizer.compute)
    return optimizer.judge()


@judged.override("numpy")
def _judged_on_the_way(deltas: Array, allowed: Array, optimizer: "Optimizer") -> Array:
    """Sums of squares are found while updates are in the cache.

    Where these are not far from the largest number, or a parameter from its limit, the whole vector is judged as ever:
    the verdict is the same whatever the order of the sums.
    """
    if not allowed.all():
        return judged.reference(deltas, allowed, optimizer)
    length = optimizer.compute(measure=True)
    if length is None or not (length < SURELY[deltas.dtype.char]).all():
        return optimizer.judge()
    named = optimizer.parameters.named
    sizes = ((optimizer.size_after(name, length), named[name].limit) for name in optimizer.limited)
    if not all((size < WITHIN * limit).all() for size, limit in sizes if limit is not None):
        return optimizer.judge()
    return np.ones(allowed.shape, bool)


@judged.override("compiled")
def _judged_by_loops(deltas: Array, allowed: Array, optimizer: "Optimizer") -> Array:
    """One pass over memory, in which nothing that is large enough to be in doubt passes unseen."""
    if not suits(optimizer) or not allowed.all():
        return _judged_on_the_way(deltas, allowed, optimizer)
    if optimizer.looped is None:
        optimizer.looped = Looped(optimizer)
    return np.ones(allowed.shape, bool) if optimizer.looped.run(optimizer) else optimizer.judge()


@op
def applied(deltas: Array, optimizer: "Optimizer") -> None:
    """Apply the update that was judged; ``deltas``, the optimizer's, may be overwritten."""
    optimizer.apply()


@applied.override("compiled")
def _applied_by_loops(deltas: Array, optimizer: "Optimizer") -> None:
    if optimizer.optimization.averaging is None or optimizer.bounded:
        optimizer.apply()  # which is one pass, and bounds by sums of many numbers
    else:
        average(optimizer)
