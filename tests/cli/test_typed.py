"""The command line as people type it: names of runs, what to do next, quiet, and what a start brings along."""

import json
import shlex

import pytest
from click.testing import CliRunner

from gpunet.checkpoint import read
from gpunet.cli import main
from gpunet.config import load_config
from gpunet.persistence import RunFolder, run_name, title

IRIS = "length,width,kind\n" + "\n".join(f"{1 + n % 3 + n / 100},{n % 3},{'abc'[n % 3]}" for n in range(60)) + "\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.csv").write_text(IRIS)
    return tmp_path


def run(*words, code=0):
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == code, (done.stderr, done.exception)
    return done


@pytest.mark.parametrize(
    ("preset", "data", "name", "called"),
    [
        ("mlp", "iris.csv", "iris-mlp", "mlp"),
        ("digits", "iris.csv", "iris-mlp", "mlp"),
        ("digits", "digits", "digits", "digits"),
        ("mlp", "digits", "digits-mlp", "mlp"),
        ("resnet-digits", "digits", "resnet-digits", "resnet-digits"),
        ("resnet-digits", "mnist", "mnist-resnet", "resnet"),
        ("dbn-mnist", "mnist", "dbn-mnist", "dbn-mnist"),
        ("finetune", "My Data (2).csv.gz", "my-data-2-finetune", "finetune"),
        ("rbm", "größe.parquet", "gr-e-rbm", "rbm"),
    ],
)
def test_runs_are_named_after_data_and_model(preset, data, name, called):
    config = load_config(preset, {}, {})
    assert (run_name(config, data), title(config, data)) == (name, called)


def test_the_next_number_is_free_and_old_names_stay_readable(here):
    for number in (1, 2):
        done = run("train", "iris.csv", "hidden=[4]", "epochs=2")
        assert f"Checkpoint: runs/iris-mlp-{number}/best.h5" in done.stdout
    old = RunFolder.create(None, load_config("mlp", {}, {}))
    assert old.path.name == "mlp-1"
    (here / "runs/iris-mlp-2").rename(here / "runs/renamed-7")
    assert "Trained for 3 epochs" in run("resume", "runs/renamed-7", "epochs=3").stdout
    assert "mlp: 51 parameters" not in done.stdout
    assert "\nmlp: " in f"\n{done.stderr}"


def commands(done):
    """The commands that the last lines propose, one on each."""
    proposed = done.stderr.partition("\nNext: ")[2]
    assert proposed
    return [shlex.split(command)[1:] for command in proposed.splitlines()]


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        (["train", "mlp", "hidden=[4]"], ["predict", "report"]),
        (["pretrain", "rbm", "hidden=6"], ["sample", "likelihood", "train"]),
        (["pretrain", "dbn", "hidden=[6,5]"], ["train", "sample", "likelihood"]),
        (["train", "autoencoder", "hidden=[6]", "code=3"], ["report"]),
        (["train", "updown", "hidden=[6,5]", "greedy=1"], ["predict", "sample", "report"]),
        (["pretrain", "dbm", "hidden=[6,5]", "greedy=0"], ["likelihood", "sample", "train"]),
        (["train", "classdbm", "hidden=[6,5]", "greedy=0"], ["predict", "sample", "report"]),
    ],
)
def test_what_is_proposed_next_works(words, proposed, here):
    done = run(*words, "epochs=1", "batch_size=100")
    found = commands(done)
    assert [words[0] for words in found] == proposed
    for command in found:
        if command[0] == "predict":
            command[2] = "digits"
        options = {
            "train": ["epochs=1", "updates=2"],
            "likelihood": ["--runs", 5, "--steps", 20, "--mixing", 5, "--cases", 0],
            "sample": ["--steps", 2, "-n", 4, "-o", "s.npz"],
        }
        run(*command, *options.get(command[0], []))


def test_a_table_is_proposed_with_its_own_ending_and_place(here):
    done = run("train", "iris.csv", "hidden=[4]", "epochs=1")
    assert commands(done)[0] == ["predict", "runs/iris-mlp-1", "NEW.csv"]
    done = run(
        "pretrain", "dbn", "iris.csv", "hidden=[4]", "epochs=1", "batch_size=10", "visible_units=gaussian", "lr=1e-3"
    )
    assert commands(done)[0] == ["train", "finetune", "--data", "iris.csv", "--from", "runs/iris-dbn-1"]
    run(*commands(done)[0], "epochs=1", "updates=2", "-q")


@pytest.mark.parametrize(
    "command", [["train", "linear"], ["pretrain", "rbm", "hidden=4"], ["pretrain", "dbn", "hidden=[4]"]]
)
def test_quiet_prints_the_result_alone(command, here):
    told = run(*command, "epochs=2", "batch_size=100")
    quiet = run(*command, "epochs=2", "batch_size=100", "-q")
    assert "epoch 2/2" in told.stderr
    assert quiet.stderr == ""
    assert quiet.stdout.splitlines()[-1].startswith("Checkpoint: ")
    assert "Next: " not in quiet.stdout
    document = json.loads(run("resume", quiet.stdout.split()[-1].rpartition("/")[0], "epochs=3", "-q", "--json").stdout)
    assert document["epochs"] == 3
    assert run(*command, "epochs=2", "--quiet", "epoch=3", code=2).stderr.startswith("gpunet: epoch: is no key here")


def test_quiet_comparisons_and_json_are_silent_beside_the_result(here):
    words = ["model.hidden=[6]", "training.epochs=1", "tune.training.epochs=1", "tune.training.updates=2"]
    done = run("compare", "--labels", "40", "--rates", "0.1", "--seeds", 1, "-q", "--json", *words)
    assert done.stderr == ""
    assert json.loads(done.stdout)["folder"] == "runs/compare-1"


def test_a_network_gets_the_widths_and_preparation_of_what_it_starts_from(here):
    run("pretrain", "dbn", "hidden=[7,5]", "epochs=1", "batch_size=100", "-q")
    done = run("train", "finetune", "--from", "runs/digits-dbn-1", "epochs=1", "updates=2")
    assert "model.hidden: [256, 256] -> [7, 5], as in runs/digits-dbn-1/best.h5" in done.stderr
    assert read(here / "runs/digits-finetune-1/best.h5").root["model/000_dense/weight"].data.shape == (64, 7)
    refused = run("train", "finetune", "--from", "runs/digits-dbn-1", "hidden=[9,5]", "epochs=1", code=2)
    assert "gpunet: " in refused.stderr


def test_why_training_ended_and_when_it_was_best_are_said(here):
    done = run("train", "linear", "epochs=30", "training.patience=1", "lr=3.0")
    assert "epochs of 30 (no improvement for 1) in " in done.stdout
    assert ", in epoch " in done.stdout
    labelled = run("train", "linear", "epochs=1", "data.labels=100", "--dry-run")
    assert "labels of 100 of the 1,257 training samples" in labelled.stderr


@pytest.mark.parametrize(("preset", "most"), [("denoising", 0.3), ("supervised-greedy", 0.2)])
def test_the_presets_of_other_greedy_learning_pretrain_and_are_fine_tuned(preset, most, here):
    """In few epochs; a network that guesses errs in nine of ten."""
    assert preset in run("presets").stdout
    done = run("pretrain", preset, "epochs=4", "hidden=[64,32]")
    first, last = (float(line.split("loss ")[1].split()[0].rstrip(",")) for line in epochs_of(done)[:4:3])
    assert last < 0.9 * first, "the first layer learns"
    done = run("train", "finetune", "--from", f"runs/digits-{preset}-1", "epochs=3", "--json", "-q")
    assert json.loads(done.stdout)["test_accuracy"][0] > 1 - most


def epochs_of(done):
    return [line for line in done.stderr.splitlines() if line.startswith("epoch ")]


def test_variables_that_count_and_those_that_do_not_are_said(here, monkeypatch):
    monkeypatch.setenv("GPUNET_TRAINING__EPOCHS", "2")
    monkeypatch.setenv("GPUNET_BATCH_SIZE", "5")
    monkeypatch.setenv("GPUNET_DATA", "/somewhere")  # which may be of somebody else
    done = run("train", "linear", "--dry-run")
    assert "GPUNET_TRAINING__EPOCHS in the environment sets training.epochs=2" in done.stderr
    assert "GPUNET_BATCH_SIZE in the environment sets nothing. Did you mean GPUNET_TRAINING__BATCH_SIZE?" in done.stderr
    assert "GPUNET_DATA" not in done.stderr
    assert run("train", "linear", "--dry-run", "-q").stderr == ""


def test_where_it_computes_is_said_before_training_alone(here):
    assert "Running on the CPU with NumPy" in run("train", "linear", "epochs=1").stderr
    for words in (["evaluate", "runs/digits-linear-1"], ["predict", "runs/digits-linear-1", "digits"]):
        assert "Running on the CPU" not in run(*words).stderr


def test_a_machine_alone_is_called_like_the_lowest_of_a_stack(here):
    run("pretrain", "rbm", "hidden=16", "epochs=1", "-q", "--run", "rb")
    words = ["train", "finetune", "hidden=[16]", "epochs=1", "updates=2", "--from", "rb", "--graft"]
    done = run(*words, "000_rbm=000_dense")
    assert "000_dense from model" in done.stderr
    assert "It has model, 000_rbm" in run(*words, "001_rbm=000_dense", code=4).stderr


def test_a_file_of_another_program_is_not_called_damaged(here):
    import h5py

    with h5py.File(here / "keras.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = [1.0]
    done = run("verify", "keras.weights.h5", code=4)
    assert "damaged" not in done.output
    assert "got HDF5 of another program. gpunet inspect shows it." in done.stderr


def test_an_option_that_is_written_like_a_key_is_named(here):
    assert (
        "device: is an option of the command, and no key. Write --device cpu."
        in run("train", "device=cpu", code=2).stderr
    )
    assert "seeds: is an option of the command, and no key. Write --seeds 3." in run("train", "seeds=3", code=2).stderr
