"""Recipes: their words are configurations, their verdicts follow from numbers, and what is finished is kept."""

import json
from dataclasses import replace

import pytest

from gpunet.cli.recipes import RECIPES, Finding
from gpunet.cli.reproducing import Commands
from gpunet.config import is_file_name, load_config, parse_assignments
from gpunet.data.drawn import DRAWINGS
from gpunet.errors import GpunetError
from shell import invoked as gpunet
from shell import refused

OPTIONS = {
    "--train",
    "--test",
    "-o",
    "--data",
    "--seed",
    "--seeds",
    "--from",
    "--labels",
    "--rates",
    "--runs",
    "--steps",
    "--mixing",
    "--cases",
}


class Pretended:
    """Answers as the commands would, after checking their words."""

    def __init__(self, tmp_path):
        self.folder, self.commands = tmp_path, []

    def path(self, name):
        return str(self.folder / name)

    def __call__(self, name, *words, folder=True):
        command, *rest = map(str, words)
        seeds, plain, options = 1, [], iter(rest)
        for word in options:
            if word in OPTIONS:
                value = next(options)
                seeds = int(value) if word == "--seeds" else seeds
            elif not word.startswith("--"):
                plain.append(word)
        self.commands.append(command)
        if command == "data":
            assert plain[:1] == ["make"]
            assert plain[1] in DRAWINGS
            return {}
        if command == "likelihood":
            return {"log_likelihood": [-100.0], "log_z": [50.0], "log_z_bracket": [[49.5], [50.2]], "trusted": [True]}
        values = [word for word in plain if "=" in word and not word.startswith("tune.")]
        tuned = [word.removeprefix("tune.") for word in plain if word.startswith("tune.")]
        presets = [word for word in plain if "=" not in word]
        assert not any(map(is_file_name, presets))
        config = load_config(presets[0] if presets else "dbn", parse_assignments(values), {})
        load_config("finetune", parse_assignments(tuned), {})
        assert config.model.command == ("pretrain" if command in ("pretrain", "compare") else command)
        errors = {"test_error": [0.1] * seeds, "validation_error": [0.1] * seeds, "rate": 0.1}
        arms = [{"arm": arm} | errors for arm in ("pretrained", "random", "relu")]
        return {
            "test_accuracy": [0.9] * seeds,
            "best": [0.9] * seeds,
            "seconds": 60.0,
            "results": arms,
            "conclusions": ["so it is"],
        }


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_commands_that_exist_and_gives_a_number_for_each_seed(name, tmp_path):
    recipe, run = RECIPES[name], Pretended(tmp_path)
    finding = recipe.steps(run, ["--data", "somewhere"], recipe.seeds)
    assert len(finding.values) == len(recipe.seeds)
    assert run.commands
    assert recipe.verdict(finding) in ("reproduced", "not reproduced", "undecided")
    assert recipe.minutes > 0
    assert recipe.citation
    expected = {"%": {10.0, 90.0}, "nats": {-100.0}, "points": {0.0}}[recipe.unit]
    assert {round(value, 6) for value in finding.values} <= expected


def test_the_verdict_follows_from_the_number_and_its_interval():
    lower = replace(RECIPES["mnist-dbn"], published=1.2, tolerance=0.1)
    for value, verdict in ((1.0, "reproduced"), (1.3, "reproduced"), (1.31, "not reproduced")):
        assert lower.verdict(Finding((value,))) == verdict
    higher = replace(RECIPES["mnist-rbm-cd1"], published=-100.0, tolerance=1.0)
    for bracket, verdict in (
        ((-101, -99), "reproduced"),
        ((-101.5, -99), "undecided"),
        ((-105, -102), "not reproduced"),
    ):
        assert higher.verdict(Finding((-100.0,), bracket)) == verdict


def test_a_part_of_the_seeds_decides_nothing():
    whole = RECIPES["deep-rectangles"]
    part, good = whole.with_seeds(2), Finding((5.0, 6.0), (4.0, 7.0))
    assert part.seeds == whole.seeds[:2]
    assert part.minutes == pytest.approx(whole.minutes / 3)
    assert (whole.verdict(good), part.verdict(good)) == ("reproduced", "undecided")
    assert whole.with_seeds(6) is whole
    shown = gpunet("repro", "deep-rectangles", "--seeds", 2, "--show").stdout
    assert "seeds: 0, 1; about" in shown
    assert "not checked against the table itself" in shown


def test_steps_that_are_finished_are_not_run_again(tmp_path, monkeypatch):
    run, words = Commands(tmp_path / "r", "cpu"), ["train", "linear", "training.epochs=1", "--data", "digits"]
    first = run("net", *words)
    assert (tmp_path / "r/net/best.h5").exists()
    again = Commands(tmp_path / "r", "cpu")
    monkeypatch.setattr("subprocess.run", lambda *given, **more: pytest.fail("it was run again"))
    assert again("net", *words) == first
    assert again.seconds == run.seconds > 0
    assert again.lines[0].startswith("gpunet train linear")


def test_results_of_other_words_are_refused_wherever_their_files_lie(tmp_path):
    words = ["train", "linear", "training.epochs=1", "--data", "digits"]
    Commands(tmp_path / "r", "cpu")("net", *words)
    (tmp_path / "r").rename(tmp_path / "moved")
    moved = Commands(tmp_path / "moved", "cpu")
    assert moved("net", *words[:-1], "elsewhere/digits")
    line = "moved: step net: must have been run with the words of this recipe, got training.epochs=1. Choose another"
    other = [*words[:2], "training.epochs=2", *words[3:]]
    with pytest.raises(GpunetError, match=line):
        moved("net", *other)
    (tmp_path / "moved/net.json").unlink()  # as where it was stopped in the middle
    with pytest.raises(GpunetError, match=line):
        moved("net", *other)


def test_a_step_that_fails_ends_the_recipe_with_its_exit_code(tmp_path):
    with pytest.raises(GpunetError, match=r"step net: must end well, got exit code 2") as error:
        Commands(tmp_path / "r", "cpu")("net", "train", "linear", "training.epochs=none")
    assert error.value.exit_code == 2
    assert not (tmp_path / "r/net.json").exists()


def test_recipes_are_listed_shown_and_refused(tmp_path):
    listed = gpunet("repro").stdout
    assert all(name in listed for name in RECIPES)
    assert {entry["name"] for entry in json.loads(gpunet("repro", "--json").stdout)} == set(RECIPES)
    shown = gpunet("repro", "mnist-dbn-dropout", "--show").stdout
    assert "published: 0.92 %, Hinton, Srivastava" in shown
    assert "at most 1.07 % counts" in shown
    refused("repro", "mnist-dbm", cwd=tmp_path, code=2, expected="NAME: must be a recipe")
    refused("repro", "mnist-mlp", cwd=tmp_path, code=2, expected="--data: must name the folder of MNIST")
    refused("repro", "mnist-mlp", "--data", "nowhere", cwd=tmp_path, code=3, expected="nowhere: must be an existing")
    refused("repro", "deep-convex", "--data", "x", cwd=tmp_path, code=2, expected="--data: belongs to recipes on MNIST")
    refused("repro", "digits-demo", "--data", "x", cwd=tmp_path, code=2, expected="--data: belongs to recipes on MNIST")


def test_a_recipe_prints_its_number_and_its_verdict(tmp_path, monkeypatch):
    def steps(run, data, seeds):
        found = run("net", "train", "linear", "training.epochs=1", *data, "--seeds", len(seeds))
        return Finding(tuple(100 * accuracy for accuracy in found["test_accuracy"]), lines=("it was quick",))

    easy = replace(RECIPES["digits-resnet"], steps=steps, published=40.0, seeds=(0, 1), title="quick")
    monkeypatch.setitem(RECIPES, "digits-resnet", easy)
    said = gpunet("repro", "digits-resnet", "--folder", tmp_path / "r", "--device", "cpu").stdout
    assert "test accuracy: " in said
    assert " ± " in said
    for line in ("it was quick", "published: 40 %", "tolerance: 0.5 %: at least 39.5 % counts", "seeds: 0, 1; time: "):
        assert line in said
    assert "verdict: reproduced" in said
    document = json.loads(gpunet("repro", "digits-resnet", "--folder", tmp_path / "r", "--json").stdout)
    assert document["verdict"] == "reproduced"
    assert document["commands"] == ["gpunet train linear training.epochs=1 --data digits --seeds 2"]
