"""The end of a training step: from the gradients and measures of a batch to new weights and counters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backend import op
from ..backend.arrays import Array
from ..ops.guard import mark, peak, square_sum
from .engine import Optimizer
from .tail import Tail, suits

NEVER = 2**62  # step number of a failure that has not happened


@dataclass(frozen=True)
class Counters:
    """What a training counts, on the device.

    Attributes:
        active: bool (members,), who is to be updated.
        failed: int64 (members,), the step at which each left the finite numbers, or :data:`NEVER`.
        totals: float64 (measures + 1, members), sums since the epoch began, the last row of samples.
        clock: uint64 (1,), steps taken.
        cursor: int64 (1,), steps taken in this epoch.
    """

    active: Array
    failed: Array
    totals: Array
    clock: Array
    cursor: Array


@op
def end_step(
    grads: Array, optimizer: Optimizer, counters: Counters, measures: Sequence[Array], weight: Array | None, rows: int
) -> Array:
    """Update what may be updated, and count.

    A member whose loss, gradient or update is not finite, or goes beyond a limit, is marked with the number of the step
    and never updated again.

    Args:
        grads: of the optimizer's parameters, complete; may be overwritten.
        optimizer: planned for the epoch.
        counters: changed in place.
        measures: of each sample, ([members,] N); the first one must be finite.
        weight: of each sample, ([members,] N), or None.
        rows: samples of the batch.

    Returns:
        Bool, () or (members,): who may keep what else the step has changed.
    """
    parameters, xp = optimizer.parameters, optimizer.parameters.device.xp
    sums = [(measure if weight is None else measure * weight).sum(axis=-1) for measure in measures]
    counted = rows if weight is None else weight.sum(axis=-1)
    # Clipping makes a step of any finite gradient, also of one whose square is not finite.
    clips = optimizer.optimization.clipping is not None
    size = peak(grads) if clips else square_sum(grads)
    now = counters.clock.view(np.int64)
    mark(xp.isfinite(size + sums[0]), counters.failed, now)
    allowed = xp.logical_and(counters.active, counters.failed == NEVER).reshape(parameters.members)
    mark(optimizer.step(allowed), counters.failed, now)
    well = counters.failed == NEVER
    for number, total in enumerate(sums):
        row = counters.totals[number]
        row += xp.where(well, total, 0)
    samples = counters.totals[-1]
    samples += xp.where(well, counted, 0)
    someone = xp.any(well)
    clock, cursor = counters.clock, counters.cursor
    clock += someone
    cursor += someone
    return xp.logical_and(counters.active, well).reshape(parameters.members)


@end_step.override("cupy")
def _end_step_cuda(
    grads: Array, optimizer: Optimizer, counters: Counters, measures: Sequence[Array], weight: Array | None, rows: int
) -> Array:
    if not suits(optimizer, measures):
        return end_step.reference(grads, optimizer, counters, measures, weight, rows)
    if optimizer.tail is None:
        optimizer.tail = Tail(optimizer)
    return optimizer.tail.run(optimizer, counters, measures, weight)
