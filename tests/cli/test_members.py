"""Members that differ, as they are typed and told."""

import json
from pathlib import Path

import numpy as np
import pytest

from gpunet import Ensemble, load
from shell import gpunet, refused

FAST = ["train", "linear", "training.epochs=2", "--run", "r"]


def test_each_member_is_told_with_its_numbers_and_the_diverged_by_their_step(tmp_path):
    done = gpunet(*FAST, "lr=[0.1,0.001,1e30]", cwd=tmp_path)
    assert "over 2 members" in done.stdout.splitlines()[0]
    lines = [line.strip() for line in done.stdout.splitlines() if "learning_rate" in line]
    assert [line.partition(",")[0] for line in lines] == [f"learning_rate {rate}" for rate in ("0.1", "0.001", "1e+30")]
    assert lines[2].endswith("diverged, step 1 of member 2 (seed 0)")


def test_a_diverged_member_is_left_out_wherever_members_are_averaged(tmp_path):
    words = ["train", "linear", "optimizer=sgd", "training.epochs=2", "--seed", 3]
    done = gpunet(*words, "lr=[0.1,1e30,0.03]", "--run", "three", cwd=tmp_path)
    both = gpunet(*words, "lr=[0.1,0.03]", "--run", "two", cwd=tmp_path)
    told, expected = ([line for line in one.stderr.splitlines() if line.startswith("epoch")] for one in (done, both))
    assert all(line.endswith("  1 of 3 diverged") for line in told)
    figures = [line.partition("best")[0].split()[:-2] for line in told]  # without the seconds
    assert figures == [line.partition("best")[0].split()[:-2] for line in expected]

    said = "  member 1 (seed 3) is left out, diverged in training"
    measured = gpunet("evaluate", "three", "--json", cwd=tmp_path)
    assert said in measured.stderr.splitlines()
    found, wanted = json.loads(measured.stdout), json.loads(gpunet("evaluate", "two", "--json", cwd=tmp_path).stdout)
    assert found["diverged"] == [1]
    assert found["error"][1] is None
    assert [found["loss"][0], found["loss"][2]] == wanted["loss"]
    assert found["figures"] == wanted["figures"]
    assert "over 2 members" in gpunet("evaluate", "three", cwd=tmp_path).stdout

    x = np.random.default_rng(0).integers(0, 16, (5, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x)
    predicted = gpunet("predict", "three", "x.npz", "--probabilities", cwd=tmp_path)
    assert said in predicted.stderr.splitlines()
    assert predicted.stdout == gpunet("predict", "two", "x.npz", "--probabilities", cwd=tmp_path).stdout

    together = gpunet("ensemble", "three", "--method", "all", "--run", "e3", "--json", cwd=tmp_path)
    assert said in together.stderr.splitlines()
    document, other = (
        json.loads(one.stdout)
        for one in (together, gpunet("ensemble", "two", "--method", "all", "--run", "e2", "--json", cwd=tmp_path))
    )
    assert document["ensemble"] == other["ensemble"]
    assert len(document["members"]) == 2
    again = gpunet("predict", "e3", "x.npz", "--probabilities", cwd=tmp_path)
    assert again.stdout == gpunet("predict", "e2", "x.npz", "--probabilities", cwd=tmp_path).stdout

    net = load(tmp_path / "three", device="cpu")
    np.testing.assert_array_equal(net.outputs(x), load(tmp_path / "two", device="cpu").outputs(x))
    assert len(net.members) == 3
    assert len(Ensemble(net)) == len(Ensemble(net).members) == 2


def test_every_list_goes_with_every_seed(tmp_path):
    done = gpunet(*FAST, "lr={members=[0.1,0.01]}", "--seeds", 2, "--json", cwd=tmp_path)
    told = json.loads(done.stdout)["members"]
    assert [(one["optimizer.learning_rate"], one["seed"]) for one in told] == [(0.1, 0), (0.1, 1), (0.01, 0), (0.01, 1)]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lr=[]", "optimizer.learning_rate: must have a list of values, one for each member"),
        ("model.hidden={members=[8,16]}", "model.hidden: must be the same for all members"),
        ("lr=members=[0.1", "Write 'optimizer.learning_rate=[0.1, 0.03]' in quotes"),
    ],
)
def test_wrong_lists_are_one_line_with_the_remedy(word, said, tmp_path):
    refused("train", "mlp", word, "--dry-run", cwd=tmp_path, code=2, expected=said)


def test_lists_of_different_lengths_are_refused(tmp_path):
    said = "got 2 of optimizer.learning_rate, 3 of training.l2. Write lists of one length"
    refused(*FAST, "lr=[0.1,0.01]", "l2=[0,0.1,0.2]", cwd=tmp_path, code=2, expected=said)


def test_lists_of_runs_files_and_reports_tell_the_members(tmp_path):
    words = ["train", "linear", "optimizer=sgd", "training.epochs=1"]
    gpunet(*words, "lr=[0.1,1e30,0.03]", "--seeds", 2, "--run", "runs/a", cwd=tmp_path)
    gpunet(*words, "lr=[0.1,0.03]", "--seeds", 2, "--run", "runs/b", cwd=tmp_path)
    gpunet(*words, "--seeds", 2, "--run", "runs/c", cwd=tmp_path)

    listed = {Path(one["run"]).name: one for one in json.loads(gpunet("runs", "--json", cwd=tmp_path).stdout)}
    assert [listed[name]["members"] for name in "abc"] == [6, 4, 2]
    assert listed["a"]["differs"] == {"optimizer.learning_rate": [0.1, 1e30, 0.03]}
    assert listed["c"]["differs"] == {}
    assert [listed[name]["diverged"] for name in "abc"] == [2, 0, 0]
    assert listed["a"]["test"] == pytest.approx(listed["b"]["test"])
    assert listed["a"]["best"] == pytest.approx(listed["b"]["best"])
    shown = gpunet("runs", cwd=tmp_path).stdout
    assert shown.count("linear (mlp) by learning_rate") == 2
    assert "finished, 2 diverged" in shown
    assert gpunet("runs", "--json", cwd=tmp_path).stdout == json.dumps([*listed.values()], indent=2) + "\n"

    assert " member   seed   learning_rate" in gpunet("inspect", "runs/b", cwd=tmp_path).stdout
    tree = gpunet("inspect", "runs/a", "--no-verify", cwd=tmp_path).stdout.splitlines()
    rows = [line.split() for line in tree if line.strip()[:1].isdigit()]
    assert [row[:3] for row in rows] == [
        [str(n), str(n % 2), rate] for n, rate in enumerate(["0.1", "0.1", "1e+30", "1e+30", "0.03", "0.03"])
    ]
    assert " ".join(rows[2][3:]) == "diverged after 0 updates"
    assert " member   seed" not in gpunet("inspect", "runs/c", cwd=tmp_path).stdout

    gpunet("report", "runs/a", "runs/b", "-o", "both.html", cwd=tmp_path)
    page = (tmp_path / "both.html").read_text()
    assert page.count("diverged after 0 updates") == 2
    assert "Members: runs/b" in page
    assert "by learning rate, 2 seeds each; 2 diverged and left out" in page
    assert "one for each seed" not in page
    told, without = (gpunet("inspect", f"runs/{run}", "--history", cwd=tmp_path).stdout for run in "ab")
    assert "mean over members but 2, 3, which diverged" in " ".join(told.split())
    (mine,), (expected,) = (
        [line.split() for line in text.splitlines() if line.split()[:1] == ["1"]] for text in (told, without)
    )
    assert mine[:2] + mine[3:] == expected[:2] + expected[3:]  # but for the seconds
    gpunet("report", "runs/c", "-o", "plain.html", cwd=tmp_path)
    assert "<h2>Members" not in (tmp_path / "plain.html").read_text()


def test_keys_say_that_they_take_lists(tmp_path):
    held = json.loads(gpunet("config", "show", "mlp", "--json", cwd=tmp_path).stdout)
    lists = {key for key, said in held.items() if said["takes"].endswith("; also a list, one for each member")}
    assert {"optimizer.learning_rate", "training.l2", "model.dropout", "model.max_norm"} <= lists
    assert not lists & {"model.hidden", "training.epochs", "model.activation", "training.batch_size"}
