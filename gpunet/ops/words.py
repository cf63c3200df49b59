"""Rearranging the words of texts, rows of word numbers that end in zeros."""

from pathlib import Path

import numpy as np

from ..backend import array_module, kernel, op
from ..backend.arrays import Array

THREADS = 128


@op
def move_together(words: Array, kept: Array, out: Array) -> Array:
    """Words that are kept, in front and in their order; zeros follow them.

    Args:
        words: whole numbers (N, length); int32 as data sets have them.
        kept: bool (N, length).
        out: of the shape and type of ``words``, written.

    >>> words = np.array([[7, 8, 9, 0]], np.int32)
    >>> move_together(words, np.array([[True, False, True, False]]), np.empty_like(words)).tolist()
    [[7, 9, 0, 0]]
    """
    order = np.where(kept, 0, words.shape[1]) + np.arange(words.shape[1])
    out[...] = np.take_along_axis(np.where(kept, words, 0), np.argsort(order, axis=1), axis=1)
    return out


@move_together.override("cupy")
def _move_together_cuda(words: Array, kept: Array, out: Array) -> Array:
    xp = array_module(words)
    if words.dtype != np.int32:
        out[...] = _move_together_cuda(words.astype(np.int32), kept, xp.empty(words.shape, np.int32))
        return out
    words, kept = xp.ascontiguousarray(words), xp.ascontiguousarray(kept)
    rows, length = words.shape
    launch = kernel(Path(__file__).parent / "cuda" / "words.cu", "move_together")
    launch((-(-words.size // THREADS),), (THREADS,), (words, kept, out, np.int64(rows), np.int32(length)))
    return out
