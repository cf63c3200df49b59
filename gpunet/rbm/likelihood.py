"""Likelihoods that can be trusted: exact where one side can be enumerated, else estimated with an interval.

All sums run in float64.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..backend import Arena, Context, array_module, matmul
from ..backend.arrays import Array
from ..errors import ConfigError
from ..parameter import Parameters
from .machine import RBM

MAX_STATES = 2.0**25
BLOCK = 1 << 14


@dataclass(frozen=True)
class LogZ:
    """The logarithm of the normaliser of each member.

    Attributes:
        value: (members,).
        low: (members,), lower end of the interval; equal to ``value`` where it is exact.
        high: (members,), upper end.
        effective_samples: (members,), how many of the runs carry the estimate; infinite where it is exact.
        method: ``"exact"``, ``"ais"``, ``"reverse ais"`` or ``"bracket"``.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    effective_samples: np.ndarray
    method: str

    def bracket(self, reverse: "LogZ") -> "LogZ":
        """From the lower end of this estimate, from below, to the upper end of one from above; the middle between."""
        low, high = np.minimum(self.low, reverse.low), np.maximum(self.high, reverse.high)
        effective = np.minimum(self.effective_samples, reverse.effective_samples)
        return LogZ((self.value + reverse.value) / 2, low, high, effective, "bracket")


def exact_log_z(rbm: RBM, parameters: Parameters) -> LogZ:
    """Sum over all states of the side that has fewer, the other summed by its log-partition.

    Raises:
        ConfigError: where both sides have more than 2^25 states.
    """
    device = parameters.device
    visible_side = rbm.visible.state_count < rbm.hidden.state_count
    units = rbm.visible if visible_side else rbm.hidden
    if units.state_count > MAX_STATES:
        raise ConfigError(
            "exact log Z", "needs a side with at most 2^25 states", f"{units.state_count:.3g}", "Use AIS instead"
        )
    total = np.full(max(1, math.prod(parameters.members)), -np.inf)
    count, ctx = int(units.state_count), Context(False, Arena(device))
    for start in range(0, count, BLOCK):
        ctx.arena.rewind()
        states = device.put(units.states(start, min(start + BLOCK, count)), parameters.dtype)
        log_p = unnormalised(rbm, states, visible_side, ctx)
        host = device.get(log_p).astype(np.float64).reshape(len(total), -1)
        total = np.logaddexp(total, log_sum_exp(host))
    return LogZ(total, total, total, np.full(total.shape, np.inf), "exact")


def unnormalised(rbm: RBM, states: Array, visible_side: bool, ctx: Context) -> Array:
    """Logarithm of the unnormalised marginal of states of one side, ([members,] N)."""
    if visible_side:
        return -rbm.free_energy(states, ctx)
    linear = matmul(states, rbm.hidden_bias.value[..., :, None])[..., 0]
    inputs = rbm.visible_input(states, ctx)
    return rbm.hidden.log_base(states, ctx) + linear + rbm.visible.log_partition(inputs, ctx)


def log_likelihood(rbm: RBM, log_z: LogZ, v: Array, ctx: Context) -> Array:
    """``log p(v)`` on the host in float64, (members, N); in nats per sample."""
    log_p = -array_module(v).asarray(rbm.free_energy(v, ctx))
    host = ctx.arena.device.get(log_p).astype(np.float64)
    return host.reshape(len(log_z.value), -1) - log_z.value[:, None]


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    """``log sum exp`` over the last axis."""
    top = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
