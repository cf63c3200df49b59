"""Arrays and IDX files on the way to samples: where channels and rows are, and what float32 would lose."""

import numpy as np
import pytest

import gpunet
from files import save_npz, write_idx
from gpunet.api.evaluation import evaluation_data
from gpunet.api.reading import features_in, load_split
from gpunet.config import load_config
from gpunet.data import describe, fulfil, near_zero, oriented
from gpunet.datasets import Naming, load, read, read_features
from gpunet.errors import DataError
from gpunet.persistence import open_trained

QUICK = {"epochs": 2, "hidden": [8], "progress": False, "device": "cpu"}


@pytest.fixture
def emnist(tmp_path, rng):
    """Files named as those of EMNIST, labels from 1, rows and columns exchanged."""
    images = rng.integers(0, 256, (30, 5, 7), dtype=np.uint8)
    labels = (1 + np.arange(30) % 3).astype(np.uint8)
    for part, rows in (("train", slice(0, 24)), ("test", slice(24, 30))):
        stored = np.ascontiguousarray(images[rows].swapaxes(1, 2))
        write_idx(tmp_path / f"emnist-letters-{part}-images-idx3-ubyte", stored)
        write_idx(tmp_path / f"emnist-letters-{part}-labels-idx1-ubyte", labels[rows])
    return tmp_path, images


def test_emnist_is_read_upright_unless_it_is_said_not_to_be(emnist):
    folder, images = emnist
    found = load(str(folder))
    assert np.array_equal(found.x, images)
    assert (found.classes, found.test_from) == (("1", "2", "3"), 24)
    assert found.notes == ("rows and columns of images are exchanged, as those of EMNIST are",)
    left = read(str(folder), naming=Naming(transposed=False))
    assert np.array_equal(left.x, images.swapaxes(1, 2))
    pair = folder / "emnist-letters-train-images-idx3-ubyte"
    assert np.array_equal(load(str(pair)).x, images[:24])
    assert np.array_equal(read_features(str(pair)), images[:24])
    config = load_config(None, {"data.source": str(folder), "data.transposed": False}, {})
    assert load_split(config)[0].input_shape == (7, 5)


def test_names_of_mnist_stay_and_are_turned_where_it_is_asked_for(tmp_path, rng):
    images = rng.integers(0, 256, (6, 3, 4), dtype=np.uint8)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.arange(6, dtype=np.uint8) % 2)
    assert np.array_equal(load(str(tmp_path)).x[:6], images)
    assert read(str(tmp_path), naming=Naming(transposed=True)).input_shape == (4, 3)


def test_several_sets_in_a_folder_are_refused(emnist):
    folder, images = emnist
    write_idx(folder / "emnist-digits-train-images-idx3-ubyte", images)
    with pytest.raises(DataError, match="must hold one set of files, got emnist-digits, emnist-letters"):
        load(str(folder))


def test_channels_are_first_where_that_alone_is_likely_and_said_where_both_are(tmp_path):
    x = np.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    assert np.array_equal(oriented(x)[0], np.moveaxis(x, 1, -1))
    assert oriented(x, "last")[0] is x
    both = np.zeros((2, 3, 8, 4))
    assert oriented(both)[0].shape == (2, 3, 8, 4)
    assert "taken for the last axis; set channels=first" in oriented(both)[1][0]
    assert oriented(both, "first")[0].shape == (2, 8, 4, 3)


def test_new_arrays_with_channels_first_are_turned_as_those_of_training(tmp_path, rng):
    x, y = rng.integers(0, 256, (40, 3, 6, 6), dtype=np.uint8), np.arange(40) % 2
    path = save_npz(tmp_path / "t.npz", x=x, y=y)
    net = gpunet.train("mlp", data=path, **QUICK)
    expected = net.predict_proba(np.moveaxis(x, 1, -1))
    assert np.array_equal(net.predict_proba(x), expected)
    assert np.array_equal(features_in(str(path), net.trained).x, np.moveaxis(x, 1, -1))
    odd = gpunet.train("mlp", x[:, :, :4, :4], y, {"data.channels": "first"}, **QUICK)
    assert odd.description.input_shape == (4, 4, 3)
    assert odd.read(x[:, :, :4, :4]).x[0, 1, 2].tolist() == x[0, :, 1, 2].tolist()
    with pytest.raises(DataError, match="samples of shape 4x4x3, as in training, got samples of shape 4x3x4"):
        odd.predict(np.moveaxis(x[:, :, :4, :4], 1, -1))


@pytest.mark.parametrize("kind", ["file", "array"])
def test_numbers_far_from_zero_are_centred_in_float64(kind, tmp_path, rng):
    x, y = rng.normal(size=(120, 3)), np.arange(120) % 2
    x[:, 0] += 3 * y
    far = x + np.array([1e9, -4e8, 0])
    path = save_npz(tmp_path / "t.npz", x=far, y=y)
    net = gpunet.train("mlp", far, y, **QUICK) if kind == "array" else gpunet.train("mlp", data=path, **QUICK)
    contract = net.description.contract
    assert contract.offset[2] == 0
    seen = net.read(far).x
    assert np.abs(seen + np.array(contract.offset) - far).max() < 1e-5
    assert np.array_equal(features_in(str(path), net.trained).x, seen)
    net.save(tmp_path / "n.h5")
    model = open_trained(gpunet.load(tmp_path / "n.h5").checkpoint)
    assert np.allclose(evaluation_data(model, str(path), "all")[0].x, seen, atol=1e-6)
    with pytest.warns(UserWarning, match="feature 0 and 1 more goes from"):
        net.predict(x)
    with pytest.raises(DataError, match=r"must be on the scale of training, got feature 0 from"):
        net.predict(x + 1e3)


def test_what_float32_keeps_apart_is_left_alone(rng):
    x = rng.normal(size=(50, 2)) + 10
    assert near_zero(x)[0] is x
    assert near_zero(x)[1] is None


def test_arrays_far_outside_of_training_are_refused(tmp_path, rng):
    x = rng.normal(size=(60, 3)).astype(np.float32)
    found = load(str(save_npz(tmp_path / "t.npz", x=x, y=np.arange(60) % 2)))
    config = load_config(None, {"data.source": "digits"}, {})
    about = describe(found, load_split(config)[1].__class__(np.arange(60), np.zeros(0, int), np.zeros(0, int)))
    assert len(fulfil(about, x * 2, "x").x) == 60
    with pytest.raises(DataError, match="must be on the scale of training"):
        fulfil(about, x + 100, "x")
