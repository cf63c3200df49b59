"""Preprocessing from the command line: saved with the model and applied by whoever uses it."""

import csv
import io
import json

import numpy as np
import pytest

from shell import gpunet, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training

SHORT = ["training.epochs=4", "model.hidden=[24]", "optimizer.learning_rate=0.01", "--device", "cpu"]


@pytest.mark.parametrize(
    "chain",
    ["min_max", '{name="pca",components=20,whiten=true}', '["scale","zca"]', "one_hot",
     '["scale",{name="binarise",stochastic=true}]'],
)  # fmt: skip
def test_evaluate_and_predict_prepare_as_training_did(chain, tmp_path):
    done = gpunet("train", "digits", f"data.preprocess={chain}", *SHORT, "--run", "r", "--json", cwd=tmp_path)
    trained = json.loads(done.stdout)
    again = json.loads(gpunet("evaluate", "r/best.h5", "--json", "--device", "cpu", cwd=tmp_path).stdout)
    assert again["error"][0] == pytest.approx(1 - trained["test_accuracy"][0])
    assert again["error"][0] < 0.25
    from gpunet.datasets import load

    x = load("digits").x[:60]
    np.savez(tmp_path / "new.npz", x=x)
    rows = list(csv.DictReader(io.StringIO(gpunet("predict", "r/best.h5", "new.npz", cwd=tmp_path).stdout)))
    assert np.mean([int(row["class"]) == y for row, y in zip(rows, load("digits").y)]) > 0.75


def test_images_keep_their_shape_from_training_to_prediction(tmp_path):
    (tmp_path / "images.toml").write_text("""
        training.epochs = 6
        data.preprocess = {name = "standardise", per = "channel"}
        [model]
        name = "layers"
        layers = ["batch_norm", {name = "dense", n_out = 3}, "relu", "flatten", {name = "dense", n_out = 20}, "relu"]
    """)
    done = gpunet("train", "images.toml", "--data", "digits", "--device", "cpu", "--run", "r", "--json", cwd=tmp_path)
    trained = json.loads(done.stdout)
    again = json.loads(gpunet("evaluate", "r/best.h5", "--json", "--device", "cpu", cwd=tmp_path).stdout)
    assert again["error"][0] == pytest.approx(1 - trained["test_accuracy"][0])
    assert again["error"][0] < 0.25
    from gpunet.datasets import load

    np.savez(tmp_path / "new.npz", x=load("digits").x[:60])
    rows = list(csv.DictReader(io.StringIO(gpunet("predict", "r/best.h5", "new.npz", cwd=tmp_path).stdout)))
    assert np.mean([int(row["class"]) == y for row, y in zip(rows, load("digits").y)]) > 0.75
    tree = gpunet("inspect", "r/best.h5", cwd=tmp_path).stdout
    assert "1x3" in tree
    assert "192x20" in tree


def test_fits_are_announced_and_kept_in_the_checkpoint(tmp_path):
    done = gpunet("train", "digits", "data.preprocess.name=pca", *SHORT, "--run", "r", cwd=tmp_path)
    assert "pca: 61 principal components of 64 features are kept" in done.stderr
    tree = gpunet("inspect", "r/best.h5", cwd=tmp_path).stdout
    assert "000_pca" in tree
    assert "matrix  float32  64x61" in tree
    gpunet("gradcheck", "r/best.h5", "--steps", "2", "--device", "cpu", cwd=tmp_path)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["data.preprocess=standardize"], 2, "data.preprocess: is no known choice, got 'standardize'. Did you mean st"),
        (["data.preprocess.name=pca", "data.preprocess.component=3"], 2, "is no key here. Did you mean components"),
        (["data.preprocess.name=pca", "data.preprocess.components=90"], 2, "must be at most the 61 directions"),
        (['data.preprocess={name="binarise",stochastic=true}'], 3, "must lie between 0 and 1"),
        (['data.preprocess={name="pca",variance=1.5}'], 2, "data.preprocess.variance"),
    ],
)
def test_mistakes_are_told_before_training(words, code, expected, tmp_path):
    refused("train", "digits", *words, cwd=tmp_path, code=code, expected=expected)
