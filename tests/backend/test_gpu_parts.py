"""Tests on a GPU run in parts: none is left out, none runs twice, and failures are told at the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
from pathlib import Path
import pytest

NOTES = Path(__file__).with_name("notes")

@pytest.fixture
def device():
    return None

@pytest.mark.parametrize("number", range(4))
def test_device(number, device):
    with NOTES.open("a") as file:
        print(number, file=file)
    assert number != 2

def test_without_one():
    raise AssertionError("is not asked for")
"""


def run(*words):
    command = [sys.executable, ROOT / "tests" / "gpu.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=ROOT)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def words(folder, seconds):
    return "--backend", "numpy", "--seconds", seconds, "--state", folder / "state.json", folder / "test_it.py"


def test_parts_follow_each_other_until_nothing_is_left(folder):
    done = run(*words(folder, 0))  # in which each part has time for one test
    assert done.returncode == 1, done.stdout + done.stderr
    assert (folder / "notes").read_text().split() == ["0", "1", "2", "3"]
    said = [line for line in done.stdout.splitlines() if line.startswith("test-gpu:")]
    assert [line.rpartition(", ")[2] for line in said[:4]] == ["3 left", "2 left", "1 left", "0 left"]
    assert said[3] == "test-gpu: 3 passed, 1 failed, 0 left"
    assert "test_device[2] (call)" in said[4]
    assert len(said) == 5


def test_parts_one_by_one(folder):
    for number in range(4):
        run("--one", *words(folder, 0))
        assert len((folder / "notes").read_text().split()) == number + 1
    assert json.loads((folder / "state.json").read_text())["left"] == []
    done = run(*words(folder, 100))  # begins anew
    assert "3 passed, 1 failed, 0 left" in done.stdout


def test_without_a_gpu_there_is_one_line():
    done = run()
    if done.returncode == 5:
        assert done.stderr.startswith("test-gpu: device cuda: needs a CUDA GPU and CuPy, got ")
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout


def test_benchmarks_without_a_gpu_say_one_line():
    command = [sys.executable, ROOT / "benchmarks" / "place.py", "--device", "cuda"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if done.returncode:
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr.startswith("device cuda: needs a CUDA GPU and CuPy, got ")
        assert len(done.stderr.splitlines()) == 1
