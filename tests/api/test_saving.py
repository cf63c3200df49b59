"""Files and run folders: between Python and the command line, and on from where a run stopped."""

import copy
import csv
import io
import json
import pickle

import numpy as np
import pytest
from click.testing import CliRunner

import gpunet
from convolving import Convolution
from gpunet.checkpoint import read
from gpunet.cli.app import main
from gpunet.layers import Dense, Flatten, Sequential


def command(*arguments, code=0):
    """The command line in this process: its result."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def folder(table, small, tmp_path_factory):
    """A run on arrays in a folder."""
    path = tmp_path_factory.mktemp("runs") / "arrays"
    gpunet.train("mlp", *table, run=path, **small)
    return path


def test_saving_loading_and_saving_again_keeps_the_content(net, tmp_path):
    loaded = gpunet.load(net.save(tmp_path / "one.h5"))
    again = loaded.save(tmp_path / "two.h5")
    hashes = {read(path).content_sha256 for path in (tmp_path / "one.h5", again)}
    assert hashes == {net.checkpoint.content_sha256, loaded.checkpoint.content_sha256}
    assert len(hashes) == 1
    assert loaded.history["train_loss"].tolist() == net.history["train_loss"].tolist()


def test_a_folder_stands_for_its_best_checkpoint(folder, net, equal):
    loaded = gpunet.load(folder)
    assert equal(loaded, net)
    assert equal(gpunet.load(folder / "best.h5"), net)


def test_predictions_are_those_of_the_command_line(net, population, table, tmp_path):
    x = table[0][:20]
    np.savez(tmp_path / "new.npz", x=x)
    for number, trained in enumerate((net, population)):
        path = trained.save(tmp_path / f"{number}.h5")
        done = command("predict", path, tmp_path / "new.npz", "--probabilities", "--device", "cpu")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [int(row["class"]) for row in rows] == trained.predict(x).tolist()
        shown = np.array([[float(row["p(0)"]), float(row["p(1)"])] for row in rows])
        np.testing.assert_allclose(shown, trained.predict_proba(x), atol=5e-7)
        np.testing.assert_array_equal(trained.predict(tmp_path / "new.npz"), trained.predict(x))


def test_the_command_line_and_python_train_the_same(tmp_path, equal):
    settings = {"hidden": [6], "epochs": 1}
    command("train", "mlp", "--data", "digits", "hidden=[6]", "epochs=1", "--run", tmp_path / "a", "--device", "cpu")
    own = gpunet.train("mlp", data="digits", run=tmp_path / "b", device="cpu", **settings)
    theirs = gpunet.load(tmp_path / "a")
    assert equal(theirs, own)
    assert theirs.checkpoint.content_sha256 == own.checkpoint.content_sha256
    found = json.loads(command("evaluate", tmp_path / "b", "--json", "--device", "cpu").stdout)
    assert found["error"][0] == pytest.approx(1 - float(own.checkpoint["metrics/test_accuracy"].data[0]))
    command("resume", tmp_path / "b", "epochs=2", "--device", "cpu")
    longer = gpunet.resume(tmp_path / "a", epochs=2, device="cpu")
    assert equal(gpunet.load(tmp_path / "b"), longer)


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate",),
        ("resume",),
        ("resume", "epochs=9"),
        ("gradcheck", "config.toml"),
        ("doctor", "--signal", "config.toml"),
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_what_needs_data_of_a_run_on_arrays_says_that_no_file_holds_them(arguments, folder):
    name, *words = arguments
    if words[-1:] == ["config.toml"]:
        words[-1] = folder / "config.toml"
    else:
        words.insert(0, folder)
    done = CliRunner().invoke(main, [name, *map(str, words), "--device", "cpu"])
    assert done.exit_code == 3 or done.exception is not None
    error = done.exception if isinstance(done.exception, gpunet.GpunetError) else None
    text = str(error) if error is not None else done.output
    assert "arrays in memory: must be passed again, since no file holds them" in text
    assert "Traceback" not in done.output


def test_the_data_of_a_run_on_arrays_may_come_from_a_file(folder, table, tmp_path):
    np.savez(tmp_path / "table.npz", x=table[0], y=table[1])
    found = json.loads(
        command("evaluate", folder, "--data", tmp_path / "table.npz", "--json", "--device", "cpu").stdout
    )
    assert found["error"][0] == pytest.approx(1 - gpunet.load(folder).score(*table))


def test_a_run_from_python_is_inspected_and_reported(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = command("inspect", folder / "best.h5").stdout
    assert "dense(6, 8)" in shown
    assert "activations" in shown
    command("report", folder)
    assert "arrays" in (tmp_path / "report.html").read_text()
    command("verify", folder / "best.h5", folder / "last.h5")


@pytest.mark.parametrize("settings", [{}, {"seeds": 2}])
def test_epochs_and_then_more_are_all_epochs_at_once_bit_for_bit(settings, table, small, tmp_path, equal):
    x, y = table
    whole = gpunet.train("mlp", x, y, **small | {"epochs": 4} | settings)
    gpunet.train("mlp", x, y, run=tmp_path / "run", **small | settings)
    on = gpunet.resume(tmp_path / "run", x, y, epochs=4, device="cpu")
    assert equal(on, whole)
    assert on.checkpoint.content_sha256 == read(tmp_path / "run/best.h5").content_sha256
    np.testing.assert_array_equal(on.history["train_loss"], whole.history["train_loss"])


def test_parts_that_were_passed_by_themselves_are_passed_again(table, small, tmp_path):
    x, y = table
    parts = {"validation": (x[:30], y[:30]), "test": (x[30:50], y[30:50])}
    gpunet.train("mlp", x, y, run=tmp_path / "run", **parts, **small)
    assert gpunet.resume(tmp_path / "run", x, y, epochs=3, device="cpu", **parts).history.epochs == 3
    with pytest.raises(
        gpunet.GpunetError, match="x: must hold the data that the run was trained on, got other content"
    ):
        gpunet.resume(tmp_path / "run", x, y, epochs=4, device="cpu")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (lambda x, y: ((), {}), "must be passed again, since no file holds them, got nothing"),
        (lambda x, y: ((x + 1, y), {}), "x: must hold the data that the run was trained on"),
        (lambda x, y: ((x, y), {"seeds": 5}), "members: must stay 1"),
        (lambda x, y: ((x, y), {"seed": 5}), "seed: must stay 0"),
        (lambda x, y: ((x, y), {"hidden": [9]}), "must keep the shape"),
        (lambda x, y: ((x, y), {"epoch": 9}), "epoch: is no key here. Did you mean epochs"),
        (lambda x, y: ((x, y), {"validation": 0.1}), "validation: must be a pair of features and targets, got float"),
    ],
)
def test_what_a_run_cannot_go_on_with_is_refused(arguments, expected, folder, table):
    given, settings = arguments(*table)
    with pytest.raises(gpunet.GpunetError, match=expected):
        gpunet.resume(folder, *given, device="cpu", **settings)


def test_networks_are_pickled_and_copied(net, population, table, tmp_path, equal):
    for trained in (net, population):
        for again in (
            pickle.loads(pickle.dumps(trained)),  # noqa: S301 - made here
            copy.deepcopy(trained),
            copy.copy(trained),
        ):
            assert equal(again, trained)
            np.testing.assert_array_equal(again.predict(table[0]), trained.predict(table[0]))
            assert again.checkpoint.content_sha256 == trained.checkpoint.content_sha256


def test_what_no_file_can_describe_is_copied_all_the_same(table):
    images = np.random.default_rng(0).random((200, 4, 4))
    net = gpunet.fit(Sequential([Convolution(1), Flatten(), Dense(2)]), images, table[1], epochs=1, device="cpu")
    np.testing.assert_array_equal(copy.deepcopy(net).outputs(images), net.outputs(images))
