"""Members that differ, as they are typed and told."""

import json

import pytest

from shell import gpunet, refused

FAST = ["train", "linear", "training.epochs=2", "--run", "r"]


def test_each_member_is_told_with_its_numbers_and_the_diverged_by_their_step(tmp_path):
    done = gpunet(*FAST, "lr=[0.1,0.001,1e30]", cwd=tmp_path)
    assert "over 2 members" in done.stdout.splitlines()[0]
    lines = [line.strip() for line in done.stdout.splitlines() if "learning_rate" in line]
    assert [line.partition(",")[0] for line in lines] == [f"learning_rate {rate}" for rate in ("0.1", "0.001", "1e+30")]
    assert lines[2].endswith("diverged, step 1 of member 2 (seed 0)")


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
