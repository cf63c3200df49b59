"""The gradient check finds planted errors, passes what is right, and tells kinks from errors."""

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet import layers, losses
from gpunet.backend import array_module
from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment
from gpunet.inspection.checking import GradientCheck
from gpunet.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAveragePool,
    GroupNorm,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    PadChannels,
    ReLU,
    Residual,
    Sigmoid,
    Softplus,
    SpatialDropout,
    StochasticDepth,
    Tanh,
    Upsample2D,
)
from gpunet.layers.base import Layer
from gpunet.losses import CategoricalCrossEntropy
from gpunet.optimizers import Optimizer
from gpunet.parameter import Module, Parameter, Parameters
from gpunet.testing import check_parameters

STACK = {
    "model.name": "layers",
    "model.layers": [
        {"name": "dense", "n_out": 2},
        "flatten",
        {"name": "dense", "n_out": 12},
        "batch_norm",
        "relu",
        {"name": "residual", "body": [{"name": "dense", "n_out": 12}, "tanh"]},
        {"name": "dropout", "rate": 0.3},
        "gaussian_noise",
        {"name": "dense", "n_out": 9},
        "softplus",
        {"name": "dense", "n_out": 9},
        "sigmoid",
        {"name": "dense", "n_out": 9},
        "leaky_relu",
    ],
    "training.l2": 0.01,
    "training.l1": 0.001,
}


IMAGES = {
    "model.name": "layers",
    "model.layers": [
        {"name": "conv2d", "n_out": 4},
        {"name": "group_norm", "groups": 2},
        {"name": "spatial_dropout", "rate": 0.3},
        "softplus",
        {"name": "average_pool2d", "size": 2},
        {"name": "residual", "body": [{"name": "conv2d", "n_out": 4}, {"name": "stochastic_depth", "rate": 0.3}]},
        "layer_norm",
        {"name": "pad_channels", "n_out": 6},
        {"name": "max_pool2d", "size": 2},
        {"name": "upsample2d", "crop": [1, 0]},
        {"name": "conv2d", "n_out": 3, "size": 2},
        "global_average_pool",
    ],
}


def make_check(overrides=STACK, device=None):
    from gpunet.backend import Device

    config = load_config(None, overrides, {})
    dataset = load("digits")
    parts = split(dataset, validation=0.1, test=0.1, seed=0)
    return GradientCheck(Experiment(config, dataset, parts, device or Device()))


def wrong(check):
    return {finding.name for finding in check.findings() if not finding.holds}


@pytest.mark.parametrize(
    "overrides",
    [
        STACK,
        STACK | {"members": 2},
        {"model.name": "autoencoder", "model.hidden": [20], "model.code": 5},
        {"model.name": "classrbm", "model.hidden": 20},
        {"model.hidden": [30, 30], "model.dropout": 0.5, "loss": "hinge"},
    ],
    ids=["layers", "population", "autoencoder", "classrbm", "hinge"],
)
def test_right_gradients_pass_before_and_after_training(overrides, device):
    check = make_check(overrides, device)
    before = check.trainer.parameters.values.copy()
    assert wrong(check) == set()
    check.train(30)
    assert abs(device.get(check.trainer.parameters.values - before)).max() > 0.01
    assert wrong(check) == set()


def scaled(factor):
    """An input gradient that is off by a factor."""
    return lambda dx, *_: dx if dx is None else dx * factor


def one_entry(dx, *_):
    """Wrong in a single column."""
    if dx is not None:
        dx[..., 3] = 0
    return dx


PLANTED = [
    (layer, scaled(1.01))
    for layer in (BatchNorm, ReLU, Residual, Dropout, Flatten, GaussianNoise, Softplus, Sigmoid, LeakyReLU, Tanh)
]
PLANTED += [(layer, one_entry) for layer in (Dense, BatchNorm, ReLU, Sigmoid)]


PLANTED_IN_IMAGES = [
    AveragePool2D, Conv2D, GlobalAveragePool, GroupNorm, LayerNorm, MaxPool2D, PadChannels, SpatialDropout,
    StochasticDepth, Upsample2D,
]  # fmt: skip


@pytest.mark.parametrize("stack", [STACK, IMAGES], ids=["features", "images"])
def test_a_stack_of_all_layers_has_right_gradients(stack):
    assert not wrong(make_check(stack))


@pytest.mark.parametrize(
    ("layer", "spoil", "stack"),
    [(*planted, STACK) for planted in PLANTED] + [(layer, scaled(1.01), IMAGES) for layer in PLANTED_IN_IMAGES],
)
def test_a_wrong_input_gradient_of_any_layer_is_found(layer, spoil, stack, monkeypatch):
    forward = layer.forward

    def spoilt(self, x, ctx):
        y, backward = forward(self, x, ctx)
        return y, lambda dy: spoil(backward(dy))

    monkeypatch.setattr(layer, "forward", spoilt)
    assert wrong(make_check(stack))


@pytest.mark.parametrize(("role", "names"), [("weight", "weight"), ("bias", "bias"), ("scale", "scale")])
def test_a_wrong_parameter_gradient_is_found_where_it_is(role, names, monkeypatch):
    accumulate = Parameter.accumulate

    def spoilt(self, ctx, write):
        accumulate(self, ctx, write)
        if self.role == role:
            self._grad[...] *= 1.001

    monkeypatch.setattr(Parameter, "accumulate", spoilt)
    found = wrong(make_check())
    assert found
    assert all(name.endswith(names) for name in found)


@pytest.mark.parametrize("key", ["l1", "l2"])
def test_a_forgotten_penalty_is_found(key, monkeypatch):
    penalise = Optimizer.penalise

    def spoilt(self):
        kept = getattr(self, f"_{key}")
        setattr(self, f"_{key}", 0.9 * kept)
        penalise(self)
        setattr(self, f"_{key}", kept)

    monkeypatch.setattr(Optimizer, "penalise", spoilt)
    assert wrong(make_check()) == {n for n in make_check().trainer.parameters.named if n.endswith("weight")}


def test_a_wrong_loss_is_found(monkeypatch):
    call = CategoricalCrossEntropy.__call__
    monkeypatch.setattr(CategoricalCrossEntropy, "__call__", lambda *a: (call(*a)[0], call(*a)[1] * 0.999))
    assert wrong(make_check({"model.hidden": [], "loss": "categorical_cross_entropy"}))


def test_every_layer_and_loss_of_the_house_is_planted_or_smooth_arithmetic():
    """A new layer must be added above, so that an error in it is known to be found."""
    planted = {layer for layer, _ in PLANTED} | set(PLANTED_IN_IMAGES)
    composed = {"Sequential", "Identity", "Softmax", "Layer"}
    assert {n for n in layers.__all__ if issubclass(getattr(layers, n), Layer)} - composed <= {
        c.__name__ for c in planted
    }
    assert "CategoricalCrossEntropy" in losses.__all__


class Kinked(Module):
    """``|w - place|``, with a slope that can be wrong."""

    def __init__(self, distance, factor=1.0):
        self.weight = Parameter((1,))
        self.distance, self.factor = distance, factor

    def place(self, parameters):
        return parameters.values[..., :1] - self.distance


@pytest.mark.parametrize("distance", [3e-6, -3e-6, 3e-7])
@pytest.mark.parametrize("factor", [1.0, 1.01, -1.0])
def test_a_kink_near_the_point_is_no_error_and_hides_none(distance, factor, device):
    model = Kinked(distance, factor)
    parameters = Parameters(model, 0, device, np.float64)
    places = []

    def kink():
        if not places:  # after the shaking, which moves the point
            places.append(model.place(parameters).copy())
        return model.weight.value - places[0]

    def gradient():
        offset = kink()
        model.weight.grad[...] = array_module(offset).sign(offset) * factor

    found = list(check_parameters(parameters, gradient, lambda: float(device.get(abs(kink()).sum()))))
    assert [f.holds for f in found] == [factor == 1.0]
    assert (found[0].kinks > 0) == (factor == 1.0)


def test_a_machine_has_no_loss_to_check():
    with pytest.raises(ConfigError, match="classrbm"):
        make_check({"model.name": "rbm"})


def run(*arguments):
    return CliRunner().invoke(main, ["gradcheck", *arguments, "--device", "cpu"])


def test_the_command_prints_a_table_and_ends_with_1_on_an_error(monkeypatch):
    import json

    good = run("digits", "model.hidden=[16]")
    assert good.exit_code == 0
    assert good.output.count("good") == 8
    assert "after 20 steps" in good.output
    forward = ReLU.forward
    monkeypatch.setattr(ReLU, "forward", lambda self, x, ctx: (forward(self, x, ctx)[0], lambda dy: dy))
    bad = run("digits", "model.hidden=[16]", "--steps", "0", "--json")
    assert bad.exit_code == 1
    table = json.loads(bad.stdout)["at initialization"]
    assert {f["name"]: f["holds"] for f in table} == {
        "000_dense/weight": False, "000_dense/bias": False, "003_dense/weight": True, "003_dense/bias": True
    }  # fmt: skip
    assert "errors in 000_dense/weight, 000_dense/bias at" not in bad.stderr
    assert "errors in 000_dense/weight, 000_dense/bias" in bad.stderr


def test_the_command_checks_a_checkpoint_at_its_own_weights(tmp_path):
    from shell import gpunet

    gpunet("train", "digits", "model.hidden=[16]", "training.epochs=2", "--device", "cpu", "--run", "r", cwd=tmp_path)
    path = str(tmp_path / "r/best.h5")
    done = run(path, "--steps", "5")
    assert done.exit_code == 0
    assert "at the weights of the checkpoint" in done.output
    assert run(path, "training.l2=1").exit_code == 2
