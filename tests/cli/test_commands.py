"""The command line as a user runs it: in a process, in a folder, on the bundled digits."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.cli import main
from gpunet.config import preset_names
from shell import gpunet, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training

FAST = ["training.epochs=4", "model.hidden=[32]", "model.dropout=0", "optimizer.learning_rate=0.01"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained model in runs/digits-mlp-1 and a population in three."""
    folder = tmp_path_factory.mktemp("work")
    single = gpunet("train", "mlp", *FAST, "--seed", 3, cwd=folder)
    several = gpunet("train", *FAST, "--seeds", 3, "--run", "three", "--json", cwd=folder)
    return folder, single, several


def test_train_says_what_it_does_on_the_right_streams(trained):
    folder, single, several = trained
    assert single.stdout.splitlines()[-1] == "Checkpoint: runs/digits-mlp-1/best.h5"
    hint = single.stderr.partition("\nNext: ")[2]
    assert hint.endswith(" report runs/digits-mlp-1\n")
    assert re.search(r"Test error: \d+\.\d\d %\n", single.stdout)
    assert len(re.findall(r"^epoch \d/4 ", single.stderr, re.MULTILINE)) == 4
    document = json.loads(several.stdout)
    assert len(document["test_accuracy"]) == 3
    assert min(document["test_accuracy"]) > 0.7
    assert {p.name for p in (folder / "runs/digits-mlp-1").iterdir()} == {
        "best.h5", "last.h5", "last.previous.h5", "config.toml", ".lock"
    }  # fmt: skip


def test_the_written_configuration_trains_the_same_again(trained):
    folder, _, _ = trained
    gpunet("train", "runs/digits-mlp-1/config.toml", "--run", "again", cwd=folder)
    a, b = (
        json.loads(gpunet("inspect", f"{run}/best.h5", "model", "--json", cwd=folder).stdout)
        for run in ("runs/digits-mlp-1", "again")
    )
    assert a["children"] == b["children"]
    assert a["content_sha256"] == b["content_sha256"]


def test_evaluate_repeats_what_train_reported(trained):
    folder, single, several = trained
    reported = re.search(r"Test error: (\S+)", single.stdout)[1]
    assert f"Error: {reported} %" in gpunet("evaluate", "runs/digits-mlp-1/best.h5", cwd=folder).stdout
    document = json.loads(gpunet("evaluate", "three/best.h5", "--json", cwd=folder).stdout)
    accuracies = json.loads(several.stdout)["test_accuracy"]
    assert document["accuracy"] == pytest.approx(accuracies)
    assert document["error"] == pytest.approx([1 - a for a in accuracies])
    assert document["ensemble_accuracy"] == pytest.approx(1 - document["ensemble_error"])
    assert 0 <= document["ensemble_error"] <= max(document["error"])


def test_data_to_evaluate_on_may_follow_the_checkpoints(trained):
    folder = trained[0]
    words = ("evaluate", "runs/digits-mlp-1", "three/best.h5")
    assert gpunet(*words, "digits", cwd=folder).stdout == gpunet(*words, "--data", "digits", cwd=folder).stdout
    refused(*words, "none.csv", cwd=folder, code=3, expected="none.csv: must be an existing file")
    refused(*words, "none.h5", cwd=folder, code=4, expected="none.h5: must be an existing checkpoint")


def test_evaluate_makes_an_ensemble_of_several_checkpoints(trained):
    folder, _, _ = trained
    both = gpunet("evaluate", "runs/digits-mlp-1/best.h5", "three/best.h5", "--part", "validation", cwd=folder).stdout
    assert "over 4 members" in both
    assert "Ensemble error" in both


def test_predict_agrees_with_evaluate(trained):
    folder, _, _ = trained
    for checkpoint in ("runs/digits-mlp-1/best.h5", "three/best.h5"):
        rows = list(csv.DictReader(io.StringIO(gpunet("predict", checkpoint, "digits", cwd=folder).stdout)))
        from gpunet.datasets import load

        digits = load("digits")
        error = np.mean([int(row["class"]) != label for row, label in zip(rows, digits.y)])
        document = json.loads(gpunet("evaluate", checkpoint, "--data", "digits", "--json", cwd=folder).stdout)
        assert error == pytest.approx(document.get("ensemble_error", document["error"][0]))


def test_predict_gives_probabilities_that_sum_to_one(trained):
    folder, _, _ = trained
    arguments = ("predict", "runs/digits-mlp-1/best.h5", "digits", "--probabilities", "--json")
    rows = json.loads(gpunet(*arguments, cwd=folder).stdout)
    assert len(rows) == 1797
    for row in rows[:50]:
        assert sum(value for name, value in row.items() if name.startswith("p(")) == pytest.approx(1, abs=1e-4)


def test_inspect_shows_the_tree_and_its_parts(trained):
    folder, _, _ = trained
    tree = gpunet("inspect", "runs/digits-mlp-1/best.h5", cwd=folder).stdout
    assert "001_dense  gives 32  class=dense" in tree
    assert re.search(r"weight  float32  64x32  weight  input,output", tree)
    assert re.search(r"^parameters +2,410$", tree, re.MULTILINE)
    weight = gpunet("inspect", "runs/digits-mlp-1/best.h5", "model/001_dense/weight", cwd=folder).stdout
    assert weight.startswith("model/001_dense/weight  float32  64x32")
    config = json.loads(gpunet("inspect", "runs/digits-mlp-1/best.h5", "config/json", cwd=folder).stdout)
    assert config["model"]["hidden"] == [32]
    history = json.loads(gpunet("inspect", "three/best.h5", "--history", "--json", cwd=folder).stdout)
    assert np.shape(history["validation_loss"]) == (4, 3)
    assert "validation accuracy" in gpunet("inspect", "three/best.h5", "--history", cwd=folder).stdout


def test_the_checkpoint_explains_itself_to_any_hdf5_reader(trained):
    folder, _, _ = trained
    with h5py.File(folder / "three/best.h5") as file:
        assert file["model/001_dense/weight"].shape == (3, 64, 32)
        assert file["model/001_dense/weight"].attrs["axes"] == b"member,input,output"
        assert file["streams/seeds"][:].tolist() == [0, 1, 2]
        assert file["data/preprocessing/000_scale/factor"][0] == pytest.approx(1 / 16)
    with h5py.File(folder / "runs/digits-mlp-1/last.h5") as file:
        assert file["optimizer/mean/001_dense/weight"].shape == (64, 32)
        assert file["loop"].attrs["epoch"] == 4


def test_a_table_trains_evaluates_and_predicts(tmp_path, rng):
    x = rng.normal(5, [1, 10], size=(120, 2))
    names = np.where(x[:, 0] - 5 > (x[:, 1] - 5) / 10, "above", "below")
    lines = [f"{a:.4f},{b:.4f},{name}" for (a, b), name in zip(x, names)]
    (tmp_path / "t.csv").write_text("\n".join(["width,height,side", *lines]) + "\n")
    options = ["--data", "t.csv", "loss=binary_cross_entropy", "training.epochs=60", "optimizer.learning_rate=0.01"]
    out = gpunet(
        "train", "linear", *options, "optimizer.name=adam", "optimizer.momentum=0.9", cwd=tmp_path, check=False
    )
    assert "optimizer.momentum: is no key of adam, but of lars, rmsprop, sgd. Write optimizer=sgd" in out.stderr
    options += ["training.batch_size=16"]
    gpunet("train", "linear", *options, "optimizer.learning_rate=0.3", "--run", "r", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(gpunet("predict", "r/best.h5", "t.csv", cwd=tmp_path).stdout)))
    assert np.mean([row["side"] == name for row, name in zip(rows, names)]) > 0.9
    with h5py.File(tmp_path / "r/best.h5") as file:
        assert file["data/preprocessing"].attrs["kind"] == b"standardise"
    (tmp_path / "u.csv").write_text("height,width\n5,9\n5,1\n")
    rows = list(csv.DictReader(io.StringIO(gpunet("predict", "r/best.h5", "u.csv", cwd=tmp_path).stdout)))
    assert [row["side"] for row in rows] == ["above", "below"]


def test_regression_learns_a_line(tmp_path, rng):
    x = rng.normal(size=(200, 2))
    np.savez(tmp_path / "line.npz", x=x, y=x @ [2.0, -1.0] + 0.5)
    options = ["--data", "line.npz", "optimizer.learning_rate=0.02", "training.l2=0", "--run", "r"]
    out = gpunet("train", "linear", *options, cwd=tmp_path).stdout
    assert float(re.search(r"Test loss: (\S+)", out)[1]) < 1e-3
    assert "value" in gpunet("predict", "r/best.h5", "line.npz", cwd=tmp_path).stdout.splitlines()[0]


def test_targets_that_the_loss_cannot_take_are_refused_before_training(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i - 30.5}\n" for i in range(100)))
    words = ["--data", "t.csv", "loss=poisson", "data.task=regression", "training.batch_size=8"]
    refused(
        "train", *words, cwd=tmp_path, code=3, expected="targets: must be counts of 0 or more for poisson, got -30.5"
    )


def test_other_targets_than_in_training_are_refused(tmp_path, rng):
    x = rng.normal(size=(60, 2))
    np.savez(tmp_path / "one.npz", x=x, y=x[:, 0])
    np.savez(tmp_path / "two.npz", x=x, y=x)
    gpunet("train", "linear", "--data", "one.npz", "training.epochs=1", "--run", "r", cwd=tmp_path)
    wrong = ("evaluate", "r/best.h5", "--data", "two.npz")
    refused(*wrong, cwd=tmp_path, code=3, expected="must have 1 targets per sample, as in training, got 2")


def test_dry_run_writes_nothing(tmp_path):
    done = gpunet("train", "--dry-run", cwd=tmp_path)
    assert "nothing was written" in done.stderr
    assert not list(tmp_path.iterdir())


def test_runs_are_numbered_and_never_overwritten(tmp_path):
    for _ in range(2):
        gpunet("train", "linear", "training.epochs=1", cwd=tmp_path)
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["digits-linear-1", "digits-linear-2"]
    refused("train", "--run", "runs/digits-linear-1", cwd=tmp_path, code=2, expected="must be a new or empty folder")


def test_small_commands(tmp_path):
    assert "digits" in gpunet("data", "ls", cwd=tmp_path).stdout
    assert "64 features are constant" in gpunet("data", "info", "digits", cwd=tmp_path).stdout
    names = [line.split()[0] for line in gpunet("presets", "ls", cwd=tmp_path).stdout.splitlines()]
    assert names == preset_names()
    gpunet("presets", "copy", "linear", "mine.toml", cwd=tmp_path)
    assert gpunet("config", "check", "mine.toml", cwd=tmp_path).stdout == "linear: good\n"
    shown = gpunet("config", "show", "mine.toml", "seed=9", "--toml", cwd=tmp_path).stdout
    (tmp_path / "shown.toml").write_text(shown)
    assert gpunet("config", "show", "shown.toml", "--toml", cwd=tmp_path).stdout == shown
    assert json.loads(gpunet("config", "schema", cwd=tmp_path).stdout)["title"] == "Config"
    assert "equal to numpy.random.Philox" in gpunet("doctor", "--device", "cpu", cwd=tmp_path).stdout


def test_the_doctor_names_cores_load_and_threads(tmp_path):
    def said(count):
        return json.loads(gpunet("doctor", "--json", cwd=tmp_path, env={"OPENBLAS_NUM_THREADS": str(count)}).stdout)

    one, two = said(1), said(2)
    assert re.fullmatch(rf"\d+ of {os.cpu_count()} usable, load \d+\.\d over the last minute", one["cores"])
    assert re.fullmatch(r"openblas [\d.]+, 1 thread", one["blas"])
    assert two["blas"] == one["blas"].replace("1 thread", "2 threads") or os.cpu_count() == 1
    assert re.fullmatch(r"a product of 128x512x512 takes \d+\.\d ms on one thread", one["threads"])
    assert re.match(r"a product of 128x512x512 takes \d+\.\d ms on one thread, \d+\.\d ms on 2", two["threads"])


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["mpl"], 2, "Did you mean mlp"),
        (["model.hidden=20"], 2, "model.hidden: must be a list, got 20. Write [20]"),
        (["none.csv"], 3, "none.csv: must be an existing file"),
        (["folder/none"], 3, "folder/none: must be an existing file"),
        (["none.toml"], 2, "must be an existing TOML file"),
        (["training.epoch=3"], 2, "training.epoch: is no key here. Did you mean epochs"),
        (["training.batch_size=5000"], 2, "must be at most the 1257 samples"),
        (["mlp", "linear"], 2, "must name one preset"),
        (["--data", "none.csv"], 3, "must be an existing file"),
        (["--data", "digit"], 3, "Did you mean digits"),
        (["data.validation=0.6", "data.test=0.6"], 3, "must have samples left to train on"),
    ],
)
def test_mistakes_when_training(words, code, expected, tmp_path):
    refused("train", *words, cwd=tmp_path, code=code, expected=expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "--epochs", "3"], "No such option: --epochs. Keys have no dashes: write training.epochs=VALUE."),
        (["pretrain", "rbm", "--batch-size=3"], "write training.batch_size=VALUE."),
        (["train", "--epoch", "3"], "No such option '--epoch'"),
        (["inspect", "--epochs", "3"], "No such option '--epochs'."),
    ],
)
def test_a_key_that_is_written_like_an_option_is_known(words, expected):
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    assert expected in done.output.splitlines()[-1]


def test_other_mistakes(trained, tmp_path):
    folder, _, _ = trained
    refused("evaluate", "none.h5", cwd=tmp_path, code=4, expected="must be an existing checkpoint")
    damaged = bytearray((folder / "three/best.h5").read_bytes())
    damaged[5000] ^= 1
    (tmp_path / "damaged.h5").write_bytes(damaged)
    refused("evaluate", "damaged.h5", cwd=tmp_path, code=4, expected="must have the content that it was sealed with")
    (tmp_path / "wide.csv").write_text("1,2,3\n4,5,6\n")
    wide = [folder / "three/best.h5", "wide.csv"]
    refused("predict", *wide, cwd=tmp_path, code=3, expected="must have the 64 features of the model")
    assert "Did you mean train?" in gpunet("trian", cwd=tmp_path, check=False).stderr


def test_cuda_by_name_fails_where_there_is_none(tmp_path):
    from gpunet.backend import probe_driver

    if probe_driver().gpus:
        pytest.skip("this machine has a GPU")
    done = gpunet("train", "--device", "cuda", cwd=tmp_path, check=False)
    assert done.returncode == 5
    assert "gpunet: device cuda: needs a CUDA GPU" in done.stderr
    assert not list(tmp_path.iterdir())


STAIRS = "optimizer.learning_rate={name='piecewise', values=[0.7, 0.4, 0.0], boundaries=[2, 4]}"


def test_config_show_plots_schedules_in_the_terminal(tmp_path):
    done = gpunet("config", "show", "linear", "training.epochs=8", STAIRS, "--plot-schedule", cwd=tmp_path)
    numbers, shape = done.stdout.splitlines()
    assert numbers == "learning_rate: from 0.7 to 0 over 8 epochs, lowest 0, highest 0.7"
    assert shape == "████▅▅▅▅▁▁▁▁▁▁▁▁"


def test_config_show_draws_schedules_where_matplotlib_is(tmp_path):
    done = gpunet("config", "show", "linear", STAIRS, "--plot-to", "s.png", cwd=tmp_path, check=False)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert done.returncode == 2
        assert "gpunet: --plot-to: needs matplotlib, got none. Install the extra" in done.stderr
        return
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout == ""
    refused_words = ("config", "show", "--plot-to", "s.nonsense")
    assert gpunet(*refused_words, cwd=tmp_path, check=False).returncode == 2
    assert gpunet("config", "show", "--plot-to", "no/s.png", cwd=tmp_path, check=False).returncode == 74


def test_a_schedule_that_ends_before_the_training_is_refused_before_it(tmp_path):
    words = ["linear", "training.epochs=8", "optimizer.learning_rate={name='one_cycle', value=0.1, epochs=5}"]
    expected = "optimizer.learning_rate: must cover all 8 epochs of training, got a schedule that ends after 5."
    refused("train", *words, cwd=tmp_path, code=2, expected=expected)
    done = gpunet("config", "check", *words, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert expected in done.stderr


def test_divergence_exits_6_and_keeps_the_last_good_state(tmp_path):
    options = ["optimizer.learning_rate=1e30", "training.epochs=3", "--run", "r"]
    done = gpunet("train", "linear", *options, cwd=tmp_path, check=False)
    assert done.returncode == 6, done.stderr
    assert "Lower optimizer.learning_rate" in done.stderr
    shown = json.loads(gpunet("inspect", "r/last.h5", "--json", cwd=tmp_path).stdout)
    assert shown["attributes"]["epoch"] == 0
    with h5py.File(tmp_path / "r/last.h5") as file:
        assert np.isfinite(file["model/000_dense/weight"][:]).all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_save_and_stop(number, tmp_path):
    command = [sys.executable, "-m", "gpunet.cli", "train", "mlp", "training.epochs=100000", "--run", "r"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "r/last.h5").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"was stopped by {number.name}" in errors
    assert gpunet("inspect", "r/last.h5", cwd=tmp_path).returncode == 0


def test_an_unwritable_place_exits_74(tmp_path):
    (tmp_path / "file").write_text("")
    done = gpunet("train", "linear", "--run", "file/inside", cwd=tmp_path, check=False)
    assert done.returncode == 74
    assert "must be writable" in done.stderr


def test_the_doctor_names_a_network_whose_gradient_vanishes(tmp_path):
    words = ["doctor", "--signal", "mlp", "model.hidden=[64,64,64,64,64,64,64,64,64,64]", "--device", "cpu"]
    words += ["model.dropout=0", "model.input_dropout=0"]
    bad = gpunet(*words, "model.activation=sigmoid", cwd=tmp_path).stdout
    assert "gradients vanish" in bad.splitlines()[-1]
    assert "000_dense to" in bad.splitlines()[-1]
    good = gpunet(*words, "model.activation=relu", "model.initializer=he", cwd=tmp_path).stdout
    assert good.splitlines()[-1] == "Outputs and gradients keep their size through all layers."
    found = json.loads(gpunet(*words, "model.activation=sigmoid", "--json", cwd=tmp_path).stdout)
    assert found["layers"][0]["name"] == "000_dense"
    refused("doctor", "a=1", cwd=tmp_path, code=2, expected="takes KEY=VALUE with --signal alone")


def test_an_unusual_pairing_of_output_and_loss_is_allowed_and_said(tmp_path):
    done = gpunet("train", "linear", "loss=softmax_squared_error", "--dry-run", cwd=tmp_path)
    assert "softmax with squared error: its gradient vanishes where a wrong class is certain" in done.stderr
    usual = gpunet("train", "linear", "--dry-run", cwd=tmp_path)
    assert "vanishes" not in usual.stderr


def test_an_autoencoder_is_measured_by_its_reconstructions(trained, tmp_path):
    options = ["training.epochs=1", "model.hidden=[16]", "--run", "auto", "--json"]
    told = json.loads(gpunet("train", "autoencoder", *options, cwd=tmp_path).stdout)
    found = json.loads(gpunet("evaluate", "auto/best.h5", "--json", cwd=tmp_path).stdout)
    assert found["loss"] == pytest.approx(told["test_loss"])
    assert "error" not in found
    expected = "must hold a network that predicts targets, got autoencoder"
    refused("predict", "auto/best.h5", "digits", cwd=tmp_path, code=4, expected=expected)
    both = ["auto/best.h5", trained[0] / "runs/digits-mlp-1/best.h5"]
    refused(
        "evaluate",
        *both,
        cwd=tmp_path,
        code=4,
        expected="must predict what the first does, got targets. The first has features.",
    )


def test_gradients_of_data_in_hdf5_are_checked_by_their_configuration(tmp_path):
    expected = "none.h5"
    done = gpunet("gradcheck", "mlp", "data.source=none.h5", "--device", "cpu", cwd=tmp_path, check=False)
    assert (done.returncode, expected in done.stderr) == (3, True), done.stderr


def test_data_may_be_named_without_an_option(tmp_path):
    (tmp_path / "small.csv").write_text("a,b,label\n" + "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(60)))
    words = ["hidden=[4]", "epochs=1", "--dry-run"]
    for named in (["small.csv"], ["linear", "small.csv"], ["small.csv", "mlp"]):
        own = words if "linear" not in named else words[1:]
        assert "small.csv (" in gpunet("train", *named, *own, cwd=tmp_path).stderr
    refused(
        "train", "small.csv", "--data", "digits", cwd=tmp_path, code=2, expected="data: must be one file or folder, got"
    )
    refused("train", "mlpp", cwd=tmp_path, code=2, expected="preset: must be a known name or a TOML file, got 'mlpp'")
