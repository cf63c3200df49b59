"""Contrastive divergence against exact gradients, and estimates against exact likelihoods."""

import numpy as np
import pytest
from gpunet.datasets import load

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import ConfigError
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    Binomial,
    ContrastiveDivergence,
    Gaussian,
    Softmax,
    ais_log_z,
    exact_log_z,
    log_likelihood,
)
from gpunet.testing import LOG, TracedDevice, make_context, numeric_gradient, plain
from gpunet.training import Trainer


def tiny(device, seed=0, chains=None, **options):
    rbm = RBM(Bernoulli(4), Bernoulli(3))
    parameters = Parameters(rbm, seed, device, np.float64)
    noise = np.random.default_rng(5).normal(size=parameters.values.shape) * 0.7
    device.copy_into(parameters.values, noise)
    for offset in (rbm.visible_offset, rbm.hidden_offset):
        device.copy_into(offset.value, np.random.default_rng(6).uniform(0.2, 0.8, offset.shape))
    objective = ContrastiveDivergence(rbm, chains=chains, **options)
    objective.start_chains(device, (), np.float64)
    return rbm, parameters, objective


def exact_gradient(rbm, parameters, v, device):
    """Gradient of the mean negative log-likelihood by central differences of exact values."""
    ctx = make_context(device)

    def loss():
        ctx.arena.rewind()
        return -float(log_likelihood(rbm, exact_log_z(rbm, parameters), v, ctx).mean())

    names = ("weight", "visible_bias", "hidden_bias")
    return {name: numeric_gradient(loss, getattr(rbm, name).value, device) for name in names}


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("chains", [None, 20_000])
def test_long_chains_give_the_exact_gradient(center, chains, device, rng):
    """After 40 Gibbs steps the model term is a fair sample, so the estimate meets the exact value within its error."""
    n = 20_000
    rbm, parameters, objective = tiny(device, k=40, center=center, chains=chains)
    rows = rng.integers(0, 2, (8, 4)).astype(float)
    v = device.put(np.tile(rows, (n // 8, 1)))
    exact = exact_gradient(rbm, parameters, device.put(rows), device)
    parameters.zero_grad()
    objective.learn(v, None, make_context(device))
    if center:
        # Melchior et al. (2016): the centred gradient, written out from the plain one.
        mu, nu = device.get(rbm.visible_offset.value), device.get(rbm.hidden_offset.value)
        exact["weight"] -= np.outer(exact["visible_bias"], nu) + np.outer(mu, exact["hidden_bias"])
        exact["visible_bias"] = exact["visible_bias"] - exact["weight"] @ nu
        exact["hidden_bias"] = exact["hidden_bias"] - mu @ exact["weight"]
    for name, expected in exact.items():
        found = device.get(getattr(rbm, name).grad)
        assert np.abs(found - expected).max() < 6 * np.sqrt(0.5 / n), name


def test_the_data_term_does_not_depend_on_the_batch_size(device):
    """A published mistake: sums instead of means, so that the rate grows with the batch."""
    gradients = []
    for repeat in (500, 5000):
        rbm, parameters, objective = tiny(device)
        parameters.zero_grad()
        objective.learn(device.put(np.tile([[1.0, 0, 1, 0]], (repeat, 1))), None, make_context(device))
        gradients.append(device.get(rbm.weight.grad))
    assert gradients[0] == pytest.approx(gradients[1], abs=0.08)


def test_offsets_follow_the_data(device):
    rbm, parameters, objective = tiny(device)
    parameters.zero_grad()
    v = np.tile([[1.0, 0, 1, 0], [1.0, 1, 0, 0]], (5, 1))
    objective.learn(device.put(v), None, make_context(device))
    assert device.get(rbm.visible_offset.grad).tolist() == v.mean(axis=0).tolist()


def test_binarising_keeps_the_mean_of_the_data(device):
    rbm, parameters, objective = tiny(device, binarise=True)
    parameters.zero_grad()
    objective.learn(device.put(np.tile([[0.1, 0.5, 0.9, 1.0]], (20_000, 1))), None, make_context(device))
    seen = device.get(rbm.visible_offset.grad)
    assert seen == pytest.approx([0.1, 0.5, 0.9, 1.0], abs=0.02)
    assert seen[3] == 1


def make_trainer(device, seeds=0, chains=None, k=2, hidden=20, visible=None, rate=0.05, x=None):
    x = load("digits").x.reshape(-1, 64) if x is None else x
    rbm = RBM(visible or Bernoulli(64), Bernoulli(hidden))
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    objective = ContrastiveDivergence(rbm, k, chains, binarise=visible is None)
    objective.start_chains(device, members)
    kind, scale = ("scale", 16.0) if visible is None else ("none", 1.0)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing(kind, x, scale), np.dtype("f4"), members)
    trainer = Trainer(objective, SGD(rate, momentum=0.5), seeds, feed, 50, device)
    mean = x.mean(axis=0) / scale
    rbm.start_from(mean)
    return rbm, trainer, mean


def train(trainer, epochs):
    steps = trainer.steps_per_epoch(drop_last=True)
    for epoch in range(epochs):
        trainer.begin_epoch(epoch, steps)
        for step in range(steps):
            trainer.train_batch(step)
    return trainer


def in_float64(rbm, trainer, device):
    """The trained machine with its numbers in float64, as likelihoods want them."""
    double = RBM(rbm.visible, rbm.hidden)
    members = trainer.parameters.members
    parameters = Parameters(double, list(trainer.parameters.seeds) if members else 0, device, np.float64)
    for name, parameter in parameters.named.items():
        device.copy_into(parameter.value, device.get(trainer.parameters.named[name].value))
    return double, parameters


@pytest.fixture(scope="module")
def trained():
    device = Device()
    rbm, trainer, mean = make_trainer(device, chains=50, rate=0.1)
    before = likelihood(rbm, trainer, mean, device)
    return (*in_float64(rbm, train(trainer, 40), device), mean, before)


def likelihood(rbm, trainer, mean, device):
    double, parameters = in_float64(rbm, trainer, device)
    v = (load("digits").x.reshape(-1, 64) > 8).astype(float)
    return log_likelihood(double, exact_log_z(double, parameters), device.put(v), make_context(device)).mean()


def test_learning_raises_the_exact_likelihood(trained):
    double, parameters, _, before = trained
    v = (load("digits").x.reshape(-1, 64) > 8).astype(float)
    after = log_likelihood(double, exact_log_z(double, parameters), v, make_context(Device())).mean()
    assert after > before + 3


def test_ais_meets_the_exact_value_on_a_trained_machine(trained):
    double, parameters, mean, _ = trained
    exact = exact_log_z(double, parameters).value[0]
    estimate = ais_log_z(double, parameters, mean, runs=200, steps=2000)
    assert abs(estimate.value[0] - exact) < 0.1
    assert estimate.low[0] - 0.02 < exact < estimate.high[0] + 0.02
    assert estimate.effective_samples[0] > 50


def test_ais_is_exact_where_the_machine_is_its_base(device):
    """Without weights every run has the same weight, and log Z is known."""
    rbm = RBM(Bernoulli(4), Bernoulli(3))
    parameters = Parameters(rbm, 0, device, np.float64)
    parameters.values.fill(0)
    mean = np.array([0.2, 0.5, 0.7, 0.9])
    rbm.start_from(mean)
    estimate = ais_log_z(rbm, parameters, mean, runs=10, steps=5)
    assert estimate.value[0] == pytest.approx(exact_log_z(rbm, parameters).value[0], abs=1e-9)
    assert estimate.high[0] - estimate.low[0] < 1e-9


def test_ais_refuses_other_visible_units(device):
    rbm = RBM(Gaussian(3), Bernoulli(2))
    with pytest.raises(ConfigError, match="needs Bernoulli visible units, got Gaussian"):
        ais_log_z(rbm, Parameters(rbm, 0, device, np.float64), np.zeros(3))


@pytest.mark.parametrize("chains", [None, 7])
def test_each_member_learns_what_it_learns_alone(chains, device):
    _, together, _ = make_trainer(device, [3, 4], chains)
    train(together, 1)
    for member, seed in enumerate((3, 4)):
        _, alone, _ = make_trainer(device, seed, chains)
        train(alone, 1)
        a, b = device.get(together.parameters.values)[member], device.get(alone.parameters.values)
        assert np.array_equal(a, b) if device.kind == "cpu" else np.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("visible", [Gaussian(6), Binomial(6, 3), Softmax(6, 3), Bernoulli(6)], ids=repr)
def test_every_visible_type_learns(visible, device, rng):
    """The data have two modes; learning must raise the likelihood of the data under the exact normaliser."""
    ctx = make_context(device)
    inputs = device.put(np.where(rng.random((400, 1)) < 0.5, 2.0, -2.0) * [1, -1, 1, -1, 1, -1])
    x = device.get(visible.sample(inputs, ctx)).astype(np.float32)
    rbm, trainer, _ = make_trainer(device, hidden=5, visible=visible, rate=0.1, x=x)

    def mean_likelihood():
        double, parameters = in_float64(rbm, trainer, device)
        return log_likelihood(
            double, exact_log_z(double, parameters), device.put(x, float), make_context(device)
        ).mean()

    before = mean_likelihood()
    train(trainer, 100)
    assert mean_likelihood() > before + 0.5


@pytest.mark.parametrize("chains", [None, 5])
@pytest.mark.parametrize("seeds", [0, [1, 2]])
def test_the_update_with_its_gibbs_steps_can_be_captured(chains, seeds):
    recorded, real = (make_trainer(d, seeds, chains, k=3)[1] for d in (TracedDevice(), Device()))
    for trainer in (recorded, real):
        trainer.begin_epoch(0, 5)
    LOG.clear()
    recorded.step(50)
    LOG.replay()
    LOG.replay()
    for _ in range(3):
        real.step(50)
    assert np.array_equal(plain(recorded.parameters.values), real.parameters.values)


def test_k_must_be_positive():
    with pytest.raises(ConfigError, match="must be at least 1 Gibbs step, got 0"):
        ContrastiveDivergence(RBM(Bernoulli(2), Bernoulli(2)), k=0)
