"""Deep Boltzmann machines on the command line."""

import json

import numpy as np
import pytest

from shell import gpunet, refused

pytestmark = pytest.mark.timeout(300)  # many processes, each a whole training


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("deep")
    words = ["hidden=[12,8]", "greedy=1", "epochs=3", "--device", "cpu"]
    gpunet("pretrain", "dbm", *words, "--run", "deep", cwd=where)
    gpunet("train", "classdbm", *words, "--run", "known", cwd=where)
    return where


def test_a_deep_machine_is_measured_sampled_and_looked_at(folder):
    found = json.loads(gpunet("likelihood", "deep", "--json", cwd=folder).stdout)
    assert (found["kind"], found["method"]) == ("log-likelihood", "exact")
    assert found["log_likelihood"][0] - 5 < found["lower_bound"][0] < found["log_likelihood"][0]
    assert found["log_z_bracket"][0] == found["log_z"]
    assert "free_energy" not in found, "known of single machines alone"
    for start in ("rest", "data"):
        words = ["-n", 20, "--steps", 3, "--start", start, "-o", f"{start}.npz"]
        assert "20 samples after 3 Gibbs steps" in gpunet("sample", "deep", *words, cwd=folder).stdout
        with np.load(folder / f"{start}.npz") as drawn:
            assert drawn["x"].shape == (20, 8, 8)
    shown = gpunet("inspect", "deep", cwd=folder).stdout
    assert "dbm(64-12-8)" in shown
    assert "001_level" in shown
    history = json.loads(gpunet("inspect", "deep", "--history", "--json", cwd=folder).stdout)
    assert len(history["train_free_energy"]) == 3
    assert "fantasies" in gpunet("inspect", "deep/best.h5", cwd=folder).stdout


def test_networks_start_from_it_and_classes_are_held(folder):
    done = gpunet("train", "dbm-finetune", "--from", "deep", "epochs=1", "updates=2", "--run", "tuned", cwd=folder)
    assert "000_sequential/000_dense from 001_level and 002_level, turned" in done.stderr
    for run in ("tuned", "known"):
        assert 0 <= json.loads(gpunet("evaluate", run, "--json", cwd=folder).stdout)["error"][0] <= 1
    words = ["-n", 5, "--steps", 3, "-o", "three.npz"]
    assert "5 samples" in gpunet("sample", "known", "--class", 3, *words, cwd=folder).stdout


def test_what_cannot_be_is_said_in_one_line(folder):
    for words, code, expected in (
        (["sample", "deep", "--class", 3], 2, "--class: needs a model that knows classes"),
        (["sample", "known", "--start", "data"], 2, "--start: must be rest where classes are held"),
        (["train", "dbm"], 2, "Use gpunet pretrain"),
        (["pretrain", "dbm", "hidden=[5]"], 2, "must have at least two layers in a deep machine, got 1. Use"),
        (["likelihood", "known"], 4, "must hold restricted Boltzmann machines"),
        (["train", "dbm-finetune", "--from", "deep", "hidden=[12,9]"], 2, "must be [12, 8], as in"),
        (["resume", "deep", "hidden=[12,9]"], 2, "hidden"),
    ):
        refused(*words, cwd=folder, code=code, expected=expected)
