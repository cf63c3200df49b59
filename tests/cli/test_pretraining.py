"""Layer-wise pretraining and what follows it, on the command line."""

import csv
import io
import json
import re

import h5py
import numpy as np
import pytest

from shell import gpunet, invoked, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A folder with a population of two small machines in small and one large machine in large."""
    folder = tmp_path_factory.mktemp("machines")
    options = ["training.epochs=40", "optimizer.learning_rate=0.1"]
    small = gpunet("pretrain", "rbm", "model.hidden=12", *options, "--seeds", 2, "--run", "small", cwd=folder)
    gpunet("pretrain", "rbm", "model.hidden=21", "training.epochs=10", *options[1:], "--run", "large", cwd=folder)
    return folder, small


def test_pretraining_raises_the_likelihood_of_every_member(machine):
    folder, small = machine
    assert "Test free energy" in small.stdout
    assert "likelihood small\n" in small.stderr
    options = ["model.hidden=12", "training.epochs=1", "optimizer.learning_rate=0", "--run", "none"]
    gpunet("pretrain", *options, cwd=folder)
    untrained = json.loads(gpunet("likelihood", "none/best.h5", "--json", cwd=folder).stdout)
    trained = json.loads(gpunet("likelihood", "small/best.h5", "--json", cwd=folder).stdout)
    assert (trained["method"], trained["trusted"]) == ("exact", [True, True])
    assert min(trained["log_likelihood"]) > untrained["log_likelihood"][0] + 1.5
    assert trained["log_likelihood"][0] != trained["log_likelihood"][1]


def test_machines_with_few_updates_before_them_are_warned_of(tmp_path):
    words = ("pretrain", "rbm", "model.hidden=4", "training.epochs=5", "--dry-run")
    few = gpunet(*words, cwd=tmp_path).stderr
    assert "Warning: 60 updates are few for a machine; training.updates=200 makes epochs of so many; see docs/" in few
    assert "updates are few" not in gpunet(*words, "training.updates=200", cwd=tmp_path).stderr


def test_estimated_and_exact_likelihood_agree(machine):
    folder, _ = machine
    large = json.loads(gpunet("likelihood", "large/best.h5", "--steps", 200, "--json", cwd=folder).stdout)
    assert large["method"] == "bracket"
    low, high = (side[0] for side in large["log_z_bracket"])
    assert low <= large["log_z"][0] <= high
    exact = json.loads(gpunet("likelihood", "large/best.h5", "--exact", "--steps", 200, "--json", cwd=folder).stdout)
    assert exact["method"] == "exact"
    assert low - 0.01 <= exact["log_z"][0] <= high + 0.01
    assert exact["raise_bound"] == large["raise_bound"]


def test_likelihoods_by_products_in_single_precision_are_those_in_double_but_for_roundings(machine):
    """Exact, and by the same random numbers in walks of annealing; sums are in double precision either way."""
    folder, _ = machine
    for path, *words in (("small/best.h5",), ("large/best.h5", "--steps", 200)):
        double, single = (
            json.loads(gpunet("likelihood", path, *words, "--precision", p, "--json", cwd=folder).stdout)
            for p in ("float64", "float32")
        )
        assert (double["precision"], single["precision"]) == ("float64", "float32")
        assert single["log_likelihood"] == pytest.approx(double["log_likelihood"], abs=0.05 if words else 1e-3)
        assert single["log_z"] != double["log_z"]
    wrong = invoked("likelihood", folder / "large/best.h5", "--precision", "tf32", code=2)
    assert "'tf32' is not one of 'float64', 'float32'" in wrong.stderr


def test_each_number_says_what_it_is(machine):
    folder, _ = machine
    shown = gpunet("likelihood", "small/best.h5", cwd=folder).stdout
    assert "log Z exact" in shown
    assert shown.count(": log-likelihood ") == 2
    for words in (
        "RAISE, stochastic lower bound",
        "over all bits, no likelihood",
        "up to log Z",
        "inputs, no likelihood",
    ):
        assert shown.count(words) == 2
    # A machine far from the one without weights, so that one temperature says nothing about it.
    options = ["model.hidden=60", "training.epochs=5", "training.batch_size=50", "optimizer.learning_rate=0.2"]
    gpunet("pretrain", "rbm", *options, "--run", "far", cwd=folder)
    poor = gpunet("likelihood", "far/best.h5", "--runs", 2, "--steps", 1, "--cases", 0, cwd=folder).stdout
    assert "UNTRUSTED: raise --runs, --steps and --mixing" in poor


def test_machines_and_networks_are_not_mixed_up(machine):
    folder, _ = machine
    gpunet("train", "linear", "training.epochs=1", "--run", "network", cwd=folder)
    refused(
        "evaluate", "small/best.h5", cwd=folder, code=2, expected="Machine.trust: needs one machine, got a population"
    )
    refused("likelihood", "network/best.h5", cwd=folder, code=4, expected="must hold restricted Boltzmann machines")
    refused("train", "dbn", cwd=folder, code=2, expected="Use gpunet pretrain")
    refused("train", "rbm", cwd=folder, code=2, expected="Use gpunet pretrain")
    refused("pretrain", "mlp", cwd=folder, code=2, expected="Use gpunet train")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["data.preprocess=standardise"], 3, "must lie between 0 and 1 for Bernoulli"),
        (["model.visible_units=gaussian", "data.preprocess=scale"], 3, "must be standardised for Gaussian"),
        (["model.visible_units={name='softmax', group=4}"], 3, "exactly one 1 in each group of 4"),
        (["model.visible_units={name='softmax', group=5}"], 2, "must divide the 64 units"),
        (["model.k=0"], 2, "model.k: must be greater than or equal to 1"),
        (["model.chains=tempered", "model.chains.temperatures=[0.9,0]"], 2, "temperatures: must start at 1"),
        (["model.sparsity.target=1.5"], 2, "model.sparsity.target: must be less than 1"),
        (["--from", "x.h5"], 2, "Use model.name=dbn"),
        (["--layers", "1"], 2, "--layers: needs a checkpoint"),
        (["training.monitor=validation_loss"], 2, "must be last for layer-wise pretraining"),
    ],
)
def test_mistakes_when_pretraining(words, code, expected, tmp_path):
    refused("pretrain", "rbm", *words, cwd=tmp_path, code=code, expected=expected)


def test_gaussian_machines_pretrain_on_standardised_tables(tmp_path, rng):
    np.savez(tmp_path / "t.npz", x=rng.normal(3, 2, size=(200, 5)), y=rng.integers(0, 2, 200))
    options = ["--data", "t.npz", "model.visible_units=gaussian", "model.hidden=6", "training.epochs=3"]
    rate = ["optimizer.learning_rate=0.001", "training.batch_size=20", "--run", "r"]
    gpunet("pretrain", "rbm", *options, *rate, cwd=tmp_path)
    document = json.loads(gpunet("likelihood", "r/best.h5", "--json", cwd=tmp_path).stdout)
    # Standardised and nearly independent: close to the entropy of five standard normal numbers.
    assert document["log_likelihood"][0] == pytest.approx(-2.5 * np.log(2 * np.pi * np.e), abs=0.6)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A folder with a pretrained stack in dbn and a network fine-tuned from it in tuned."""
    folder = tmp_path_factory.mktemp("stack")
    done = gpunet("pretrain", "dbn", "model.hidden=[24,16]", "training.epochs=3", "--run", "dbn", cwd=folder)
    fast = ["model.hidden=[24,16]", "model.activation=sigmoid", "training.epochs=4", "model.dropout=0.1"]
    tuned = gpunet("train", "mlp", "--from", "dbn/best.h5", *fast, "--run", "tuned", "model.max_norm=3", cwd=folder)
    return folder, done, tuned


def test_a_stack_is_pretrained_layer_by_layer_and_fine_tuned(stack):
    folder, done, tuned = stack
    assert "layer 1 of 2: 64 to 24" in done.stderr
    assert "layer 2 of 2: 24 to 16" in done.stderr
    assert "train finetune --from dbn" in done.stderr
    assert "001_dense from 000_rbm" in tuned.stderr
    assert "004_dense from 001_rbm" in tuned.stderr
    assert "Test error" in tuned.stdout
    document = json.loads(gpunet("inspect", "tuned/best.h5", "--json", cwd=folder).stdout)
    source = json.loads(gpunet("inspect", "dbn/best.h5", "--json", cwd=folder).stdout)
    assert document["attributes"]["parent_sha256"] == source["content_sha256"]


def test_the_likelihood_of_a_stack_is_a_bound(stack):
    folder, _, _ = stack
    document = json.loads(gpunet("likelihood", "dbn/best.h5", "--json", cwd=folder).stdout)
    assert document["kind"] == "variational lower bound"
    assert document["method"] == "exact"
    assert -64 < document["log_likelihood"][0] < 0


def test_a_stack_goes_on_from_a_layer(stack):
    folder, _, _ = stack
    again = ["pretrain", "dbn", "--from", "dbn/best.h5", "--layers", 1, "training.epochs=1", "--run", "again"]
    done = gpunet(*again, "model.hidden=[24,8,4]", cwd=folder)
    assert "000_rbm from dbn/best.h5" in done.stderr
    assert "layer 2 of 3: 24 to 8" in done.stderr
    refused(*again[:-2], "model.hidden=[24]", cwd=folder, code=2, expected="must have a layer left to train")
    refused(*again[:-2], "model.hidden=[9,9]", cwd=folder, code=2, expected="model.hidden: must begin with [24]")


def test_grafts_that_do_not_fit_are_one_line(stack):
    folder, _, _ = stack
    wide = ["train", "mlp", "model.hidden=[24,99]", "--from", "dbn/best.h5"]
    refused(*wide, cwd=folder, code=2, expected="Set model.hidden=[24, 16]")
    refused("train", "--graft", "a=b", cwd=folder, code=2, expected="--graft: needs a checkpoint")
    refused("train", "--from", "dbn/best.h5", "--graft", "a", cwd=folder, code=2, expected="must be LAYER=LAYER")


def test_autoencoders_and_classifying_machines_train_and_evaluate(tmp_path):
    auto = ["model.hidden=[20]", "model.code=4", "training.epochs=3", "--run", "auto"]
    assert "Test squared error" in gpunet("train", "autoencoder", *auto, cwd=tmp_path).stdout
    assert "Loss:" in gpunet("evaluate", "auto/best.h5", cwd=tmp_path).stdout
    fast = ["model.hidden=30", "training.epochs=25", "--run", "class", "--json"]
    trained = json.loads(gpunet("train", "classrbm", *fast, cwd=tmp_path).stdout)
    assert trained["test_accuracy"][0] > 0.7
    measured = json.loads(gpunet("evaluate", "class/best.h5", "--json", cwd=tmp_path).stdout)
    assert 1 - measured["error"][0] == pytest.approx(trained["test_accuracy"][0])
    assert gpunet("predict", "class/best.h5", "digits", cwd=tmp_path, check=False).returncode in (0, 3)


def test_samples_are_drawn_from_machines_and_stacks(machine, stack, tmp_path):
    folder, _ = machine
    options = ["-n", 12, "--steps", 30]
    done = gpunet("sample", "small/best.h5", *options, "--member", 1, "-o", tmp_path / "s.npz", cwd=folder)
    assert "12 samples after 30 Gibbs steps" in done.stdout
    with np.load(tmp_path / "s.npz") as found:
        assert found["x"].shape == (12, 8, 8)
        assert 1 < found["x"].mean() < 16, "in the units of the data, 0 to 16"
        first = found["x"]
    gpunet("sample", "small/best.h5", *options, "--member", 0, "-o", tmp_path / "s.npz", cwd=folder)
    with np.load(tmp_path / "s.npz") as found:
        assert (found["x"] != first).any()
    gpunet("sample", "dbn/best.h5", *options, "--start", "data", "-o", tmp_path / "s.png", cwd=stack[0])
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_a_checkpoint_keeps_pictures_that_any_viewer_shows(stack):
    folder, _, _ = stack
    document = json.loads(gpunet("inspect", "dbn/best.h5", "images", "--json", cwd=folder).stdout)
    assert document["children"]["fantasies"]["dtype"] == "uint8"
    assert sorted(document["children"]) == ["fantasies", "filters", "reconstructions"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["-o", "x.jpg"], 2, "-o: must end in .png, .npz, .fasta, .fa, .fasta.gz or .fa.gz, got x.jpg"),
        (["--member", 2], 2, "--member: must be below 2"),
        (["--data", "nowhere"], 3, "nowhere"),
        (["-o", "missing/x.png", "--steps", 1], 74, "missing/x.png: must be writable"),
    ],
)
def test_mistakes_when_sampling(words, code, expected, machine):
    folder, _ = machine
    refused("sample", "small/best.h5", *words, cwd=folder, code=code, expected=expected)


def test_weights_come_from_safetensors_of_gpunet_and_of_others(tmp_path):
    numpy, safe_open = pytest.importorskip("safetensors.numpy"), pytest.importorskip("safetensors").safe_open
    options = ["model.hidden=[12,11]", "training.epochs=1", "--device", "cpu"]
    gpunet("train", "mlp", *options, "--run", "a", cwd=tmp_path)
    gpunet("inspect", "a/best.h5", "--export-safetensors", "own.safetensors", cwd=tmp_path)
    own = numpy.load_file(tmp_path / "own.safetensors")
    names = {name.rpartition(".")[0]: f"net.{2 * i}" for i, name in enumerate(n for n in own if n.endswith("weight"))}
    theirs = {
        f"{names[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": np.ascontiguousarray(a.T) for n, a in own.items()
    }
    numpy.save_file(theirs, tmp_path / "theirs.safetensors", {"format": "pt"})
    for source in ("own", "theirs"):
        frozen = ["optimizer.learning_rate=1e-30", "training.l2=0"]
        done = gpunet(
            "train", "mlp", *options, *frozen, "--from", f"{source}.safetensors", "--run", source, cwd=tmp_path
        )
        assert "_dense from " in done.stderr
        with h5py.File(tmp_path / source / "best.h5") as file:
            for layer in (n for n in file["model"] if n.endswith("dense")):
                assert np.allclose(file[f"model/{layer}/weight"][()], own[f"{layer}.weight"], atol=1e-6), source
        lineage = json.loads(gpunet("inspect", f"{source}/best.h5", "--lineage", "--json", cwd=tmp_path).stdout)
        assert len(lineage["lineage"]["grafts"]) == 3
    for name, whose in (("own", "exported by gpunet"), ("theirs", "of another program")):
        assert f"safetensors file {whose}" in gpunet("inspect", f"{name}.safetensors", cwd=tmp_path).stdout
        again = ["--export-safetensors", "again.safetensors"]
        gpunet("inspect", f"{name}.safetensors", *again, cwd=tmp_path)
        with (
            safe_open(tmp_path / "again.safetensors", "numpy") as first,
            safe_open(tmp_path / f"{name}.safetensors", "numpy") as second,
        ):
            assert first.metadata() == second.metadata(), name
    numpy.save_file({"layers.dense.vars.0": np.ones((64, 12), "f4")}, tmp_path / "keras.safetensors")
    expected = (
        "must name the arrays of a layer LAYER.weight, (outputs, inputs) or (outputs, inputs, height, width), and"
    )
    words = ("train", "mlp", *options[:2], "--from")
    refused(*words, "keras.safetensors", cwd=tmp_path, code=4, expected=expected)
    refused(*words, "keras.safetensors", cwd=tmp_path, code=4, expected="got layers.dense.vars.0. Save them")
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones((64, 12), "f4")
    refused(*words, "keras.h5", cwd=tmp_path, code=4, expected="got HDF5 of another program. Save its weights in one")
    theirs["net.0.bias"] = np.ones(5, "f4")
    numpy.save_file(theirs, tmp_path / "wrong.safetensors")
    refused(
        "train", "mlp", *options[:2], "--from", "wrong.safetensors", cwd=tmp_path, code=4, expected="must have a bias"
    )
    words = ("pretrain", "dbn", "--from", "own.safetensors")
    refused(*words, cwd=tmp_path, code=2, expected="must be a checkpoint, to continue a stack")


def test_a_stack_is_fine_tuned_up_and_down(stack):
    folder, _, _ = stack
    words = ["model.hidden=[24,16,40]", "training.epochs=3", "model.greedy=1", "--run", "updown"]
    done = gpunet("train", "updown", "--from", "dbn/best.h5", *words, cwd=folder)
    for line in ("recognition/000_dense from 000_rbm", "generation/000_dense from 001_rbm, mirrored"):
        assert line in done.stderr
    assert "Test error" in done.stdout
    again = json.loads(gpunet("evaluate", "updown/best.h5", "--json", cwd=folder).stdout)
    assert 0 <= again["error"][0] < 1
    wide = ["train", "updown", "--from", "dbn/best.h5", "model.hidden=[24,17,40]"]
    refused(*wide, cwd=folder, code=2, expected="must be 24 to 16 units wide, like 001_rbm of the checkpoint")
    drawn = []
    for words in (["--seed", 1], ["--class", 3], ["--class", 3]):
        output = ["-n", 20, "--steps", 5, "-o", "dreams.npz"]
        assert "20 samples" in gpunet("sample", "updown/best.h5", *output, *words, cwd=folder).stdout
        with np.load(folder / "dreams.npz") as found:
            drawn.append(found["x"])
    assert (drawn[0] != drawn[1]).any()
    assert (drawn[1] == drawn[2]).all()
    for name, words, expected in (
        ("updown", ["--class", "x"], "--class: must be one of 0, 1, 2, 3"),
        ("updown", ["--start", "data"], "--start: must be rest where classes are held"),
        ("dbn", ["--class", 3], "--class: needs a model that knows classes"),
    ):
        refused("sample", f"{name}/best.h5", *words, cwd=folder, code=2, expected=expected)
    refused("sample", "tuned/best.h5", cwd=folder, code=4, expected="must hold restricted Boltzmann machines")


def test_figures_of_a_stack_are_those_of_all_its_layers_with_their_units(tmp_path):
    words = ["dbn", "model.hidden=[6,4]", "training.epochs=2", "--run", "r", "--device", "cpu"]
    shown = gpunet("pretrain", *words, cwd=tmp_path).stdout
    assert re.search(
        r"Test reconstruction error of layer 2, .*\(squared, summed over 6 inputs; mean of 270 samples\)", shown
    )
    assert re.search(r"Test free energy of layer 2, .*\(nats, up to log Z; mean of 270 samples\)", shown)
    rows = list(csv.DictReader(io.StringIO(gpunet("inspect", "r", "--history", "--csv", cwd=tmp_path).stdout)))
    assert [(row["layer"], row["epoch"]) for row in rows] == [(f"00{k}_rbm", e) for k in (0, 1) for e in "12"]
    document = json.loads(gpunet("inspect", "r", "--history", "--json", cwd=tmp_path).stdout)
    assert list(document["layers"]) == ["000_rbm", "001_rbm"]
    assert document["train_free_energy"] == document["layers"]["001_rbm"]["train_free_energy"]
    table = gpunet("inspect", "r", "--history", cwd=tmp_path).stdout
    assert "layer 1 of 2, 000_rbm" in table
    assert "layer 2 of 2, 001_rbm" in table
    assert f"parameters      {64 * 6 + 64 + 6 + 6 * 4 + 6 + 4:,}" in gpunet("inspect", "r", cwd=tmp_path).stdout


def test_likelihood_says_that_data_were_rounded(tmp_path):
    gpunet("pretrain", "rbm", "model.hidden=4", "training.epochs=1", "--run", "r", "--device", "cpu", cwd=tmp_path)
    shown = gpunet("likelihood", "r", "--cases", "0", "--device", "cpu", cwd=tmp_path).stdout
    assert "free energy of rounded data, nats up to log Z" in shown
    assert "reconstruction error of rounded data, squared, summed over 64 inputs" in shown
    drawn = json.loads(gpunet("likelihood", "r", "--cases", "0", "--binarise", "--json", cwd=tmp_path).stdout)
    assert (drawn["states"], drawn["inputs"]) == ("binarised", 64)
