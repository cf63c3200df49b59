"""What predict gives back: the names of the samples, the name of the target, and where it goes."""

import csv
import io
import json

import numpy as np
import pandas
import pytest
from click.testing import CliRunner

import gpunet as library
from gpunet.cli import main

SMALL = {"hidden": [8], "epochs": 3, "batch_size": 20, "device": "cpu"}


def gpunet(*words, code=0, **options):
    done = CliRunner().invoke(main, [*map(str, words)], **options)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def rows_of(text, delimiter=","):
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


@pytest.fixture(scope="module")
def frame():
    """Samples with an id, three features, a class, two labels and two numbers far from each other."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).round(3)
    found = pandas.DataFrame(x, columns=["a", "b", "c"])
    found.insert(0, "id", [f"s{i:03}" for i in range(len(x))])
    found["kind"] = np.where(x[:, 0] > 0, "yes", "no")
    found["red"], found["big"] = (x[:, 1] > 0).astype(int), (x[:, 2] > 0.5).astype(int)
    found["price"], found["time"] = 1e5 * x[:, 0], 1.7e9 + 100 * x[:, 1]
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory, frame):
    """Models of each kind of target, and a file without targets whose columns stand in another order."""
    folder = tmp_path_factory.mktemp("predicting")
    frame[["c", "id", "b", "a"]][:12].to_csv(folder / "new.csv", index=False)
    for name, targets in {"class": "kind", "labels": ["red", "big"], "values": ["price", "time"]}.items():
        held = [targets] if isinstance(targets, str) else targets
        kept = frame[["id", "a", "b", "c", *held]]
        task = {"data.task": "multilabel"} if name == "labels" else {}
        net = library.train("mlp", kept, settings={"data.id": "id", **task}, target=targets, **SMALL)
        net.save(folder / f"{name}.h5")
    (folder / "run").mkdir()
    other = library.train("mlp", frame[["b", "a", "c", "kind"]], target="kind", seed=4, **SMALL)
    other.save(folder / "run/best.h5")
    return folder


def test_a_class_stands_under_the_name_of_its_target_beside_the_ids(place, frame):
    rows = rows_of(gpunet("predict", place / "class.h5", place / "new.csv", "--probabilities").stdout)
    net = library.load(place / "class.h5", device="cpu")
    p = net.predict_proba(frame[:12])
    assert list(rows[0]) == ["input", "sample", "id", "kind", "probability", "p(no)", "p(yes)"]
    assert [row["id"] for row in rows] == frame["id"][:12].tolist()
    assert [row["kind"] for row in rows] == net.predict(frame[:12]).tolist()
    np.testing.assert_allclose([float(row["p(yes)"]) for row in rows], p[:, 1], rtol=1e-5)
    np.testing.assert_allclose([float(row["probability"]) for row in rows], p.max(axis=1), rtol=1e-5)


def test_small_probabilities_keep_their_digits():
    from gpunet.api.predictions import of_classes

    found = of_classes(np.array([[1.23456789e-9]]), np.array([0]), ("no", "yes"), "probability", True)
    assert found["p(yes)"] == [1.23457e-9]


def test_labels_are_0_and_1_with_their_probabilities(place, frame):
    rows = rows_of(gpunet("predict", place / "labels.h5", place / "new.csv").stdout)
    net = library.load(place / "labels.h5", device="cpu")
    assert list(rows[0])[3:] == ["red", "big", "p(red)", "p(big)"]
    assert [[int(row["red"]), int(row["big"])] for row in rows] == net.predict(frame[:12]).tolist()
    assert {row["red"] for row in rows} == {"0", "1"}


def test_values_have_the_digits_that_they_have_in_the_units_of_their_targets(place, frame):
    rows = rows_of(gpunet("predict", place / "values.h5", place / "new.csv").stdout)
    found = np.array([[float(row["price"]), float(row["time"])] for row in rows])
    wanted = library.load(place / "values.h5", device="cpu").predict(frame[:12])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    # Seven digits of a number of 1.7e9 would be hundreds apart, which is all that such a target varies.
    assert np.abs(found[:, 1] - wanted[:, 1]).max() < 1e-3
    assert max(len(row["price"].lstrip("-").replace(".", "")) for row in rows) <= 8


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_a_file_holds_what_would_be_printed(place, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    said = gpunet("predict", place / "class.h5", place / "new.csv", "-o", path)
    assert said.stdout == f"12 predictions: {path}\n"
    printed = pandas.read_csv(io.StringIO(gpunet("predict", place / "class.h5", place / "new.csv").stdout))
    read = {
        "csv": pandas.read_csv,
        "tsv": lambda p: pandas.read_csv(p, sep="\t"),
        "json": pandas.read_json,
        "jsonl": lambda p: pandas.read_json(p, lines=True),
        "parquet": pandas.read_parquet,
    }[ending]
    pandas.testing.assert_frame_equal(read(path), printed)


def test_a_file_of_another_kind_or_one_that_is_read_is_refused_before_anything_is_computed(place, tmp_path):
    new = (place / "new.csv").read_bytes()
    assert (
        "must end in .csv, .tsv"
        in gpunet("predict", place / "class.h5", place / "new.csv", "-o", "x.xls", code=2).stderr
    )
    said = gpunet("predict", place / "class.h5", place / "new.csv", "-o", place / "new.csv", code=2).stderr
    assert "must not be what the command reads" in said
    assert (place / "new.csv").read_bytes() == new


def test_standard_input_is_a_table_of_text(place):
    text = (place / "new.csv").read_text()
    rows = rows_of(gpunet("predict", place / "class.h5", "-", input=text).stdout)
    assert [row["kind"] for row in rows] == [
        row["kind"] for row in rows_of(gpunet("predict", place / "class.h5", place / "new.csv").stdout)
    ]
    assert {row["input"] for row in rows} == {"standard input"}
    said = gpunet("predict", place / "class.h5", "-", input="a,b,c\n1,2,x\n", code=3).stderr
    assert "standard input line 2, column 'c': must be a number, got 'x'" in said
    assert "must hold lines of cells" in gpunet("predict", place / "class.h5", "-", input="", code=3).stderr
    assert "once" in gpunet("predict", place / "class.h5", "-", "-", input=text, code=2).stderr


def test_a_run_stands_for_its_best_checkpoint_and_says_so(place, tmp_path):
    done = gpunet("predict", place / "run", place / "new.csv")
    assert f"{place / 'run'}: its best.h5" in done.stderr
    assert done.stdout == gpunet("predict", place / "run/best.h5", place / "new.csv").stdout
    for command, code in {"evaluate": 3, "verify": 0, "inspect": 0}.items():  # arrays in memory are not there again
        assert f"{place / 'run'}: its best.h5" in gpunet(command, place / "run", code=code).stderr
    said = gpunet("predict", tmp_path, place / "new.csv", code=4).stderr
    assert f"{tmp_path}: must hold best.h5, got none." in said


def test_several_checkpoints_are_averaged_each_reading_by_its_own_contract(place, frame):
    rows = rows_of(gpunet("predict", place / "class.h5", place / "run", place / "new.csv", "--probabilities").stdout)
    alone = [library.load(path, device="cpu") for path in (place / "class.h5", place / "run")]
    p = np.mean([net.predict_proba(frame[:12])[:, 1].astype(float) for net in alone], axis=0)
    np.testing.assert_allclose([float(row["p(yes)"]) for row in rows], p, rtol=1e-5)
    assert [row["id"] for row in rows] == frame["id"][:12].tolist()
    said = gpunet("predict", place / "class.h5", place / "values.h5", place / "new.csv", code=4).stderr
    assert "must have the classes of the first" in said
    assert "must be told what to predict" in gpunet("predict", place / "class.h5", code=2).stderr


def test_several_inputs_have_one_table_in_which_nothing_moves(place, tmp_path):
    pandas.read_csv(place / "new.csv").drop(columns="id").to_csv(tmp_path / "bare.csv", index=False)
    done = gpunet("predict", place / "class.h5", tmp_path / "bare.csv", place / "new.csv", "--json")
    rows = json.loads(done.stdout)
    assert [row["id"] for row in rows[11:13]] == [None, "s000"]
    assert [row["kind"] for row in rows[:12]] == [row["kind"] for row in rows[12:]]


def test_columns_of_the_data_keep_their_names_where_ours_are_the_same(tmp_path, frame):
    taken = frame[["id", "a", "b", "kind"]].rename(columns={"id": "sample", "kind": "probability"})
    net = library.train("mlp", taken, settings={"data.id": "sample"}, target="probability", **SMALL)
    taken[:3].to_csv(tmp_path / "new.csv", index=False)
    rows = rows_of(gpunet("predict", net.save(tmp_path / "net.h5"), tmp_path / "new.csv").stdout)
    assert list(rows[0]) == ["input", "sample_", "sample", "class", "probability"]
    assert rows[0]["sample"] == "s000"


def test_a_fitted_threshold_decides_what_is_predicted(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=600) > 1.5).astype(int)
    frame = pandas.DataFrame(x, columns=["a", "b"])
    net = library.train("linear", frame, y, {"training.threshold": "balanced_accuracy"}, epochs=20, device="cpu")
    assert net.threshold < 0.45
    frame.to_csv(tmp_path / "new.csv", index=False)
    rows = rows_of(gpunet("predict", net.save(tmp_path / "n.h5"), tmp_path / "new.csv", "--probabilities").stdout)
    p = np.array([float(row["p(1)"]) for row in rows])
    said = np.array([int(row["class"]) for row in rows])
    assert ((p > net.threshold) == said).all()
    assert ((p > 0.5) != said).any()
    labels = np.stack([y, 1 - y], axis=1)
    several = library.train(
        "linear", frame, labels, {"data.task": "multilabel", "training.threshold": "recall"}, epochs=20, device="cpu"
    )
    expected = (several.predict_proba(frame) > several.threshold).astype(int)
    np.testing.assert_array_equal(several.predict(frame), expected)
    both = library.api.Ensemble([several, several])
    np.testing.assert_array_equal(both.predict(frame), expected)
    assert both.score(frame, labels) == several.score(frame, labels) == np.mean(expected == labels)
