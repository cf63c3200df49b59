"""What is known of a machine from weighted samples: weight 2 is the row twice, weight 0 no row."""

import numpy as np
import pytest

from gpunet.backend import Arena, Context
from gpunet.data import Feed, Inputs, Split, fit_preprocessing
from gpunet.experiment.monitoring import Doctor
from gpunet.inspection.likelihood import over_samples
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, ClassRBM, ContrastiveDivergence, HybridLearning, Monitors
from gpunet.training import Trainer

PLAIN = fit_preprocessing("none", np.zeros((1, 1)), 1.0)
WEIGHTS = np.array([1, 0, 2, 3, 1, 0, 2, 1])
AGAIN = np.repeat(np.arange(8), WEIGHTS)


def feeds(device, x, y):
    weighted = Feed(device, x, y, PLAIN, np.dtype("f8"), weights=WEIGHTS)
    return weighted, Feed(device, x[AGAIN], y[AGAIN], PLAIN, np.dtype("f8"))


def test_machines_start_at_the_weighted_mean(device, rng):
    x, y = rng.random((8, 5)), np.zeros((8, 0))
    found = []
    for feed in feeds(device, x, y):
        objective = ContrastiveDivergence(RBM(Bernoulli(5), Bernoulli(3)))
        parameters = Parameters(objective.model, 0, device, np.float64)
        objective.start_from(feed)
        found.append(device.get(parameters.values))
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert feeds(device, x, y)[0].mean() != pytest.approx(x.mean(axis=0), rel=1e-2)


def test_machines_that_classify_start_at_the_weighted_shares_of_classes(device, rng):
    x, y = rng.random((8, 5)), np.array([0, 1, 2, 2, 1, 0, 1, 1], np.int32)
    found = []
    for feed in feeds(device, x, y):
        model = ClassRBM(Bernoulli(5), Bernoulli(3), 3)
        parameters = Parameters(model, 0, device, np.float64)
        HybridLearning(model, ContrastiveDivergence(model.joint)).start_from(feed)
        found.append(device.get(parameters.values))
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def machine(device, rng):
    objective = ContrastiveDivergence(RBM(Bernoulli(5), Bernoulli(3)))
    parameters = Parameters(objective.model, 0, device, np.float64)
    objective.start(device, (), np.float64)
    device.copy_into(parameters.values, rng.normal(size=parameters.values.shape))
    return objective, parameters


def test_the_gap_of_free_energies_is_between_weighted_means(device, rng):
    x, other = (rng.random((8, 5)) < 0.5).astype(float), (rng.random((6, 5)) < 0.5).astype(float)
    objective, parameters = machine(device, rng)
    kept = WEIGHTS > 0
    weighted = Monitors(objective, parameters, device.put(x[kept]), device.put(other), WEIGHTS[kept] * 0.1).numbers()
    repeated = Monitors(objective, parameters, device.put(x[AGAIN]), device.put(other)).numbers()
    assert weighted["free_energy_gap"] == pytest.approx(repeated["free_energy_gap"])
    alike = Monitors(objective, parameters, device.put(x), device.put(other), np.full(8, 0.3)).numbers()
    plain = Monitors(objective, parameters, device.put(x), device.put(other)).numbers()
    assert alike["free_energy_gap_error"] == pytest.approx(plain["free_energy_gap_error"])
    one = Monitors(objective, parameters, device.put(x), device.put(other), np.eye(8)[0]).numbers()
    assert "free_energy_gap" not in one


def test_samples_without_weight_are_not_looked_at_between_epochs(device, rng):
    x = (rng.random((12, 5)) < 0.5).astype(np.float32)
    x[4:8] = 1.0  # of weight 0: they alone would switch the unit on
    weights = np.array([1.0, 2, 1, 1, 0, 0, 0, 0, 1, 1, 3, 1])
    split = Split(np.arange(8), np.arange(8, 12), np.zeros(0, int))
    inputs = Inputs(x, np.zeros((12, 0), np.float32), split, PLAIN, device, weights=weights)
    objective = ContrastiveDivergence(RBM(Bernoulli(5), Bernoulli(3)))
    trainer = Trainer(objective, optimization=SGD(0.1), seeds=0, feed=inputs.feed("train"), batch_size=4, device=device)
    monitors = Doctor(objective, trainer, inputs).monitors
    assert len(monitors.train) == 4
    assert sorted(monitors.weights) == [1, 1, 1, 2]
    rows = device.get(monitors.train)
    for row, weight in zip(rows, monitors.weights):
        assert any((row == x[i]).all() and weights[i] == weight for i in range(4))
    ctx = Context(False, Arena(device))
    energies = device.get(objective.model.free_energy(device.put(x), ctx)).astype(float)
    gap = np.average(energies[8:], weights=weights[8:]) - np.average(energies[:8], weights=weights[:8])
    assert monitors.numbers()["free_energy_gap"] == pytest.approx(gap, rel=1e-3, abs=1e-5)


def test_means_over_weighted_samples_are_those_of_repeated_ones():
    values = np.random.default_rng(0).normal(size=(2, 8))
    mean, _ = over_samples(values, WEIGHTS * 0.25)
    assert mean == pytest.approx(values[:, AGAIN].mean(axis=1))
    ones = (WEIGHTS > 0).astype(float)
    without = over_samples(values[:, ones > 0])
    for found, expected in zip(over_samples(values, ones * 7), without):
        assert found == pytest.approx(expected)
