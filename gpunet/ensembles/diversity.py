"""How members differ, and what that is worth.

The squared error of a mean is the mean of the members' squared errors less their ambiguity, the mean squared distance
from the mean, exactly and for every sample.  Krogh, Vedelsby: Neural network ensembles, cross validation, and active
learning (1995).  Squared differences of probabilities from what was so make it hold for classes as well.
"""

from itertools import combinations

import numpy as np

from ..metrics import Outcome
from .combining import weighted_mean


def disagreement(outcomes: list[Outcome]) -> float:
    """The share of samples, or of labels, that two members decide differently, on average over the pairs.

    NaN of a single member.
    """
    said = [outcome.said for outcome in outcomes]
    exclusive = outcomes[0].task == "classification"
    found = [
        outcomes[0].mean(((a != b).any(axis=1) if exclusive else (a != b).mean(axis=1)).astype(np.float64))
        for a, b in combinations(said, 2)
    ]
    return float(np.mean(found)) if found else float("nan")


def error_correlation(errors: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Pearson's correlation of the errors of two members, on average over the pairs.

    Args:
        errors: (members, numbers): 1 where a member is wrong, or how far it is off.
        weight: of the numbers.

    Returns:
        NaN where no two members have errors that vary.

    >>> round(error_correlation(np.array([[0.0, 1, 0, 1], [0, 1, 1, 0]])), 6)
    0.0
    """
    centred = errors - np.average(errors, axis=1, weights=weight)[:, None]
    scaled = centred * np.sqrt(np.ones(errors.shape[1]) if weight is None else weight)
    length = np.sqrt((scaled**2).sum(axis=1))
    pairs = [(i, j) for i, j in combinations(range(len(errors)), 2) if length[i] > 0 and length[j] > 0]
    found = [scaled[i] @ scaled[j] / (length[i] * length[j]) for i, j in pairs]
    return float(np.mean(found)) if found else float("nan")


def ambiguity(
    outputs: np.ndarray, wanted: np.ndarray, weights: np.ndarray | None = None, samples: np.ndarray | None = None
) -> dict[str, float]:
    """The squared error of the members, of their mean, and the ambiguity between the two.

    Args:
        outputs: (members, samples, K).
        wanted: (samples, K), the targets, or 0 and 1 for classes.
        weights: of the members in the mean.
        samples: weights of the samples.

    Returns:
        ``members`` (their mean squared error, summed over K), ``ensemble`` and ``ambiguity`` = ``members`` -
        ``ensemble``.

    >>> ambiguity(np.array([[[1.0]], [[3.0]]]), np.array([[2.0]]))
    {'members': 1.0, 'ensemble': 0.0, 'ambiguity': 1.0}
    """
    outputs = np.asarray(outputs, np.float64)
    middle = weighted_mean(outputs, weights)

    def average(squares: np.ndarray) -> float:
        return float(np.average(squares.sum(axis=-1), weights=samples))

    return {
        "members": average(weighted_mean((outputs - wanted) ** 2, weights)),
        "ensemble": average((middle - wanted) ** 2),
        "ambiguity": average(weighted_mean((outputs - middle) ** 2, weights)),
    }
