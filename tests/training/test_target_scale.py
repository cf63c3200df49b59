"""Targets of regression: learned on a scale of their own, told and predicted in their own units."""

import numpy as np
import pytest

import gpunet
from gpunet.backend import Arena, Context
from gpunet.config import load_config
from gpunet.data import Dataset, Split, TargetScale
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment
from gpunet.layers import Dense
from gpunet.losses import AbsoluteError, BinaryCrossEntropy, Huber, Poisson, SquaredError
from gpunet.objectives import Supervised, degree

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 4)).astype(np.float32)
Z = X @ [1.0, -2.0, 0.5, 0.0] + np.sin(X[:, 3])
SMALL = {"hidden": [16], "epochs": 25, "batch_size": 20, "dropout": 0, "input_dropout": 0, "lr": 0.01, "device": "cpu"}


def experiment(y, device, **settings):
    config = load_config("mlp", {"training.batch_size": 20, **settings}, {})
    order = np.arange(len(y))
    return Experiment(config, Dataset("d", X[: len(y)], y), Split(order[:300], order[300:350], order[350:]), device)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (5e4, 250_000.0), (1e-6, 3e-6), (1e8, 1e10), (2.0, -1e7)])
def test_a_target_of_any_size_is_learned_alike(scale, shift):
    net = gpunet.train("mlp", X, Z * scale + shift, **SMALL)
    score = net.score(X, Z * scale + shift)
    assert score > 0.9
    same = gpunet.train("mlp", X, Z, **SMALL)
    assert score == pytest.approx(same.score(X, Z), abs=1e-3)


def test_without_a_scale_prices_are_not_learned():
    assert gpunet.train("mlp", X, Z * 5e4 + 250_000, scale_target=False, **SMALL).score(X, Z * 5e4 + 250_000) < 0


@pytest.mark.parametrize("loss", [SquaredError(), SquaredError(half=True), AbsoluteError(), Huber(0.7)])
def test_losses_are_told_in_the_units_of_the_targets(loss, device, rng):
    """Each is that of errors in units, by hand; the width of a Huber loss counts deviations."""
    scale = TargetScale((10.0, -3.0), (4.0, 0.5))
    y = rng.normal(size=(7, 2)) * 5
    z = rng.normal(size=(7, 2)).astype(np.float32)
    ctx = Context(False, Arena(device))
    layer = Dense(2, n_in=2)
    told = Supervised(layer, loss, (), scale)._told(
        loss(device.put(z), device.put(scale.apply(y)), ctx)[0], device.put(z), device.put(scale.apply(y)), ctx
    )[0]
    error = np.abs(z.astype(np.float64) * scale.deviation + scale.mean - y)
    if isinstance(loss, SquaredError):
        expected = (error**2).sum(axis=1) * (0.5 if loss.half else 1)
    elif isinstance(loss, AbsoluteError):
        expected = error.sum(axis=1)
    else:
        width = 0.7 * np.array(scale.deviation)
        expected = np.where(error <= width, error**2 / 2, width * (error - width / 2)).sum(axis=1)
    np.testing.assert_allclose(device.get(told), expected, rtol=1e-5)


def test_what_is_told_is_measured_again_by_evaluation_and_survives_a_file(tmp_path):
    y = Z * 5e4 + 250_000
    net = gpunet.train("mlp", X[:300], y[:300], validation=(X[300:350], y[300:350]), test=(X[350:], y[350:]), **SMALL)
    again = gpunet.load(net.save(tmp_path / "net.h5"))
    about = again.description.target_scale
    assert about.mean[0] == pytest.approx(y[:300].mean())
    assert about.deviation[0] == pytest.approx(y[:300].std())
    error = float(np.mean((again.predict(X[350:]) - y[350:]) ** 2))
    assert again.evaluate(X[350:], y[350:])["loss"] == pytest.approx(error, rel=1e-5)
    assert float(net.checkpoint.root["metrics/test_loss"].data[0]) == pytest.approx(error, rel=1e-5)
    best = int(net.checkpoint.attrs["epoch"]) - 1
    measured = float(np.mean((again.predict(X[300:350]) - y[300:350]) ** 2))
    assert net.history["validation_loss"][best] == pytest.approx(measured, rel=1e-5)


def test_members_predict_in_units_too():
    y = Z * 5e4 + 250_000
    nets = gpunet.train("mlp", X, y, seeds=2, **SMALL)
    single = gpunet.train("mlp", X, y, **SMALL)
    np.testing.assert_allclose(nets.members[0].predict(X[:5]), single.predict(X[:5]), rtol=1e-6)
    assert nets.score(X, y) > 0.9


@pytest.mark.parametrize("name", ["poisson", "squared_logarithmic_error", "absolute_percentage_error"])
def test_sign_and_size_are_left_alone_where_they_carry_meaning(name, device):
    counts = np.exp(Z / 3)
    found = experiment(counts, device, loss=name)
    assert found.target_scale is None
    assert np.array_equal(found.inputs.y, found.dataset.y)
    with pytest.raises(ConfigError, match=r"scale_target: must be auto or false with"):
        _ = experiment(counts, device, loss=name, **{"data.scale_target": True}).target_scale
    assert degree(Poisson()) is None


def test_classes_and_autoencoders_have_no_scale(device):
    assert experiment((Z > 0).astype(int), device).target_scale is None
    config = load_config("autoencoder", {"loss": "squared_error"}, {})
    assert experiment(Z, device).configured(config).target_scale is None


def test_the_scale_is_that_of_the_training_part_and_of_float64(device):
    y = 1e9 + np.arange(400) * 0.5
    found = experiment(y, device)
    assert found.target_scale.mean[0] == y[:300].mean()
    assert found.inputs.y[:300].mean() == pytest.approx(0, abs=1e-6)
    assert len(np.unique(found.inputs.y)) == 400, "float32 alone would tell only a few apart"


def test_models_of_before_keep_their_rule(tmp_path):
    """A configuration that does not speak of it means what it meant: targets as they are."""
    path = tmp_path / "old.toml"
    path.write_text('config_version = 2\n[model]\nname = "mlp"\nhidden = [4]\n')
    assert load_config(str(path), {}, {}).data.scale_target is False
    net = gpunet.train(str(path), X, Z * 100, epochs=1, device="cpu")
    assert net.description.target_scale is None


def test_several_labels_are_learned_with_their_own_loss():
    bits = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 0] + X[:, 1] > 0], axis=1).astype(int)
    net = gpunet.train("mlp", X, bits, **SMALL)
    assert (net.description.task, net.description.outputs) == ("multilabel", 3)
    assert type(net.trained.loss) is BinaryCrossEntropy
    assert net.score(X, bits) > 0.9
    assert np.array_equal(net.predict(X), net.predict_proba(X) > 0.5)
