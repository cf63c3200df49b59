# ruff: noqa: E501 - messages stand in one line
"""What is known to be wrong with a space before a trial is trained, and how spaces that come along fit models."""

import re

import numpy as np
import pytest

import gpunet
from gpunet.config import load_config, preset_names
from gpunet.errors import ConfigError, GpunetWarning
from gpunet.searches import SHIPPED, TUNE, fitted, label_of, read_search, space_of
from gpunet.searches.drawing import draw
from gpunet.searches.shipped import shipped_for
from gpunet.searches.space import changed
from shell import gpunet as program
from shell import refused

FILE = """
preset = "mlp"
[model]
hidden = [4]
dropout = 0.0
input_dropout = 0.0
[training]
epochs = 1
[search]
trials = 1
noise = 0
[space]
"""


def dry(tmp_path, space, *words):
    (tmp_path / "s.toml").write_text(FILE + space)
    return program("search", "s.toml", "--dry-run", *words, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("dropout = { uniform = [0, 1.0] }", "space.model.dropout: must have values alone that the configuration takes, got 1 (model.dropout: must be less than 1, got 1.0). Narrow the range."),
        ("lr = { uniform = [-1, 1.0] }", "space.optimizer.learning_rate: "),
        ("hidden = { int_log = [8, 64] }", "Try lists: hidden = { choice = [[8], [64]] }"),
        ('activation = { choice = ["relu", "relo"] }', "got relo (model.activation: "),
        ("optimizer.lerning_rate = { log = [1e-3, 1] }", "Did you mean optimizer.learning_rate?"),
        ('optimizer = { choice = ["sgd", "adam"] }\nmomentum = { one_minus_log = [0.5, 0.9] }', "space.optimizer.momentum: must be possible with optimizer = adam"),
        ('optimizer = { choice = ["sgd", "adam"] }\nmomentum = { uniform = [0.5, 0.9], when = { optimizer = "sdg" } }', "space.optimizer.momentum.when: must name values of optimizer that the space tries, got 'sdg'. It tries sgd, adam."),
        ('hidden = { choice = [[4], []] }\ndropout = { uniform = [0, 0.5], when = { hidden = [8] } }', "space.model.dropout.when: must name values"),
        ("epochs = { int = [1, 3] }\ndropout = { uniform = [0, 0.5], when = { epochs = 4 } }", "It tries 1 to 3."),
        ('activation = { choice = ["relu", "tanh", "relu"] }', 'space.model.activation.choice: must have each value once, got "relu" twice. Leave one out.'),
    ],
)  # fmt: skip
def test_a_dry_run_refuses_what_every_trial_would_be_refused_for(tmp_path, space, expected):
    (tmp_path / "s.toml").write_text(FILE + space)
    for words in ("--dry-run",), ():
        refused("search", "s.toml", *words, cwd=tmp_path, code=2, expected=expected)


def test_what_may_fail_or_is_never_tried_is_told(tmp_path):
    said = dry(
        tmp_path,
        'batch_size = { choice = [20, 5000] }\nmomentum = { uniform = [0, 0.9], when = { optimizer = "sgd" } }',
    )
    assert "Warning: optimizer.momentum is never tried, since optimizer is adam" in said
    assert "Warning: trials with training.batch_size = 5000 will fail: " in said
    assert said.count("Warning: ") == 2
    fits = 'optimizer = { choice = ["sgd", { name = "rmsprop", decay = 0.8 }] }\nmomentum = { uniform = [0, 0.9], when = { optimizer = { name = ["sgd", "rmsprop"] } } }'
    assert "Warning" not in dry(tmp_path, fits)
    x = np.random.default_rng(0).random((60, 3))
    with pytest.warns(GpunetWarning, match="training.batch_size = 500 will fail"):
        gpunet.search(
            "mlp", x, x.sum(axis=1) > 1.5, {"batch_size": {"choice": [10, 500]}}, trials=1, noise=0, epochs=1,
            hidden=[3], method="random", seed=3,
        )  # fmt: skip


def test_a_dry_run_asks_for_the_folder_and_the_cluster(tmp_path):
    (tmp_path / "s.toml").write_text(FILE + "lr = { log = [1e-3, 0.1] }")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("")
    commands = (["search", "s.toml"], ["compare"], ["train", "linear"], ["train", "linear", "--folds", 2], ["depth"])
    for words in commands:
        refused(*words, "--dry-run", "--run", "full", cwd=tmp_path, code=2, expected="--run: must be a new or empty")
    pytest.importorskip("distributed")
    for words in (commands[0], commands[1], commands[3]):
        expected = "must be a Dask scheduler that answers"
        refused(*words, "--dry-run", "--dask", "tcp://127.0.0.1:1", cwd=tmp_path, code=7, expected=expected)


@pytest.mark.parametrize("preset", preset_names())
def test_a_space_that_comes_along_fits_its_model(preset):
    """Each key that is tried is one that the model has and that changes it; each draw is a configuration."""
    config = load_config(preset, {}, {})
    if shipped_for(config, preset) is None:
        with pytest.raises(ConfigError, match="spaces come along for"):
            read_search(preset, environment={})
        return
    written = read_search(preset, environment={})
    space, lines = fitted(written.space, config, written.tune, False, 1000)
    assert not lines
    keys = [one.key for one in space]
    assert not ({"model.hidden", "model.dropout"} & {*keys}) or config.model.hidden_widths
    for number in range(8):
        values = draw(space, 0, number, {}, {})
        own = {key: value for key, value in values.items() if not key.startswith(TUNE)}
        found = changed(config, own)
        for key, value in own.items():
            section, _, name = key.partition(".")
            assert name not in (config.model.idle if section == "model" else ())
            assert value == changed(found, {key: value}).model_dump(mode="json")[section].get(name, value)
        schedule = getattr(config.optimizer.learning_rate, "name", None)
        assert getattr(found.optimizer.learning_rate, "name", None) == (None if preset == "dbn-mnist" else schedule)


@pytest.mark.parametrize(
    ("changes", "more", "left_out"),
    [
        ({"model.hidden": []}, {}, ["model.hidden", "model.dropout"]),
        ({"optimizer": "adam"}, {}, ["optimizer.momentum"]),
        ({}, {"starts": True}, ["model.hidden"]),
        ({}, {"samples": 150}, ["training.batch_size"]),
        ({"model": {"name": "resmlp"}}, {}, ["model.hidden", "model.input_dropout"]),
    ],
)
def test_what_a_space_leaves_out_is_told(changes, more, left_out):
    keys = {"model.hidden": {"choice": [[8], [9]]}, "training.batch_size": {"choice": [32, 64, 128]}}
    keys |= {"model.dropout": {"uniform": [0, 0.5]}, "model.input_dropout": {"uniform": [0, 0.5]}}
    keys |= {"optimizer.momentum": {"uniform": [0, 0.9]}, "optimizer.learning_rate.value": {"log": [1e-3, 1]}}
    space = space_of(keys)
    changes = {"optimizer": "sgd", **changes}
    found, lines = fitted(space, load_config(None, changes, {}), None, **more)
    assert [line.partition(" is not tried")[0] for line in lines] == left_out
    assert {one.key for one in space} - {one.key for one in found} - {*left_out} == {"optimizer.learning_rate.value"}
    assert "optimizer.learning_rate" in [one.key for one in found]


def test_a_rate_is_the_height_of_the_schedule_that_is_there():
    space = space_of({"lr": {"log": [1e-3, 1]}})
    for word, place in (("cosine", ".value"), ("triangular", ".high"), ("warm_up", ".then.value"), ("piecewise", "")):
        found, lines = fitted(space, load_config(None, {"optimizer.learning_rate": word}, {}))
        assert [one.key for one in found] == [f"optimizer.learning_rate{place}"]
        assert not lines


def test_importances_are_told_by_the_names_of_the_table():
    assert [label_of(key) for key in ("optimizer.learning_rate.value", "tune.optimizer.learning_rate.then.high")] == [
        "learning_rate",
        "tune learning_rate",
    ]
    assert label_of("model.hidden") == "hidden"


def test_search_of_a_linear_model_has_no_widths(tmp_path):
    said = program("search", "linear", "digits", "--dry-run", cwd=tmp_path).stderr
    assert "hidden" not in said
    assert "dropout" not in said
    (tmp_path / "my.toml").write_text('[model]\nname = "mlp"\nhidden = []\n')
    said = program("search", "my.toml", "--dry-run", cwd=tmp_path).stderr
    assert "model.hidden is not tried: this model has none" in said
    assert re.search(r"^  model\.dropout is not tried: it changes nothing in this model$", said, re.MULTILINE)
    assert set(SHIPPED) >= {"linear"}


@pytest.mark.parametrize(
    ("space", "toml", "expected"),
    [
        ({"lr": (1e-4, 1e-1)}, False, 'Write {"lr": {"log": [0.0001, 0.1]}}, or set it'),
        ({"lr": [1e-4, 1e-1]}, True, "Write lr = { log = [0.0001, 0.1] }, or set it"),
        ({"hidden": ([8], [9])}, False, 'Write {"hidden": {"choice": [[8], [9]]}}'),
        ({"dropout": 0.1}, False, 'Write {"dropout": {"choice": [0.1]}}'),
        ({"lr": {"quniform": [0.1, 1]}}, False, "space.lr: has a word that is not known, got quniform. Write int"),
        ({"lr": {"loguniform": [0.1, 1]}}, True, "Write log."),
        ({"lr": {"values": [0.1, 1]}}, True, "Write choice."),
        ({"optimizer": {"learning_rate": {"min": 0.1, "max": 1}}}, True, "Write uniform = [low, high]"),
    ],
)
def test_remedies_are_spelled_as_they_can_be_written(space, toml, expected):
    with pytest.raises(ConfigError) as error:
        space_of(space, toml=toml)
    assert expected in str(error.value)


def test_folds_that_the_rarest_class_does_not_fill_are_told(tmp_path):
    rows = [f"{n % 7},{n % 5},{'rare' if n < 3 else 'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    words = ["train", "linear", "t.csv", "--dry-run", "epochs=1", "--folds"]
    expected = "  Warning: class rare has 3 samples, so 2 folds of 5 test none of it; at most --folds=3 have some of each class"
    assert expected in program(*words, 5, cwd=tmp_path).stderr.splitlines()
    assert "Warning: class" not in program(*words, 3, cwd=tmp_path).stderr
    said = program("search", "linear", "t.csv", "--dry-run", "--folds", 5, cwd=tmp_path).stderr
    assert "folds of 5 test none of it" in said
    (tmp_path / "t.csv").write_text("\n".join(["x,y,label", "1,2,only", "1,2,other", *rows[3:]]) + "\n")
    said = program(*words, 5, cwd=tmp_path).stderr
    assert (
        "1 sample and 1 more class too few, so 4 folds of 5 test none of it; no number of folds has some in each"
        in said
    )


def test_trials_that_are_equally_good_are_told():
    x = np.repeat(np.random.default_rng(0).random((20, 3)), 3, axis=0)
    found = gpunet.search(
        "linear", x, x[:, 0] > 0.5, {"l2": {"log": [1e-9, 1e-8]}}, trials=7, noise=0, epochs=1, method="random"
    )
    tie = [note for note in found.document["notes"] if "have the best score" in note]
    assert tie == ["7 trials have the best score (0, 1, 2, 3, 4 and more): the first of them, 0, is chosen"]
    assert found.best["number"] == 0
