"""Ratios of normalisers from samples of both machines, and how well two machines exchange their states.

Everything rests on ``D(v) = log f_upper(v) - log f_lower(v)``, the difference of the unnormalised log-probabilities of
a state under two machines, known for states of each.
"""

import math

import numpy as np

from .likelihood import log_sum_exp


def bennett(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """``log Z_upper - log Z_lower`` of pairs of machines, (pairs,).

    Of all estimates from as many states of each machine it has the least variance: the root of
    ``sum sigmoid(D(v) - C)`` over states of the lower machine less ``sum sigmoid(C - D(v))`` over those of the upper.

    Bennett: Efficient estimation of free energy differences from Monte Carlo data (1976).

    Args:
        lower: D of states of the lower machine, (pairs, N).
        upper: D of states of the upper machine, (pairs, N).

    >>> bennett(np.full((1, 4), 2.0), np.full((1, 4), 2.0)).round(6).tolist()
    [2.0]
    """
    both = np.concatenate([lower, upper], axis=1)
    low, high = both.min(axis=1) - 1, both.max(axis=1) + 1
    while ((high - low) > 1e-10 * (1 + np.abs(high))).any():
        middle = (low + high) / 2
        if ((middle <= low) | (middle >= high)).all():  # no number lies between
            break
        surplus = sigmoid(lower - middle[:, None]).sum(axis=1) - sigmoid(middle[:, None] - upper).sum(axis=1)
        low, high = np.where(surplus > 0, middle, low), np.where(surplus > 0, high, middle)
    return (low + high) / 2


def influences(lower: np.ndarray, upper: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """How far each column moves :func:`bennett`'s ratio, (pairs, columns); its standard error is the norm of that.

    Args:
        lower: D of states of the lower machine, (pairs, sweeps, columns).
        upper: the same of the upper one; columns are independent of each other, sweeps are not.
        ratio: (pairs,), what was found.
    """
    middle = ratio[:, None, None]
    below, above = sigmoid(lower - middle), sigmoid(middle - upper)
    slope = (below * (1 - below)).sum(axis=(1, 2)) + (above * (1 - above)).sum(axis=(1, 2))
    own = (below - above).sum(axis=1)
    columns = own.shape[-1]
    own = (own - own.mean(axis=1, keepdims=True)) * math.sqrt(columns / max(1, columns - 1))
    return own / np.maximum(slope, np.finfo(float).tiny)[:, None]


def one_sided(lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same ratio from states of one machine alone, (pairs,): from below on average, and from above.

    Args:
        lower: D of states of the lower machine, (pairs, N), whose mean weight ``exp(D)`` is the ratio.
        upper: D of states of the upper machine, whose mean of ``exp(-D)`` is its inverse.
    """
    return log_sum_exp(lower) - math.log(lower.shape[1]), math.log(upper.shape[1]) - log_sum_exp(-upper)


def foreseen_acceptance(difference: np.ndarray) -> float:
    """How often two machines would exchange their states, from states of the lower one alone.

    Those of the upper are the same states with the weights ``exp(D)``; the mean of ``min(1, exp(D(a) - D(b)))``.

    Args:
        difference: D of states of the lower machine, (N,).

    >>> foreseen_acceptance(np.zeros(5))
    1.0
    """
    if not np.isfinite(difference).all():
        return 0.0
    weights = np.exp(difference - log_sum_exp(difference[None])[0])
    gain = np.minimum(0, difference[:, None] - difference[None, :])
    return float((np.exp(gain) @ weights).mean())


def resampled(difference: np.ndarray, start: float) -> np.ndarray:
    """Numbers of rows, each as often as its weight ``exp(D)`` says, evenly and not by chance (systematic resampling).

    Args:
        difference: D of states of the lower machine, (N,).
        start: from 0 to 1, where the comb of N teeth begins.

    >>> resampled(np.log([1.0, 1.0, 2.0]), 0.5).tolist()
    [0, 1, 2]
    """
    count = len(difference)
    ends = np.cumsum(np.exp(difference - difference.max()))
    return np.minimum(np.searchsorted(ends / ends[-1], (np.arange(count) + start) / count), count - 1)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-x))`` without overflow."""
    return 0.5 * (1 + np.tanh(x / 2))
