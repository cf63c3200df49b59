"""A small machine's data with three modes far apart, whose shares are known."""

import numpy as np

from gpunet.backend import Arena, Context
from gpunet.data import Feed, fit_preprocessing
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, exact_log_z
from gpunet.rbm.likelihood import unnormalised
from gpunet.training import Trainer

VISIBLE, HIDDEN, FLIPPED = 60, 12, 0.08
WEIGHTS = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()


def patterns():
    return (np.random.default_rng(5).random((3, VISIBLE)) < 0.5).astype(np.float64)


def data(samples=2000, seed=0):
    """Copies of the patterns, as often as their weights say, with flipped bits."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(3, samples, p=WEIGHTS)
    return np.abs(patterns()[chosen] - (rng.random((samples, VISIBLE)) < FLIPPED)).astype(np.float32)


def shares(v):
    """Part of the states that lie nearest to each pattern, (3,)."""
    distance = np.abs(v[:, None] - patterns()).sum(axis=-1)
    return np.bincount(distance.argmin(axis=1), minlength=3) / len(v)


def exact_shares(rbm, parameters, samples=40_000):
    """The same for independent samples of the machine: hidden states by enumeration, visible ones given them."""
    device, rng = parameters.device, np.random.default_rng(9)
    ctx = Context(False, Arena(device))
    states = rbm.hidden.states()
    log_p = device.get(unnormalised(rbm, device.put(states, parameters.dtype), False, ctx)).astype(np.float64)
    p = np.exp(log_p - exact_log_z(rbm, parameters).value[0])
    h = states[rng.choice(len(states), samples, p=p / p.sum())]
    mean = device.get(rbm.decode(device.put(h, parameters.dtype), ctx))
    return shares((rng.random(mean.shape) < mean).astype(np.float64))


def trained(chains, device, epochs, k=1, rate=0.1, seed=0, x=None, batch=100):
    """A machine after so many epochs, with its trainer."""
    x = data() if x is None else x
    rbm = RBM(Bernoulli(VISIBLE), Bernoulli(HIDDEN))
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(rbm, k=k, chains=chains)
    made = Trainer(objective, optimization=SGD(rate), seeds=seed, feed=feed, batch_size=batch, device=device)
    steps = made.steps_per_epoch(True)
    for epoch in range(epochs):
        made.begin_epoch(epoch, steps)
        for number in range(steps):
            made.train_batch(number)
        made.end_epoch()
    made.check()
    return rbm, made


def machine_of(values, device, dtype=np.float64):
    """One frozen version as a machine in float64."""
    rbm = RBM(Bernoulli(VISIBLE), Bernoulli(HIDDEN))
    parameters = Parameters(rbm, 0, device, dtype)
    for name, parameter in parameters.named.items():
        parameter.value[...] = device.put(device.get(values[name]), dtype)
    return rbm, parameters
