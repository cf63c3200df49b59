"""Each way to regularise is a word of the configuration, does what it says, and leaves biases and batch norm alone."""

import numpy as np
import pytest

from gpunet.config import check
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run
from gpunet.layers import BatchNorm, Dense, Dropout, GaussianNoise, ReLU
from gpunet.parameter import Parameters
from gpunet.testing import make_context

BASE = {"model": {"name": "mlp", "hidden": [12], "batch_norm": "before"}, "optimizer": {"name": "sgd"}}


def steps(device, count=4, **changes):
    """The run after a few steps, with its parameters on the host by name."""
    config = check({**BASE, **changes})
    dataset = load("digits")
    run = Run(Experiment(config, dataset, split(dataset, validation=0.1, test=0.1, seed=0), device))
    run.trainer.begin_epoch(0, 10)
    for number in range(count):
        run.trainer.train_batch(number)
    return {name: device.get(p.value) for name, p in run.trainer.parameters.named.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"l1": 0.01}},
        {"training": {"l2": 0.5}},
        {"training": {"l1": 0.01, "l2": 0.5}},
        {"optimizer": {"name": "adamw", "weight_decay": 0.5}},
    ],
    ids=["l1", "l2", "elastic", "weight decay"],
)
def test_penalties_shrink_weights_and_nothing_else(changes, device):
    """After one step from the same start only what decays differs."""
    plain = {"optimizer": {"name": "adamw", "weight_decay": 0.0}} if "optimizer" in changes else {}
    without, with_it = steps(device, 1, **plain), steps(device, 1, **changes)
    for name in without:
        if name.endswith("weight"):
            assert np.abs(with_it[name]).sum() < np.abs(without[name]).sum()
        else:
            assert np.array_equal(with_it[name], without[name]), name


def test_weights_into_a_unit_stay_within_max_norm(device):
    model = {"name": "mlp", "hidden": [12], "max_norm": 0.7}
    found = steps(device, model=model)
    lengths = np.sqrt((found["000_dense/weight"].astype(np.float64) ** 2).sum(axis=0))
    assert lengths.max() <= 0.7 + 1e-6
    free = np.sqrt((steps(device, model={"name": "mlp", "hidden": [12]})["000_dense/weight"] ** 2).sum(axis=0))
    assert free.max() > 0.8


def layers_of(**model):
    return check({"model": {"name": "mlp", "hidden": [5], **model}}).model.network((4,), 3).layers


@pytest.mark.parametrize(
    ("place", "kinds"),
    [
        ("before", [Dense, BatchNorm, ReLU, Dense]),
        (True, [Dense, BatchNorm, ReLU, Dense]),
        ("after", [Dense, ReLU, BatchNorm, Dense]),
        ("none", [Dense, ReLU, Dense]),
        (False, [Dense, ReLU, Dense]),
    ],
)
def test_batch_norm_stands_where_it_is_wanted(place, kinds):
    layers = layers_of(batch_norm=place)
    assert [type(layer) for layer in layers] == kinds
    assert (layers[0].bias is None) == (kinds[1] is BatchNorm), "only a shift that follows takes the place of the bias"


def test_dropout_and_noise_are_configured_by_name():
    layers = layers_of(dropout=0.4, input_dropout=0.1, dropout_mode="classic", input_noise=0.3)
    assert [type(layer) for layer in layers] == [GaussianNoise, Dropout, Dense, ReLU, Dropout, Dense]
    assert [(layers[i].rate, layers[i].mode) for i in (1, 4)] == [(0.1, "classic"), (0.4, "classic")]
    assert layers[0].std == 0.3


def test_noise_has_the_deviation_asked_for_and_none_at_inference(device):
    layer, x = GaussianNoise(0.5), device.put(np.full((300, 100), 2.0))
    Parameters(layer, 0, device, np.float64)
    noisy = device.get(layer.forward(x, make_context(device))[0])
    assert noisy.mean() == pytest.approx(2, abs=5 * 0.5 / np.sqrt(noisy.size))
    assert noisy.std() == pytest.approx(0.5, rel=0.03)
    assert layer.forward(x, make_context(device, training=False))[0] is x
