"""Estimates of log Z and of log-likelihoods along a path of machines from one without weights to the one in question.

At inverse temperature ``beta``, which rises from 0 to 1, the unnormalised marginal of visible states is
``f(v) = exp(log_base(v) + ((1 - beta) a + beta b) v + log_partition(beta (c + v W)))``, where the base biases ``a``
give the mean of the data.  One Gibbs step at ``beta`` leaves ``f`` as it is and is reversible, so the same step serves
both directions.

- :func:`ais_log_z` goes up: its expectation in logarithms is below log Z.
- :func:`reverse_ais_log_z` goes down from samples of the model: above log Z, as far as they are samples of the model.
- :func:`raise_log_likelihoods` goes down from test cases: below their log-probability under the annealed path.

The temperatures are even by default.  :func:`temperatures` puts them closer where the weights of a walk would spread
most; that comes from a pilot walk with random numbers of its own, so the walks that count stay unbiased.

Products run in the parameters' type, all sums over the path in float64.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ..backend import array_module, matmul
from ..backend.arrays import Array
from ..parameter import Parameters
from .chains import Tempered
from .likelihood import LogZ, log_sum_exp
from .machine import RBM
from .walk import Walk

CHANCE = 0.0027  # of lying beyond three standard deviations


@dataclass
class AnnealingPath:
    """Machines between the base and the target, and the random numbers of a walk along them.

    Args:
        rbm: the target.
        parameters: its.
        data_mean: (visible,), which the base reproduces.
        seed: of the walk; members of a population use seed, seed + 1, ...
    """

    rbm: RBM
    parameters: Parameters
    data_mean: np.ndarray
    seed: int

    def __post_init__(self) -> None:
        """Put the base on the device."""
        self.members, device = self.parameters.members, self.parameters.device
        self.base = device.put(self.rbm.visible.input_for(self.data_mean), self.parameters.dtype)
        self.walk = Walk(self.parameters, self.seed)
        self.context, self.begin_step = self.walk.context, self.walk.begin_step

    def base_samples(self, runs: int) -> Array:
        """Visible states of the base, ([members,] runs, visible)."""
        inputs = self.parameters.device.zeros((*self.members, runs, self.rbm.visible.n), self.parameters.dtype)
        inputs += self.base
        return self.rbm.visible.sample(inputs, self.context).copy()

    def base_log_z(self) -> np.ndarray:
        """Exact log Z of the base, (members,) or (1,)."""
        rbm, ctx = self.rbm, self.context
        visible = rbm.visible.log_partition(self._per_member(self.base), ctx)
        resting = self.parameters.device.zeros((*self.members, 1, rbm.hidden.n), self.parameters.dtype)
        return self.host(visible + rbm.hidden.log_partition(resting, ctx))[:, 0]

    def base_log_probability(self, v: Array) -> np.ndarray:
        """Exact log-probability of visible states under the base, (members, rows)."""
        linear = matmul(v, self.base[:, None])[..., 0]
        return self.host(self.rbm.visible.log_base(v, self.context) + linear) - self._visible_log_z()

    def log_density(self, v: Array, hidden_input: Array, beta: float) -> Array:
        """``log f`` of visible states, ([members,] rows) in float64, on the device."""
        rbm, ctx = self.rbm, self.context
        bias = beta * rbm.visible_bias.value[..., None, :] + (1 - beta) * self.base
        total = matmul(v, bias.swapaxes(-1, -2))[..., 0]
        total += rbm.hidden.log_partition(hidden_input * beta, ctx)
        return (total + rbm.visible.log_base(v, ctx)).astype(np.float64)

    def change(self, v: Array, hidden_input: Array, low: float, high: float) -> Array:
        """``log f at high - log f at low`` of the same visible states, ([members,] rows) in float64, on the device."""
        rbm, ctx = self.rbm, self.context
        difference = rbm.visible_bias.value[..., None, :] - self.base
        total = matmul(v, difference.swapaxes(-1, -2))[..., 0] * (high - low)
        total += rbm.hidden.log_partition(hidden_input * high, ctx)
        total -= rbm.hidden.log_partition(hidden_input * low, ctx)
        return total.astype(np.float64)

    def move(self, hidden_input: Array, beta: float) -> Array:
        """One Gibbs step at ``beta`` from visible states that gave this input."""
        h = self.rbm.hidden.sample(hidden_input * beta, self.context)
        mixed = self.rbm.visible_input(h, self.context)
        mixed *= beta
        mixed += (1 - beta) * self.base
        return self.rbm.visible.sample(mixed, self.context).copy()

    def _visible_log_z(self) -> np.ndarray:
        return self.host(self.rbm.visible.log_partition(self._per_member(self.base), self.context))

    def _per_member(self, row: Array) -> Array:
        return array_module(row).broadcast_to(row, (*self.members, 1, row.shape[-1]))

    def host(self, values: Array) -> np.ndarray:
        """Device numbers in float64, (members, rows); waits for the device, so weights are summed there first."""
        host = self.parameters.device.get(values).astype(np.float64)
        return host.reshape(max(1, math.prod(self.members)), -1)


def even(steps: int) -> np.ndarray:
    """``steps`` equal intervals of the inverse temperature, (steps + 1,)."""
    return np.linspace(0, 1, steps + 1)


def _intervals(betas: np.ndarray | None) -> list[tuple[float, float]]:
    """Both ends of each step along the path, a thousand even steps where none are given.

    They are numbers of Python, which leave arrays in their type; one of NumPy would lift float32 to float64.
    """
    return list(itertools.pairwise((even(1000) if betas is None else betas).tolist()))


def temperatures(
    rbm: RBM, parameters: Parameters, data_mean: np.ndarray, seed: int = 0, runs: int = 20, steps: int = 1000
) -> np.ndarray:
    """Inverse temperatures from 0 to 1 at which each step would add the same spread to the weights, (steps + 1,).

    The variance of a sum of small steps is least where each step is as long as the spread of ``d log f / d beta`` is
    small; a fifth of the steps is spread evenly all the same.

    Args:
        rbm: the machine.
        parameters: its.
        data_mean: (visible,), mean of the training data.
        seed: of the pilot walk.
        runs: its chains.
        steps: intervals that are wanted; the pilot takes a tenth of them.
    """
    path = AnnealingPath(rbm, parameters, data_mean, seed + 32452843)
    v, coarse = path.base_samples(runs), even(max(2, steps // 10))
    spread = []
    for low, high in _intervals(coarse):
        path.begin_step()
        hidden_input = rbm.hidden_input(v, path.context)
        spread.append(path.host(path.change(v, hidden_input, low, high)).std(axis=1).mean())
        v = path.move(hidden_input, high)
    share = np.array(spread) / max(np.sum(spread), np.finfo(float).tiny)
    density = np.concatenate([[0], np.cumsum(0.8 * share + 0.2 / len(share))])
    return np.interp(np.linspace(0, density[-1], steps + 1), density, coarse)


def ais_log_z(
    rbm: RBM,
    parameters: Parameters,
    data_mean: np.ndarray,
    seed: int = 0,
    runs: int = 100,
    betas: np.ndarray | None = None,
) -> LogZ:
    """Annealed importance sampling; the interval is three standard errors of the mean weight either way.

    Salakhutdinov, Murray: On the quantitative analysis of deep belief networks (2008), section 4.

    Args:
        rbm: the machine.
        parameters: of the machine, in float64 for estimates to be reported.
        data_mean: (visible,), mean of the training data.
        seed: of the runs.
        runs: independent runs, of each member.
        betas: inverse temperatures from 0 to 1; a thousand even steps by default.
    """
    path = AnnealingPath(rbm, parameters, data_mean, seed)
    v = path.base_samples(runs)
    log_w: Array = 0.0
    for low, high in _intervals(betas):
        path.begin_step()
        hidden_input = rbm.hidden_input(v, path.context)
        log_w = log_w + path.change(v, hidden_input, low, high)
        v = path.move(hidden_input, high)
    return _summarise(path.host(log_w), path.base_log_z(), "ais")


def reverse_ais_log_z(
    rbm: RBM,
    parameters: Parameters,
    data_mean: np.ndarray,
    samples: Array,
    seed: int = 0,
    betas: np.ndarray | None = None,
) -> LogZ:
    """The same walk downwards from samples of the model, whose mean inverse weight is ``Z of the base / Z``.

    An estimate from above, as far as ``samples`` are samples of the model: see :func:`model_samples`.  States of the
    data, or states made of hidden units that are all 0, are not.

    Args:
        rbm: the machine.
        parameters: of the machine.
        data_mean: (visible,), mean of the training data.
        samples: ([members,] runs, visible), visible states.
        seed: of the walk.
        betas: inverse temperatures from 0 to 1, walked backwards; a thousand even steps by default.
    """
    path = AnnealingPath(rbm, parameters, data_mean, seed + 7919)  # other random numbers than the walk upwards
    v = samples
    log_w: Array = 0.0
    for low, high in reversed(_intervals(betas)):
        path.begin_step()
        hidden_input = rbm.hidden_input(v, path.context)
        if high < 1:
            v = path.move(hidden_input, high)
            hidden_input = rbm.hidden_input(v, path.context)
        log_w = log_w + path.change(v, hidden_input, low, high)
    inverse = _summarise(-path.host(log_w), -path.base_log_z(), "reverse ais")
    return LogZ(-inverse.value, -inverse.high, -inverse.low, inverse.effective_samples, "reverse ais")


def model_samples(
    rbm: RBM, parameters: Parameters, data: Array, seed: int = 0, steps: int = 1000, temperatures: int = 10
) -> Array:
    """Visible states from long tempered chains that start at data, ([members,] rows, visible).

    Args:
        rbm: the machine.
        parameters: of the machine.
        data: (rows, visible), states of the data; one chain at each temperature starts at each.
        seed: of the chains.
        steps: Gibbs steps with exchanges.
        temperatures: of the parallel tempering; they adapt during the first half.
    """
    device, members = parameters.device, parameters.members
    path = AnnealingPath(rbm, parameters, np.zeros(rbm.visible.n), seed + 104729)
    chains = Tempered(count=data.shape[-2], temperatures=temperatures)
    chains.start(rbm, device, members, parameters.dtype)
    xp = device.xp
    chains.states[...] = xp.concatenate([data] * temperatures, axis=-2)
    for step in range(steps):
        path.begin_step()
        v, _ = chains.draw(rbm, data, 1, path.context)
        if step < steps // 2 and (step + 1) % 50 == 0:
            chains.plan()
    return v.copy()


def raise_log_likelihoods(
    rbm: RBM,
    parameters: Parameters,
    data_mean: np.ndarray,
    v: Array,
    seed: int = 0,
    runs: int = 10,
    betas: np.ndarray | None = None,
) -> np.ndarray:
    """Reverse annealed importance sampling: stochastic lower bounds on the log-probability of test cases.

    The path from the base to the machine, with one Gibbs step at each temperature, is a generative model whose last
    state is the sample.  Walking down from a test case ``v`` gives an unbiased estimate of its probability under that
    model, ``p0(v_0) * product of f_t(v_t) / f_t(v_{t-1})``; this form of the weights, with each density at both ends of
    the step that it governs, is the one that enumeration confirms.  Its logarithm is low on average, and the model
    tends to the machine as the steps grow.

    Burda, Grosse, Salakhutdinov: Accurate and conservative estimates of MRF log-likelihood using reverse annealing
    (2015); Upadhya, Sastry: Empirical analysis of sampling based estimators for evaluating RBMs (2015).

    Args:
        rbm: the machine.
        parameters: of the machine.
        data_mean: (visible,), mean of the training data.
        v: ([members,] N, visible), states.
        seed: of the walks.
        runs: walks from each state.
        betas: inverse temperatures from 0 to 1, walked backwards; a thousand even steps by default.

    Returns:
        (members, N), in nats.
    """
    path, xp = AnnealingPath(rbm, parameters, data_mean, seed + 15485863), parameters.device.xp
    cases = v.shape[-2]
    state = xp.repeat(xp.broadcast_to(v, (*parameters.members, *v.shape[-2:])), runs, axis=-2)
    log_w: Array = 0.0
    for _, beta in reversed(_intervals(betas)):
        path.begin_step()
        hidden_input = rbm.hidden_input(state, path.context)
        log_w = log_w + path.log_density(state, hidden_input, beta)
        state = path.move(hidden_input, beta)
        log_w = log_w - path.log_density(state, rbm.hidden_input(state, path.context), beta)
    weights = path.host(log_w) + path.base_log_probability(state)
    return log_sum_exp(weights.reshape(-1, cases, runs)) - math.log(runs)


def _summarise(log_w: np.ndarray, log_base_z: np.ndarray, method: str) -> LogZ:
    """Mean weight with three standard errors, in logarithms; ``log_w`` is (members, runs)."""
    top = log_w.max(axis=1, keepdims=True)
    w = np.exp(log_w - top)
    mean, error = w.mean(axis=1), w.std(axis=1, ddof=1) / math.sqrt(w.shape[1])
    # A positive number exceeds its mean 1/p times with a probability of at most p (Markov): a floor that always holds.
    floor = np.maximum(mean - 3 * error, mean * CHANCE)
    offset = top[:, 0] + log_base_z
    effective = w.sum(axis=1) ** 2 / (w * w).sum(axis=1)
    return LogZ(offset + np.log(mean), offset + np.log(floor), offset + np.log(mean + 3 * error), effective, method)
