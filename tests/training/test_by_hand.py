"""Training step by step, without a run around it, loses nothing of what a run does."""

import numpy as np
import pytest

from gpunet.config import load_config
from gpunet.data import Feed, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.errors import DivergedError
from gpunet.experiment import Experiment, Run
from gpunet.layers import Dense, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence
from gpunet.training import Trainer


def test_a_training_by_hand_says_that_it_diverged(device):
    x = np.random.default_rng(0).random((40, 4), np.float32)
    y = (x[:, 0] > 0.5).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype("f4"))
    objective = Supervised(Sequential([Dense(8), ReLU(), Dense(2)]), CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=SGD(1e30), seeds=0, feed=feed, batch_size=20, device=device)
    trainer.begin_epoch(0, 2)
    with np.errstate(all="ignore"):
        for step in range(2):
            trainer.train_batch(step)
    with pytest.raises(DivergedError) as caught:
        trainer.averages()
    assert caught.value.thing == "step 2" or caught.value.thing == "step 1"
    assert "the weights of the step before are kept" in str(caught.value)
    assert np.isfinite(device.get(trainer.parameters.values)).all()


@pytest.mark.parametrize("preset", ["rbm", "classrbm", "dbn"])
def test_a_machine_starts_from_the_data_whoever_drives_it(device, preset):
    config = load_config(preset, {"model.hidden": [6] if preset == "dbn" else 6, "training.epochs": 1}, {})
    dataset = load("digits")
    experiment = Experiment(config, dataset, split(dataset, validation=0.2, test=0.2, seed=0), device)
    family, about, inputs = config.model, experiment.description, experiment.inputs
    if family.layerwise is None:
        objective = family.objective(about, inputs, family.loss(len(about.classes), None))
    else:
        objective = family.layerwise.stage(family.layerwise.machines(inputs.shape)[0], inputs, True, len(about.classes))
    run = Run(experiment, inputs, objective)
    machine = family.machine(objective.model)
    mean = next(inputs.training_blocks()).mean(axis=0, dtype=np.float64)
    started = device.get(machine.visible_offset.value)
    np.testing.assert_allclose(started[:64], mean, atol=1e-6)
    if preset == "classrbm":
        counts = np.bincount(dataset.y[experiment.split.train], minlength=10)
        np.testing.assert_allclose(started[64:], counts / counts.sum(), atol=1e-6)
    assert run.trainer.objective is objective


def test_the_biases_of_a_machine_by_hand_are_the_log_odds_of_the_data(device):
    x = (np.random.default_rng(0).random((500, 5)) < [0.1, 0.3, 0.5, 0.7, 0.9]).astype(np.float32)
    feed = Feed(device, x, np.zeros((500, 0), np.float32), fit_preprocessing("none", x, 1.0), np.dtype("f4"))
    rbm = RBM(Bernoulli(5), Bernoulli(3))
    Trainer(ContrastiveDivergence(rbm), optimization=SGD(0.1), seeds=0, feed=feed, batch_size=50, device=device)
    mean = x.mean(axis=0)
    np.testing.assert_allclose(device.get(rbm.visible_bias.value), np.log(mean / (1 - mean)), rtol=1e-4)
