"""Averages of the weights: their values, and that what is judged is what is kept."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.optimizers import EMA, SWA
from gpunet.persistence import snapshot


def make_run(**overrides):
    config = load_config("mlp", {"model.hidden": [16], "training.epochs": 4} | overrides, {})
    dataset = load("digits")
    return Run(
        Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0, order="stratified"), Device())
    )


def train_and_watch(run, epochs):
    """Train by hand; returns the weights after each step and the average after each epoch, in float64."""
    trainer, path, averages = run.trainer, [], []
    steps = trainer.steps_per_epoch(drop_last=True)
    for epoch in range(epochs):
        trainer.begin_epoch(epoch, steps)
        for step in range(steps):
            trainer.train_batch(step)
            path.append(trainer.parameters.values.astype(float))
        averages.append(trainer.optimizer.slots["average"].astype(float))
    return np.array(path).reshape(epochs, steps, -1), averages


def test_the_exponential_average_is_its_sum():
    path, averages = train_and_watch(make_run(**{"training.averaging": {"name": "ema", "decay": 0.9}}), 3)
    for epoch, found in enumerate(averages, 1):
        steps = path[:epoch].reshape(-1, path.shape[-1])
        weights = 0.9 ** np.arange(len(steps))[::-1]
        assert found == pytest.approx((weights @ steps) / weights.sum(), abs=1e-6)


def test_stochastic_weight_averaging_is_the_mean_over_epochs():
    path, averages = train_and_watch(make_run(**{"training.averaging": {"name": "swa", "start": 2}}), 4)
    ends = path[:, -1]
    for found, expected in zip(averages, (ends[0], ends[1], ends[1:3].mean(axis=0), ends[1:].mean(axis=0))):
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("averaging", [{"name": "ema", "decay": 0.95}, {"name": "swa", "start": 2}], ids=str)
def test_the_path_of_training_does_not_change(averaging):
    """Judging the average between epochs leaves the weights that training goes on with as they are."""
    plain, other = make_run(), make_run(**{"training.averaging": averaging})
    for run in (plain, other):
        run.train()
    for a, b in zip(plain.history, other.history):
        assert np.array_equal(a.numbers["train_loss"], b.numbers["train_loss"])
    validation = [[r.numbers["validation_loss"][0] for r in run.history] for run in (plain, other)]
    assert validation[0] != validation[1]


def test_the_average_is_judged_and_kept():
    run = make_run(**{"training.averaging": "ema", "training.monitor": "last"})
    run.train()
    average = run.trainer.optimizer.slots["average"]
    assert np.array_equal(run.selection.weights, average)
    assert np.array_equal(run.trainer.parameters.values, average)
    judged = run.history[-1].numbers["validation_loss"]
    assert np.array_equal(run.validation.scores()["loss"], judged)
    assert "average" in snapshot(run, best=False)["optimizer"].children


def test_a_member_averages_as_it_does_alone():
    options = {"training.averaging": {"name": "ema", "decay": 0.9}, "training.monitor": "last"}
    together = make_run(members=2, seed=4, **options)
    together.train()
    for member in range(2):
        alone = make_run(seed=4 + member, **options)
        alone.train()
        assert np.array_equal(together.selection.weights[member], alone.selection.weights)


def test_a_member_that_stopped_keeps_its_average():
    run = make_run(members=2, **{"training.averaging": "ema"})
    trainer = run.trainer
    trainer.begin_epoch(0, 3)
    trainer.train_batch(0)
    trainer.active[0] = False
    before = trainer.optimizer.slots["average"].copy()
    trainer.train_batch(1)
    after = trainer.optimizer.slots["average"]
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[1], after[1])


def test_settings_are_checked():
    for make in (lambda: EMA(1.0), lambda: EMA(0.0), lambda: SWA(0)):
        with pytest.raises(ConfigError, match="must be"):
            make()
