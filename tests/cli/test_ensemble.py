"""gpunet ensemble, as a user types it."""

import json
import re
import signal

import pytest

from gpunet import load
from gpunet.cli.terminal import Terminal
from gpunet.cli.views.ensemble import mean_member
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
        (["--method", "boosting", "lr=[0.1,0.01]"], 2, "does not go with boosting, whose members are made one after"),
        (["--method", "snapshots", "lr=[0.1,0.01]"], 2, "optimizer.learning_rate: does not go with snapshots"),
        (["--size", "0"], 2, "size: must be a number of members"),
    ],
)
def test_mistakes_get_one_line_and_write_nothing(words, code, expected, home):
    refused("ensemble", *words, cwd=home, code=code, expected=expected)


@pytest.mark.parametrize("path", ["bag", "bag/best.h5"])
def test_an_ensemble_is_nothing_to_go_on_with(path, home):
    refused("resume", path, cwd=home, code=4, expected=f"{path}: must be a single run to go on with, got an ensemble")


@pytest.mark.parametrize(
    ("epochs", "kept", "said"),
    [
        (1, [], "ensemble: was stopped by SIGINT. Nothing was kept."),
        (3, ["best.h5", "config.toml", "ensemble.json", "ensemble.png"], "got 1 of 900 repetitions"),
    ],
)
def test_an_interrupt_keeps_whole_ensembles_and_leaves_no_empty_folder(epochs, kept, said, tmp_path, monkeypatch):
    """After so many epochs of trainings that take two each."""
    monkeypatch.chdir(tmp_path)
    left, tell = iter(range(epochs)), Terminal.on_epoch

    def on_epoch(self, run, record):
        tell(self, run, record)
        if next(left, None) == epochs - 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Terminal, "on_epoch", on_epoch)
    words = ["ensemble", "--size", "2", "--seeds", "900", *FEW, "--run", "new/folder"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # processes of pytest-xdist ignore it
    try:
        rest = invoked(*words, code=130).stderr
    finally:
        signal.signal(signal.SIGINT, before)
    assert said in rest
    assert len([line for line in rest.splitlines() if line.startswith("gpunet: ")]) == 1
    found = sorted(path.name for path in tmp_path.rglob("*") if path.name != ".lock" and path.is_file())
    assert found == kept
    assert kept or not list(tmp_path.iterdir())


def test_a_report_shows_the_table_and_the_picture_of_an_ensemble(home, tmp_path):
    page = tmp_path / "page.html"
    gpunet("report", "bag", "-o", page, cwd=home)
    shown = page.read_text()
    kept = json.loads((home / "bag/ensemble.json").read_text())
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    rows = [cells[k : k + 4] for k in range(0, len(cells), 4)]
    assert [row[0] for row in rows] == ["seed 0", "seed 1", "mean member", "ensemble"]
    assert [row[1] for row in (rows[0], rows[3])] == [
        f"{100 * held['error']:.2f} %" for held in (kept["members"][0], kept["ensemble"])
    ]
    assert shown.count("data:image/png;base64,") == 1
    assert "Out of bag: error" in shown
    gpunet("report", "bag/best.h5", "run1", "-o", page, cwd=home)
    assert all(f"<h2>{title}</h2>" in page.read_text() for title in ("Ensemble: bag/best.h5", "Settings"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("gain"), "gain: Field required"),
        (lambda held: held["members"][0].pop("error"), "members: no error"),
        (lambda held: held["ensemble"].update(error="x"), "ensemble.error: Input should be a valid number"),
        (lambda held: held["members"].pop(), "size: 2 of 1 members"),
        (lambda held: held.update(control={"members": [{"weight": 1.0}]}), "control.combine: Field required"),
        (lambda held: held["rejection"].update(rejected=3), "rejection.rejected: Input should be a valid list"),
        (lambda held: held["uncertainty"].pop("of_right"), "of_right: Field required"),
    ],
)
@pytest.mark.parametrize("command", [("report",), ("ensemble",)])
def test_a_file_with_a_report_that_is_none_is_refused(change, said, command, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    together = load(home / "bag")
    change(together.saved_report)
    together.save(tmp_path / "other.h5")
    line = invoked(*command, "other.h5", code=4).stderr
    assert "other.h5: must hold the report of an ensemble" in line
    assert said in line


@pytest.mark.parametrize("method", ["seeds", "bagging"])
def test_members_may_differ_and_one_that_diverges_is_left_out(method, home, monkeypatch):
    """A member is the run of its numbers alone, and what is said of it names them."""
    monkeypatch.chdir(home)
    values = ("optimizer.name=sgd", "lr=[0.1,1e20,0.3]", "training.monitor=last")
    done = invoked("ensemble", *FEW[:-1], *values, "--method", method, "--size", "2", "--run", f"lists-{method}")
    assert "members 2 (seed 0), 3 (seed 1) are left out, diverged in training" in done.stderr
    names = re.findall(r"^(seed .*?)  +[\d.]+ %", done.stdout, re.MULTILINE)
    assert names == [f"seed {seed}, learning rate {rate}" for rate in (0.1, 0.3) for seed in (0, 1)]
    together = load(f"lists-{method}")
    assert len(together) == 4
    if method == "seeds":
        invoked("train", *FEW, "optimizer.name=sgd", "lr=0.3", "training.monitor=last", "--run", "alone")
        wanted = load("alone").weights["001_dense/weight"]
        assert (together.members[2].weights["001_dense/weight"] == wanted).all()
    else:
        bag = together.facts["out_of_bag"]
        assert 0 < bag["samples"] <= 100


def test_values_by_member_alone_are_one_population_at_one_seed(home, monkeypatch):
    monkeypatch.chdir(home)
    said = invoked("ensemble", *FEW[:-1], "lr=[0.1,0.03,0.01]", "--dry-run").stderr
    assert "3 members by seeds" in said
    assert (
        "15 members by bagging"
        in invoked("ensemble", *FEW[:-1], "lr=[0.1,0.03,0.01]", "--method", "bagging", "--dry-run").stderr
    )


def test_the_mean_member_counts_members_as_the_ensemble_does():
    """So that the table's mean less its ensemble is the gain below it."""
    members = [{"error": 0.5, "weight": 3.0}, {"error": 0.1, "weight": 1.0}]
    assert mean_member({"members": members}, "error") == pytest.approx(0.4)
