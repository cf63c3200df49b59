"""Weights that start by the data, and the look at what passes the layers."""

import numpy as np
import pytest

from gpunet.backend import Arena, Context
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run, named_layers, watched
from gpunet.inspection.signals import diagnosis, first_signals
from gpunet.layers import Dense


def make_run(device, **overrides):
    config = load_config(None, overrides, {})
    dataset = load("digits")
    return Run(Experiment(config, dataset, split(dataset, validation=0.1, test=0.1, seed=0), device))


DEEP = {"model.hidden": [100] * 10, "model.activation": "sigmoid", "training.batch_size": 128}


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_every_layer_that_starts_by_lsuv_gives_unit_variance(activation, members, device):
    options = {"model.hidden": [60] * 6, "model.activation": activation, "model.initializer": "lsuv"}
    run = make_run(device, members=members, **options)
    ctx, x = Context(False, Arena(device)), device.put(run.inputs.some("train", 500))
    layers = [layer for _, layer in named_layers(run.objective.model) if isinstance(layer, Dense)][:-1]
    for layer in layers:
        seen = []
        ctx.arena.rewind()
        with watched(layer, lambda y, seen=seen: seen.append(device.get(y))):
            run.objective.model.forward(x, ctx)
        assert seen[0].std(axis=(-2, -1)) == pytest.approx(np.ones(members) if members > 1 else 1, abs=1e-4)
    weight = device.get(layers[1].weight.value).reshape(-1, 60, 60)[0].astype(np.float64)
    product = weight.T @ weight
    assert product == pytest.approx(np.eye(60) * product[0, 0], abs=1e-4 * product[0, 0]), "still orthogonal"


def test_only_layers_that_ask_for_it_are_scaled(device):
    options = {"model.name": "layers", "model.layers": [{"name": "dense", "n_out": 30}, "relu"]}
    plain = make_run(device, **options).trainer.parameters.values
    drawn = make_run(device, **options).trainer.parameters
    from gpunet.parameter import Parameters

    assert (device.get(plain) == device.get(drawn.values)).all()
    fresh = Parameters(make_run(device, **options).objective.model, 0, device)
    assert (device.get(fresh.values) == device.get(plain)).all()


def test_watching_leaves_no_trace(device):
    layer = Dense(3, n_in=2)
    before = dict(vars(layer))
    with watched(layer, print):
        assert "forward" in vars(layer)
    assert vars(layer) == before


def test_ten_sigmoid_layers_vanish_and_relu_with_he_does_not(device):
    found = first_signals(make_run(device, **DEEP))
    assert len(found) == 21
    said = diagnosis(found)
    assert "gradients vanish" in said
    assert found[0].verdict.endswith("gradients vanish")
    assert found[-1].gradient_size / found[0].gradient_size > 1e4
    good = first_signals(make_run(device, **DEEP | {"model.activation": "relu", "model.initializer": "he"}))
    assert diagnosis(good) == ""
    assert not [signal for signal in good if signal.verdict]


def test_large_weights_explode(device):
    options = DEEP | {"model.activation": "relu", "model.initializer": {"name": "normal", "std": 1.0}}
    said = diagnosis(first_signals(make_run(device, **options)))
    assert "gradients explode" in said
    assert "outputs explode" in said


def test_numbers_are_those_of_the_arrays(device):
    run = make_run(device, **{"model.hidden": [7], "model.activation": "identity", "training.batch_size": 1437})
    dense, _, last = first_signals(run)
    parameters = run.trainer.parameters.named
    x = next(run.inputs.training_blocks()).astype(np.float64)
    y = x @ device.get(parameters["000_dense/weight"].value)
    assert dense.mean == pytest.approx(y.mean(), abs=1e-5)
    assert dense.spread == pytest.approx(np.sqrt((y.std(axis=0) ** 2).mean()), rel=1e-4)
    z = y @ device.get(parameters["002_dense/weight"].value)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(len(p)), run.dataset.y[run.split.train]] -= 1
    assert last.gradient_size == pytest.approx(np.sqrt(((p / len(p)) ** 2).mean()), rel=1e-4)


def test_a_machine_has_no_signal(device):
    with pytest.raises(ConfigError, match="needs a model of layers with a loss, got rbm"):
        first_signals(make_run(device, **{"model.name": "rbm"}))
