"""What workers of a cluster come to is what this process comes to, whoever of them is killed."""

import contextlib
import json
import os
import signal
import sys
import time
import types
from typing import Literal

import cloudpickle
import distributed
import numpy as np
import pandas
import pytest

import gpunet
from gpunet.checkpoint import read
from gpunet.cluster import Tasks, opened
from gpunet.errors import ClusterError, DivergedError, Interrupted
from gpunet.families import MLPConfig
from gpunet.interruption import Stop
from shell import invoked

pytestmark = [
    pytest.mark.timeout(300),
    # Dask's own: event loops and sockets of its threads are closed when they are collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this file

RNG = np.random.default_rng(0)
X = RNG.random((160, 4), np.float32)
Y = X.sum(axis=1) > 2
SPACE = {"lr": {"log": [1e-4, 1e-1]}, "optimizer": {"choice": ["sgd", "adam"]}}
FILE = """
preset = "mlp"
[training]
epochs = 2
[model]
hidden = [5]
[space]
learning_rate = { log = [1e-4, 1e-1] }
[search]
noise = 0
"""
HOW = {"epochs": 2, "hidden": [6], "validation": 30, "test": 30, "device": "cpu"}


@pytest.fixture(scope="module")
def cluster():
    with opened("local:2", "cpu") as found:
        yield found


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Other tests look at them."""
    for room in ("comparing", "ensembling", "searching"):
        monkeypatch.setattr(f"gpunet.cli.{room}.can_draw", lambda: False)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    rows = [",".join(map(repr, [*map(float, row), int(label)])) for row, label in zip(X, Y)]
    (folder / "table.csv").write_text("\n".join(["a,b,c,d,label", *rows]))
    (folder / "space.toml").write_text(FILE)
    return folder


def command(*words, cwd, code=0):
    with contextlib.chdir(cwd):
        return invoked(*words, "--device", "cpu", code=code)


class Narrow(MLPConfig):
    """A family that no module of the workers has."""

    name: Literal["narrow"] = "narrow"


def known(found):
    trials = [(trial["number"], trial["values"], trial["scores"], trial["curve"]) for trial in found["trials"]]
    return trials, found["test"], found["noise"]


def ends(journal):
    """The numbers of trials by their ends, as the journal has them."""
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return sorted(line["trial_id"] for line in lines if line["op_code"] == 6 and line["state"] == 1)


def itself(payload, place):
    return payload


def squared(payload, argument, task):
    if argument == "diverge":
        raise DivergedError("loss", "must be finite", "nan", "Lower the rate")
    return payload * argument**2, os.getpid()


def killed_once(marker, argument, task):
    """The first worker that has it is gone."""
    try:
        marker = os.open(marker, os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return argument
    os.close(marker)
    return os.kill(os.getpid(), signal.SIGKILL)


def until_stopped(payload, argument, task):
    """Runs until nobody waits for it; then it says so where the test looks."""
    task.tell([argument, "began"])
    deadline = time.monotonic() + 60
    while not task.stop.requested and time.monotonic() < deadline:
        time.sleep(0.02)
    with open(payload, "w") as file:  # noqa: PTH123 - it runs in a worker
        file.write(task.stop.requested)


def test_tasks_are_shared_and_each_is_done_once(cluster):
    with Tasks(cluster, itself, squared, 2) as tasks:
        found = dict(tasks.each([3, 4, 5, 6], Stop()))
        assert {place: value for place, (value, _) in found.items()} == {0: 18, 1: 32, 2: 50, 3: 72}
        assert {pid for _, pid in found.values()} == {one.pid for one in cluster._processes.running}
        with pytest.raises(DivergedError, match=r"loss: must be finite, got nan\. Lower the rate"):
            list(tasks.each(["diverge"], Stop()))


def test_what_nobody_waits_for_stops(cluster, tmp_path):
    told = []
    with Tasks(cluster, itself, until_stopped, str(tmp_path / "said"), lambda job, message: told.append(message)) as t:
        t.start("job", 7)
        while not told:
            t.ended()
    deadline = time.monotonic() + 60
    while not (tmp_path / "said").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert told == [[7, "began"]] or told == [(7, "began")]
    assert (tmp_path / "said").exists()


def test_a_search_is_the_same_and_so_after_a_worker_was_killed(cluster, tmp_path):
    how = {**HOW, "trials": 8, "noise": 2, "method": "coarse_to_fine", "together": 2}
    alone, killed = gpunet.search("mlp", X, Y, SPACE, **how), []

    def kill(trials):
        if not killed:
            killed.append(cluster._processes.running[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    found = gpunet.search("mlp", X, Y, SPACE, dask=cluster.client, run=tmp_path / "run", on_trials=kill, **how)
    assert killed
    assert known(found.document) == known(alone.document)
    assert np.array_equal(found.model.predict(X), alone.model.predict(X))
    assert ends(tmp_path / "run/search.journal") == list(range(8))
    # A worker that had just finished its trial takes none with it; tasks that must be begun again are tested below.
    assert gpunet.load(tmp_path / "run").predict(X[:3]).tolist() == found.model.predict(X[:3]).tolist()


def test_a_task_whose_worker_was_killed_is_done_by_another(cluster, tmp_path):
    with Tasks(cluster, itself, killed_once, str(tmp_path / "marker")) as tasks:
        assert dict(tasks.each(["done"], Stop())) == {0: "done"}
    assert (tmp_path / "marker").exists()


def test_pruning_is_decided_where_the_journal_is(cluster):
    how = {**HOW, "trials": 8, "noise": 0, "prune": "halving", "epochs": 60}
    found = gpunet.search("mlp", X, Y, SPACE, dask=cluster.client, **how)
    states = [trial["state"] for trial in found.trials]
    assert set(states) == {"complete", "pruned"}
    assert all(1 <= trial["epochs"] == len(trial["curve"]) for trial in found.trials)


def test_a_family_of_the_users_own_is_sent(cluster):
    how = {**HOW, "trials": 2, "noise": 0, "families": [Narrow]}
    alone, found = (gpunet.search(Narrow(), X, Y, SPACE, dask=one, **how) for one in (None, cluster.client))
    assert found.config.model.name == "narrow"
    assert known(found.document) == known(alone.document)


def test_what_workers_cannot_import_is_one_line(cluster, monkeypatch):
    here = types.ModuleType("only_here")
    exec("class Thing: pass", here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", here)
    with (
        Tasks(cluster, itself, squared, here.Thing()) as tasks,
        pytest.raises(ClusterError, match=r"No module named 'only_here'\. Put it into a module that they can import"),
    ):
        list(tasks.each([1], Stop()))


def test_a_search_over_stacks_is_the_same(cluster):
    space = {"lr": {"log": [1e-2, 0.3]}, "tune.lr": {"log": [1e-2, 0.3]}}
    how = {**HOW, "hidden": [5, 3], "batch_size": 20, "tune": {"epochs": 2, "updates": 5}, "trials": 2, "noise": 0}
    alone, found = (gpunet.search("dbn", (X > 0.5) * 1, Y, space, dask=one, **how) for one in (None, cluster.client))
    assert known(found.document) == known(alone.document)


@pytest.mark.filterwarnings("ignore:x. column 'a'. .* missing cells")
def test_data_frames_are_the_same(cluster):
    """Fillings and categories are learned by the workers, of each trial or member from its own rows."""
    frame = pandas.DataFrame(X, columns=list("abcd"))
    frame["kind"] = np.where(RNG.random(len(X)) < 0.5, "red", "blue")
    frame.loc[::7, "a"] = np.nan
    label = pandas.Series(np.where(Y, "yes", "no"))
    how = {**HOW, "trials": 2, "noise": 0}
    alone, found = (gpunet.search("mlp", frame, label, SPACE, dask=one, **how) for one in (None, cluster.client))
    assert known(found.document) == known(alone.document)
    bagged = [
        gpunet.train_ensemble("mlp", frame, label, method="bagging", size=2, dask=one, **HOW)
        for one in (None, cluster.client)
    ]
    ours, theirs = (one.predict(frame).tolist() for one in bagged)
    assert ours == theirs
    assert set(ours) <= {"yes", "no"}


def test_commands_are_the_same(cluster, table):
    """Folds, a comparison and a search from the command line, over the address of the scheduler."""
    dask = ["--dask", cluster.address]
    small = ["model.hidden=[5]", "training.epochs=2"]
    here, there = (
        json.loads(
            command("train", "table.csv", *small, "--folds", 3, "--json", "--run", name, *more, cwd=table).stdout
        )
        for name, more in (("folds-1", []), ("folds-2", dask))
    )
    assert here | {"folder": "", "seconds": 0} == there | {"folder": "", "seconds": 0}
    words = ["compare", "dbn", "--labels", "20,all", "--rates", "0.1", "--seeds", 2, "--data", "table.csv"]
    words += ["model.hidden=[5,4]", "training.epochs=1", "tune.training.epochs=2", "tune.training.updates=4"]
    for name, more in (("one", []), ("two", dask)):
        command(*words, "--run", name, *more, cwd=table)
    one, two = (without_times(json.loads((table / name / "compare.json").read_text())) for name in ("one", "two"))
    assert one == two
    for path in sorted((table / "one").glob("*.h5")):
        ours, theirs = read(path), read(table / "two" / path.name)
        assert arrays(ours.root["model"]) == arrays(theirs.root["model"])
    done = command("search", "space.toml", "table.csv", "--trials", 2, *dask, cwd=table)
    assert "Dask: 2 workers" in done.stderr
    assert "Best error on the validation part" in done.stdout


def without_times(found):
    if isinstance(found, dict):
        return {key: without_times(value) for key, value in found.items() if "seconds" not in key}
    return [without_times(value) for value in found] if isinstance(found, list) else found


def arrays(group):
    return {path: node.data.tolist() for path, node in group.walk() if hasattr(node, "data")}


@pytest.mark.parametrize("method", ["seeds", "bagging", "subspaces", "boosting"])
def test_ensembles_are_the_same(cluster, method):
    alone, found = (
        gpunet.train_ensemble("mlp", X, Y, method=method, size=3, dask=one, **HOW) for one in (None, cluster.client)
    )
    ours, theirs = (one.member_outputs([X] * len(one.networks)) for one in (alone, found))
    assert np.array_equal(ours, theirs)
    assert found.facts == alone.facts
    assert found.combination.temperature == alone.combination.temperature


def test_a_repeated_ensemble_with_its_control_is_the_same(cluster, table):
    words = ["ensemble", "mlp", "table.csv", "model.hidden=[5]", "training.epochs=2", "--size", 2, "--seeds", 2]
    for name, more in (("own", []), ("spread", ["--dask", cluster.address])):
        command(*words, "--run", name, *more, cwd=table)
    own, spread = (
        without_times(json.loads((table / name / "ensemble.json").read_text())) for name in ("own", "spread")
    )
    assert own == spread


def test_a_stopped_search_goes_on(cluster, tmp_path):
    how, stop = {**HOW, "trials": 6, "noise": 0, "together": 1}, Stop()
    with pytest.raises(Interrupted, match="was stopped by a test"):
        gpunet.search(
            "mlp", X, Y, SPACE, dask=cluster.client, run=tmp_path / "run", stop=stop,
            on_trials=lambda trials: stop.request("a test"), **how,
        )  # fmt: skip
    found = gpunet.search("mlp", X, Y, SPACE, dask=cluster.client, run=tmp_path / "run", resume=True, **how)
    assert known(found.document) == known(gpunet.search("mlp", X, Y, SPACE, **how).document)
    assert ends(tmp_path / "run/search.journal") == list(range(6))


def test_workers_that_cannot_be_used_are_one_line(cluster, monkeypatch):
    versions = cluster.client.get_versions(packages=["gpunet"])
    for one in versions["workers"].values():
        one["packages"]["gpunet"] = None
    monkeypatch.setattr(cluster.client, "get_versions", lambda packages: versions)
    with pytest.raises(ClusterError, match=r"dask worker tcp.*: must have gpunet .*, got none\. Install") as error:
        gpunet.search("mlp", X, Y, SPACE, dask=cluster.client, trials=1, **HOW)
    assert "\n" not in str(error.value)


def test_a_cluster_without_workers_is_one_line(monkeypatch):
    monkeypatch.setattr("gpunet.cluster.cluster.APPEAR", 0.3)
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty:
        address = empty.scheduler_address
        with pytest.raises(ClusterError, match=f"must have workers, got none.*dask worker {address}"), opened(address):
            pass


def test_a_lost_scheduler_is_one_line_and_what_was_finished_is_kept(table, monkeypatch):
    """It is closed after the first trial; the search then goes on without it."""
    from gpunet.cli import searching
    from gpunet.cluster.processes import Processes

    monkeypatch.setattr("gpunet.cluster.cluster.APPEAR", 200)
    scheduler = distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    processes, told = Processes(scheduler.scheduler_address, 1, "cpu"), searching.SearchTerminal.on_trials

    def lose(self, trials):
        told(self, trials)
        scheduler.close()

    words = ["search", "space.toml", "table.csv", "--trials", 6, "search.together=1", "--run", "lost"]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searching.SearchTerminal, "on_trials", lose)
            done = command(*words, "--dask", scheduler.scheduler_address, cwd=table, code=7)
    finally:
        processes.end()
        scheduler.close()
    said = [line for line in done.stderr.splitlines() if line.startswith("gpunet:")]
    assert len(said) == 1
    assert "dask: must have a scheduler that answers" in said[0]
    assert said[0].endswith("search --resume lost.")
    done = command("search", "--resume", "lost", cwd=table)
    assert "trials are finished already" in done.stderr
    assert ends(table / "lost/search.journal") == list(range(6))
