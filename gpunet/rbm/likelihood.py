"""Likelihoods that can be trusted: exact where one side can be enumerated, else estimated with an interval.

All sums run in float64.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ..backend import Arena, Context, Purpose, Streams, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..parameter import Parameters
from .machine import RBM
from .units import Bernoulli

MAX_STATES = 2.0**25
BLOCK = 1 << 14


@dataclass(frozen=True)
class LogZ:
    """The logarithm of the normaliser of each member.

    Attributes:
        value: (members,).
        low: (members,), lower end of the interval; equal to ``value`` where it is exact.
        high: (members,), upper end.
        effective_samples: (members,), how many of AIS's runs carry the estimate; infinite where it is exact.
        method: ``"exact"`` or ``"ais"``.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    effective_samples: np.ndarray
    method: str


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
    states, ctx = units.states(), Context(False, Arena(device))
    while block := list(itertools.islice(states, BLOCK)):
        ctx.arena.rewind()
        log_p = unnormalised(rbm, device.put(np.array(block), parameters.dtype), visible_side, ctx)
        host = device.get(log_p).astype(np.float64).reshape(len(total), -1)
        total = np.logaddexp(total, log_sum_exp(host))
    return LogZ(total, total, total, np.full(total.shape, np.inf), "exact")


def unnormalised(rbm: RBM, states: Array, visible_side: bool, ctx: Context) -> Array:
    """Logarithm of the unnormalised marginal of states of one side, ([members,] N)."""
    if visible_side:
        return -rbm.free_energy(states, ctx)
    linear = array_module(states).matmul(states, rbm.hidden_bias.value[..., :, None])[..., 0]
    inputs = rbm.visible_input(states, ctx)
    return rbm.hidden.log_base(states, ctx) + linear + rbm.visible.log_partition(inputs, ctx)


def log_likelihood(rbm: RBM, log_z: LogZ, v: Array, ctx: Context) -> Array:
    """``log p(v)`` on the host in float64, (members, N); for Bernoulli units in nats per sample."""
    log_p = -array_module(v).asarray(rbm.free_energy(v, ctx))
    host = ctx.arena.device.get(log_p).astype(np.float64)
    return host.reshape(len(log_z.value), -1) - log_z.value[:, None]


def ais_log_z(
    rbm: RBM, parameters: Parameters, data_mean: np.ndarray, seed: int = 0, runs: int = 100, steps: int = 1000
) -> LogZ:
    """Annealed importance sampling from a machine without weights, whose visible biases fit the data's mean.

    At inverse temperature ``beta``, which rises evenly, the unnormalised marginal of ``v`` is
    ``exp(log_base(v) + (1 - beta) a v + beta b v + log_partition(beta (c + v W)))`` with the base biases ``a``.  The
    interval is three standard errors of the mean weight either way.  AIS tends to underestimate, so the upper end is no
    bound: compare with the exact value or with a reverse estimate where it matters.

    Salakhutdinov, Murray: On the quantitative analysis of deep belief networks (2008), section 4.

    Args:
        rbm: with Bernoulli visible units.
        parameters: of the machine, in float64 for estimates to be reported.
        data_mean: (visible,), mean of the training data.
        seed: of the runs.
        runs: independent runs, of each member.
        steps: inverse temperatures between 0 and 1.

    Raises:
        ConfigError: for visible units of another type.
    """
    if not isinstance(rbm.visible, Bernoulli):
        raise ConfigError("AIS", "needs Bernoulli visible units", type(rbm.visible).__name__, "Use the exact log Z")
    device, dtype, members = parameters.device, parameters.dtype, parameters.members
    p = np.clip(data_mean, 1e-3, 1 - 1e-3)
    base = device.put(np.log(p / (1 - p)), dtype)
    clock = device.zeros((1,), np.uint64)
    seeds = [seed + i for i in range(members[0])] if members else seed
    ctx = Context(False, Arena(device), Streams(device, seeds, clock, Purpose.SAMPLING))
    start = device.zeros((*members, runs, rbm.visible.n), dtype)
    start += base
    v = rbm.visible.sample(start, ctx)
    log_w = np.zeros((max(1, math.prod(members)), runs))
    for step in range(steps):
        low, high = step / steps, (step + 1) / steps
        inputs = rbm.hidden_input(v, ctx)
        difference = rbm.visible_bias.value[..., None, :] - base
        change = (v * difference).sum(axis=-1) * (high - low)
        change += rbm.hidden.log_partition(inputs * high, ctx) - rbm.hidden.log_partition(inputs * low, ctx)
        log_w += device.get(change).astype(np.float64).reshape(log_w.shape)
        h = rbm.hidden.sample(inputs * high, ctx)
        mixed = high * rbm.visible_input(h, ctx) + (1 - high) * base
        v = rbm.visible.sample(mixed, ctx).copy()
        clock += 1
        ctx.arena.rewind()
        ctx.streams.rewind()  # type: ignore[union-attr]
    zero = device.zeros((1, rbm.hidden.n), dtype)
    log_base_z = float(np.logaddexp(0, np.log(p / (1 - p))).sum())
    log_base_z += float(device.get(rbm.hidden.log_partition(zero, ctx))[0])
    return _summarise(log_w, log_base_z)


def _summarise(log_w: np.ndarray, log_base_z: float) -> LogZ:
    """Mean weight with three standard errors, in logarithms; ``log_w`` is (members, runs)."""
    top = log_w.max(axis=1, keepdims=True)
    w = np.exp(log_w - top)
    mean, error = w.mean(axis=1), w.std(axis=1, ddof=1) / math.sqrt(w.shape[1])
    floor = np.maximum(mean - 3 * error, np.finfo(float).tiny)
    offset = top[:, 0] + log_base_z
    effective = w.sum(axis=1) ** 2 / (w * w).sum(axis=1)
    return LogZ(offset + np.log(mean), offset + np.log(floor), offset + np.log(mean + 3 * error), effective, "ais")


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    """``log sum exp`` over the last axis."""
    top = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - top).sum(axis=-1)) + top[..., 0]
