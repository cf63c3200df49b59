"""Picking rows: batches out of a data set, and labels into rows of a one-hot code."""

from pathlib import Path

import numpy as np

from ..backend import array_module, kernel, op
from ..backend.arrays import Array

SOURCE = Path(__file__).parent / "cuda" / "gather.cu"
THREADS = 256


@op
def take_rows(table: Array, index: Array, out: Array) -> Array:
    """``out[..., :] = table[index[...], :]``: ``table`` (N, n), ``index`` integer of any shape, ``out`` (*index, n).

    Indices must lie in 0..N-1; they come from a permutation, never from a user.
    """
    # The default mode checks bounds through a copy of the whole result.
    return np.take(table, index, axis=0, out=out, mode="clip")


@take_rows.override("cupy")
def _take_rows_cuda(table: Array, index: Array, out: Array) -> Array:
    return array_module(table).take(table, index, axis=0, out=out)


def one_hot(labels: Array, classes: int, out: Array) -> Array:
    """``out[..., k] = (labels[...] == k)``: ``labels`` integer ([E,] N), ``out`` ([E,] N, classes), any type."""
    xp = array_module(labels)
    return xp.equal(labels[..., None], xp.arange(classes, dtype=labels.dtype), out=out)


@op
def beside_labels(states: Array, labels: Array, out: Array) -> Array:
    """States with the one-hot code of a label behind them.

    Args:
        states: ([E,] N, n).
        labels: integer ([E,] N).
        out: ([E,] N, n + classes), written.

    >>> beside_labels(np.ones((1, 2)), np.array([1]), np.empty((1, 5))).tolist()
    [[1.0, 1.0, 0.0, 1.0, 0.0]]
    """
    xp, width = array_module(states), states.shape[-1]
    classes = out.shape[-1] - width
    xp.copyto(out[..., :width], states)
    xp.copyto(out[..., width:], labels[..., None] == xp.arange(classes, dtype=labels.dtype))
    return out


@beside_labels.override("cupy")
def _beside_labels_cuda(states: Array, labels: Array, out: Array) -> Array:
    whole = states.flags.c_contiguous and out.flags.c_contiguous and labels.flags.c_contiguous
    if labels.dtype != np.int32 or not whole:
        return beside_labels.reference(states, labels, out)
    launch = kernel(SOURCE, f"beside_labels_{'double' if out.dtype == np.float64 else 'float'}")
    sizes = np.int64(out.size), np.int32(states.shape[-1]), np.int32(out.shape[-1])
    launch((-(-out.size // THREADS),), (THREADS,), (states, labels, out, *sizes))
    return out


@op
def count_into(counts: Array, places: Array) -> None:
    """Add 1 at each place: ``counts`` (n, k), ``places`` integer (n, m) below k.

    Whole numbers are exact in any order, so this repeats bit by bit although threads add as they come.
    """
    rows, kinds = counts.shape
    index = places + np.arange(rows)[:, None] * kinds
    counts += np.bincount(index.ravel(), minlength=rows * kinds).reshape(rows, kinds).astype(counts.dtype)


@count_into.override("cupy")
def _count_into_cuda(counts: Array, places: Array) -> None:
    xp = array_module(counts)
    xp.add.at(counts, (xp.arange(len(places))[:, None], places), 1)
