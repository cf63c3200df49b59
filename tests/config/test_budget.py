"""Text from outside has a budget, in whichever of the ways it comes."""

import os
import socket

import pytest

from gpunet.config import load_config, parse_assignments
from gpunet.errors import ConfigError

DEEP, LONG = "[" * 2000, "9" * 5000


def by_file(tmp_path, key, value):
    (tmp_path / "a.toml").write_text(f"{key} = {value}\n")
    return load_config(str(tmp_path / "a.toml"), {}, {})


def by_word(tmp_path, key, value):
    return load_config("mlp", parse_assignments([f"{key}={value}"]), {})


def by_variable(tmp_path, key, value):
    return load_config("mlp", {}, {f"GPUNET_{key.upper().replace('.', '__')}": value})


@pytest.mark.parametrize("way", [by_file, by_word, by_variable])
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", DEEP, "must be nested at most 64 deep"),
        ("seed", "{a=" * 2000, "must be nested at most 64 deep"),
        ("model.x", "[" * 100 + "]" * 100, "must be nested at most 64 deep"),
        ("seed", LONG, "must have numbers of 64 bits"),
        ("seed", "9" * 4000, "must be a number of 64 bits, got one of 13,288 bits"),
        ("model.hidden", f"[{'9,' * 30_000}]", "must have at most 20,000 values, got 30,000"),
        ("data.source", f'"{"x" * (1 << 20)}"', "must be at most 1,048,576"),
        ("a" * 300 + ".b", "1", "must be a key of at most 200 characters, got 30"),
    ],
)
def test_what_is_beyond_use_is_refused_in_one_short_line(way, key, value, expected, tmp_path):
    with pytest.raises(ConfigError, match=expected) as caught:
        way(tmp_path, key, value)
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


def test_a_file_of_many_wrong_keys_names_the_first_and_counts_the_rest(tmp_path):
    (tmp_path / "a.toml").write_text("\n".join(f"key{number} = 1" for number in range(10_000)))
    with pytest.raises(ConfigError) as caught:
        load_config(str(tmp_path / "a.toml"), {}, {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("key0: is no key here")
    assert lines[-1] == "configuration: must be mended in 9,980 more places."


def test_values_from_python_have_the_same_budget():
    deep = 1
    for _ in range(5000):
        deep = [deep]
    for value in (deep, {"a": deep}, list(range(100_000)), 1 << 5000):
        with pytest.raises(ConfigError):
            load_config("mlp", {"model.hidden": value}, {})


def test_long_values_are_cut_in_messages():
    with pytest.raises(ConfigError) as caught:
        load_config("mlp", {"training.epochs": "x" * 100_000}, {})
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "large", "long name", "nul"])
def test_what_is_no_small_regular_file_is_refused_at_once(kind, tmp_path, monkeypatch):
    path = tmp_path / "a.toml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as other:
            monkeypatch.chdir(tmp_path)  # a socket's path is short
            other.bind("a.toml")
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_text("#" * 2_000_000)
    elif kind == "long name":
        path = tmp_path / ("x" * 5000 + ".toml")
    else:
        path = f"{path}\0.toml"
    with pytest.raises(ConfigError, match=r"must be (a readable TOML file|at most 1,048,576 bytes long)"):
        load_config(str(path), {}, {})


def test_a_file_in_capitals_is_a_file(tmp_path):
    (tmp_path / "MY.TOML").write_text("seed = 5\n")
    assert load_config(str(tmp_path / "MY.TOML"), {}, {}).seed == 5
