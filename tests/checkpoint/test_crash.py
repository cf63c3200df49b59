"""The writer under bad conditions: after each, the old file or the new one is there, whole."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gpunet.checkpoint import read

pytestmark = pytest.mark.timeout(600)  # many processes, each a whole training

CRASH = Path(__file__).parents[2] / "benchmarks/checkpoint_crash.py"


def test_every_fault_and_kill_leaves_a_whole_file():
    """Each call of a save fails in each way, and ten processes are killed; the benchmark kills many more."""
    command = [sys.executable, str(CRASH), "--kills", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "no temporary file survived the next save" in done.stdout


def train(folder, *options, **process):
    command = [sys.executable, "-m", "gpunet.cli", "train", "linear", "--device", "cpu", "--run", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **process)


def test_training_on_a_full_disk_exits_74_with_one_line(tmp_path):
    limit = 20_000  # room for the configuration and for best.h5 of the first epochs, not for last.h5

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = train(tmp_path / "r", "training.epochs=3", preexec_fn=fill)
    assert done.returncode == 74, done.stderr
    assert "must be writable, got File too large. The old file, if any, is untouched." in done.stderr
    assert "Traceback" not in done.stderr
    for path in (tmp_path / "r").glob("*.h5"):
        read(path)
    assert not list((tmp_path / "r").glob("*.tmp"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_exits_74(tmp_path):
    (tmp_path / "r").mkdir(mode=0o555)
    done = train(tmp_path / "r")
    assert done.returncode == 74
    assert "must be writable, got Permission denied" in done.stderr


def test_training_that_is_killed_goes_on_from_its_last_save_to_the_same_end():
    """Ten processes in training are killed; the benchmark kills a thousand."""
    command = [sys.executable, str(CRASH.with_name("training_crash.py")), "--kills", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "runs came to the same content hashes as without a kill" in done.stdout


def test_a_short_soak_finds_no_broken_promise():
    """Each class of cases once; the benchmark goes on for ten minutes."""
    command = [sys.executable, str(CRASH.with_name("soak.py")), "--minutes", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 faults in " in done.stdout
