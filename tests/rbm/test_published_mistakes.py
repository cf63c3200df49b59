"""What published code for these machines was found to do wrong, each as a test that it would fail.

Two more are where their fixtures are: the walk down that starts at h = 0 in test_annealing.py, and the whole gradient
against enumeration in test_learning.py.
"""

import itertools

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import write
from gpunet.config import load_config
from gpunet.data import Feed, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run
from gpunet.optimizers import SGD, Optimization, Optimizer
from gpunet.parameter import Parameters
from gpunet.persistence import load_stack, snapshot
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, FromData, Gaussian, NoisyReLU, Sparsity, exact_log_z
from gpunet.testing import make_context
from gpunet.training import Trainer


class Watched(FromData):
    """Contrastive divergence that remembers where its chains began."""

    def draw(self, rbm, data_input, k, ctx):
        self.began = data_input.copy()
        return super().draw(rbm, data_input, k, ctx)


def machine(device, hidden=None, visible=None, **options):
    rbm = RBM(visible or Bernoulli(4), hidden or Bernoulli(3))
    parameters = Parameters(rbm, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(5).normal(size=parameters.values.shape))
    objective = ContrastiveDivergence(rbm, **options)
    objective.start(device, (), np.float64)
    return rbm, parameters, objective


def test_momentum_is_not_multiplied_by_the_learning_rate(device):
    rbm, parameters, _ = machine(device)
    before = device.get(rbm.weight.value).copy()
    optimizer = Optimizer(SGD(0.1, momentum=0.9), parameters)
    for step in range(3):
        optimizer.plan(np.array([float(step)]), device.zeros((1,), np.int64))
        parameters.grads[...] = 1
        optimizer.step(device.put(np.array([True])).reshape(()))
    # v = 1, 1.9, 2.71: with momentum times rate it would be 1, 1.09, 1.0981.
    assert before - device.get(rbm.weight.value) == pytest.approx(np.full((4, 3), 0.1 * (1 + 1.9 + 2.71)))


def test_weight_decay_leaves_biases_and_offsets_alone(device):
    rbm, parameters, _ = machine(device)
    before = {name: device.get(p.value).copy() for name, p in parameters.named.items()}
    optimizer = Optimizer(Optimization(SGD(0.1), l2=0.5, l1=0.1), parameters)
    optimizer.plan(np.zeros(1), device.zeros((1,), np.int64))
    parameters.grads[...] = 0
    device.copy_into(rbm.visible_offset.grad, before["visible_offset"])
    device.copy_into(rbm.hidden_offset.grad, before["hidden_offset"])
    optimizer.step(device.put(np.array([True])).reshape(()))
    after = {name: device.get(p.value) for name, p in parameters.named.items()}
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {"weight"}


@pytest.mark.parametrize("repeat", [1, 50])
def test_sparsity_is_on_the_mean_of_a_batch_and_not_on_its_sum(repeat, device):
    batch = np.tile([[1.0, 0, 1, 0], [0, 1, 1, 0]], (repeat, 1))
    gradients = []
    for sparsity in (Sparsity(target=0.1, cost=2.0), None):
        rbm, parameters, objective = machine(device, sparsity=sparsity)
        objective.learn(device.put(batch), None, None, make_context(device))
        parameters.finish_grad()
        gradients.append(device.get(rbm.hidden_bias.grad).copy())
    expected = 2.0 * (device.get(rbm.hidden_offset.value) - 0.1)
    assert gradients[0] - gradients[1] == pytest.approx(expected)


def test_chains_start_from_the_states_that_are_learned(device, rng):
    """Drawing or scaling the data after the chain has begun compares it with other data than its own."""
    rbm, _, objective = machine(device, chains=Watched(), binarise=True)
    rbm.visible_bias.value[...] = 0
    x = rng.random((50, 4))
    (free_energy,) = objective.learn(device.put(x), None, None, make_context(device))
    began = device.get(objective.chains.began)
    assert device.get(free_energy) == pytest.approx(-np.log1p(np.exp(began)).sum(axis=1))
    w, c = device.get(rbm.weight.value), device.get(rbm.hidden_bias.value)
    possible = np.array(list(itertools.product([0.0, 1.0], repeat=4))) @ w + c
    assert np.abs(possible[:, None] - began).max(axis=2).min(axis=0).max() < 1e-9, "of states, not of probabilities"


def test_rectified_units_are_counts_and_not_bits(device):
    inputs = device.put(np.full((4000, 2), 5.0))
    drawn = device.get(NoisyReLU(2).sample(inputs, make_context(device)))
    assert drawn.mean() == pytest.approx(5.0, abs=0.1)
    assert drawn.std() == pytest.approx(np.sqrt(1 / (1 + np.exp(-5.0))), abs=0.05)


def test_a_variance_is_not_used_as_a_deviation(device):
    units = Gaussian(2, learn_variance=True)
    machine(device, visible=units)
    device.copy_into(units.log_variance.value, np.log([0.25, 9.0]))
    drawn = device.get(units.sample(device.zeros((40_000, 2), np.float64), make_context(device)))
    assert drawn.std(axis=0) == pytest.approx([0.5, 3.0], rel=0.03)


def test_rows_that_fill_a_batch_are_not_learned():
    device, data = Device(), np.random.default_rng(1).integers(1, 3, (7, 4)).astype(np.float32)
    seen = []

    class Recording(ContrastiveDivergence):
        def learn(self, x, target, weight, ctx):
            seen.append(device.get(x).copy())
            return super().learn(x, target, weight, ctx)

    feed = Feed(device, data, np.zeros(7, np.int32), fit_preprocessing("none", data, 1.0), np.dtype("f4"))
    rbm = RBM(Gaussian(4), Bernoulli(3))
    trainer = Trainer(Recording(rbm), optimization=SGD(0.0), seeds=0, feed=feed, batch_size=4, device=device)
    steps = trainer.steps_per_epoch(drop_last=False)
    trainer.begin_epoch(0, steps)
    for step in range(steps):
        trainer.train_batch(step)
    assert [len(batch) for batch in seen] == [4, 3]
    assert sorted(map(tuple, np.concatenate(seen))) == sorted(map(tuple, data))
    # What the offsets observe of the short batch is the mean of its three rows.
    assert device.get(rbm.visible_offset.grad) == pytest.approx(seen[1].mean(axis=0))


@pytest.mark.parametrize("averaging", [None, {"name": "ema", "decay": 0.5}])
def test_likelihoods_are_those_of_the_weights_that_are_kept(averaging, tmp_path, device):
    """Estimates were published for parameters of another epoch, or for those before training."""
    words = {"model.hidden": 8, "training.epochs": 3, "optimizer.learning_rate": 0.1}
    config = load_config("rbm", words | ({"training.averaging": averaging} if averaging else {}), {})
    dataset = load("digits")
    run = Run(Experiment(config, dataset, split(dataset, validation=0.2, test=0.2, seed=0), device))
    before = device.get(run.trainer.parameters.values).copy()
    run.train()
    write(tmp_path / "best.h5", snapshot(run, best=True))
    kept, found = load_stack(tmp_path / "best.h5", device), []
    for values in (device.get(run.trainer.parameters.values), before):
        double = RBM(Bernoulli(64), Bernoulli(8))
        parameters = Parameters(double, 0, device, np.float64)
        device.copy_into(parameters.values, np.zeros(parameters.values.shape))
        for name in parameters.named:
            source = run.trainer.parameters.view(values, name)
            device.copy_into(parameters.named[name].value, source.astype(np.float64))
        found.append(exact_log_z(double, parameters).value[0])
    loaded = exact_log_z(kept.dbn.top, kept.parameters).value[0]
    assert loaded == pytest.approx(found[0], abs=1e-9)
    assert abs(loaded - found[1]) > 0.1
