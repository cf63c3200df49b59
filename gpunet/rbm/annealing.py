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

import numpy as np

from ..backend import Context, capture
from ..backend.arrays import Array
from ..parameter import Parameters
from .chains import Tempered
from .heat import Heat
from .likelihood import LogZ, log_sum_exp
from .machine import RBM
from .path import TOGETHER, AnnealingPath, Journey
from .walk import Walk

CHANCE = 0.0027  # of lying beyond three standard deviations
PLANNED = 50  # steps between new temperatures of chains, a multiple of those of a graph


def even(steps: int) -> np.ndarray:
    """``steps`` equal intervals of the inverse temperature, (steps + 1,)."""
    return np.linspace(0, 1, steps + 1)


def _intervals(betas: np.ndarray | None) -> list[tuple[float, float]]:
    """Both ends of each step along the path, a thousand even steps where none are given."""
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
    coarse, spread = even(max(2, steps // 10)), []
    journey = Journey(path, path.base_samples(runs), _intervals(coarse), together=1)

    def look() -> None:
        spread.append(path.host(journey.log_w).std(axis=1).mean())
        journey.log_w.fill(0)

    journey.run(_up, look=look)
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
    journey = Journey(path, path.base_samples(runs), _intervals(betas))
    journey.run(_up)
    return _summarise(path.host(journey.log_w), path.base_log_z(), "ais")


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
    journey = Journey(path, samples, _intervals(betas)[::-1])
    journey.run(_down, apart=lambda pair: pair[1] >= 1)
    inverse = _summarise(-path.host(journey.log_w), -path.base_log_z(), "reverse ais")
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
    walk = Walk(parameters, seed + 104729, TOGETHER)
    chains = Tempered(count=data.shape[-2], temperatures=temperatures)
    chains.start(rbm, device, members, parameters.dtype)
    xp = device.xp
    chains.states[...] = xp.concatenate([data] * temperatures, axis=-2)

    def several(count: int) -> None:
        for ctx in walk.together(count):
            chains.draw(rbm, data, 1, ctx)

    run = capture(several, device)
    for done in range(0, steps, TOGETHER):
        run(min(TOGETHER, steps - done))
        if (done + TOGETHER) % PLANNED == 0 and done + TOGETHER <= steps // 2:
            chains.plan()
    return chains.states[..., : chains.count, :].copy()


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
    journey = Journey(path, state, _intervals(betas)[::-1])
    journey.run(_away)
    weights = path.host(journey.log_w) + path.base_log_probability(journey.v)
    return log_sum_exp(weights.reshape(-1, cases, runs)) - math.log(runs)


def _up(journey: Journey, ctx: Context, heat: Heat, _: bool) -> None:
    """Weigh the states, then a Gibbs step."""
    inputs = journey.path.rbm.to_hidden(journey.v, ctx)
    journey.weigh(inputs, heat, ctx)
    journey.move(inputs, heat, ctx)


def _down(journey: Journey, ctx: Context, heat: Heat, still: bool) -> None:
    """A Gibbs step, but none of the machine itself, whose samples are there; then weigh the states."""
    rbm = journey.path.rbm
    if not still:
        journey.move(rbm.to_hidden(journey.v, ctx), heat, ctx)
    journey.weigh(rbm.to_hidden(journey.v, ctx), heat, ctx)


def _away(journey: Journey, ctx: Context, heat: Heat, _: bool) -> None:
    """A Gibbs step, with the density at both of its ends."""
    rbm = journey.path.rbm
    inputs = rbm.to_hidden(journey.v, ctx)
    journey.weigh_alone(inputs, heat, ctx)
    journey.move(inputs, heat, ctx)
    journey.weigh_alone(rbm.to_hidden(journey.v, ctx), heat, ctx, -1.0)


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
