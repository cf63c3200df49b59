"""Data without targets: measured where a model needs none, else one line that says what to do."""

import json

import numpy as np
import pandas
import pytest

import gpunet as library
from files import save_npz
from gpunet.datasets import load
from shell import invoked as gpunet

DIGITS = load("digits").x[:40]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Models of arrays and of a table, and files without targets of every kind."""
    folder = tmp_path_factory.mktemp("unlabelled")
    small = {"epochs": 1, "device": "cpu"}
    library.train("linear", data="digits", **small).save(folder / "digits.h5")
    library.train("autoencoder", data="digits", hidden=[8], code=2, **small).save(folder / "auto.h5")
    library.train("rbm", data="digits", hidden=4, **small).save(folder / "rbm.h5")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    frame["kind"] = np.where(frame["a"] > 0, "yes", "no")
    library.train("linear", frame, target="kind", **small).save(folder / "table.h5")
    bare = frame.drop(columns="kind")
    bare.to_csv(folder / "bare.csv", index=False)
    bare.to_csv(folder / "nameless.csv", index=False, header=False)
    frame.assign(kind="").to_csv(folder / "empty.csv", index=False)
    save_npz(folder / "bare.npz", x=DIGITS)
    Image = pytest.importorskip("PIL.Image")  # noqa: N806
    (folder / "flat").mkdir()
    for number in range(3):
        Image.fromarray((DIGITS[number].reshape(8, 8)).astype(np.uint8)).save(folder / f"flat/{number}.png")
    return folder


@pytest.mark.parametrize(
    ("model", "data", "expected"),
    [
        ("table", "bare.csv", "got no column 'kind'"),
        ("table", "nameless.csv", "got no column that is known to hold them"),
        ("table", "empty.csv", "got nothing in column 'kind'"),
        ("digits", "bare.npz", "got samples alone"),
        ("digits", "flat", "got samples alone"),
        ("digits", "flat/0.png", "got samples alone"),
    ],
)
def test_what_has_no_targets_is_named_and_sent_to_predict(place, model, data, expected):
    done = gpunet("evaluate", place / f"{model}.h5", "--data", place / data, "--device", "cpu", code=3)
    last = done.stderr.strip().splitlines()[-1]
    said = f"{place / data}: has no targets to measure by, {expected}. Add them, or use gpunet predict."
    assert last == f"gpunet: {said}"
    assert len([line for line in done.stderr.splitlines() if line.startswith("gpunet: ")]) == 1
    rows = json.loads(gpunet("predict", place / f"{model}.h5", place / data, "--json").stdout)
    assert rows


def test_what_needs_no_targets_is_measured_without(place):
    done = gpunet("evaluate", place / "auto.h5", "--data", place / "bare.npz", "--json")
    assert "no targets, which are not needed" in done.stderr
    net = library.load(place / "auto.h5", device="cpu")
    assert json.loads(done.stdout)["loss"][0] == pytest.approx(net.evaluate(DIGITS)["loss"])
    words = ["--data", place / "bare.npz", "--runs", "5", "--steps", "20", "--mixing", "5", "--cases", "0", "--json"]
    assert json.loads(gpunet("likelihood", place / "rbm.h5", *words).stdout)["samples"] == len(DIGITS)


def test_a_wrong_array_is_no_lack_of_targets(place, tmp_path):
    save_npz(tmp_path / "odd.npz", pictures=DIGITS)
    done = gpunet("evaluate", place / "digits.h5", "--data", tmp_path / "odd.npz", code=3)
    assert "has no targets" not in done.stderr
    assert "needs arrays named x and y" in done.stderr


def test_targets_that_came_without_a_name_are_found_by_a_usual_one(tmp_path):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
    y = (frame["a"] > 0).to_numpy().astype(int)
    net = library.train("linear", frame, y, epochs=1, device="cpu")
    model = net.save(tmp_path / "net.h5")
    frame.assign(y=y).to_csv(tmp_path / "y.csv", index=False)
    frame.assign(z=y).to_csv(tmp_path / "z.csv", index=False)
    done = gpunet("evaluate", model, "--data", tmp_path / "y.csv", "--json")
    assert "column 'y' is taken for the target" in done.stderr
    assert json.loads(done.stdout)["error"][0] == pytest.approx(1 - net.score(frame, y))
    said = gpunet("evaluate", model, "--data", tmp_path / "z.csv", code=3).stderr
    assert "got no column that is known to hold them. Add them, or use gpunet predict." in said
