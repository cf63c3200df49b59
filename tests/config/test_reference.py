"""What is said about the keys: all of them, what they mean, what they take, and TOML that means the same."""

import json
import re

import pytest
from click.testing import CliRunner

from gpunet.cli import main
from gpunet.config import Config, keys, load_config, preset_names, section_keys
from gpunet.config.reference import takes
from gpunet.config.shortcuts import SECTIONS
from gpunet.errors import ConfigError
from gpunet.vocabulary import words


def show(*words, width=None):
    done = CliRunner().invoke(main, ["config", "show", *words], env={"COLUMNS": str(width)} if width else None)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("preset", preset_names())
def test_every_key_is_there_with_its_value_and_what_it_means(preset):
    config = load_config(preset, {}, {})
    found = {key.path: key for key in keys(config)}
    document = config.model_dump(mode="json")
    for section, values in document.items():
        assert section in found
        for name, value in values.items() if section in SECTIONS else ():
            key = found[section if name == "name" else f"{section}.{name}"]
            if isinstance(value, str | int | float | bool):
                assert key.value == value
    for key in found.values():
        assert key.about, f"{key.path} has no description"
        assert key.takes, key.path
    assert {path for path in found if path.startswith("training.plateau.")} == {
        "training.plateau.patience", "training.plateau.factor",
    }  # fmt: skip


@pytest.mark.parametrize("preset", preset_names())
def test_the_commented_toml_means_the_same_configuration(preset, tmp_path):
    words = ["training.plateau.patience=3", "loss=huber"] if preset == "linear" else []
    text = show(preset, *words, "--toml")
    (tmp_path / "a.toml").write_text(text)
    from gpunet.config import parse_assignments

    assert load_config(str(tmp_path / "a.toml"), {}, {}) == load_config(preset, parse_assignments(words), {})
    for line in text.splitlines():
        assert len(line) <= 100 or not line.startswith("# ")


def test_defaults_and_choices_are_those_of_the_schema():
    found = {key.path: key for key in keys(Config())}
    assert (found["training.epochs"].default, found["training.epochs"].takes) == (20, "a whole number from 1")
    assert found["optimizer.beta1"].default == 0.9
    assert found["model.dropout"].takes == "a number from 0, below 1; also a list, one for each member"
    assert found["data.task"].takes == "auto, classification, multilabel, regression"
    assert found["optimizer"].default == "adam"
    assert "sgd" in dict(found["optimizer"].words)
    assert dict(found["loss"].words)["huber"].endswith("(mean, delta)")
    assert found["seed"].takes == "a whole number from 0"
    assert takes(tuple[int, int]) == "2 whole numbers"


def test_one_section_or_key_alone():
    out = show("digits", "training.epochs=5", "training", width=100)
    assert out.startswith("training ")
    assert re.search(r"^  epochs +5 +passes over the training part, at most\. \[a whole number", out, re.M)
    assert "dropout" not in out
    rate = show("lr")
    assert re.search(r"^  cosine +From value to stop along half a cosine", rate, re.M)
    assert re.search(r"^  every +15 +epochs of a stretch", rate, re.M), "those of the preset's schedule"
    shift = show("augmentation.shift")
    assert re.search(r"^  pixels .*default 2", shift, re.M)
    wrong = CliRunner().invoke(main, ["config", "show", "training.epoch"])
    assert wrong.exit_code == 2
    assert "key: must be one of this configuration, got training.epoch. Did you mean training.epochs?" in wrong.stderr
    with pytest.raises(ConfigError, match=r"model\.k"):
        keys(load_config("mlp", {}, {}), "model.k")
    assert show("rbm", "model.k").startswith("model.k")


def test_programs_get_one_document():
    document = json.loads(show("mlp", "training", "--json"))
    assert document["training.batch_size"] == {
        "value": 128, "default": 64, "takes": "a whole number from 1", "choices": [],
        "description": "samples of a step; presets take at most a quarter of the training part",
    }  # fmt: skip
    assert "ema" in document["training.averaging"]["choices"]
    assert len(json.loads(show("--json"))) > 80
    refused = CliRunner().invoke(main, ["config", "show", "training", "--toml"])
    assert refused.exit_code == 2


def test_narrow_terminals_get_narrow_lines():
    assert max(map(len, show("mlp", width=70).splitlines())) <= 90


def test_every_word_says_its_settings_with_defaults_that_a_file_can_hold():
    named = {word.model_fields["name"].default: word for word in words()}
    for word in named.values():
        for key in section_keys(word):
            json.dumps(key.default)
            assert key.takes, (word, key.path)
    conv = {key.path: key for key in section_keys(named["conv2d"])}
    assert conv["initializer"].default == {"name": "he", "distribution": "normal"}
    assert (conv["stride"].default, conv["n_out"].default) == (1, None)
