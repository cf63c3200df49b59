"""The study of depth: what must vanish vanishes and is named, and shortcuts carry what they must."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.cli.app import main
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError, DataError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import load_model
from gpunet.studies import Built, DepthStudy

SHORT = {"training.epochs": 4, "members": 2, "training.updates": 30, "optimizer.learning_rate": 3e-3}


def study(device, layers=(4, 14), activations=("sigmoid",), preset="depth", **more):
    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    return DepthStudy(Experiment(load_config(preset, SHORT | more, {}), dataset, parts, device), layers, activations)


def test_a_deep_plain_sigmoid_network_is_named_and_shortcuts_help(device):
    made = study(device)
    plain, residual = (made.result(Built(kind, "sigmoid", 14)) for kind in (False, True))
    assert made.baseline == pytest.approx(0.9, abs=0.02)
    assert not plain.learns(made.baseline)
    assert residual.learns(made.baseline)
    assert "gradients vanish" in plain.diagnosis
    assert residual.diagnosis == ""
    sizes = [signal.gradient_size for signal in plain.signals]
    assert sizes[0] < 1e-3 * sizes[-1]
    assert plain.test_error.shape == residual.train_loss.shape == (2,)
    assert residual.train_loss.mean() < plain.train_loss.mean()


def test_each_seed_is_the_network_that_it_is_alone(device):
    built = Built(True, "relu", 6)
    both = study(device, activations=("relu",)).result(built)
    second = study(device, activations=("relu",), members=1, seed=1).result(built)
    assert both.test_error[1] == second.test_error[0]


def test_networks_have_the_depth_that_they_are_said_to_have(device):
    made = study(device, (4, 8), ("relu",))
    assert [built.title for built in made.networks()] == [
        "plain relu network of 4 layers",
        "plain relu network of 8 layers",
        "residual relu network of 4 layers",
        "residual relu network of 8 layers",
    ]
    for built in made.networks():
        weights = [p for p in made._run(built).trainer.parameters.named.values() if p.role == "weight"]
        assert len(weights) == built.layers
    images = study(device, (6, 10), ("relu",), "resnet-digits", **{"model.widths": [4, 8]})
    for built in images.networks():
        names = images._run(built).trainer.parameters.named
        kernels = [n for n, p in names.items() if p.role == "weight" and "/shortcut/" not in n]
        assert len(kernels) == built.layers
        assert any("/shortcut/" in name or "/body/" in name for name in names) == built.residual


def test_what_cannot_be_studied_is_refused_before_training(device):
    with pytest.raises(ConfigError, match=r"depths: must be even and at least 4.*got 5. Use 6"):
        study(device, (4, 5))
    with pytest.raises(ConfigError, match=r"depth: must be 2 more than a multiple of 4"):
        study(device, (8,), ("relu",), "resnet-digits")
    with pytest.raises(ConfigError, match=r"model: must have networks of any depth.*got mlp"):
        study(device, preset="mlp")
    with pytest.raises(ConfigError, match="activation"):
        study(device, activations=("sigmoit",))
    with pytest.raises(DataError, match="must have classes"):
        dataset = load("digits")
        floats = type(dataset)("t", dataset.x, np.zeros((len(dataset.x), 1), np.float32), ())
        parts = split(floats, validation=0.15, test=0.15, seed=0)
        DepthStudy(Experiment(load_config("depth", {}, {}), floats, parts, device), (4,), ("relu",))


def test_a_stop_ends_it(device):
    stop = Stop()
    stop.request("SIGINT")
    assert study(device).result(Built(True, "relu", 4), stop) is None


def test_the_command_writes_tables_networks_and_a_picture(tmp_path, device):
    words = ["depth", "--layers", "4,12", "--seeds", "2", "epochs=3", "--run", str(tmp_path / "run"), "--device", "cpu"]
    dry = CliRunner().invoke(main, [*words, "--dry-run"])
    assert dry.exit_code == 0
    assert not (tmp_path / "run").exists()
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.stderr
    assert "plain sigmoid: hardly learns with" in done.stdout
    assert "residual relu: learns at every depth tried, 4 to 12 layers." in done.stdout
    found = json.loads((tmp_path / "run" / "depth.json").read_text())
    assert [len(entry["test_error"]) for entry in found["results"]] == [2] * 8
    assert load_model(tmp_path / "run" / "residual-relu-12.h5", device).config.model.blocks == 5
    assert (tmp_path / "run" / "depth.png").stat().st_size > 10_000


def test_the_doctor_draws_signals_over_depth(tmp_path):
    plain = ["doctor", "--signal", "depth", "model.shortcut=false", "model.activation=sigmoid", "--device", "cpu"]
    done = CliRunner().invoke(main, [*plain, "-o", str(tmp_path / "s.svg")])
    assert done.exit_code == 0, done.stderr
    assert "gradients vanish" in done.stdout
    assert (tmp_path / "s.svg").read_text().startswith("<?xml")
    refused = CliRunner().invoke(main, ["doctor", "-o", "x.png"])
    assert refused.exit_code == 2
    assert "-o: draws signals" in refused.stderr
