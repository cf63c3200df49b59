"""Whole searches: the same trials whatever the workers, none lost by kill -9, the test part read once."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import gpunet
from gpunet.errors import ConfigError
from gpunet.searches import trials_of
from shell import gpunet as command
from shell import refused

pytestmark = pytest.mark.timeout(300)

SPACE = """
preset = "mlp"
[training]
epochs = 2
[model]
hidden = [12]
dropout = 0.0
input_dropout = 0.0
[space]
learning_rate = { log = [1e-4, 1e-1] }
optimizer = { choice = ["sgd", "adam"] }
momentum = { one_minus_log = [0.5, 0.99], when = { optimizer = "sgd" } }
[search]
method = "coarse_to_fine"
trials = 8
noise = 2
"""


def known(found):
    return [(trial["number"], trial["values"], trial["scores"], trial["curve"]) for trial in found["trials"]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    (folder / "space.toml").write_text(SPACE)
    return folder, command("search", "space.toml", "--run", "one", cwd=folder)


def results(folder):
    return json.loads((folder / "search.json").read_text())


def test_a_search_keeps_its_trials_and_the_chosen_model(searched):
    folder, done = searched
    found = results(folder / "one")
    assert len(found["trials"]) == 8
    scores = [trial["score"] for trial in found["trials"]]
    assert found["best"] == int(np.argmin(scores))
    net = gpunet.load(folder / "one")
    rate = found["trials"][found["best"]]["values"]["optimizer.learning_rate"]
    assert net.config.optimizer.learning_rate == rate
    assert found["optimism"] == pytest.approx(found["test"] - min(scores))
    assert len(found["noise"]["scores"]) == 2
    for words in ("optimism of the search", "Noise: with 2 other seeds", "Importances", "models per second"):
        assert words in done.stdout
    rows = (folder / "one/trials.csv").read_text().splitlines()
    assert len(rows) == 9
    again = command("search", "one", cwd=folder)
    assert again.stdout.splitlines()[:5] == done.stdout.splitlines()[:5]


def test_the_chosen_configuration_trains_to_the_same_model(searched):
    folder, _ = searched
    done = command("train", "one/config.toml", "--run", "again", "--json", cwd=folder)
    found = results(folder / "one")
    assert 1 - json.loads(done.stdout)["test_accuracy"][0] == pytest.approx(found["test"])
    assert 1 - json.loads(done.stdout)["best"][0] == pytest.approx(found["trials"][found["best"]]["score"])


def test_three_workers_try_the_same_and_kill_takes_one_trial_at_most(searched):
    """One of the workers is killed in the middle: its trial is begun again under its number, all others once."""
    folder, _ = searched
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")} | {"OMP_NUM_THREADS": "1"}
    words = ["search", "space.toml", "--run", "three", "--workers", "3", "-q"]
    running = subprocess.Popen([sys.executable, "-m", "gpunet.cli", *words], cwd=folder, env=environment)
    journal, killed = folder / "three/search.journal", 0
    while running.poll() is None and not killed:
        lines = journal.read_text().splitlines() if journal.exists() else []
        leases = [json.loads(line)["user_attr"]["lease"] for line in lines if '"lease"' in line and line[-1:] == "}"]
        if leases:
            killed = leases[-1]["pid"]
            os.kill(killed, signal.SIGKILL)
        time.sleep(0.01)
    assert running.wait(200) == 0
    assert killed
    assert known(results(folder / "three")) == known(results(folder / "one"))
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    ends = [line["trial_id"] for line in lines if line["op_code"] == 6 and line["state"] == 1]
    assert sorted(ends) == list(range(8))


def test_a_search_whose_process_was_killed_goes_on(searched):
    folder, _ = searched
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")} | {"OMP_NUM_THREADS": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "gpunet.cli", "search", "space.toml", "--run", "cut", "-q"], cwd=folder, env=environment
    )
    journal = folder / "cut/search.journal"
    while running.poll() is None:
        if journal.exists() and journal.read_text().count('"result"') == 3:
            running.kill()
        time.sleep(0.005)
    running.wait()
    done = command("search", "--resume", "cut", cwd=folder)
    assert "trials are finished already" in done.stderr
    assert known(results(folder / "cut")) == known(results(folder / "one"))


def test_the_test_part_is_read_once(monkeypatch):
    from gpunet.experiment import Run

    read = []
    score = Run.score_test

    def noted(run):
        read.append(len(run.split.test))
        score(run)

    monkeypatch.setattr(Run, "score_test", noted)
    rng = np.random.default_rng(0)
    x = rng.random((120, 4), np.float32)
    y = x.sum(axis=1) > 2
    found = gpunet.search(
        "mlp", x, y, {"lr": {"log": [1e-3, 1e-1]}}, method="random", trials=3, noise=2, epochs=2, hidden=[4],
        test=20, validation=20,
    )  # fmt: skip
    assert [count for count in read if count] == [20]
    assert found.test is not None
    read.clear()
    found = gpunet.search(
        "mlp", x, y, {"lr": {"log": [1e-3, 1e-1]}}, method="random", trials=2, folds=4, seeds=2, noise=0, epochs=2,
        hidden=[4], test=20, validation=20,
    )  # fmt: skip
    assert read == [25] * 8 + [20]
    assert np.shape(found.trials[0]["scores"]) == (4, 2)


def test_adaptive_methods_run_and_say_that_they_depend_on_the_order():
    rng = np.random.default_rng(0)
    x = rng.random((120, 4), np.float32)
    y = x.sum(axis=1) > 2
    more = {"method": "tpe", "prune": "halving", "trials": 12, "noise": 0, "epochs": 4, "hidden": [4]}
    space = {"lr": {"log": [1e-4, 1e-1]}, "optimizer": {"choice": ["sgd", "adam"]}}
    found = gpunet.search("mlp", x, y, space, **more)
    assert "depends on the order of results" in " ".join(found.document["notes"])
    assert {trial["state"] for trial in found.trials} == {"complete", "pruned"}
    assert all(trial["epochs"] < 4 for trial in found.trials if trial["state"] == "pruned")
    assert found.best["state"] == "complete"
    again = gpunet.search("mlp", x, y, space, **more)
    assert [trial["values"] for trial in again.trials] == [trial["values"] for trial in found.trials]


def test_a_trial_that_cannot_be_trained_fails_alone():
    rng = np.random.default_rng(0)
    x = rng.random((60, 4), np.float32)
    y = x.sum(axis=1) > 2
    space = {"batch_size": {"choice": [10, 500]}, "lr": {"log": [1e-3, 1e-2]}}
    found = gpunet.search("mlp", x, y, space, method="random", trials=8, noise=0, epochs=1, hidden=[4])
    failed = [trial for trial in found.trials if trial["state"] == "failed"]
    assert failed
    assert all("batch_size: must be at most" in trial["problem"] for trial in failed)
    assert {trial["values"]["training.batch_size"] for trial in failed} == {500}
    with pytest.raises(ConfigError, match="must have a trial that can be trained to its end"):
        gpunet.search("mlp", x, y, {"batch_size": {"choice": [500]}}, method="random", trials=1, epochs=1)


def test_machines_are_judged_by_their_likelihood_and_stacks_by_fine_tuning():
    rng = np.random.default_rng(0)
    x = (rng.random((120, 6)) < 0.4).astype(np.uint8)
    y = x.sum(axis=1) > 2
    how = {"method": "random", "trials": 2, "noise": 0, "epochs": 2, "test": 20, "validation": 20}
    found = gpunet.search("rbm", x, None, None, hidden=4, **how)
    assert found.document["score"]["name"] == "log_likelihood"
    assert found.document["score"]["higher"]
    best = max(trial["score"] for trial in found.trials)
    assert found.best["score"] == best < 0
    again = float(found.model.log_likelihood(x[:5]))
    assert np.isfinite(again)
    space = {"lr": {"log": [1e-2, 0.3]}, "tune.lr": {"log": [1e-2, 0.3]}}
    tune = {"epochs": 2, "updates": 5}
    found = gpunet.search("dbn", x, y, space, hidden=[5, 4], batch_size=20, tune=tune, **how)
    assert found.document["purpose"] == "fine_tuning"
    assert found.config.model.name == "mlp"
    assert found.config.model.hidden == (5, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[space]\n", "space: must have a key to search over"),
        ("[space]\nlr = { log = [0, 1] }\n", "must lie above 0"),
        ("[space]\nlr = { log = [1, 0.1] }\n", "Write [0.1, 1]"),
        ('preset = "mlq"\n[space]\nlr = { log = [0.1, 1] }\n', "Did you mean mlp?"),
        ("[space]\nlr = { log = [0.1, 1] }\n[search]\ntrails = 3\n", "Did you mean trials?"),
        (
            "[optimizer]\nlearning_rate = [0.1, 0.2]\n[space]\ndropout = { uniform = [0, 1] }\n",
            "tries one value of a key",
        ),
        ('[model]\nname = "resmlp"\n', "spaces come along for mlp"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(tmp_path, text, expected):
    (tmp_path / "space.toml").write_text(text)
    refused("search", "space.toml", cwd=tmp_path, code=2, expected=expected)


def test_a_resumed_search_keeps_what_it_is(searched):
    folder, _ = searched
    refused("search", "--resume", "one", "--folds", 3, cwd=folder, code=2, expected="--folds: must stay as it was")
    refused("search", "--resume", "nowhere", cwd=folder, code=2, expected="must hold search.toml of a search")
    refused("search", "--resume", "one", "--trials", 20, cwd=folder, code=2, expected="journal of this search")


def test_a_finished_search_has_a_report_and_is_no_run_to_resume(searched):
    folder, _ = searched
    command("report", "one", "-o", "search.html", cwd=folder)
    page = (folder / "search.html").read_text()
    assert "Search: one" in page
    assert "data:image/png;base64," in page
    assert "learning_rate" in page
    refused("resume", "one", cwd=folder, code=4, expected="Go on with gpunet search --resume one")
    (folder / "damaged").mkdir()
    (folder / "damaged/search.toml").write_text("")
    for text in ("{}", "[]", '{"trials": 3}', "nothing"):
        (folder / "damaged/search.json").write_text(text)
        refused("search", "damaged", cwd=folder, code=1, expected="must hold what a search wrote")


def test_trials_of_a_journal_are_those_of_the_results(searched):
    from gpunet.searches import Journal

    folder, _ = searched
    held = [json.loads(line) for line in (folder / "one/search.journal").read_text().splitlines()]
    identity = next(line["user_attr"]["search"] for line in held if "search" in line.get("user_attr", {}))
    trials = trials_of(Journal(folder / "one", identity, False, False))
    assert [trial.score for trial in trials] == [trial["score"] for trial in results(folder / "one")["trials"]]
