"""How unsure an ensemble is: because the data are so, or because its members do not agree."""

import numpy as np

from ..metrics import Outcome
from .combining import EPSILON, weighted_mean

REJECTED = np.arange(0, 100, 5) / 100  # shares of the samples that are left to somebody else


def entropy(p: np.ndarray, exclusive: bool) -> np.ndarray:
    """In nats: of the classes, or summed over labels, (...,).

    Args:
        p: (..., K) probabilities.
        exclusive: whether the columns are classes of which each sample has one; a single one is the second of two.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]]), True).round(4).tolist()
    [0.6931, 0.0]
    """
    if exclusive and p.shape[-1] > 1:
        return np.asarray((p * -np.log(np.clip(p, EPSILON, 1))).sum(axis=-1))
    q = 1 - p
    return np.asarray((p * -np.log(np.clip(p, EPSILON, 1)) + q * -np.log(np.clip(q, EPSILON, 1))).sum(axis=-1))


def split_uncertainty(outputs: np.ndarray, exclusive: bool, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The entropy of the mean of probabilities, what of it each member has, and what their disagreement adds.

    ``total = data + model`` for each sample, and ``model`` is the mutual information of class and member, at least 0.
    Depeweg et al.: Decomposition of uncertainty in Bayesian deep learning (2018).

    Args:
        outputs: (members, samples, K) probabilities.
        exclusive: whether the columns are classes.
        weights: of the members.

    Returns:
        Each (samples,), in nats.
    """
    total = entropy(weighted_mean(outputs, weights), exclusive)
    data = weighted_mean(entropy(outputs, exclusive), weights)
    return {"total": total, "data": data, "model": np.maximum(total - data, 0)}


def rejection(right: np.ndarray, unsure: np.ndarray, weight: np.ndarray) -> dict[str, list[float]]:
    """The share that is right of the samples that remain where the least sure ones are left to somebody else.

    Args:
        right: (samples,), from 0 to 1.
        unsure: (samples,), the larger the sooner it is rejected.
        weight: of the samples.

    >>> rejection(np.array([1.0, 0.0]), np.array([0.1, 0.9]), np.ones(2))["accuracy"][10:12]
    [1.0, 1.0]
    """
    order = np.argsort(unsure, kind="stable")
    mass, good = np.cumsum(weight[order]), np.cumsum((weight * right)[order])
    kept = [max(1, int(np.searchsorted(mass, (1 - share) * mass[-1] - EPSILON * mass[-1]) + 1)) for share in REJECTED]
    kept = [min(count, len(order)) for count in kept]
    return {
        "rejected": REJECTED.tolist(),
        "accuracy": [float(good[count - 1] / mass[count - 1]) if mass[count - 1] else 1.0 for count in kept],
    }


def doubt_of(outcome: Outcome) -> np.ndarray:
    """One less the probability of the predicted class, or the mean over labels of that of the nearer answer."""
    if outcome.task == "multilabel":
        return 1 - np.maximum(outcome.columns, 1 - outcome.columns).mean(axis=1)
    return 1 - outcome.columns[np.arange(outcome.samples), outcome.predicted]
