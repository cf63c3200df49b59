"""Samples that count more or less than others, from columns, arrays and files of their own."""

import gzip
import json

import h5py
import numpy as np
import pytest

import gpunet as library
from files import save_npz
from shell import gpunet, refused

RNG = np.random.default_rng(0)
X = (RNG.random((60, 6)) < 0.3).astype(np.uint8)
WEIGHTS = RNG.integers(0, 4, 60)
SMALL = ("model.hidden=4", "epochs=2", "batch_size=10", "--device", "cpu", "-q")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The same samples and weights in every form, and a machine that learned from one of them."""
    folder = tmp_path_factory.mktemp("weighted")
    save_npz(folder / "x.npz", x=X, w=WEIGHTS)
    save_npz(folder / "bare.npz", x=X)
    save_npz(folder / "again.npz", x=np.repeat(X, WEIGHTS, axis=0))
    with h5py.File(folder / "x.h5", "w") as file:
        file["day/raster"], file["day/w"] = X, WEIGHTS
    rows = [",".join(map(str, [*row, weight])) for row, weight in zip(X, WEIGHTS)]
    (folder / "x.csv").write_text("\n".join(["a,b,c,d,e,f,w", *rows]))
    text = "\n".join(map(str, WEIGHTS)) + "\n"
    (folder / "w.txt").write_text(text)
    (folder / "w.txt.gz").write_bytes(gzip.compress(text.encode()))
    np.save(folder / "w.npy", WEIGHTS)
    gpunet("pretrain", "rbm", "x.npz", "data.weight=w", *SMALL, "--run", "run", cwd=folder)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["bare.npz", "--weights", "w.txt"],
        ["bare.npz", "--weights", "w.txt.gz"],
        ["bare.npz", "weights=w.npy"],
        ["x.h5", "data.x=day/raster", "data.weight=day/w"],
        ["x.csv", "weight=w", "target=[]", "preprocess=none"],
    ],
    ids=["text", "gzip", "npy", "key", "column"],
)
def test_every_way_to_give_weights_trains_the_same_machine(place, words, tmp_path):
    gpunet("pretrain", "rbm", *words, *SMALL, "--run", tmp_path / "run", cwd=place)
    found, expected = (library.load(folder).weights for folder in (tmp_path / "run", place / "run"))
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_weights_make_a_difference_and_stay_with_a_run(place, tmp_path):
    gpunet("pretrain", "rbm", "bare.npz", *SMALL, "--run", tmp_path / "plain", cwd=place)
    gpunet("pretrain", "rbm", "bare.npz", "--weights", "w.txt", *SMALL, "--run", tmp_path / "run", cwd=place)
    plain, weighted = (library.load(tmp_path / name).weights["weight"] for name in ("plain", "run"))
    assert not np.allclose(plain, weighted)
    gpunet("resume", tmp_path / "run", "epochs=3", "-q", "--device", "cpu", cwd=place)
    gpunet("pretrain", "rbm", "x.npz", "data.weight=w", *SMALL, "epochs=3", "--run", tmp_path / "long", cwd=place)
    resumed, at_once = (library.load(tmp_path / name).weights["weight"] for name in ("run", "long"))
    np.testing.assert_array_equal(resumed, at_once)


def test_targets_that_are_there_are_kept_by_machines_too(place, tmp_path):
    save_npz(tmp_path / "both.npz", x=X, y=np.arange(60) % 3)
    done = gpunet("pretrain", "rbm", "both.npz", *SMALL, "--run", "run", cwd=tmp_path)
    assert library.load(tmp_path / "run").description.classes == ("0", "1", "2"), done.stderr


def likelihood(place, *words):
    return json.loads(gpunet("likelihood", "run", *words, "--json", "--device", "cpu", cwd=place).stdout)


def test_likelihoods_of_weighted_samples_are_those_of_repeated_ones(place):
    weighted = likelihood(place, "--data", place / "bare.npz", "--weights", place / "w.txt", "--cases", 1000)
    repeated = likelihood(place, "--data", place / "again.npz", "--cases", 1000)
    assert weighted["samples"] == (WEIGHTS > 0).sum()
    assert weighted["sum_of_weights"] == repeated["samples"] == WEIGHTS.sum()
    for name in ("log_likelihood", "free_energy", "reconstruction_error", "pseudo_log_likelihood"):
        assert weighted[name] == pytest.approx(repeated[name], rel=1e-9)
    assert likelihood(place, "--data", place / "x.npz")["log_likelihood"] == pytest.approx(repeated["log_likelihood"])
    plain = likelihood(place, "--data", place / "bare.npz")
    assert plain["samples"] == 60
    assert plain["log_likelihood"] != pytest.approx(weighted["log_likelihood"], rel=1e-3)


def test_python_says_the_same(place):
    machine = library.load(place / "run")
    found = machine.log_likelihood(X, weights=WEIGHTS)
    assert found.value == pytest.approx(machine.log_likelihood(np.repeat(X, WEIGHTS, axis=0)).value)
    assert machine.score(X, weights=WEIGHTS) == found.value
    assert found.samples == (WEIGHTS > 0).sum()
    some = (WEIGHTS > 0).astype(float)
    alike, without = machine.log_likelihood(X, weights=some * 9), machine.log_likelihood(X[WEIGHTS > 0])
    assert (alike.value, alike.standard_error) == pytest.approx((without.value, without.standard_error))


def test_the_part_that_is_learned_from_has_its_weights(place):
    found = likelihood(place, "--part", "train")
    assert found["sum_of_weights"] > found["samples"]
    text = gpunet("likelihood", "run", "--part", "train", "--device", "cpu", cwd=place).stdout
    assert "samples with weights, as many as " in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1\n2\n", "bad.txt: weights: must be one for each of the 60 samples, got shape (2,)"),
        ("1\n" * 59 + "-1\n", "bad.txt: weights: must be finite and not negative, got -1.0 for sample 59"),
        ("1\n" * 59 + "nan\n", "bad.txt: weights: must be finite and not negative, got nan for sample 59"),
        ("0\n" * 60, "bad.txt: weights: must not all be 0, got 60 zeros"),
        ("1\n1 2\n", "bad.txt line 2: must hold one number, got 1 2"),
        ("1\n\n2\n", "bad.txt line 2: must hold one number, got an empty line"),
        ("w\n1\n", "bad.txt line 1: must hold one number, got w"),
    ],
)
def test_weights_that_are_none_are_refused(place, content, expected, tmp_path):
    (tmp_path / "bad.txt").write_text(content)
    save_npz(tmp_path / "x.npz", x=X)
    refused("pretrain", "rbm", "x.npz", "--weights", "bad.txt", cwd=tmp_path, code=3, expected=expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["bare.npz", "--weights", "none.txt"], "none.txt: must be an existing file"),
        (["x.npz", "data.weight=v"], "x.npz: needs an array named v, got x. Set data.weight to its name."),
        (["x.npz", "data.weight=w", "--weights", "w.txt"], "must stand in one place, got those of the data and w.txt"),
        (["x.npz", "--weights", "x.npz"], "must hold"),
        (["x.h5", "data.x=night/raster"], "x.h5: needs an array named night/raster, got day"),
    ],
)
def test_what_holds_no_weights_is_refused(place, words, expected):
    refused("pretrain", "rbm", *words, cwd=place, code=3, expected=expected)


def test_weights_belong_to_other_data(place):
    expected = "belong to other data, got those it was trained on. Leave them out"
    refused("likelihood", "run", "--weights", "w.txt", cwd=place, code=3, expected=expected)
