"""Layer-wise pretraining, restarting, grafting: what is trained where, and from what."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import CheckpointError, ConfigError, DataError
from gpunet.experiment import Experiment, Run
from gpunet.persistence import graft, load_model, load_stack, snapshot
from gpunet.stages import Stack
from gpunet.testing import make_context

FAST = {"model.hidden": [20, 12], "training.epochs": 3, "optimizer.learning_rate": 0.1}


def make(overrides=None, preset="dbn"):
    config = load_config(preset, FAST | (overrides or {}), {})
    dataset = load("digits")
    return config, dataset, split(dataset, validation=0.15, test=0.15, seed=0)


def pretrain(tmp_path, device, overrides=None, name="dbn.h5", **options):
    stack = Stack(Experiment(*make(overrides), device), **options)
    for run in stack.stages():
        run.train()
        write(tmp_path / name, snapshot(run, best=True))
    return tmp_path / name


METHODS = ["contrastive_divergence", "denoising", "supervised"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("members", [1, 2])
def test_each_layer_sees_what_the_layers_below_make_of_the_data(method, members, tmp_path, device):
    path = pretrain(tmp_path, device, {"model.method": method, "members": members})
    found = load_stack(path, device, np.float32)
    _, dataset, parts = make()
    x = device.put((dataset.x[parts.train].reshape(-1, 64) / 16).astype(np.float32))
    first, second = found.dbn.machines
    if method != "contrastive_divergence":  # those with labels or corruption report the exact means of a batch
        assert not np.allclose(device.get(second.visible_offset.value), 0)
    seen = device.get(first.encode(x, make_context(device))).mean(axis=-2)
    assert device.get(second.visible_offset.value) == pytest.approx(seen, abs=0.05)
    record = found.checkpoint["pretraining/001_rbm"]
    assert record["history/epoch"].data.tolist() == [1, 2, 3]
    assert found.checkpoint.attrs["model"] == "dbn(64-20-12)"
    assert found.preprocessing.kind == "scale", "the data's own preprocessing, not that of a representation"


def test_members_of_a_stack_learn_what_they_learn_alone(tmp_path):
    device = Device()
    several = read(pretrain(tmp_path, device, {"members": 2, "seed": 4}))
    alone = read(pretrain(tmp_path, device, {"seed": 5}, "alone.h5"))
    for layer in ("000_rbm", "001_rbm"):
        path = f"model/{layer}/weight"
        assert several[path].data[1] == pytest.approx(alone[path].data, abs=1e-5)


def test_a_restart_at_layer_two_gives_the_same_stack(tmp_path, device):
    whole = pretrain(tmp_path, device)
    again = pretrain(tmp_path, device, name="again.h5", source=read(whole), layers=1)
    for layer in ("000_rbm", "001_rbm"):
        path = f"model/{layer}/weight"
        assert np.array_equal(read(whole)[path].data, read(again)[path].data)
    assert read(again).attrs["parent_sha256"] == read(whole).content_sha256
    other = pretrain(tmp_path, device, {"model.hidden": [20, 7, 5]}, "other.h5", source=read(whole), layers=1)
    assert load_stack(other, device).dbn.machines[2].weight.shape == (7, 5)
    with pytest.raises(CheckpointError, match="between 1 and 2 finished layers, got 3"):
        Stack(Experiment(*make(), device), read(whole), 3)
    with pytest.raises(ConfigError, match=r"hidden: must begin with \[20\], as in the checkpoint, got \[21\]"):
        Stack(Experiment(*make({"model.hidden": [21, 12]}), device), read(whole), 1)


def network(device, preset="mlp", **overrides):
    settings = {"model.hidden": [20, 12], "model.activation": "sigmoid", "training.epochs": 1} | overrides
    config = load_config(preset, settings, {})
    return Run(Experiment(config, *make()[1:], device))


def test_a_graft_makes_the_network_compute_what_the_stack_computes(tmp_path, device):
    source = read(path := pretrain(tmp_path, device))
    run = network(device, **{"model.dropout": 0.0, "model.input_dropout": 0.0})
    assert graft(run, source) == ["000_dense from 000_rbm", "002_dense from 001_rbm"]
    x, ctx = device.put(np.random.default_rng(0).random((5, 64)), np.float32), make_context(device, training=False)
    hidden = x
    for layer in run.objective.model.layers[:-1]:
        hidden, _ = layer.forward(hidden, ctx)
    expected = load_stack(path, device, np.float32).dbn.encode(x, ctx)
    assert device.get(hidden) == pytest.approx(device.get(expected), abs=1e-6)
    run.train()
    write(tmp_path / "mlp.h5", snapshot(run, best=True))
    tuned = read(tmp_path / "mlp.h5")
    assert tuned.attrs["parent_sha256"] == source.content_sha256
    assert '"from":"001_rbm"' in tuned["lineage/json"].text
    assert load_model(tmp_path / "mlp.h5", device).parameters.count == 20 * 65 + 12 * 21 + 10 * 13


def test_any_layer_goes_into_any_that_matches(tmp_path, device):
    source = read(pretrain(tmp_path, device))
    run = network(device, **{"model.hidden": [64, 20], "model.dropout": 0.0, "model.input_dropout": 0.0})
    assert graft(run, source, [("000_rbm", "002_dense")]) == ["002_dense from 000_rbm"]
    weight = run.trainer.parameters.named["002_dense/weight"].value
    assert np.array_equal(device.get(weight), source["model/000_rbm/weight"].data)


def test_grafts_that_do_not_fit_say_what_would(tmp_path, device):
    source = read(pretrain(tmp_path, device))
    with pytest.raises(ConfigError, match=r"must be 20 to 12 units wide.*Set hidden=\[20, 12\]"):
        graft(network(device, **{"model.hidden": [20, 13]}), source)
    with pytest.raises(ConfigError, match=r"preprocess: must be scale"):
        graft(network(device, **{"data.preprocess": "standardise"}), source)
    with pytest.raises(CheckpointError, match=r"must hold a layer 9, got no such\. It has 000_rbm, 001_rbm"):
        graft(network(device), source, [("9", "000_dense")])
    with pytest.raises(ConfigError, match="9 must be a layer of the network"):
        graft(network(device), source, [("000_rbm", "9")])


def test_one_donor_serves_all_members_and_members_their_own(tmp_path, device):
    alone, several = read(pretrain(tmp_path, device)), read(pretrain(tmp_path, device, {"members": 2}, "two.h5"))
    run = network(device, members=2)
    for source in (alone, several):
        graft(run, source)
        first = next(n for n in run.trainer.parameters.named if n.endswith("weight"))
        weight = device.get(run.trainer.parameters.named[first].value)
        assert np.array_equal(weight, np.broadcast_to(source["model/000_rbm/weight"].data, weight.shape))
    with pytest.raises(ConfigError, match="holds 2 members"):
        graft(network(device, members=3), several)


def test_an_unrolled_autoencoder_starts_as_the_stack_and_gets_better(tmp_path, device):
    source = read(path := pretrain(tmp_path, device, {"model.top_units": "gaussian", "optimizer.learning_rate": 0.02}))
    settings = {"model.hidden": [20], "model.code": 12, "training.epochs": 5}
    run = Run(Experiment(load_config("autoencoder", settings, {}), *make()[1:], device))
    graft(run, source)
    x, ctx = device.put(np.random.default_rng(0).random((5, 64)), np.float32), make_context(device)
    z, _ = run.objective.model.forward(x, ctx)
    dbn = load_stack(path, device, np.float32).dbn
    again = device.get(dbn.decode(dbn.encode(x, ctx), ctx))
    assert 1 / (1 + np.exp(-device.get(z))) == pytest.approx(again, abs=1e-5)
    before = run.validation.scores()["squared_error"]
    run.train()
    assert run.history[-1].numbers["validation_squared_error"] < before
    with pytest.raises(ConfigError, match=r"must have 3 layers, got 2. Set hidden=\[20\] and code=12"):
        graft(
            Run(Experiment(load_config("autoencoder", settings | {"model.hidden": [20, 15]}, {}), *make()[1:], device)),
            source,
        )


def test_binarisation_is_written_down(tmp_path, device):
    record = read(pretrain(tmp_path, device))["pretraining/000_rbm"]
    assert "with the value as probability" in record.attrs["binarisation"]
    assert len(record.attrs["binarisation_sha256"]) == 64
    assert (
        "binarisation"
        not in read(pretrain(tmp_path, device, {"model.binarise": False}, "x.h5"))["pretraining/000_rbm"].attrs
    )


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"model.method": "denoising", "model.top_units": "gaussian"}, "denoising needs bernoulli hidden units"),
        ({"model.rate_factors": [1.0]}, "one for each of 2 layers"),
    ],
)
def test_stacks_that_cannot_be(overrides, expected, device):
    with pytest.raises(ConfigError, match=expected):
        Stack(Experiment(*make(overrides), device))


def test_layers_continue_on_features_prepared_as_theirs_were(tmp_path, device):
    source = read(pretrain(tmp_path, device))
    with pytest.raises(ConfigError, match=r"preprocess: must be scale, as when .*, got standardise"):
        Stack(Experiment(*make({"data.preprocess": "standardise"}), device), source=source, layers=1)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"model.method": "denoising"}, "must lie between 0 and 1 for Bernoulli visible units"),
        ({"model.visible_units": "noisy_relu"}, "must not be negative for NoisyReLU visible units"),
    ],
)
def test_data_must_be_means_of_states_however_they_are_learned(overrides, expected, device):
    stack = Stack(Experiment(*make({"data.preprocess": "standardise", **overrides}), device))
    with pytest.raises(DataError, match=expected):
        next(stack.stages())


def test_a_machine_takes_the_biases_of_a_machine_along(tmp_path, device):
    config, dataset, parts = make({"model.hidden": 12}, "classrbm")
    source = Run(Experiment(config, dataset, parts, device))
    source.train()
    write(tmp_path / "class.h5", snapshot(source, best=True))
    target = Run(Experiment(config, dataset, parts, device))
    assert graft(target, read(tmp_path / "class.h5")) == ["joint from joint"]
    for name in ("weight", "visible_bias", "hidden_bias"):
        ours, theirs = (device.get(run.trainer.parameters.named[f"joint/{name}"].value) for run in (target, source))
        assert np.array_equal(ours, theirs), name


@pytest.mark.parametrize(
    ("then", "now", "fits"),
    [("channel", "channel", True), ("channel", "feature", False), ("feature", "channel", False)],
)
def test_statistics_of_channels_are_not_those_of_features(then, now, fits, tmp_path, device):
    def run(per):
        word = {"name": "standardise", "per": per}
        return network(device, **{"data.preprocess": word, "model.hidden": [8], "model.activation": "sigmoid"})

    write(tmp_path / "a.h5", snapshot(run(then), best=False))
    source, target = read(tmp_path / "a.h5"), run(now)
    if fits:
        assert graft(target, source)
        return
    names = [f"standardise{' per channel' if per == 'channel' else ''}" for per in (then, now)]
    expected = f"preprocess: must be {names[0]}, as when the checkpoint was trained, got {names[1]}. Set preprocess"
    with pytest.raises(ConfigError, match=expected):
        graft(target, source)
