"""Tests on a GPU run in parts: none is left out, none runs twice, and failures are told at the end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
TESTS = """
from pathlib import Path
import pytest

NOTES = Path(__file__).with_name("notes")

@pytest.fixture
def device():
    return None

@pytest.mark.parametrize("number", range(3))
def test_device(number, device):
    with NOTES.open("a") as file:
        print(number, file=file)
    assert number != 1

def test_without_one():
    raise AssertionError("is not asked for")
"""


def run(*words):
    command = [sys.executable, ROOT / "tests" / "gpu.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conftest.py").write_text('def pytest_addoption(parser):\n    parser.addoption("--backend")\n')
    (tmp_path / "test_it.py").write_text(TESTS)
    return tmp_path


def words(folder, seconds):
    return "--backend", "numpy", "--seconds", seconds, "--state", folder / "state.json", folder / "test_it.py"


def test_parts_follow_each_other_until_nothing_is_left(folder):
    """No part has time for more than one test."""
    common = ("--backend", "numpy", "--seconds", 0, "--state", folder / "state.json", folder / "test_it.py")
    done = run("--one", *common)
    assert done.stdout.splitlines()[-1] == "test-gpu: 1 passed, 0 failed, 2 left", done.stdout + done.stderr
    assert (folder / "notes").read_text().split() == ["0"]
    done = run(*common)
    assert done.returncode == 1, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("test-gpu:")]
    assert said[:2] == ["test-gpu: 1 passed, 1 failed, 1 left", "test-gpu: 2 passed, 1 failed, 0 left"]
    assert "test_device[1] (call)" in said[2]
    assert len(said) == 3
    assert (folder / "notes").read_text().split() == ["0", "1", "2"]
    assert json.loads((folder / "state.json").read_text())["left"] == []


def test_without_a_gpu_there_is_one_line():
    done = run()
    if done.returncode == 5:
        assert done.stderr.startswith("test-gpu: device cuda: needs a CUDA GPU and CuPy, got ")
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout


def test_benchmarks_without_a_gpu_say_one_line():
    command = [sys.executable, ROOT / "benchmarks" / "place.py", "--device", "cuda"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr.startswith("device cuda: needs a CUDA GPU and CuPy, got ")
        assert len(done.stderr.splitlines()) == 1
