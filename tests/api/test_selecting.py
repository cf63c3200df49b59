"""Greedy selection on predictions out of fold, and out of a search."""

import csv
import json

import numpy as np
import pytest

import gpunet
from gpunet.api.searching import reopened
from gpunet.api.selecting import library_of_search
from gpunet.backend import Device
from gpunet.searches import read_results
from shell import gpunet as command
from shell import refused

WORDS = ("train", "linear", "training.epochs=3", "data.validation=0.2", "training.batch_size=10", "-q")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("selecting")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(90, 3)).round(3)
    y = np.where(x.sum(axis=1) + draw.normal(size=90) > 0, "yes", "no")
    lines = [f"{a},{b},{c},{kind}" for (a, b, c), kind in zip(x.tolist(), y)]
    (place / "all.csv").write_text("\n".join(["a,b,c,kind", *lines]) + "\n")
    (place / "few.csv").write_text("\n".join(["a,b,c,kind", *lines[:60]]) + "\n")
    for name, *more in (("one", "lr=0.001"), ("two", "lr=0.1", "--seed", 1), ("three", "lr=0.03", "--seeds", 2)):
        command(*WORDS, "all.csv", "--folds", 3, "--run", name, *more, cwd=place)
    return place


def out_of_fold(place, name):
    with (place / name / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row["p(no)"]), float(row["p(yes)"])] for row in rows]), np.array(
        [r["target"] for r in rows]
    )


def test_runs_with_folds_predict_by_all_their_networks(folder):
    net = gpunet.load(folder / "three", device="cpu")
    assert len(net) == 6
    x = str(folder / "all.csv")
    each = np.mean([one.predict_proba(x) for one in net.members], axis=0)
    np.testing.assert_allclose(net.predict_proba(x), each, rtol=1e-5)
    assert command("verify", "three", cwd=folder).returncode == 0


def test_what_was_selected_out_of_fold_is_what_the_predictions_say(folder):
    done = command("ensemble", "one", "two", "three", "--method", "select", "--run", "best", "--json", cwd=folder)
    found = json.loads(done.stdout)
    taken = dict(found["facts"]["selection"]["taken"])
    assert (found["part"], found["samples"], found["facts"]["selection"]["library"]) == ("out of fold", 90, 3)
    said = {name: out_of_fold(folder, name) for name in ("one", "two", "three")}
    target = said["one"][1]

    def wrong(counts):
        mean = sum(count * said[name][0] for name, count in counts.items()) / sum(counts.values())
        return float(np.mean(np.array(["no", "yes"])[mean.argmax(axis=1)] != target))

    assert found["ensemble"]["error"] == pytest.approx(wrong(taken))
    assert found["ensemble"]["error"] <= min(wrong({name: 1}) for name in said)
    # Each run counts as often as it was taken, whatever number of networks it has.
    net, x = gpunet.load(folder / "best", device="cpu"), str(folder / "all.csv")
    runs = {name: gpunet.load(folder / name, device="cpu").predict_proba(x) for name in taken}
    mean = sum(count * runs[name] for name, count in taken.items()) / sum(taken.values())
    sharp = mean ** (1 / net.combination.temperature)
    np.testing.assert_allclose(net.predict_proba(x), sharp / sharp.sum(axis=1, keepdims=True), rtol=1e-5)
    shown = command("ensemble", "best", cwd=folder).stdout
    assert "90 samples, out of fold" in shown
    assert "selected on, and so too good" in shown
    assert all(name in shown for name in taken)


def test_runs_of_other_kinds_and_samples_are_refused(folder):
    command(*WORDS, "all.csv", "--run", "plain", cwd=folder)
    command(*WORDS, "few.csv", "--folds", 3, "--run", "few", cwd=folder)
    said = "no predictions out of fold. Name runs of one kind"
    refused("ensemble", "one", "plain", "--method", "select", cwd=folder, code=4, expected=said)
    said = "must have predicted the samples of the first"
    refused("ensemble", "one", "few", "--method", "select", cwd=folder, code=4, expected=said)
    said = "--combine: does not go with runs with folds"
    refused("ensemble", "one", "--method", "select", "--combine", "geometric", cwd=folder, code=2, expected=said)


@pytest.mark.parametrize("folds", [1, 3])
def test_trials_that_are_trained_again_score_what_they_did_and_the_best_together_are_kept(folder, folds):
    pytest.importorskip("optuna")
    (folder / "space.toml").write_text(
        'preset = "linear"\n[training]\nepochs = 2\nbatch_size = 10\n[data]\nsource = "all.csv"\n'
        "[space]\nlearning_rate = { log = [1e-3, 1e-1] }\n"
        f"[search]\ntrials = 4\nnoise = 0\nfolds = {folds}\nseeds = 2\n"
    )
    run = f"search-{folds}"
    command("search", "space.toml", "--run", run, cwd=folder)
    done = command("ensemble", run, "--run", f"selected-{folds}", "--json", cwd=folder)
    assert "Training 4 finished trials" in done.stderr
    found = json.loads(done.stdout)
    assert (found["part"], found["facts"]["selection"]["library"]) == ("test", 8)
    search = reopened(folder / run, Device(), str(folder / "all.csv"))
    trials = read_results(folder / run)["trials"]
    library = library_of_search(trials, search)
    assert library.names == [f"trial {number}, seed {seed}" for number in range(4) for seed in (0, 1)]
    wrong = [float(np.mean(one.predicted != one.target)) for one in library.held_out.each]
    scores = np.array([np.mean(np.array(trial["scores"]), axis=0) for trial in trials]).reshape(-1)
    np.testing.assert_allclose(wrong, scores, atol=0.02 if folds > 1 else 1e-9)  # folds may differ by a sample
    net = gpunet.load(folder / f"selected-{folds}", device="cpu")
    assert len(net) == len(found["names"]) * folds


def test_a_search_in_python_gives_the_ensemble_of_its_trials(folder):
    pytest.importorskip("optuna")
    draw = np.random.default_rng(1)
    x = draw.random((120, 4))
    y = x.sum(axis=1) > 2
    words = {"trials": 3, "noise": 0, "epochs": 3, "batch_size": 10, "validation": 0.2, "test": 0.2}
    found = gpunet.search("linear", x, y, {"lr": {"log": [1e-3, 1e-1]}}, **words)
    together = found.ensemble(rounds=5)
    assert together.facts["selection"]["library"] == 3
    assert together.facts["selection"]["scores"][0] == pytest.approx(found.best["score"])
    assert together.predict(x).shape == y.shape
