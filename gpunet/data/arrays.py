"""Arrays that were passed or read, on the way to samples: where channels and rows are, and what float32 would lose."""

from dataclasses import replace
from typing import Any

import numpy as np

from .contract import Contract
from .passes import extent
from .seen import Seen
from .streamed import Features, Streamed, in_blocks
from .targets import COARSE

CHANNELS = (1, 3, 4)  # that images usually have


def channels_first(shape: tuple[int, ...]) -> bool:
    """Whether the first axis alone of a picture has as many places as there are channels.

    >>> channels_first((3, 32, 32)), channels_first((32, 32, 3)), channels_first((3, 4, 4)), channels_first((28, 28))
    (True, False, False, False)
    """
    return len(shape) == 3 and shape[0] in CHANNELS and min(shape[1:]) > max(CHANNELS)


def oriented(x: Features, channels: str | None = None, transposed: bool | None = None) -> tuple[Any, tuple[str, ...]]:
    """Images upright with their channels on the last axis, and what the user should know; other arrays as they are.

    Args:
        x: (samples, ...), of images (samples, height, width), with channels behind or before these two.
        channels: ``first`` or ``last``; where None they are first if that axis alone has 1, 3 or 4 places beside
            longer ones.
        transposed: whether rows and columns are exchanged, as in the files of EMNIST.

    >>> oriented(np.zeros((2, 3, 8, 8)))[0].shape, oriented(np.zeros((2, 5, 8)), transposed=True)[0].shape
    ((2, 8, 8, 3), (2, 8, 5))
    """
    notes: tuple[str, ...] = ()
    if x.ndim == 4 and channels != "last":
        first, last = x.shape[1], x.shape[3]
        if channels == "first" or channels_first(x.shape[1:]):
            shape = "x".join(map(str, x.shape[1:]))
            x = in_blocks(x, lambda block: np.moveaxis(block, 1, -1), (*x.shape[2:], first))
            notes = (f"images of {shape} have their channels first, and are turned",)
        elif first in CHANNELS and last in CHANNELS and first != last:
            notes = ("the channels of images are taken for the last axis; set channels=first if they are the first",)
    if transposed and x.ndim in (3, 4):
        height, width, *rest = x.shape[1:]
        x = in_blocks(x, lambda block: block.swapaxes(1, 2), (width, height, *rest))
        notes = (*notes, "rows and columns of images are exchanged, as those of EMNIST are")
    return x if isinstance(x, Streamed) else np.ascontiguousarray(x), notes


def near_zero(x: Features) -> tuple[Any, Contract | None, tuple[str, ...]]:
    """Rows of numbers whose differences float32 would lose, with a number near their mean subtracted in float64.

    Args:
        x: (samples, features) of any type.

    Returns:
        The array, the contract that keeps what was subtracted, or None where nothing was, and what is to be said.

    >>> x, contract, _ = near_zero(np.array([[1e9], [1e9 + 1]]))
    >>> x.tolist(), contract.offset
    ([[0.0], [1.0]], (1000000000.0,))
    """
    if x.ndim != 2 or x.dtype.kind not in "iuf" or x.dtype.itemsize < 4 or x.dtype == np.float32 or not len(x):
        return x, None, ()
    found = extent(x)
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return x, None, ()  # refused elsewhere, with the place
    if isinstance(x, Streamed):
        moments = Seen(x).moments()
        mean, spread = moments.mean, moments.deviation
    else:
        wide = x.astype(np.float64)
        mean, spread = wide.mean(axis=0), wide.std(axis=0)
    lost = (np.abs(mean) * np.finfo(np.float32).eps > COARSE * spread) & (spread > 0)
    if not lost.any():
        return x, None, ()
    offset = np.where(lost, np.round(mean), 0.0)
    contract = Contract(low=found.low, high=found.high, offset=tuple(offset.tolist()))
    said = f"{int(lost.sum())} of {len(lost)} features are counted from a number near their mean, which float32 needs"
    return in_blocks(x, lambda block: block.astype(np.float64) - offset, dtype=np.float64), contract, (said,)


def after(x: np.ndarray, before: Contract) -> tuple[np.ndarray, Contract, tuple[str, ...]]:
    """Samples as a training that goes on knows those before them, and a contract that covers both.

    Args:
        x: (samples, *shape) of any type.
        before: the contract of the samples before.

    Returns:
        The array, the contract, and nothing that is to be said, as :func:`near_zero` does.

    >>> x, contract, _ = after(np.array([[7.0], [9.0]]), Contract(low=1.0, high=5.0, lows=(1.0,), highs=(5.0,)))
    >>> x.tolist(), contract.low, contract.highs
    ([[7.0], [9.0]], 1.0, (9.0,))
    """
    lows, highs = before.lows, before.highs
    if lows and len(lows) == x[0].size:
        rows = x.reshape(len(x), -1)
        lows = tuple(np.minimum(lows, rows.min(axis=0)).tolist())
        highs = tuple(np.maximum(highs, rows.max(axis=0)).tolist())
    low, high = min(before.low, float(x.min())), max(before.high, float(x.max()))
    whole = before.whole and bool((x == np.floor(x)).all())
    contract = replace(before, low=low, high=high, lows=lows, highs=highs, whole=whole)
    fits = len(before.offset) == x[0].size and x.ndim == 2
    return (x.astype(np.float64) - np.array(before.offset) if fits else x), contract, ()
