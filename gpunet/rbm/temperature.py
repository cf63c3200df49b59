"""At which temperature of a machine samples were drawn."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backend import Arena, Context
from ..backend.arrays import Array
from ..errors import ConfigError
from ..parameter import Parameters
from .machine import RBM
from .pseudo import pseudo_log_likelihood

LEAST, MOST = 1e-3, 1e3  # inverse temperatures that are looked for
STEP = 1e-3  # of the logarithm, for derivatives
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class InverseTemperature:
    """What ``beta`` makes samples most plausible, of each member.

    Attributes:
        value: (members,).
        standard_error: (members,), over independent samples.
    """

    value: np.ndarray
    standard_error: np.ndarray


def inverse_temperature(
    rbm: RBM, parameters: Parameters, v: np.ndarray, h: np.ndarray | None = None
) -> InverseTemperature:
    """The ``beta`` at which samples follow ``exp(log_base(v) + log_base(h) + beta (b v + c h + v W h))``.

    It maximises the pseudo-likelihood, the product of the probabilities of each unit given all others, which needs no
    normaliser and is consistent (Besag 1975; Hyvaerinen 2006): of the visible units with the hidden ones summed out, or
    of the two sides given each other where hidden states are known.

    Args:
        rbm: the machine; its parameters are scaled and put back.
        parameters: its, in float64.
        v: (N, visible), states.
        h: (N, hidden), states that belong to them, or None.

    Raises:
        ConfigError: without hidden states, visible units of more than two states.
    """
    if h is None and rbm.visible.ends is None:
        rule, remedy = "needs visible units of two states, or hidden states", "Pass the hidden states as well"
        raise ConfigError("inverse temperature", rule, type(rbm.visible).__name__, remedy)
    device, kept = parameters.device, parameters.values.copy()
    rows = max(1, math.prod(parameters.members))
    scaled = (rbm.weight, rbm.visible_bias, rbm.hidden_bias)
    # Samples that are alike are looked at once: those of small machines, such as an annealer's, come many times.
    joint, counts = np.unique(v if h is None else np.concatenate([v, h], axis=1), axis=0, return_counts=True)
    placed = device.put(joint[:, : rbm.visible.n], parameters.dtype)
    hidden = None if h is None else device.put(joint[:, rbm.visible.n :], parameters.dtype)
    ctx = Context(False, Arena(device))

    def at(beta: np.ndarray) -> np.ndarray:
        """The logarithm for each state that there is, (members, states)."""
        device.xp.copyto(parameters.values, kept)
        for parameter in scaled:
            factor = beta.reshape(*parameters.members, *(1 for _ in parameter.shape))
            parameter.value[...] *= device.put(factor, parameters.dtype)
        ctx.arena.rewind()
        if hidden is None:
            found = pseudo_log_likelihood(rbm, placed, ctx)
        else:
            found = _given_each_other(rbm, placed, hidden, ctx)
        return device.get(found).astype(np.float64).reshape(rows, -1)

    try:
        return _most_plausible(at, rows, counts)
    finally:
        device.xp.copyto(parameters.values, kept)


def _given_each_other(rbm: RBM, v: Array, h: Array, ctx: Context) -> Array:
    """``log p(v | h) + log p(h | v)``, up to the base measures, which no temperature changes."""
    down, up = rbm.visible_input(h, ctx), rbm.hidden_input(v, ctx)
    return -(rbm.visible.cost(v, down, ctx) + rbm.hidden.cost(h, up, ctx))


def _most_plausible(at: Callable[[np.ndarray], np.ndarray], rows: int, counts: np.ndarray) -> InverseTemperature:
    """Golden section over the logarithm of beta, all members at once; the error is that of an M-estimator."""

    def mean(values: np.ndarray) -> np.ndarray:
        return np.average(values, axis=1, weights=counts)

    low, high = np.full(rows, math.log(LEAST)), np.full(rows, math.log(MOST))
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = (mean(at(np.exp(x))) for x in (left, right))
    while (high - low).max() > 1e-3:
        down = at_left > at_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        new = np.where(down, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        found = mean(at(np.exp(new)))
        left, right = np.where(down, new, right), np.where(down, left, new)
        at_left, at_right = np.where(down, found, at_right), np.where(down, at_left, found)
    best = (low + high) / 2
    below, middle, above = (at(np.exp(best + step)) for step in (-STEP, 0.0, STEP))
    slope = (above - below) / (2 * STEP)
    curve = mean(above - 2 * middle + below) / STEP**2
    peak = curve < 0  # one step of Newton's takes the last digits, where the interval is that of a peak
    best = best - np.clip(np.divide(mean(slope), curve, out=np.zeros(rows), where=peak), -1e-3, 1e-3)
    spread = np.sqrt(mean(slope * slope) / counts.sum())
    error = np.divide(spread, -curve, out=np.full(rows, np.inf), where=peak)
    return InverseTemperature(np.exp(best), np.exp(best) * error)
