"""Nearest rows, by Euclidean distance."""

import numpy as np

BLOCK = 1 << 22  # distances at once


def nearest(x: np.ndarray, among: np.ndarray, itself: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The distance of each row to the nearest of others, and which that is, both (rows,).

    Args:
        x: (rows, features).
        among: (others, features).
        itself: whether both are the same rows, and each is no neighbour of its own.

    >>> nearest(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 6.0]]))
    (array([5.]), array([0]))
    """
    best, which = np.full(len(x), np.inf), np.zeros(len(x), np.int64)
    squares, rows = (among * among).sum(axis=1), max(1, BLOCK // max(1, len(among)))
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        distance = (block * block).sum(axis=1)[:, None] + squares - 2 * (block @ among.T)
        if itself:
            own = np.arange(len(block))
            distance[own, start + own] = np.inf
        found = distance.argmin(axis=1)
        stop = start + len(block)
        which[start:stop], best[start:stop] = found, distance[np.arange(len(block)), found]
    return np.sqrt(np.maximum(best, 0)), which
