"""How many independently trained networks would be worth as much as an ensemble.

Ashukha, Lyzhov, Molchanov, Vetrov: Pitfalls of in-domain uncertainty estimation and ensembling in deep learning (2020):
compared by the log-likelihood after one temperature, fitted on other samples after averaging.
"""

from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np

from ..metrics import LogLoss, Outcome
from .calibration import at_temperature, fitted_temperature
from .combining import weighted_mean

SUBSETS = 20  # of the networks, of each size, that are tried at most


def calibrated_log_likelihood(validation: Outcome, test: Outcome) -> float:
    """Mean log-likelihood of samples, in nats, after the temperature of others: higher is better."""
    return -LogLoss().value(at_temperature(test, fitted_temperature(validation).value))


def independent_curve(
    validation: np.ndarray, test: np.ndarray, of_validation: Outcome, of_test: Outcome
) -> list[float]:
    """The calibrated log-likelihood of the mean of 1, 2, ... independent networks, on average over subsets of them.

    Args:
        validation: outputs of the networks, (networks, samples, K).
        test: likewise.
        of_validation: any outcome of these samples, whose targets and weights are used.
        of_test: likewise.
    """
    count = len(test)
    found = []
    for size in range(1, count + 1):
        scores = [
            calibrated_log_likelihood(
                replace(of_validation, outputs=weighted_mean(validation[chosen])),
                replace(of_test, outputs=weighted_mean(test[chosen])),
            )
            for chosen in _subsets(count, size)
        ]
        found.append(float(np.mean(scores)))
    return found


def equivalent(curve: list[float], score: float) -> tuple[float, str]:
    """How many independent networks have a score, between the sizes of the curve in straight lines.

    Args:
        curve: of :func:`independent_curve`.
        score: of an ensemble.

    Returns:
        The number, and ``"<"`` or ``">"`` where the score lies below a single network's or above that of all, or
        nothing.

    >>> equivalent([-1.0, -0.8, -0.7], -0.75), equivalent([-1.0, -0.8], -0.5)
    ((2.5, ''), (2.0, '>'))
    """
    if score < curve[0]:
        return 1.0, "<"
    for number, (low, high) in enumerate(zip(curve, curve[1:]), 1):
        if low <= score <= high:
            return number + ((score - low) / (high - low) if high > low else 0.0), ""
    best = int(np.argmax(curve))
    return best + 1.0, ">" if score > curve[best] else ""


def _subsets(count: int, size: int) -> list[list[int]]:
    """All subsets of a size, or some of them that use all networks alike."""
    if comb(count, size) <= SUBSETS:
        return [list(chosen) for chosen in combinations(range(count), size)]
    generator = np.random.Generator(np.random.Philox(key=[count, size]))
    return [sorted(generator.permutation(count)[:size].tolist()) for _ in range(SUBSETS)]
