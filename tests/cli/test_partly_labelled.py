"""Tables in which labels are missing: what can learn from such samples does, everything else refuses in one line."""

import json

import numpy as np
import pandas
import pytest

import gpunet as library
from gpunet.config import load_config
from gpunet.data import divide
from gpunet.errors import DataError
from gpunet.experiment import epoch_rows, stratified_order
from shell import gpunet, refused

WAYS = ("model.hidden=6", "model.generative=1", "model.unlabelled=1", "batch_size=20", "epochs=30", "lr=0.01",
        "--device", "cpu")  # fmt: skip


def table(n=300, labelled=80):
    """Two patterns of bits with noise, and the class of some rows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    x = np.abs(np.kron(np.eye(2), np.ones(8))[y] - (rng.random((n, 16)) < 0.2)).astype(int)
    frame = pandas.DataFrame(x, columns=[f"bit{i}" for i in range(16)])
    known = np.sort(rng.permutation(n)[:labelled])
    frame["side"] = [("left", "right")[y[i]] if i in set(known.tolist()) else None for i in range(n)]
    return frame, known, np.where(y == 0, "left", "right")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("partly")
    frame, known, _ = table()
    frame.to_csv(where / "some.csv", index=False)
    frame.iloc[known].to_csv(where / "all.csv", index=False)
    done = gpunet("train", "classrbm", "--data", "some.csv", *WAYS, "--run", "run", "--json", cwd=where)
    (where / "said.json").write_text(done.stdout)
    (where / "told.txt").write_text(done.stderr)
    return where


def test_a_classifying_machine_learns_from_samples_without_a_label(folder):
    told = (folder / "told.txt").read_text()
    assert "no label: 220 samples, which all train" in told
    assert "276 train + 12 validation + 12 test" in told
    assert "220 of 300 without a label" in told
    assert json.loads((folder / "said.json").read_text())["test_accuracy"][0] > 0.9
    assert json.loads(gpunet("evaluate", "run", "--json", cwd=folder).stdout)["samples"] == 12
    train = json.loads(gpunet("evaluate", "run", "--part", "train", "--json", cwd=folder).stdout)
    assert train["samples"] == 56, "of samples without a label nothing is measured"
    assert train["accuracy"][0] > 0.9
    assert len(json.loads(gpunet("predict", "run", "some.csv", "--json", cwd=folder).stdout)) == 300


def test_a_run_goes_on_exactly(folder, tmp_path):
    words = ["train", "classrbm", "--data", folder / "some.csv", *WAYS, "--run", "part", "-q"]
    gpunet(*words, "epochs=20", cwd=tmp_path)
    gpunet("resume", "part", "epochs=30", "-q", cwd=tmp_path)
    whole, parts = (library.load(place, device="cpu") for place in (folder / "run", tmp_path / "part"))
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(array, parts.weights[name])


def test_what_cannot_use_it_is_refused_in_one_line(folder, tmp_path):
    some = folder / "some.csv"
    line = "needs a label, got an empty cell or one that says nothing. Remove the line"
    for words in (["mlp"], ["classrbm"]):  # the second with unlabelled=0, its default
        refused("train", *words, "--data", some, cwd=tmp_path, code=3, expected=line)
    refused("train", "classrbm", "--data", some, *WAYS[:3], "--folds", 3, cwd=tmp_path, code=3,
            expected="needs a label for each sample to be divided into folds")  # fmt: skip
    refused("ensemble", "classrbm", "--data", some, *WAYS[:3], cwd=tmp_path, code=3,
            expected="needs a label for each sample in an ensemble")  # fmt: skip
    refused("evaluate", folder / "run", "--data", some, cwd=tmp_path, code=3, expected=line)


def test_parts_that_are_measured_have_all_labels():
    _, known, names = table()
    y = np.full(300, -1)
    y[known] = names[known] == "right"
    parts = divide("d", 300, y, None, None, validation=0.2, test=0.25, seed=1, order="stratified")
    alone = divide("d", 80, y[known], None, None, validation=0.2, test=0.25, seed=1, order="stratified")
    for part in ("validation", "test"):
        np.testing.assert_array_equal(getattr(parts, part), known[getattr(alone, part)])
    assert sorted([*parts.train, *parts.validation, *parts.test]) == list(range(300))
    fixed = divide("d", 300, np.append(y[:250], np.zeros(50, int)), None, 250, validation=0.2, test=0, seed=1,
                   order="tail")  # fmt: skip
    assert fixed.test.tolist() == list(range(250, 300))
    assert (y[fixed.validation] >= 0).all()
    for order in ("group", "date"):
        with pytest.raises(DataError, match=f"needs a label for each sample to be split by {order}, got 220 without"):
            divide("d", 300, y, np.arange(300.0), None, validation=0.2, test=0.2, seed=1, order=order)
    words = np.array(["train"] * 200 + ["test"] * 100, object)
    with pytest.raises(DataError, match="needs a label for each sample of the validation and test parts"):
        divide("d", 300, y, words, None, validation=0, test=0, seed=1, order="column")
    with pytest.raises(DataError, match="needs a label for each sample of the validation and test parts"):
        divide("d", 300, y, None, 250, validation=0, test=0, seed=1, order="stratified")


def test_an_epoch_has_each_sample_once_with_its_label_or_without():
    y = np.array([0, -1, 1, 1, -1, 0, 0])
    config = load_config("classrbm", {"model.unlabelled": 1.0}, {})
    rows = epoch_rows(config, y, 2, wants_targets=True, all_samples=True)
    assert sorted(rows[rows >= 0]) == [0, 2, 3, 5, 6]
    assert sorted(~rows[rows < 0]) == [1, 4]
    fewer = epoch_rows(
        config.model_copy(update={"data": config.data.model_copy(update={"labels": 3})}), y, 2, True, True
    )
    assert set(fewer[fewer >= 0]) < set(rows[rows >= 0])
    assert sorted(np.where(fewer < 0, ~fewer, fewer)) == list(range(7))


def test_an_empty_cell_is_a_label_that_a_number_of_labels_leaves_out(tmp_path):
    """Batches of all samples and chains of their own make a step the same in any order of the samples."""
    frame, _, names = table(60, 60)
    y = (names[:60] == "right").astype(int)
    kept = stratified_order(y, 2, 0)[:12]
    fewer = frame.copy()
    fewer.loc[~np.isin(np.arange(60), kept), "side"] = None
    for name, one in (("counted", frame), ("missing", fewer)):
        one.to_csv(tmp_path / f"{name}.csv", index=False)
    ways = {"hidden": 5, "epochs": 3, "batch_size": 60, "validation": 0, "test": 0, "lr": 0.05,
            "generative": 1.0, "unlabelled": 0.7, "chains": 10, "binarise": False, "device": "cpu"}  # fmt: skip
    counted = library.train("classrbm", data=str(tmp_path / "counted.csv"), labels=12, **ways)
    missing = library.train("classrbm", data=str(tmp_path / "missing.csv"), **ways)
    for name, array in counted.weights.items():
        np.testing.assert_allclose(missing.weights[name], array, atol=2e-5)
