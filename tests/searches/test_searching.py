"""Whole searches: the same trials whatever the workers, none lost by kill -9, the test part read once."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Literal

import numpy as np
import pytest

import gpunet
from gpunet.api.kept_arrays import keep_arrays, kept_arrays
from gpunet.config import Config
from gpunet.errors import ConfigError, DataError, GpunetWarning, Interrupted
from gpunet.families import MLPConfig
from gpunet.interruption import Stop
from gpunet.searches import read_search, trials_of
from shell import invoked, refused

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


def table(samples=200):
    x = np.random.default_rng(0).random((samples, 4), np.float32)
    return x, x.sum(axis=1) > 2


def known(found):
    return [(trial["number"], trial["values"], trial["scores"], trial["curve"]) for trial in found["trials"]]


def command(*words, cwd, code=0):
    """In this process, which has everything loaded that a search needs."""
    with contextlib.chdir(cwd):
        return invoked(*words, code=code)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    (folder / "space.toml").write_text(SPACE)
    x, y = table()
    rows = [",".join(map(repr, [*map(float, row), int(label)])) for row, label in zip(x, y)]
    (folder / "table.csv").write_text("\n".join(["a,b,c,d,label", *rows]))
    return folder, command("search", "space.toml", "--data", "table.csv", "--run", "one", cwd=folder)


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
    assert found["optimism"] == pytest.approx(min(scores) - found["test"])
    assert len(found["noise"]["scores"]) == 2
    for words in ("optimism ", "Noise: with 2 other seeds", "Importances", "models per second"):
        assert words in done.stdout
    rows = (folder / "one/trials.csv").read_text().splitlines()
    assert len(rows) == 9
    refused = command("search", "one", "--trials", 3, cwd=folder, code=2).stderr
    assert "--trials: must come with a new search, or with --resume, got a finished one. Leave it out." in refused
    again = command("search", "one", cwd=folder)
    assert again.stdout.splitlines()[:5] == done.stdout.splitlines()[:5]


def test_the_chosen_configuration_trains_to_the_same_model(searched):
    folder, _ = searched
    done = command("train", "one/config.toml", "--data", "table.csv", "--run", "again", "--json", cwd=folder)
    found = results(folder / "one")
    assert 1 - json.loads(done.stdout)["test_accuracy"][0] == pytest.approx(found["test"])
    assert 1 - json.loads(done.stdout)["best"][0] == pytest.approx(found["trials"][found["best"]]["score"])


def test_two_workers_try_the_same_and_kill_takes_one_trial_at_most(searched):
    """One of the workers is killed in the middle: its trial is begun again under its number, all others once."""
    folder, _ = searched
    journal, killed = folder / "two/search.journal", []

    def kill(trials):
        if not killed:
            lines = [line for line in journal.read_text().splitlines() if '"lease"' in line and line[-1:] == "}"]
            killed.append(json.loads(lines[-1])["user_attr"]["lease"]["pid"])
            os.kill(killed[0], signal.SIGKILL)

    x, y = table()
    found = gpunet.search(
        folder / "space.toml", x, np.where(y, "many", "few"), run=folder / "two", on_trials=kill, test=30,
        validation=30, workers=2, device="cpu",
    )  # fmt: skip
    assert killed
    alone = gpunet.search(folder / "space.toml", x, np.where(y, "many", "few"), test=30, validation=30, device="cpu")
    assert known(results(folder / "two")) == known(alone.document)
    assert found.document == results(folder / "two")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    ends = [line["trial_id"] for line in lines if line["op_code"] == 6 and line["state"] == 1]
    assert sorted(ends) == list(range(8))


def test_arrays_for_workers_come_back_as_they_were(tmp_path):
    x, y = table(30)
    weights = np.linspace(0, 1, 30)
    keep_arrays(tmp_path, Config(), x, y, weights, None, (x[:5], np.array(["é", "b", "ccc", "d", ""])))
    held = kept_arrays(tmp_path)
    assert held["validation"] is None
    for one, other in ((held["x"], x), (held["y"], y), (held["weights"], weights), (held["test"][0], x[:5])):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert held["test"][1].tolist() == ["é", "b", "ccc", "d", ""]
    for wrong in (np.array([{}], object), [[1, None]]):
        with pytest.raises(DataError, match=r"x: must be an array of numbers or texts.*pass data=PATH, or use dask"):
            keep_arrays(tmp_path, Config(), wrong, None, None, None, None)


def test_families_of_the_users_own_are_in_no_file_that_workers_read():
    class Own(MLPConfig):
        name: Literal["own"] = "own"

    x, y = table(40)
    with pytest.raises(ConfigError, match=r'workers: read a search from its file.*got Own.*dask="local:4"'):
        gpunet.search(Own(), x, y, {"lr": {"log": [1e-3, 0.1]}}, families=[Own], workers=2, trials=1)


def test_a_search_whose_process_was_killed_goes_on(searched):
    folder, _ = searched
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GPUNET_")} | {"OMP_NUM_THREADS": "1"}
    words = ["-m", "gpunet.cli", "search", "space.toml", "--data", "table.csv", "--run", "cut", "-q"]
    running = subprocess.Popen([sys.executable, *words], cwd=folder, env=environment)
    journal = folder / "cut/search.journal"
    while running.poll() is None:
        if journal.exists() and journal.read_text().count('"result"') >= 3:
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
    x, y = table(120)
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
    assert read == [25] * 4 + [20]  # folds of both trials at once, then the test part
    assert np.shape(found.trials[0]["scores"]) == (4, 2)


def test_adaptive_methods_run_and_say_that_they_depend_on_the_order():
    x, y = table(120)
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
    x, y = table(60)
    space = {"batch_size": {"choice": [10, 500]}, "lr": {"log": [1e-3, 1e-2]}}
    with pytest.warns(GpunetWarning, match=r"trials with training.batch_size = 500 will fail"):
        found = gpunet.search("mlp", x, y, space, method="random", trials=8, noise=0, epochs=1, hidden=[4])
    failed = [trial for trial in found.trials if trial["state"] == "failed"]
    assert failed
    assert all("batch_size: must be at most" in trial["problem"] for trial in failed)
    assert {trial["values"]["training.batch_size"] for trial in failed} == {500}
    with (
        pytest.warns(GpunetWarning, match="will fail"),
        pytest.raises(ConfigError, match="must have a trial that can be trained to its end"),
    ):
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
        ('[model]\nname = "resmlp"\n', "spaces come along for mlp"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, expected):
    (tmp_path / "space.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_search(str(tmp_path / "space.toml"), environment={})
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_wrong_writes_nothing(tmp_path):
    text = "[optimizer]\nlearning_rate = [0.1, 0.2]\n[space]\ndropout = { uniform = [0, 1] }\n"
    (tmp_path / "space.toml").write_text(text)
    refused("search", "space.toml", cwd=tmp_path, code=2, expected="tries one value of a key")


@pytest.mark.parametrize(
    ("space", "given", "named"),
    [
        ({"lr": {"log": [1e-3, 0.1]}}, {"optimizer.learning_rate": 0.1}, "optimizer.learning_rate: "),
        ({"lr": {"log": [1e-3, 0.1]}}, {"optimizer.learning_rate": {"name": "step"}}, "optimizer.learning_rate.name"),
        (None, {"optimizer.learning_rate": 0.1}, r"without optimizer\.learning_rate\.value"),
        ({"dropout": {"uniform": [0, 0.5]}}, {"model": {"name": "mlp", "dropout": 0.1}}, "model.dropout: "),
    ],
)
def test_what_the_space_tries_is_not_set_as_well(space, given, named):
    with pytest.raises(ConfigError, match=r"must not be set where the space tries it.*Leave it out here") as error:
        read_search("mlp", given, space=space, environment={})
    assert re.search(named, str(error.value))


def test_what_surrounds_a_tried_key_may_be_set():
    space = {"optimizer": {"choice": ["sgd", "adam"]}, "optimizer.learning_rate.value": {"log": [1e-3, 0.1]}}
    given = {"optimizer.learning_rate": {"name": "step", "factor": 0.3}, "training.epochs": 3}
    config = read_search("mlp", given, space=space, environment={}).config
    assert config.optimizer.learning_rate.factor == 0.3
    with pytest.raises(ConfigError, match=r"tune\.optimizer\.learning_rate: must not be set"):
        read_search("dbn", tune={"optimizer.learning_rate": 0.1}, environment={})
    x, y = table(60)
    with pytest.raises(ConfigError, match=r"optimizer\.learning_rate: must not be set"):
        gpunet.search({"model": {"hidden": [3]}}, x, y, {"lr": {"log": [1e-3, 0.1]}}, lr=0.1, trials=1)


def test_a_resumed_search_keeps_what_it_is(searched):
    folder, _ = searched
    assert (
        "--folds: must stay as it was" in command("search", "--resume", "one", "--folds", 3, cwd=folder, code=2).stderr
    )
    gone = command("search", "--resume", "nowhere", cwd=folder, code=2).stderr
    assert "must be the folder of a search, got nothing there" in gone
    said = command("search", "--resume", "one", "--trials", 20, cwd=folder, code=2).stderr
    assert "--trials: must stay 8, which stages from coarse to fine share, when a search goes on, got 20." in said


def test_a_search_goes_on_with_more_trials_or_fewer_but_not_with_fewer_than_are_finished(searched, tmp_path):
    folder, _ = searched
    how = {"method": "random", "noise": 0, "epochs": 1, "hidden": [3], "device": "cpu"}
    how |= {"data": folder / "table.csv", "space": {"lr": {"log": [1e-3, 0.1]}}}
    stop = Stop()

    def enough(trials):
        if sum(trial.state == "complete" for trial in trials) == 2:
            stop.request("SIGTERM")

    with pytest.raises(Interrupted):
        gpunet.search("mlp", trials=8, together=1, on_trials=enough, stop=stop, run=tmp_path / "run", **how)
    refused = command("search", "--resume", "run", "--trials", 1, cwd=tmp_path, code=2).stderr
    assert "--trials: must be at least the 2 that are finished already, got 1. Leave it out, or try more." in refused
    for trials in (4, 9):
        command("search", "--resume", "run", "--trials", trials, cwd=tmp_path)
        found = results(tmp_path / "run")
        assert [trial["state"] for trial in found["trials"]] == ["complete"] * trials
    whole = gpunet.search("mlp", trials=9, **how)
    assert known(found) == known(whole.document)


def test_a_journal_that_has_lost_trials_is_no_new_search(searched, tmp_path):
    folder, _ = searched
    shutil.copytree(folder / "one", tmp_path / "one")
    journal = tmp_path / "one/search.journal"
    whole = journal.read_bytes().splitlines(keepends=True)
    for left, expected in (
        ([], "must be a journal as it was written, got no record of a search"),
        (whole[:2], "must have the 8 finished trials that search.json has, got 0"),
        ([*whole[:2], b"no json\n", *whole[2:]], "must be a journal as it was written"),
    ):
        journal.write_bytes(b"".join(left))
        said = command("search", "--resume", "one", "--data", folder / "table.csv", cwd=tmp_path, code=3).stderr
        assert expected in said
        assert journal.read_bytes() == b"".join(left)


def test_a_finished_search_has_a_report_and_is_no_run_to_resume(searched):
    folder, _ = searched
    command("report", "one", "-o", "search.html", cwd=folder)
    page = (folder / "search.html").read_text()
    assert "Search: one" in page
    assert "data:image/png;base64," in page
    assert "learning_rate" in page
    assert "Resume the search" in command("resume", "one", cwd=folder, code=4).stderr
    (folder / "damaged").mkdir()
    (folder / "damaged/search.toml").write_text("")
    for text in ("{}", "[]", '{"trials": 3}', "nothing"):
        (folder / "damaged/search.json").write_text(text)
        assert "must hold what a search wrote" in command("search", "damaged", cwd=folder, code=3).stderr


def test_trials_of_a_journal_are_those_of_the_results(searched):
    from gpunet.searches import Journal

    folder, _ = searched
    held = [json.loads(line) for line in (folder / "one/search.journal").read_text().splitlines()]
    identity = next(line["user_attr"]["search"] for line in held if "search" in line.get("user_attr", {}))
    trials = trials_of(Journal(folder / "one", identity, False, False))
    assert [trial.score for trial in trials] == [trial["score"] for trial in results(folder / "one")["trials"]]


def test_a_search_that_comes_to_nothing_leaves_nothing(tmp_path):
    """Whatever ends it before its first result, the corrected command may take the folder."""
    x, y = table(60)
    how = {"trials": 2, "noise": 0, "epochs": 1, "hidden": [3], "device": "cpu"}
    space = {"batch_size": {"choice": [400, 500]}}
    (tmp_path / "there").mkdir()
    for folder in (tmp_path / "new", tmp_path / "there"):
        with pytest.warns(GpunetWarning), pytest.raises(ConfigError, match="must have a trial that can be trained"):
            gpunet.search("mlp", x, y, space, run=folder, **how)
        assert not folder.exists() or [path.name for path in folder.iterdir()] == [".lock"]
    found = gpunet.search("mlp", x, y, {"lr": {"log": [0.01, 1]}}, run=tmp_path / "there", **how)
    assert len(found.trials) == 2
