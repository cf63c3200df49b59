"""What the command line says about data and does with them: each kind of trouble that people's tables make."""

import csv
import io
import json
import tomllib

import numpy as np
import pytest

from files import save_npz
from shell import invoked as gpunet

FAST = ["training.epochs=15", "model.hidden=[32]", "model.dropout=0", "model.input_dropout=0", "training.batch_size=16",
        "optimizer.learning_rate=0.01", "--device", "cpu"]  # fmt: skip


def train(data, folder, *words):
    """Train on a file; the document of the run, and what was said before."""
    done = gpunet("train", "mlp", "--data", data, *FAST, "--run", folder, "--json", *words)
    return json.loads(done.stdout), done.stderr


def write(path, names, rows):
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Tables of a, b, c and a label that is a + 2 b > c, and a model of the first."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(1)
    x = rng.normal(size=(400, 3)).round(4)
    y = (x @ [1, 2, -1] > 0).astype(int)
    rows = np.column_stack([x, y]).tolist()
    write(folder / "abc.csv", ["a", "b", "c", "label"], [[*r[:3], int(r[3])] for r in rows])
    write(
        folder / "cba.csv",
        ["c", "b", "id", "a", "label"],
        [[r[2], r[1], f"r{i}", r[0], int(r[3])] for i, r in enumerate(rows)],
    )
    write(folder / "upper.csv", ["A", "B", "C", "label"], [[*r[:3], int(r[3])] for r in rows])
    train(folder / "abc.csv", folder / "abc")
    train(folder / "cba.csv", folder / "cba", "data.id=id")
    return folder


def test_evaluate_and_predict_find_columns_by_name(place):
    errors = [
        json.loads(gpunet("evaluate", place / "abc/best.h5", "--data", place / f"{name}.csv", "--json").stdout)["error"]
        for name in ("abc", "cba")
    ]
    assert errors[0] == errors[1]
    assert errors[0][0] < 0.03
    rows = [
        list(csv.DictReader(io.StringIO(gpunet("predict", place / f"{model}/best.h5", place / "cba.csv").stdout)))
        for model in ("abc", "cba")
    ]
    assert [row["id"] for row in rows[1][:2]] == ["r0", "r1"], "ids come back"
    assert [row["id"] for row in rows[0][:2]] == ["r0", "r1"], "also where the model never saw such a column"
    agree = np.mean([a["label"] == b["label"] for a, b in zip(*rows)])
    assert agree > 0.97


def test_members_of_an_ensemble_read_by_their_own_contract(place):
    found = json.loads(
        gpunet("evaluate", place / "abc/best.h5", place / "cba/best.h5", "--data", place / "cba.csv", "--json").stdout
    )
    assert max(found["error"]) < 0.03
    assert found["ensemble_error"] < 0.03


@pytest.mark.parametrize("command", ["evaluate", "predict", "train"])
def test_other_names_are_refused_by_every_command(command, place, tmp_path):
    model, data = place / "abc/best.h5", place / "upper.csv"
    words = {
        "evaluate": ["evaluate", model, "--data", data],
        "predict": ["predict", model, data],
        "train": ["train", "mlp", "--from", model, "--data", data, "model.hidden=[32]", "--run", tmp_path / "r"],
    }[command]
    assert "must have the 3 columns of the model, got no column 'a'. It has 'A'" in gpunet(*words, code=3).stderr


def test_a_network_that_starts_from_another_sees_its_columns_in_their_order(place, tmp_path):
    words = ["--from", place / "abc/best.h5", "optimizer.learning_rate=1e-30", "training.epochs=1", "data.ignore=id"]
    report, _ = train(
        place / "cba.csv", tmp_path / "r", *words, "--graft", "000_dense=000_dense", "--graft", "002_dense=002_dense"
    )
    assert report["test_accuracy"][0] > 0.95, "it is the network that it started from"


def test_unlabelled_files_say_so(place, tmp_path):
    path = write(tmp_path / "n.csv", ["a", "b", "c"], [[0.1, 0.2, 0.3], [1, 2, 3]])
    done = gpunet("evaluate", place / "abc/best.h5", "--data", path, code=3)
    assert "has no targets to measure by, got no column 'label'" in done.stderr
    assert gpunet("predict", place / "abc/best.h5", path).stdout.count("\n") == 3


def test_the_block_says_what_is_taken_for_what(place, tmp_path):
    rng = np.random.default_rng(0)
    sizes, prices = rng.normal(size=200).round(3), (3e5 + 5e4 * rng.normal(size=200)).round(1)
    rows = [[f"H{i}", ["red", "blue"][i % 2], sizes[i] if i % 9 else "", prices[i]] for i in range(200)]
    path = write(tmp_path / "h.csv", ["id", "colour", "size", "price"], rows)
    done = gpunet("train", "mlp", "--data", path, *FAST, "--dry-run")
    said = " ".join(done.stderr.split())
    for expected in (
        "target: 'price' (the last column), regression (numbers with fractions)",
        "features: 1 of numbers: size", "% missing); 1 of categories: colour with 2; 3 inputs",
        "left out: 'id' (all its cells differ, as names of samples do)",
        "scale: features: standardised to mean 0 and deviation 1; target: minus",
        "baseline: predicting the mean", "on the test part",
        "column 'size': 23 missing cells become the median of training",
    ):  # fmt: skip
        assert expected in said


def test_prices_are_learned(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).round(4)
    price = (250_000 + 9e4 * (x @ [0.5, -0.5, 0.3, 0.2])).round(2)
    path = write(tmp_path / "house.csv", [*"abcd", "price"], np.column_stack([x, price]).tolist())
    report, said = train(path, tmp_path / "r")
    assert report["test_loss"][0] < 0.05 * price.var()
    shown = gpunet("predict", tmp_path / "r/best.h5", path).stdout.splitlines()
    assert shown[0] == "input,sample,price"
    predicted = np.array([float(line.rsplit(",", 1)[1]) for line in shown[1:]])
    assert 1 - np.mean((predicted - price) ** 2) / price.var() > 0.95
    assert "predicting the mean" in said


def test_an_index_teaches_nothing(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[i, *rng.normal(size=3).round(3), i // 100] for i in range(200)]
    path = write(tmp_path / "i.csv", ["", "a", "b", "c", "label"], rows)
    report, said = train(path, tmp_path / "r")
    assert report["test_accuracy"][0] < 0.8
    assert "left out: '' (it counts up, as numbers of samples do)" in said
    found = json.loads(gpunet("data", "info", path, "--json").stdout)
    assert found["ignored"][0]["column"] == "column ''"


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_bits_are_no_bytes_of_images(dtype, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (600, 10)).astype(dtype)
    path = save_npz(tmp_path / "x.npz", x=x, y=(x[:, 0] != x[:, 1]).astype(int))
    assert train(path, tmp_path / "r")[0]["test_accuracy"][0] > 0.95


def test_images_on_another_scale_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    x = rng.integers(0, 256, (300, 4, 4)).astype("u1")
    x[:, 0, 0] = y * 255
    train(save_npz(tmp_path / "u.npz", x=x, y=y), tmp_path / "r")
    path = save_npz(tmp_path / "f.npz", x=(x / 255).astype("f4"), y=y)
    for words in (["evaluate", tmp_path / "r/best.h5", "--data", path], ["predict", tmp_path / "r/best.h5", path]):
        assert "must be on the scale of training, 0 to 255" in gpunet(*words, code=3).stderr


def test_arrays_of_other_names_are_named_by_keys(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = (x[:, 0] > 0).astype(int)
    path = save_npz(
        tmp_path / "c.npz", train_set_x=x[:150], train_set_y=y[None, :150], test_set_x=x[150:], test_set_y=y[None, 150:]
    )
    names = ["data.x=train_set_x", "data.y=train_set_y"]
    report, said = train(path, tmp_path / "r", *names)
    assert "train_set_x trains, test_set_x is the test part" in said
    assert report["test_accuracy"][0] > 0.9
    assert gpunet("predict", tmp_path / "r/best.h5", path).stdout.count("\n") == 51
    assert (
        "Set data.x=... and data.y=... to their names" in gpunet("train", "mlp", "--data", path, *FAST, code=3).stderr
    )


@pytest.mark.parametrize("split", ["group", "date", "column"])
def test_parts_by_a_column(split, tmp_path):
    rng = np.random.default_rng(0)
    values = {
        "group": lambda i: f"p{i % 20}", "date": lambda i: f"20{10 + i % 12}-05-01",
        "column": lambda i: ["train", "train", "Val", "test"][i % 4],
    }[split]  # fmt: skip
    rows = [[round(rng.normal(), 3), values(i), i % 2] for i in range(240)]
    path = write(tmp_path / "s.csv", ["a", "part", "label"], rows)
    found = json.loads(gpunet("data", "info", path, f"split={split}", "split_column=part", "--json").stdout)
    assert sum(found["parts"].values()) == 240
    assert found["ignored"] == [{"column": "column 'part'", "reason": "it says which part a sample belongs to"}]
    if split == "column":
        assert found["parts"] == {"train": 120, "validation": 60, "test": 60}
    else:
        assert min(found["parts"].values()) >= 12


def test_data_info_warns(tmp_path):
    rows = [[i % 50, (i % 50) * 2, i % 2] for i in range(200)]
    path = write(tmp_path / "d.csv", ["a", "again", "label"], [[r[0], r[2], r[2]] for r in rows])
    found = json.loads(gpunet("data", "info", path, "--json").stdout)
    assert any("samples of the validation and test parts are in the training part" in w for w in found["warnings"])
    assert "each class has one value of 'again': is it the target again?" in found["warnings"]
    single = write(tmp_path / "e.csv", ["a", "label"], [[i / 7, "once" if i == 3 else i % 2] for i in range(40)])
    text = " ".join(gpunet("data", "info", single).stdout.split())
    assert "of the class once" in text


def test_config_init_writes_what_trains_alike(place, tmp_path):
    path = tmp_path / "abc.toml"
    gpunet("config", "init", "--data", place / "abc.csv", *[w for w in FAST if "=" in w], "-o", path)
    held = tomllib.loads(path.read_text())
    assert held["data"]["target"] == "label"
    assert held["data"]["features"] == {"a": "number", "b": "number", "c": "number"}
    assert "# baseline: always saying" in path.read_text()
    done = gpunet("train", path, "--device", "cpu", "--run", tmp_path / "r", "--json")
    before = json.loads(gpunet("evaluate", place / "abc/best.h5", "--json").stdout)
    assert json.loads(done.stdout)["test_loss"] == pytest.approx(before["loss"])
    assert "must not exist yet" in gpunet("config", "init", "--data", "digits", "-o", path, code=2).stderr


def test_config_init_keeps_what_was_given_and_offers_the_rest(tmp_path):
    rows = [[i / 7, -999 if i % 9 == 0 else i % 13, "ab"[i % 2]] for i in range(60)]
    path = write(tmp_path / "d.csv", ["a", "b", "label"], rows)
    words = ("data.missing=['-999']", "data.preprocess=robust", "data.fill=mean", "data.split=tail", "data.words=50")
    shown = gpunet("config", "init", "--data", path, *words).stdout
    held = tomllib.loads(shown)["data"]
    assert (held["missing"], held["fill"], held["split"], held["words"]) == (["-999"], "mean", "tail", 50)
    assert [word["name"] for word in held["preprocess"]] == ["robust"]
    assert "# split_column = " in shown
    plain = gpunet("config", "init", "--data", path).stdout
    for key in ("delimiter", "decimal", "thousands", "missing", "words", "preprocess", "split_column"):
        assert f"# {key} = " in plain, key
    assert "missing" not in tomllib.loads(plain)["data"]
    (tmp_path / "d.toml").write_text(shown)
    assert gpunet("config", "check", tmp_path / "d.toml").stdout.strip().endswith("good")


def test_toml_with_a_mark_in_front_is_read(tmp_path):
    path = tmp_path / "b.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 4\n")
    assert "seed = 4" in gpunet("config", "show", path, "--toml").stdout
