"""Updates that some members of a population, or the one model, must not take part in."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..backend import array_module, kernel, matmul, op
from ..backend.arrays import Array

THREADS = 128


@op
def guarded(allowed: Array, arrays: Sequence[Array], update: Callable[[], None]) -> None:
    """Run ``update``, which changes ``arrays`` in place, but leave members that are not allowed as they were.

    Args:
        allowed: bool, shape () for one model or (members,).
        arrays: everything that ``update`` changes, each (n,) or (members, n).
        update: changes the arrays.
    """
    if allowed.all():
        update()
    elif allowed.any():
        update_and_restore(allowed, arrays, update)


def update_and_restore(allowed: Array, arrays: Sequence[Array], update: Callable[[], None]) -> None:
    """Run ``update`` for all and take it back for members that are not allowed; branches on nothing."""
    before = [array.copy() for array in arrays]
    update()
    restore(allowed, arrays, before)


# A captured step cannot branch on a device value, so there the update always runs and is taken back.
guarded.override("cupy")(update_and_restore)


@op
def put_back(allowed: Array, arrays: Sequence[Array], before: Sequence[Array]) -> None:
    """Give arrays that a step has changed their old numbers, for members that are not allowed.

    Args:
        allowed: bool, shape () for one model or (members,).
        arrays: changed in place, each ([members,] ...).
        before: what they held before the step.
    """
    if not allowed.all():
        restore(allowed, arrays, before)


def restore(allowed: Array, arrays: Sequence[Array], before: Sequence[Array]) -> None:
    """What :func:`put_back` says; branches on nothing."""
    for array, old in zip(arrays, before):
        mask = ~allowed.reshape(*allowed.shape, *(1 for _ in array.shape[allowed.ndim :]))
        array_module(array).copyto(array, old, where=mask)


@put_back.override("cupy")
def _put_back_cuda(allowed: Array, arrays: Sequence[Array], before: Sequence[Array]) -> None:
    members, launch = allowed.size, kernel(Path(__file__).parent / "cuda" / "guard.cu", "put_back")
    for array, old in zip(arrays, before):
        words = array.nbytes // (4 * members)  # of float32, float64 and int64 alike
        assert array.flags.c_contiguous, "states of a step are made by the device"
        launch((-(-words // THREADS), members), (THREADS,), (allowed, array, old, np.int64(words)))


@op
def mark(finite: Array, first: Array, now: Array) -> None:
    """Lower numbers to the present one where something is not finite.

    Args:
        finite: bool, () or (members,).
        first: int64 (members,), changed in place.
        now: int64 (1,).
    """
    if not finite.all():
        lower(finite, first, now)


def lower(finite: Array, first: Array, now: Array) -> None:
    """What :func:`mark` says; branches on nothing."""
    xp = array_module(first)
    xp.minimum(first, xp.where(finite, first, now), out=first)


mark.override("cupy")(lower)


@op
def square_sum(flat: Array) -> Array:
    """Sum of squares over the last axis: a number that is finite only if all of them are; (..., n) to (...)."""
    return matmul(flat[..., None, :], flat[..., :, None])[..., 0, 0]


@square_sum.override("cupy")
def _square_sum_cuda(flat: Array) -> Array:
    # A product that is one number would be the work of one block of threads; a sum of a contiguous array is split up.
    return (flat * flat).sum(axis=-1)


def peak(flat: Array) -> Array:
    """Largest size of a number along the last axis, (..., n) to (...); not finite unless all of them are."""
    xp = array_module(flat)
    return xp.maximum(flat.max(axis=-1), -flat.min(axis=-1))
