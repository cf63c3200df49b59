"""gpunet ensemble, as a user types it."""

import json

import pytest

from gpunet import load
from tests.shell import gpunet, invoked, refused

FEW = ("training.epochs=2", "data.labels=100", "model.hidden=[16]", "--device", "cpu", "-q")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with two runs of digits and an ensemble with two repetitions."""
    home = tmp_path_factory.mktemp("home")
    for number in (1, 2):
        gpunet("train", *FEW, "--seed", number, "--run", f"run{number}", cwd=home)
    gpunet("ensemble", "--method", "bagging", "--size", 2, "--seeds", 2, *FEW, "--run", "bag", cwd=home)
    return home


def test_a_trained_ensemble_is_kept_reported_and_shown_again(home, monkeypatch):
    monkeypatch.chdir(home)
    kept = json.loads((home / "bag/ensemble.json").read_text())
    assert (kept["method"], kept["size"], kept["repetitions"]) == ("bagging", 2, 2)
    assert kept["over_seeds"]["error"]["seeds"] == 2
    assert (home / "bag/ensemble.png").read_bytes().startswith(b"\x89PNG")
    assert len(load(home / "bag/repetition-2.h5")) == 2
    again = invoked("ensemble", "bag", "-o", "again.svg").stdout
    assert "Out of bag: error" in again
    assert (home / "again.svg").exists()
    assert json.loads(invoked("ensemble", "bag", "--json").stdout) == kept
    measured = json.loads(invoked("evaluate", "bag", "--json").stdout)
    assert measured["ensemble_error"] == pytest.approx(kept["ensemble"]["error"])
    after = kept["calibration"]["after"]["log_loss"]
    assert measured["figures"]["log_loss"]["value"][0] == pytest.approx(after)
    runs = json.loads(invoked("runs", ".", "--json").stdout)
    listed = next(run for run in runs if run["run"].endswith("bag"))
    assert (listed["members"], listed["state"]) == (2, "finished")
    assert listed["test"]["accuracy"] == pytest.approx(1 - kept["ensemble"]["error"])


def test_finished_runs_are_put_together_and_selected_from(home, monkeypatch):
    monkeypatch.chdir(home)
    told = json.loads(invoked("ensemble", "run1", "run2", "--run", "both", "--json", "-q").stdout)
    assert (told["method"], told["size"]) == ("given", 2)
    chosen = json.loads(
        invoked("ensemble", "run1", "run2", "--method", "select", "--reference", "run1", "--reference", "run2",
                "--run", "chosen", "--json", "-q").stdout
    )  # fmt: skip
    selection = chosen["facts"]["selection"]
    assert selection["library"] == 2
    assert len(chosen["calibration"]["independent_curve"]) == 2
    alone = [json.loads(invoked("evaluate", f"run{k}", "--part", "validation", "--json").stdout) for k in (1, 2)]
    assert min(selection["scores"]) <= min(one["error"][0] for one in alone) + 1e-9
    assert len(load(home / "chosen/best.h5")) == chosen["size"]
    invoked("ensemble", "run1", "run2", "--method", "soup", "--run", "soup", "-q")
    assert len(load(home / "soup")) == 1


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--method", "bag"], 2, "--method: must be known, got bag"),
        (["--method", "select"], 2, "needs finished runs to take networks from"),
        (["run1", "run2", "--method", "bagging"], 2, "must be one that takes finished runs"),
        (["run1", "run2", "--size", "3"], 2, "--size: trains members"),
        (["run1", "run2", "training.epochs=3"], 2, "training.epochs=3: trains members"),
        (["run1"], 4, "must be a finished ensemble, or one of several runs, got no report"),
        (["run1", "bag", "--method", "all"], 4, "must be a single network, beside others, got an ensemble of 2"),
        (["--control"], 2, "--control: needs members that start from a checkpoint"),
        (["--rounds", "3"], 2, "--rounds: belongs to --method select"),
        (["--method", "snapshots", "--size", "3", "training.epochs=4"], 2, "must be a multiple of the 3 cycles"),
        (["rbm"], 2, "must be a network that predicts targets, got rbm"),
        (["--size", "0"], 2, "size: must be a number of members"),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(words, code, expected, home):
    refused("ensemble", *words, cwd=home, code=code, expected=expected)
