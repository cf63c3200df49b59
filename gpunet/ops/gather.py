"""Picking rows: batches out of a data set, and labels into rows of a one-hot code."""

import numpy as np

from ..backend import array_module, op
from ..backend.arrays import Array


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
