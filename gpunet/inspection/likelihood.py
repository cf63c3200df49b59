"""What gpunet likelihood computes: normalisers, log-likelihoods and what only resembles them."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Arena, Context, Purpose, host_generator, threads_for
from ..models import DBM
from ..persistence import TrainedStack
from ..rbm import (
    LogZ,
    ais_log_z,
    exact_log_z,
    model_samples,
    pseudo_log_likelihood,
    raise_log_likelihoods,
    reverse_ais_log_z,
    temperatures,
)
from ..rbm.likelihood import MAX_STATES

BATCH = 1000  # samples at once
TRUSTED = 1.0  # nats; a bracket of log Z wider than this says little
EASY = 2.0**20  # states that are summed exactly in seconds
EASY_PAIRS = 2.0**22  # samples with states of hidden layers, likewise
PILOT = 20  # chains of the walk that places the temperatures
DRAWS = 10  # states from the upward pass, for the bound of a stack


def states(model: TrainedStack, x: np.ndarray, binarise: bool) -> np.ndarray:
    """Preprocessed samples, float64; Bernoulli data become states, rounded or drawn with seed 0.

    Categories stay as they are, (samples, sites): they become states where a block of them is looked at.
    """
    if model.preprocessing.categorical:
        return x.reshape(len(x), -1)
    v = model.preprocessing.on_host(x.reshape(len(x), -1), np.float64)
    if not model.dbn.visible.bits:
        return v
    threshold = host_generator(0, Purpose.SAMPLING).random(v.shape) if binarise else 0.5
    return np.greater(v, threshold).astype(np.float64)


@dataclass(frozen=True)
class Annealing:
    """The way from a machine without weights to the top machine: what all walks of one command share.

    Attributes:
        base: (visible,), mean that the machine without weights has.
        betas: (steps + 1,), inverse temperatures from 0 to 1.
    """

    base: np.ndarray
    betas: np.ndarray

    @classmethod
    def of(cls, model: TrainedStack, device: Any, steps: int) -> "Annealing":
        """So many steps, placed by a pilot walk."""
        top = model.dbn.top
        base = device.get(top.visible_offset.value).reshape(-1, top.visible.n).mean(axis=0)
        with _threads(model, PILOT):
            return cls(base, temperatures(top, model.parameters, base, runs=PILOT, steps=steps))


def bracket(model: TrainedStack, v: np.ndarray, device: Any, way: Annealing, runs: int, mixing: int) -> LogZ:
    """log Z of the top machine between a walk up and a walk down.

    Args:
        model: machines; products are made in their precision, sums of walks and over samples in float64.
        v: states of the data, where the chains for the walk down start.
        device: where they live.
        way: of both walks.
        runs: of each walk, of each member.
        mixing: tempered Gibbs steps from data to samples of the model.
    """
    with _threads(model, runs):
        return _both_walks(model, v, device, way, runs, mixing)


def _both_walks(model: TrainedStack, v: np.ndarray, device: Any, way: Annealing, runs: int, mixing: int) -> LogZ:
    top, members, base, betas = model.dbn.top, model.parameters.members, way.base, way.betas
    up = ais_log_z(top, model.parameters, base, runs=runs, betas=betas)
    ctx = Context(training=False, arena=Arena(device), streams=model.parameters.streams(Purpose.SAMPLING))
    start = device.put(coded(model, np.resize(v, (runs, v.shape[-1]))))
    start = model.dbn.rise(start, ctx, draw=True)
    if members and model.dbn.single:  # samples of the data are shared; what machines draw is each member's
        start = device.xp.broadcast_to(start, (*members, *start.shape))
    samples = model_samples(top, model.parameters, start.copy(), steps=mixing)
    return up.bracket(reverse_ais_log_z(top, model.parameters, base, samples, betas=betas))


def is_easy(model: TrainedStack) -> bool:
    """Whether one side of the top machine has so few states that they are summed exactly in seconds."""
    top = model.dbn.top
    return min(top.visible.state_count, top.hidden.state_count) <= EASY


def is_bound(model: TrainedStack, samples: int, asked: bool = False) -> bool:
    """Whether the log-likelihood of so many samples is only known by a lower bound.

    That of a deep machine is exact where its hidden layers have few states, or the sum over more is asked for.
    """
    if model.dbn.single:
        return False
    if not isinstance(model.dbn, DBM):
        return True
    states = model.dbn.hidden_state_count
    return not (states <= MAX_STATES and (asked or states * samples <= EASY_PAIRS))


def is_approximate(model: TrainedStack, log_z: LogZ) -> bool:
    """Whether likelihoods rest on samples that are not quite those of the machines, so that no bracket holds them."""
    sampled = log_z.method != "exact" or not model.dbn.single
    return sampled and not all(side.draws_exactly for side in model.dbn.sides)


def normaliser(model: TrainedStack, v: np.ndarray, device: Any, way: Annealing | None, runs: int, mixing: int) -> LogZ:
    """log Z of the top machine: exact where no way of annealing is given, else in its bracket.

    Args:
        model: machines; products are made in their precision, sums of walks and over samples in float64.
        v: states of the data.
        device: where they live.
        way: of the walks up and down, or None to sum over all states.
        runs: of each walk.
        mixing: tempered Gibbs steps from data to samples of the model.

    Raises:
        ConfigError: no way, and both sides have more than 2^25 states.
    """
    if way is None:
        return exact_log_z(model.dbn.top, model.parameters)
    return bracket(model, v, device, way, runs, mixing)


def scores(model: TrainedStack, v: np.ndarray, device: Any, asked: bool = False) -> dict[str, np.ndarray]:
    """Numbers of each sample, (members, samples), by name.

    - ``unnormalised``: the log-likelihood up to log Z, or a lower bound on it, see :func:`is_bound`.
    - ``lower_bound``: the bound up to log Z as well, of a deep machine whose log-likelihood is exact.
    - ``free_energy`` and ``reconstruction_error`` of a single machine.

    Args:
        model: machines; products are made in their precision, sums of walks and over samples in float64.
        v: states of the data.
        device: where they live.
        asked: sum over all states of the hidden layers of a deep machine, also where that takes long.
    """
    dbn, streams = model.dbn, model.parameters.streams(Purpose.SAMPLING)
    ctx = Context(training=False, arena=Arena(device), streams=streams)
    single, exact, parts = dbn.single, not (dbn.single or is_bound(model, len(v), asked)), []
    for number, start in enumerate(range(0, len(v), BATCH)):
        ctx.arena.rewind()
        streams.rewind()
        streams.clock[...] = number + 1
        block = device.put(coded(model, v[start : start + BATCH]))
        if single:
            error = dbn.decode(dbn.encode(block, ctx), ctx) - block
            values = [-dbn.top.free_energy(block, ctx), (error * error).sum(axis=-1)]
        else:
            members = model.parameters.members
            block = device.xp.broadcast_to(block, (*members, *block.shape)) if members else block
            draws = DRAWS if dbn.bound_is_drawn else 1
            values = [sum(dbn.bound(block, ctx) for _ in range(draws)) / draws]
            if isinstance(dbn, DBM) and exact:
                values.append(dbn.log_unnormalised(block, ctx))
        parts.append([device.get(value).reshape(len(model.parameters.seeds), -1) for value in values])
    found = [np.concatenate(kind, axis=1).astype(np.float64) for kind in zip(*parts)]
    if not single:
        return {"unnormalised": found[1], "lower_bound": found[0]} if exact else {"unnormalised": found[0]}
    return {"unnormalised": found[0], "free_energy": -found[0], "reconstruction_error": found[1]}


def over_samples(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean of numbers of samples, (members, samples), and its standard error, each (members,).

    With weights (samples,) the error is that of as many samples as carry as much, ``sum(w)^2 / sum(w^2)``.

    >>> over_samples(np.array([[1.0, 3.0, 3.0]])), over_samples(np.array([[1.0, 3.0]]), np.array([1.0, 2.0]))[0]
    ((array([2.33333333]), array([0.54433105])), array([2.33333333]))
    """
    if weights is None:
        return values.mean(axis=1), values.std(axis=1) / math.sqrt(values.shape[1])
    mean = np.average(values, axis=1, weights=weights)
    variance = np.average((values - mean[:, None]) ** 2, axis=1, weights=weights)
    return mean, np.sqrt(variance * (weights * weights).sum()) / weights.sum()


def case_bounds(model: TrainedStack, v: np.ndarray, device: Any, way: Annealing) -> dict[str, np.ndarray]:
    """RAISE bounds and pseudo-likelihoods of a few samples of a single machine, (members, samples)."""
    rbm, members, block = model.dbn.top, len(model.parameters.seeds), device.put(coded(model, v))
    found = {"raise_bound": raise_log_likelihoods(rbm, model.parameters, way.base, block, runs=5, betas=way.betas)}
    if rbm.visible.ends is not None:
        ctx = Context(training=False, arena=Arena(device))
        found["pseudo_log_likelihood"] = device.get(pseudo_log_likelihood(rbm, block, ctx)).reshape(members, -1)
    return found


def coded(model: TrainedStack, v: np.ndarray) -> np.ndarray:
    """What :func:`states` gave as states, (samples, visible) in the precision of the machines."""
    dtype = model.parameters.dtype
    return model.preprocessing.on_host(v, dtype) if model.preprocessing.categorical else v.astype(dtype, copy=False)


def _threads(model: TrainedStack, chains: int) -> AbstractContextManager[None]:
    """For walks of so many chains, in which one small product follows another."""
    top = model.dbn.top
    return threads_for(chains * top.visible.n * top.hidden.n, math.inf)
