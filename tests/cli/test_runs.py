"""The table of runs: what each came to, sorted, filtered, in every form, whatever else lies in the folder."""

import csv
import io
import json
import os
import shutil

import numpy as np
import pytest

import gpunet as library
from gpunet.checkpoint import read
from gpunet.cli.tables import latex
from gpunet.errors import WriteError
from gpunet.studies import list_runs, listing
from shell import invoked as gpunet


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Networks of classes and of values, a machine, a stack, a folder that was begun, and what is no run."""
    folder, rng = tmp_path_factory.mktemp("study") / "runs", np.random.default_rng(0)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    small = {"device": "cpu", "test": 0.3, "validation": 0.2}
    for number, epochs in ((1, 1), (2, 20), (10, 2)):
        library.train("linear", x, y, epochs=epochs, learning_rate=0.5, run=folder / f"linear-{number}", **small)
    library.train("linear", x, 100 * x[:, 0], epochs=2, run=folder / "values-1", **small)
    library.train("rbm", data="digits", hidden=4, epochs=1, device="cpu", run=folder / "rbm-1")
    library.train("dbn", data="digits", hidden=[6, 4], epochs=2, device="cpu", run=folder / "dbn-1")
    shutil.copytree(folder / "linear-1", folder / "begun-1")
    (folder / "begun-1/best.h5").unlink()
    for name in ("last.h5", "last.previous.h5"):
        (folder / "begun-1" / name).unlink(missing_ok=True)
    shutil.copytree(folder / "linear-1", folder / "torn-1")
    content = bytearray((folder / "torn-1/best.h5").read_bytes())
    (folder / "torn-1/best.h5").write_bytes(content[: len(content) // 2])
    (folder / "notes").mkdir()
    (folder / "file.txt").write_text("no run")
    return folder


def test_every_run_has_a_line_and_what_is_none_is_named(runs):
    done = gpunet("runs", runs, "--json")
    rows = {os.path.basename(row["run"]): row for row in json.loads(done.stdout)}  # noqa: PTH119
    assert list(rows) == ["begun-1", "dbn-1", "linear-1", "linear-2", "linear-10", "rbm-1", "values-1"]
    assert {name: row["state"] for name, row in rows.items() if row["state"] != "finished"} == {"begun-1": "unfinished"}
    best = read(runs / "linear-2/best.h5")
    assert rows["linear-2"]["test"]["accuracy"] == best["metrics/test_accuracy"].data.mean()
    assert rows["linear-2"]["best"] == best.attrs["monitor_value"]
    assert rows["linear-2"]["seconds"] == pytest.approx(best["history/seconds"].data.sum())
    assert rows["values-1"]["test"]["rmse"] == best_rmse(runs / "values-1/best.h5")
    assert rows["dbn-1"]["epochs"] == 4, "those of both layers"
    layers = [read(runs / "dbn-1/best.h5")[f"pretraining/{n}_rbm/history/seconds"].data.sum() for n in ("000", "001")]
    assert rows["dbn-1"]["seconds"] == pytest.approx(sum(layers))
    said = done.stderr.splitlines()
    assert any("torn-1/best.h5" in line and "bytes long" in line for line in said)
    assert any(line.endswith("notes: is no run") for line in said)
    assert not any("cache" in line for line in said)


def best_rmse(path):
    return read(path)["metrics/figures/rmse"].data[0, 0]


def test_runs_are_sorted_by_what_is_better_and_filtered(runs):
    words = ["runs", runs, "--sort", "test", "--where", "run=linear", "--json"]
    by_test = [one.run.rsplit("/", 1)[1] for one in map_runs(gpunet(*words))]
    accuracy = {name: read(runs / name / "best.h5")["metrics/test_accuracy"].data.mean() for name in by_test}
    assert sorted(accuracy.values(), reverse=True) == list(accuracy.values())
    assert len(by_test) == 3
    back = map_runs(gpunet(*words, "--reverse"))
    assert [one.run.rsplit("/", 1)[1] for one in back] == by_test[::-1]
    assert [one.model for one in map_runs(gpunet("runs", runs, "--where", "model=dbn", "--json"))] == ["dbn"]
    assert "must be COLUMN=TEXT" in gpunet("runs", runs, "--where", "modle=dbn", code=2).stderr
    assert "must be a folder of runs" in gpunet("runs", runs / "nothing", code=2).stderr
    assert "one form of output" in gpunet("runs", runs, "--csv", "--json", code=2).stderr


def map_runs(done):
    return [listing.RunSummary(**row) for row in json.loads(done.stdout)]


def test_csv_and_latex_hold_the_same_runs(runs):
    rows = list(csv.DictReader(io.StringIO(gpunet("runs", runs, "--csv").stdout)))
    found = map_runs(gpunet("runs", runs, "--json"))
    assert [row["run"] for row in rows] == [one.run for one in found]
    assert [row["test_accuracy"] for row in rows if row["test_accuracy"]] == [
        str(one.test["accuracy"]) for one in found if "accuracy" in one.test
    ]
    table = gpunet("runs", runs, "--latex").stdout.splitlines()
    assert len(table) == len(found) + 6
    assert r"a\_1 \& b \%" in latex(["x"], [["a_1 & b %"]])[4]


def test_what_has_not_changed_is_not_read_again(runs, monkeypatch):
    first, _ = list_runs(runs)
    read_again = []
    real = listing.summary_of
    monkeypatch.setattr(listing, "summary_of", lambda path, *read: read_again.append(path.name) or real(path, *read))
    assert list_runs(runs)[0] == first
    assert read_again == ["torn-1"] or set(read_again) == {"torn-1", "notes"}
    os.utime(runs / "linear-2/best.h5")
    read_again.clear()
    assert list_runs(runs)[0] == first
    assert "linear-2" in read_again


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 1, "runs": {"linear-1": {"stamp": "", "summary": {"run": 5}}}}']
)
def test_what_was_remembered_badly_is_read_again(runs, text):
    first, _ = list_runs(runs)
    (runs / "cache/runs.json").write_text(text)
    assert list_runs(runs)[0] == first


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(runs, monkeypatch):
    first, _ = list_runs(runs)
    (runs / "cache/runs.json").unlink()

    def refuse(*words):
        raise WriteError("x", "must be writable")

    monkeypatch.setattr(listing, "replace_file", refuse)
    assert list_runs(runs)[0] == first


def test_the_folder_of_one_run_is_one_line(runs):
    assert [one.model for one in map_runs(gpunet("runs", runs / "rbm-1", "--json"))] == ["rbm"]
    shown = gpunet("runs", runs / "rbm-1").stdout
    assert "rbm-1" in shown
    assert "finished" in shown


def test_a_comparison_is_one_line(tmp_path):
    (tmp_path / "compare-1").mkdir()
    entry = {"test_error": [0.1, 0.2], "pretraining_seconds": 1.5, "tuning_seconds": 2.0}
    entry |= {"arm": "random", "rate": 0.1, "labels": 40, "against_pretrained": {"mean": 0.01}}
    held = {"results": [entry, entry | {"test_error": [0.1, 0.1]}], "model": [64, 20, 10], "seeds": [0, 1], "data": "d"}
    held |= {"labels": [40], "conclusions": [], "notes": [], "parts": {"train": 70, "validation": 15, "test": 15}}
    (tmp_path / "compare-1/compare.json").write_text(json.dumps(held))
    (found,), problems = list_runs(tmp_path)
    assert (found.state, found.test, found.seconds, problems) == ("comparison", {"error": pytest.approx(0.1)}, 7.0, {})
    (tmp_path / "compare-1/compare.json").write_text("{}")
    assert "must hold what a comparison wrote" in next(iter(list_runs(tmp_path)[1].values()))
