"""gpunet compare on the command line."""

import csv
import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.cli import main
from shell import gpunet, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training

FAST = ["--seeds", 2, "--labels", "40,all", "--rates", "0.1,0.3", "model.hidden=[12,8]", "training.epochs=2"]
TUNE = ["tune.training.epochs=2", "tune.training.updates=20"]
ARMS = ["pretrained", "random", "relu"]


def without_seconds(value):
    if isinstance(value, dict):
        return {name: without_seconds(v) for name, v in value.items() if "seconds" not in name}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder with a comparison in first, and what was printed."""
    folder = tmp_path_factory.mktemp("compare")
    return folder, gpunet("compare", *FAST, *TUNE, "--run", "first", cwd=folder)


def test_all_arms_are_compared_and_kept(compared):
    folder, done = compared
    found = json.loads((folder / "first/compare.json").read_text())
    assert [(e["labels"], e["arm"]) for e in found["results"]] == [(n, arm) for n in (40, 1257) for arm in ARMS]
    for entry in found["results"]:
        assert len(entry["test_error"]) == 2
        rates = [trial["rate"] for trial in entry["trials"]]
        assert {0.1, 0.3} <= set(rates)
        assert rates == sorted(set(rates))
        assert (entry["pretraining_seconds"] > 0) == (entry["arm"] == "pretrained")
        assert entry["tuning_seconds"] == pytest.approx(sum(t["seconds"] for t in entry["trials"]), abs=0.01)
        best = min(entry["trials"], key=lambda trial: np.mean(trial["validation_error"]))
        chosen = entry["trials"][rates.index(entry["rate"])]
        assert np.mean(chosen["validation_error"]) == np.mean(best["validation_error"])
    first, control = found["results"][:2]
    difference = np.mean(control["test_error"]) - np.mean(first["test_error"])
    assert control["against_pretrained"]["mean"] == pytest.approx(difference)
    assert (folder / "first/compare.png").read_bytes().startswith(b"\x89PNG")
    for words in ("more than pretrained", "40 labels: ", "chosen with 270 validation labels", "first/compare.json"):
        assert words in done.stdout
    assert "Not settled when the 2 epochs were over (raise tune.training.epochs): pretrained with 40, " in done.stdout
    ends = [e for e in found["results"] if e["rate"] in (e["trials"][0]["rate"], e["trials"][-1]["rate"])]
    assert done.stdout.count("(lowest)") + done.stdout.count("(highest)") == len(ends)
    assert any(len(entry["trials"]) > 2 for entry in found["results"]), "rates are widened"
    assert "2 seeds cannot show a difference at 5 % by a sign-flip test, which reaches 50 % at best" in done.stdout
    assert "40 labels, random: sigmoid network, Glorot initialization" in done.stderr


def test_the_table_has_the_numbers_of_the_document_in_their_columns(compared):
    """Cell by cell; only the pretrained row of a number of labels names it, and only that row took time to pretrain."""
    folder, done = compared
    found = json.loads((folder / "first/compare.json").read_text())["results"]
    head = next(line for line in done.stdout.splitlines() if "test error" in line)
    titles = ["labels", "arm", "test error", "more than pretrained", "rate", "pretraining s", "tuning s"]
    assert re.split(r" {2,}", head.strip()) == titles
    rows = [line for line in done.stdout.splitlines() if re.search(r"(pretrained|random|relu) +\d+\.\d\d % ±", line)]
    for entry, row in zip(found, rows, strict=True):
        errors, first = 100 * np.array(entry["test_error"]), entry["arm"] == "pretrained"
        against = entry["against_pretrained"]
        expected = [
            *([f"{entry['labels']:,}"] if first else []),
            entry["arm"],
            f"{errors.mean():.2f} % ± {errors.std(ddof=1):.2f}",
            "-"
            if first
            else f"{100 * against['mean']:+.2f} ({100 * against['low']:+.2f} to {100 * against['high']:+.2f})",
            f"{entry['rate']:g}",
            f"{entry['pretraining_seconds']:.1f}" if first else "-",
            f"{entry['tuning_seconds']:.1f}",
        ]
        assert re.split(r" {2,}", row.strip()) == expected


def test_a_report_shows_the_table_and_the_picture_of_a_comparison(compared, tmp_path):
    folder, page = compared[0], tmp_path / "page.html"
    gpunet("report", "first", "-o", page, cwd=folder)
    shown = page.read_text()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    found = json.loads((folder / "first/compare.json").read_text())
    rows = [cells[k : k + 7] for k in range(0, len(cells), 7)]
    assert [row[1] for row in rows] == [entry["arm"] for entry in found["results"]]
    for row, entry in zip(rows, found["results"]):
        assert row[2].startswith(f"{100 * np.mean(entry['test_error']):.2f} %")
    assert shown.count("data:image/png;base64,") == 1
    gpunet("report", "first", "first/random-40.h5", "-o", page, cwd=folder)
    assert all(f"<h2>{title}</h2>" in page.read_text() for title in ("Comparison: first", "Settings"))
    broken = tmp_path / "broken"
    broken.mkdir()
    results = [entry | {"against_pretrained": {"mean": "x"}} for entry in found["results"]]
    for held in ({"results": [{"test_error": ["x"]}]}, found | {"results": results}):
        (broken / "compare.json").write_text(json.dumps(held))
        done = gpunet("report", broken, "-o", page, cwd=folder, check=False)
        assert done.returncode == 3, done.stderr
        assert "must hold what a comparison wrote" in done.stderr


def test_a_finished_comparison_is_shown_again_as_text_csv_latex_and_picture(compared, monkeypatch):
    folder, done = compared
    monkeypatch.chdir(folder)

    def shown(*words, code=0):
        again = CliRunner().invoke(main, ["compare", "first", *words])
        assert again.exit_code == code, again.output
        return again.stdout if not code else again.stderr

    assert done.stdout.startswith(shown())
    found = json.loads((folder / "first/compare.json").read_text())
    assert json.loads(shown("--json")) == {"folder": "first", **found}
    assert (folder / "first/compare.csv").read_text() == shown("--csv")
    rows = list(csv.DictReader(io.StringIO(shown("--csv"))))
    for entry in found["results"]:
        own = [row for row in rows if (row["arm"], row["labels"]) == (entry["arm"], str(entry["labels"]))]
        assert [int(row["seed"]) for row in own] == found["seeds"]
        for name in ("test_error", "validation_error", "best_epoch"):
            assert [float(row[name]) for row in own] == entry[name]
        assert {float(row["tuning_seconds"]) for row in own} == {entry["tuning_seconds"]}
    assert len(rows) == 2 * len(found["results"])
    table = shown("--latex")
    assert table.startswith("\\begin{tabular}{rlrrrrr}\n\\toprule\nlabels & arm & test error & ")
    error = 100 * np.array(found["results"][0]["test_error"])
    assert f"40 & pretrained & {error.mean():.2f} \\% $\\pm$ {error.std(ddof=1):.2f} & - & " in table
    shown("-o", "again.png")
    assert (folder / "again.png").read_bytes().startswith(b"\x89PNG")
    assert "compare: must have one form of output, got --csv --latex" in shown("--csv", "--latex", code=2)
    assert "--labels: must come with a new comparison" in shown("--labels", "5", code=2)
    assert "must be given a finished comparison alone" in shown("training.epochs=2", code=2)


def test_every_figure_can_be_confirmed_from_its_checkpoint(compared, monkeypatch):
    folder, _ = compared
    monkeypatch.chdir(folder)
    for entry in json.loads((folder / "first/compare.json").read_text())["results"]:
        path = f"first/{entry['arm']}-{entry['labels']}.h5"
        done = CliRunner().invoke(main, ["evaluate", path, "--json"])
        assert json.loads(done.stdout)["error"] == entry["test_error"]
    assert CliRunner().invoke(main, ["verify", "first/stack.h5"]).exit_code == 0


def test_a_figure_can_be_had_again_by_plain_training(compared):
    """The control of a comparison is gpunet train with the settings that its checkpoint holds."""
    folder, _ = compared
    entry = json.loads((folder / "first/compare.json").read_text())["results"][1]
    words = ["model.hidden=[12,8]", "data.labels=40", *(word.removeprefix("tune.") for word in TUNE)]
    rate = f"optimizer.learning_rate={entry['rate']}"
    again = gpunet("train", "finetune", *words, rate, "--seeds", 2, "--run", "again", "--json", cwd=folder)
    assert (1 - np.array(json.loads(again.stdout)["test_accuracy"])).tolist() == entry["test_error"]


def test_a_stack_of_an_earlier_run_gives_the_same_figures_and_charges_its_time(compared):
    folder, _ = compared
    options = ["--labels", "40,all", "--rates", "0.1,0.3", *TUNE, "--run", "second", "-o", "second.svg", "--json"]
    done = gpunet("compare", "--from", "first/stack.h5", *options, cwd=folder)
    second, first = json.loads(done.stdout), json.loads((folder / "first/compare.json").read_text())
    assert second.pop("folder") == "second"
    assert without_seconds(second) == without_seconds(first)
    recorded = gpunet("inspect", "first/stack.h5", "--json", "pretraining", cwd=folder)
    assert second["results"][0]["pretraining_seconds"] > 0
    assert recorded.returncode == 0
    assert "<svg" in (folder / "second.svg").read_text()
    assert not (folder / "second/stack.h5").exists()


@pytest.mark.parametrize("method", ["denoising", "supervised"])
def test_other_ways_to_pretrain(method, tmp_path):
    words = ["--seeds", 1, "--labels", "60,90", "--rates", "0.1", "model.hidden=[8]", "training.epochs=1", *TUNE]
    done = gpunet("compare", *words, f"model.method={method}", "--run", "r", cwd=tmp_path)
    stacks = sorted(path.name for path in (tmp_path / "r").glob("stack*.h5"))
    assert stacks == (["stack-60.h5", "stack-90.h5"] if method == "supervised" else ["stack.h5"])
    assert "one seed says nothing about the difference to relu" in done.stdout
    assert json.loads((tmp_path / "r/compare.json").read_text())["method"] == method


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path):
    done = gpunet("compare", "--dry-run", *FAST, cwd=tmp_path)
    assert "64-12-8, digits (1,257 train + 270 validation + 270 test)" in done.stderr
    assert "40, 1,257 labels; learning rates 0.1, 0.3, more where the best is at an end; 2 seeds" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["--labels", "10,some"], 2, "--labels: must be numbers above 0, or all, with commas between, got 10,some"),
        (["--labels", "5"], 2, "--labels: must be between the 10 classes and the 1,257 samples"),
        (["--labels", "12"], 2, "Set tune.training.batch_size=12"),
        (["--rates", "0.1,-1"], 2, "--rates: must be numbers above 0, with commas between, got 0.1,-1"),
        (["--rates", "fast"], 2, "--rates: must be numbers above 0"),
        (["rbm"], 2, "compare: pretrains a stack of machines, got rbm. Use model.name=dbn"),
        (["tune.model.hidden=[3]"], 2, "tune.model.hidden: is the same for all arms, or what they differ in"),
        (["tune.data.labels=3"], 2, "tune.data.labels: is the same for all arms"),
        (["tune.training.epoch=3"], 2, "tune.training.epoch: is no key here. Did you mean epochs"),
        (["--tune", "finetun"], 2, "--tune preset: must be a known name or a TOML file, got 'finetun'"),
        (["--tune", "residual"], 2, "tune.model.name: must be mlp, got layers"),
        (["-o", "x.doc"], 2, "-o: must end in .png, .svg or .pdf"),
        (["-o", "missing/x.png"], 74, "missing/x.png: must be writable, got no such folder"),
        (["--from", "x.h5", "training.epochs=3"], 2, "--from: brings its own configuration, got training.epochs=3"),
        (["--from", "x.h5"], 4, "x.h5"),
        (["--data", "nowhere"], 3, "nowhere: must be an existing file or folder"),
        (["data.test=0"], 2, "data.test: must have samples to choose on and to compare"),
    ],
)
def test_mistakes(words, code, expected, tmp_path):
    refused("compare", *words, cwd=tmp_path, code=code, expected=expected)


def test_stacks_that_do_not_fit_are_one_line(compared, tmp_path):
    folder, _ = compared
    stack = ["compare", "--from", "first/stack.h5"]
    refused(*stack, "--seeds", 5, cwd=folder, code=2, expected="--seeds: must be those of the checkpoint")
    network = "first/random-40.h5"
    refused("compare", "--from", network, cwd=folder, code=4, expected="must hold restricted Boltzmann machines")
    np.savez(tmp_path / "d.npz", x=16 * np.random.default_rng(0).random((200, 64)), y=np.arange(200) % 2)
    other = ["--data", tmp_path / "d.npz", "--labels", "all"]
    expected = "--from: must be pretrained on the data of the comparison, got other data"
    refused(*stack, *other, cwd=folder, code=2, expected=expected)


def test_a_signal_keeps_what_was_finished(tmp_path):
    """Stopped after the first arm: its figures are there, and the exit code is that of an interruption."""
    import os
    import signal
    import subprocess
    import sys

    words = ["compare", *map(str, FAST[:-2]), "model.hidden=[64]", "training.epochs=1", "tune.training.epochs=500"]
    command = [sys.executable, "-m", "gpunet.cli", *words, "tune.training.patience=10", "--run", "r"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")}
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment)
    for line in process.stderr:
        if "40 labels, random" in line:
            process.send_signal(signal.SIGINT)
            break
    rest = process.communicate(timeout=120)[1]
    assert process.returncode == 130, rest
    assert "compare: was stopped by SIGINT. What was finished is in r." in rest
    assert [e["arm"] for e in json.loads((tmp_path / "r/compare.json").read_text())["results"]] == ["pretrained"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare", "--labels", "100,50,100"], "--labels: must be there once each, got 100 twice. Leave one out."),
        (["compare", "--labels", "1257,all"], "--labels: must be there once each, got 1257 twice."),
        (["compare", "--rates", "0.1,0.03,0.10"], "--rates: must be there once each, got 0.1 twice."),
        (["depth", "--layers", "8,8"], "--layers: must be there once each, got 8 twice."),
        (["depth", "--layers", "8", "--activations", "relu,relu"], "--activations: must be there once each, got relu"),
        (["train", "lr={members=[0.1,0.01,0.1]}"], "optimizer.learning_rate: must differ between members, got "),
        (["train", "lr=[0.1,0.2,0.1]", "dropout=[0.3,0.3,0.3]"], "with optimizer.learning_rate = 0.1 twice"),
    ],
)  # fmt: skip
def test_what_is_there_twice_is_named(words, expected, tmp_path):
    dropout = ["input_dropout=0.0"] if words[0] == "train" else []
    for dry in ["--dry-run"], []:
        refused(*words, *dropout, *dry, cwd=tmp_path, code=2, expected=expected)


def test_values_of_several_lists_may_come_again_in_one(tmp_path):
    words = ["train", "linear", "optimizer=sgd", "lr=[0.1,0.1,0.2]", "momentum=[0.5,0.9,0.5]", "--dry-run"]
    assert "3 members" in gpunet(*words, cwd=tmp_path).stderr


@pytest.fixture
def real_numbers(tmp_path):
    x = np.random.default_rng(0).normal(5, 3, (120, 3)).round(3)
    rows = [f"{a},{b},{c},{'y' if a > 5 else 'n'}" for a, b, c in x.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,label", *rows]) + "\n")
    return tmp_path


def test_a_comparison_that_cannot_begin_says_so_in_a_dry_run_and_leaves_nothing(real_numbers):
    words = ["compare", "t.csv", "--labels", 20, "--seeds", 1, "--rates", 0.1, "model.hidden=[3]", "epochs=1"]
    expected = "must lie between 0 and 1 for Bernoulli visible units"
    for more in ["--dry-run"], ["--run", "c"], []:
        refused(*words, *more, cwd=real_numbers, code=3, expected=expected)
    (real_numbers / "c").mkdir()
    failed = gpunet(*words, "--run", "c", "data.preprocess=standardise", cwd=real_numbers, check=False)
    assert expected in failed.stderr
    assert [path.name for path in (real_numbers / "c").iterdir()] in ([], [".lock"])
    more = ["data.preprocess=min_max", "--run", "c", "tune.training.epochs=1"]
    gpunet(*words, *more, cwd=real_numbers)
    assert (real_numbers / "c/tune.toml").exists()
