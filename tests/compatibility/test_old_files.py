"""What older versions wrote stays readable for ever and means what it meant: runs, checkpoints, configurations.

The files and the numbers beside them were written by ``write_fixtures.py`` and ``write_configurations.py`` with the
version of commit 3ca7d91; ``old_files.py`` has the tables of what was renamed since.
"""

import json
import shutil
import tomllib

import numpy as np
import pytest

from compatibility.old_files import (
    DATA,
    FILES,
    FIXTURES,
    RENAMED_KEYS,
    RENAMED_WORDS,
    arrays_of,
    differences,
    digests,
    drawn,
    expected_of,
    fixtures,
    gpunet,
    in_todays_words,
    machine,
    meaning,
    measured,
    name_of,
    todays_path,
)

RUNS = pytest.mark.parametrize("folder", fixtures(), ids=name_of)
CONFIGURATIONS = [*sorted(FIXTURES.glob("presets/*.toml")), *sorted(FIXTURES.glob("schema/*.toml"))]
CPU = ("--device", "cpu")


def copied(folder, target):
    """The files of an old run in a folder of their own, where it may go on."""
    target.mkdir()
    for name in (*FILES, "config.toml"):
        if (folder / name).exists():
            shutil.copy(folder / name, target)
    return target


def test_there_are_old_runs_of_every_family():
    families = {folder.parent.name for folder in fixtures()}
    assert families == {
        "augmentation", "autoencoder", "classrbm", "dbn", "finetune", "layers", "mlp", "preprocess", "rbm",
        "regression", "texts", "updown", "words",
    }  # fmt: skip
    assert len(fixtures()) == 86
    assert len(CONFIGURATIONS) == 72


@RUNS
def test_old_files_are_whole_and_say_what_they_are(folder):
    for name, expected in expected_of(folder)["files"].items():
        (verified,) = json.loads(gpunet("verify", folder / name, "--json"))
        assert (verified["whole"], verified["content_sha256"]) == (True, expected["content_sha256"])
        shown = gpunet("inspect", folder / name)
        for words in (f"class={expected['class']}", expected["model"], expected["content_sha256"], "all hashes hold"):
            assert words in shown


@pytest.mark.confined
@pytest.mark.parametrize("family", sorted({folder.parent.name for folder in fixtures()}))
def test_old_files_of_every_family_pass_the_guarded_reader(family):
    folder = next(folder for folder in fixtures() if folder.parent.name == family)
    (verified,) = json.loads(gpunet("verify", folder / "last.h5", "--json"))
    assert verified["whole"]
    assert verified["content_sha256"] == expected_of(folder)["files"]["last.h5"]["content_sha256"]


@RUNS
def test_old_models_give_what_they_gave(folder, tmp_path):
    everything = expected_of(folder)
    for name, expected in everything["files"].items():
        found = measured(folder, name, DATA / everything["data"], expected)
        if "sample" in expected:
            found["sample"] = drawn(folder / name, tmp_path / "drawn.npz")
        known = {key: expected[key] for key in ("evaluate", "predict", "likelihood", "sample") if key in expected}
        assert known
        assert not differences(known, found, name)


@RUNS
def test_old_runs_go_on_to_the_end_that_they_had(folder, tmp_path):
    """Bit for bit on a machine that rounds like the one of that time; elsewhere as near as rounding lets them."""
    everything, run = expected_of(folder), copied(folder, tmp_path / "run")
    expected = everything["resume"]
    report = json.loads(gpunet("resume", run, *expected["words"], "--data", DATA / everything["data"], "--json", *CPU))
    assert report["epochs"] == expected["report"]["epochs"]
    if machine() == everything["machine"]:
        assert not differences(expected["report"], report)
        for name, known in expected["digests"].items():
            found = digests(run / name)
            assert not [path for path, digest in known.items() if found.get(todays_path(path)) != digest]
    else:
        found = arrays_of(run / "last.h5")
        for path, values in expected["weights"].items():
            near = 1e-4 * max(np.abs(values).max(), 0.01)  # a bias in front of batch norm is rounding alone
            np.testing.assert_allclose(found[todays_path(path)], values, rtol=1e-4, atol=near, err_msg=path)


@RUNS
def test_the_configuration_beside_an_old_checkpoint_is_the_one_inside(folder):
    document = json.loads(gpunet("inspect", folder / "last.h5", "config/json", "--json"))
    inside, beside = json.loads(document["text"]), meaning(folder / "config.toml")
    assert beside["data"].pop("source") == expected_of(folder)["data"]
    assert not differences(in_todays_words(inside), beside, tolerance=0)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.relative_to(FIXTURES).as_posix())
def test_old_configurations_mean_what_they_meant(path):
    expected = json.loads((path.parent / "expected.json").read_text())[path.name]
    assert not differences(in_todays_words(expected), meaning(path), tolerance=0)
    assert ": good" in gpunet("config", "check", path)


def test_short_keys_and_variables_mean_what_they_meant(monkeypatch):
    monkeypatch.setenv("GPUNET_MODEL__DROPOUT", "0.25")
    monkeypatch.setenv("GPUNET_SEED", "9")
    words = ["epochs=3", "lr=0.5", "batch_size=7", "model.hidden=[3]", "data.preprocess=none"]
    found = tomllib.loads(gpunet("config", "show", "--toml", FIXTURES / "presets/mlp.toml", *words))
    expected = {
        "seed": 9,
        "data": {"preprocess": []},
        "model": {"name": "mlp", "dropout": 0.25, "hidden": [3]},
        "optimizer": {"name": "adam", "learning_rate": 0.5},
        "training": {"epochs": 3, "batch_size": 7},
    }
    assert not differences(in_todays_words(expected), found, tolerance=0)


@pytest.mark.parametrize(
    ("donor", "words"),
    [
        ("dbn/finished", ["finetune", "model.hidden=[6,5]"]),
        ("mlp/finished", ["mlp", "model.hidden=[6,4]"]),
        ("rbm/finished", ["finetune", "model.hidden=[4]", "members=2"]),
        (
            "autoencoder/plain",
            ["finetune", "model.hidden=[6,3]", "--graft", "000_dense=000_dense", "--graft", "002_dense=002_dense"],
        ),
    ],
)
def test_new_runs_begin_with_layers_of_old_files(donor, words, tmp_path):
    still = ["optimizer.learning_rate=1e-30", "training.epochs=1", "batch_size=8", "--data", DATA / "images"]
    source = FIXTURES / donor / "best.h5"
    gpunet("train", *words, *still, "--from", source, "--run", tmp_path / "new", *CPU)
    old, new = (
        [array for path, array in sorted(arrays_of(file).items()) if path.startswith("model/") and array.ndim > 1
         and path.endswith("/weight")]
        for file in (source, tmp_path / "new/last.h5")
    )  # fmt: skip
    given = [array for array in old if array.shape in {other.shape for other in new}]
    assert given
    for array in given[:2]:
        assert any(np.array_equal(array, other) for other in new)
    parent = json.loads(gpunet("inspect", tmp_path / "new/best.h5", "--lineage", "--json"))["parent_sha256"]
    assert parent == expected_of(FIXTURES / donor)["files"]["best.h5"]["content_sha256"]


def test_an_old_stack_gets_another_layer(tmp_path):
    words = ["model.hidden=[6,5,4]", "training.epochs=1", "batch_size=8", "--data", DATA / "images"]
    source = FIXTURES / "dbn/finished/best.h5"
    gpunet("pretrain", "dbn", *words, "--from", source, "--run", tmp_path / "new", *CPU)
    old, new = arrays_of(source), arrays_of(tmp_path / "new/best.h5")
    below = {path: array for path, array in old.items() if path.startswith("model/")}
    assert len(below) == 10
    for path, array in below.items():
        assert np.array_equal(new[todays_path(path)], array)


def test_old_runs_are_reported(tmp_path):
    pytest.importorskip("matplotlib")
    folders = [FIXTURES / name for name in ("mlp/finished", "rbm/finished", "dbn/finished")]
    gpunet("report", *folders, "-o", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for folder in folders:
        for name in ("content_sha256", "model"):
            assert expected_of(folder)["files"]["best.h5"][name][:12] in page


def test_renamed_keys_and_words_are_looked_for_under_their_new_names(monkeypatch):
    monkeypatch.setitem(RENAMED_KEYS, ("batch_norm", "averaging"), "rate")
    monkeypatch.setitem(RENAMED_WORDS, ("linear", "name", "linear"), "identity")
    monkeypatch.setitem(RENAMED_WORDS, ("mlp", "activation", "linear"), "identity")
    layers = [{"name": "batch_norm", "averaging": 0.5}, {"name": "linear"}]
    old = {"name": "linear", "model": {"name": "mlp", "activation": "linear", "layers": layers}}
    assert in_todays_words(old) == {
        "name": "linear",
        "model": {
            "name": "mlp",
            "activation": "identity",
            "layers": [{"name": "batch_norm", "rate": 0.5}, {"name": "identity"}],
        },
    }
    assert differences(old, in_todays_words(old), tolerance=0) == [
        "model.activation: 'identity' instead of 'linear'",
        "model.layers.0.averaging: 'nothing' instead of 0.5",
        "model.layers.1.name: 'identity' instead of 'linear'",
    ]
