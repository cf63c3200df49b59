"""Boosting by weights of samples: each member learns most from what those before it got wrong.

Zhu, Zou, Rosset, Hastie: Multi-class AdaBoost (2009), called SAMME there.
"""

from dataclasses import dataclass

import numpy as np

from .combining import EPSILON

ROUNDING = 1e-12  # of an error: so near to guessing, the logarithm says nothing


@dataclass(frozen=True, eq=False)
class Boost:
    """What a member of a boosted ensemble is worth.

    Attributes:
        error: share of the weight of the samples that it predicts wrongly.
        weight: of its vote, ``log((1 - error) / error) + log(classes - 1)``; 1 where it makes no error, and 0 where it
            is no better than guessing.
        sample_weights: for the next member, (samples,), summing to one; None where boosting ends with this one.
        why: why it ends, or empty.
    """

    error: float
    weight: float
    sample_weights: np.ndarray | None
    why: str = ""


def samme(sample_weights: np.ndarray, wrong: np.ndarray, classes: int) -> Boost:
    """One step of SAMME.

    Args:
        sample_weights: (samples,), from 0.
        wrong: (samples,), whether the member predicts another class.
        classes: how many there are.

    >>> boost = samme(np.ones(4), np.array([True, False, False, False]), 2)
    >>> round(boost.weight, 4), boost.sample_weights.round(4).tolist()
    (1.0986, [0.5, 0.1667, 0.1667, 0.1667])
    """
    share = sample_weights / sample_weights.sum()
    error = float(share @ wrong)
    if error <= EPSILON:
        return Boost(0.0, 1.0, None, "it predicts every sample of the training part right")
    if error >= 1 - 1 / classes - ROUNDING:
        return Boost(error, 0.0, None, "it predicts the weighted samples no better than by guessing")
    weight = float(np.log((1 - error) / error) + np.log(classes - 1))
    raised = share * np.exp(weight * wrong)
    return Boost(error, weight, raised / raised.sum())
