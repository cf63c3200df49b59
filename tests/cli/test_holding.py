"""Classes and pixels that are held while a classifying machine dreams."""

import numpy as np
import pytest

import gpunet as library
from files import save_npz
from gpunet.errors import ConfigError, DataError
from shell import invoked as gpunet
from shell import refused


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Images of two bars, whose class says which, and a machine of images and class."""
    folder, rng = tmp_path_factory.mktemp("holding"), np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    x = np.zeros((300, 4, 4), np.uint8)
    x[np.arange(300), :, y * 3] = 255
    noisy = np.where(rng.random(x.shape) < 0.02, 255 - x, x).astype(np.uint8)
    save_npz(folder / "bars.npz", x=noisy, y=np.array(["left", "right"])[y])
    words = ["model.hidden=20", "training.epochs=60", "training.batch_size=20", "model.generative=1", "model.k=3",
             "optimizer.learning_rate=0.02", "training.monitor=last"]  # fmt: skip
    gpunet("train", "classrbm", "--data", folder / "bars.npz", *words, "--run", folder / "bars", "--device", "cpu")
    return folder


@pytest.mark.parametrize(("label", "column"), [("left", 0), ("right", 3)])
def test_a_class_that_is_held_is_dreamed_of(label, column, place):
    words = ["--label", label, "-n", "40", "--steps", "100", "-o", place / "x.npz", "--device", "cpu"]
    gpunet("sample", place / "bars", *words)
    means = np.load(place / "x.npz")["x"].mean(axis=(0, 1)) / 255
    assert means[column] > 0.7
    assert means[3 - column] < 0.3


def test_pixels_that_are_held_stay_and_lead_to_the_rest(place):
    half = np.full((4, 4), np.nan)
    half[0] = [255, 0, 0, 0]
    save_npz(place / "half.npz", x=half[None])
    words = ["--clamp", place / "half.npz", "-n", "30", "--steps", "100", "-o", place / "c.npz", "--device", "cpu"]
    gpunet("sample", place / "bars", "--label", "left", *words)
    drawn = np.load(place / "c.npz")["x"]
    assert np.allclose(drawn[:, 0], [255, 0, 0, 0], atol=1e-3)
    assert drawn[:, 1:, 0].mean() > 0.7 * 255
    net = library.load(place / "bars")
    assert np.allclose(net.sample(30, steps=100, label="left", clamp=half), drawn, atol=1e-3)


def test_what_cannot_be_held_is_refused(place, tmp_path):
    net, x = library.load(place / "bars"), np.zeros((200, 8))
    x[np.arange(200), np.arange(200) % 8] = 1
    stack = library.train("dbn", x, hidden=[4, 3], epochs=1)
    with pytest.raises(ConfigError, match="clamp: needs a machine that sees the features, got 2 layers"):
        stack.sample(2, clamp=x[0])
    with pytest.raises(DataError, match="clamp: must have the 16 features of the model, got 20"):
        net.sample(2, clamp=np.zeros((1, 20)))
    with pytest.raises(DataError, match="clamp: must be one sample, or one for each of the 5 chains, got 2"):
        net.sample(5, clamp=np.zeros((2, 4, 4)))
    with pytest.raises(DataError, match="clamp: must hold some of the features"):
        net.sample(2, clamp=np.full((4, 4), np.nan))
    save_npz(tmp_path / "wide.npz", x=np.zeros((1, 5, 5)))
    expected = "clamp: must have the 16 features of the model, got 25"
    refused("sample", place / "bars", "--clamp", "wide.npz", "-o", "a.npz", cwd=tmp_path, code=3, expected=expected)
