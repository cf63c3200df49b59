"""Bootstrap samples, one for each member, and predictions for what a member has not seen."""

import numpy as np

from ..backend import Purpose, host_generator

SUBSET = 1  # second number of the key, so that no two uses of a seed share numbers


def bootstrap(rows: np.ndarray, seed: int, share: float = 1.0) -> np.ndarray:
    """So many of the rows, drawn with replacement and sorted: (round(share * rows),).

    Breiman: Bagging predictors (1996).

    Args:
        rows: sample numbers of the training part, or of its labelled samples.
        seed: of the member.
        share: of their number; at least one row is drawn.
    """
    generator = host_generator(seed, Purpose.LABELS, step=SUBSET)
    count = max(1, round(share * len(rows)))
    return np.sort(rows[(generator.random(count) * len(rows)).astype(np.int64)])


def out_of_bag(outputs: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the outputs of those members that have not seen a sample.

    Args:
        outputs: (members, samples, K) on the training part.
        seen: (members, samples), whether a member learned from a sample.

    Returns:
        (rows, K) and the numbers of the samples that at least one member has not seen.

    >>> mean, rows = out_of_bag(np.array([[[1.0], [2.0]], [[3.0], [4.0]]]), np.array([[1, 0], [1, 1]]) > 0)
    >>> mean.tolist(), rows.tolist()
    ([[2.0]], [1])
    """
    free = ~seen
    rows = np.flatnonzero(free.any(axis=0))
    weight = free[:, rows].astype(np.float64)
    return np.einsum("ms,msk->sk", weight, outputs[:, rows]) / weight.sum(axis=0)[:, None], rows
