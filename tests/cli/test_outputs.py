"""Files that commands are told to write: never over what they read, in a format that fits, whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet import writing
from gpunet.cli.app import main
from gpunet.cli.output import Output
from gpunet.errors import ConfigError, WriteError
from shell import gpunet


def run(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained network and a trained machine."""
    place = tmp_path_factory.mktemp("outputs")
    for words in (["train", "linear", "training.epochs=1", "--run", place / "r"],
                  ["pretrain", "rbm", "model.hidden=4", "training.epochs=1", "--run", place / "m"]):  # fmt: skip
        code, shown = run(*words, "--device", "cpu")
        assert code == 0, shown
    return place


@pytest.fixture
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


DREAM = ["sample", "m/best.h5", "-n", "4", "--steps", "1", "--device", "cpu"]
WEIGHT = "model/000_dense/weight"
# Every command that is told a file: its words up to the file, and endings that fit.
WRITING = [
    (["inspect", "r/best.h5", "--history", "-o"], ".png"),
    (["inspect", "r/best.h5", "--history", "-o"], ".svg"),
    (["inspect", "r/best.h5", "--image", WEIGHT, "-o"], ".png"),
    (["inspect", "r/best.h5", "--export-npz"], ".npz"),
    (["inspect", "r/best.h5", "--export-safetensors"], ".safetensors"),
    (["report", "r", "-o"], ".html"),
    ([*DREAM, "-o"], ".npz"),
    ([*DREAM, "-o"], ".png"),
    (["config", "show", "linear", "--plot-to"], ".png"),
    (["presets", "copy", "linear"], ".toml"),
]
IDS = [f"{words[0]} {words[-2] if words[-1] == '-o' else words[-1]}{ending}" for words, ending in WRITING]


class Full:
    """The system, where a disk is full after so many bytes."""

    def __init__(self, room):
        self.room = room

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(descriptor, bytes(data)[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize(("words", "ending"), WRITING, ids=IDS)
def test_on_a_full_disk_the_old_file_stands_and_nothing_is_left(words, ending, inside, monkeypatch):
    path = inside / f"old{ending}"
    fresh = words[0] == "presets"
    if not fresh:
        path.write_bytes(b"old")
    before = sorted(inside.iterdir())
    monkeypatch.setattr(writing, "os", Full(50))
    code, shown = run(*words, path.name)
    assert code == 74, shown
    assert "must be writable, got No space left on device" in shown
    assert sorted(inside.iterdir()) == before
    assert fresh or path.read_bytes() == b"old"
    monkeypatch.undo()
    os.chdir(inside)
    code, shown = run(*words, path.name)
    assert code == 0, shown
    assert path.stat().st_size > 50
    path.unlink()


@pytest.mark.parametrize(("words", "ending"), WRITING, ids=IDS)
def test_a_file_that_is_read_survives_being_named_as_output(words, ending, inside):
    held = {path: path.read_bytes() for path in inside.rglob("*") if path.is_file()}
    for path in ("r/best.h5", "r/config.toml", "m/best.h5", "r", f"link{ending}", f"none/x{ending}", "\0", "x" * 300):
        link = inside / f"link{ending}"
        link.symlink_to(inside / "r/best.h5")
        code, shown = run(*words, path)
        link.unlink()
        assert code in (2, 74), (path, shown)
        assert shown.count("\n") == 1, shown
    assert {path: path.read_bytes() for path in inside.rglob("*") if path.is_file()} == held


def test_data_are_no_place_for_samples(inside, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=rng.random((20, 64), np.float32), y=np.arange(20) % 10)
    held = (tmp_path / "d.npz").read_bytes()
    (tmp_path / "same.npz").hardlink_to(tmp_path / "d.npz")
    for name in ("d.npz", "same.npz", "../" + tmp_path.name + "/d.npz"):
        code, shown = run(*DREAM, "--data", tmp_path / "d.npz", "-o", tmp_path / name)
        assert code == 2
        assert "-o: must not be what the command reads" in shown
    assert (tmp_path / "d.npz").read_bytes() == held


def test_nothing_in_a_folder_that_is_read_is_replaced_and_new_files_are_free(tmp_path):
    (tmp_path / "images/cat").mkdir(parents=True)
    (tmp_path / "images/cat/1.png").write_bytes(b"x")
    with pytest.raises(ConfigError, match="must not be what the command reads"):
        Output("-o", tmp_path / "images/cat/1.png", [".png"], [tmp_path / "images"])
    Output("-o", tmp_path / "images/new.PNG", [".png"], [tmp_path / "images", "digits", None]).write([b"y"])
    assert (tmp_path / "images/new.PNG").read_bytes() == b"y"


def test_what_came_between_the_check_and_the_writing_counts(tmp_path):
    output = Output("-o", tmp_path / "a.png", [".png"], [])
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    with pytest.raises(WriteError, match="a link"):
        output.write([b"x"])
    assert not (tmp_path / "b.png").exists()


# Whatever the environment says: names that nobody knows, and a home that is not there.
NONSENSE = {
    "HDF5_DRIVER": "x", "HDF5_VOL_CONNECTOR": "x", "HDF5_PLUGIN_PATH": "/nonexistent", "HDF5_PLUGIN_PRELOAD": "x",
    "MPLBACKEND": "nonsense", "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc",
    "TMPDIR": "/nonexistent", "TERM": "nonsense", "COLUMNS": "x", "LC_ALL": "xx_XX", "TZ": "x",
}  # fmt: skip


def test_a_nonsensical_environment_changes_nothing(tmp_path):
    gpunet("train", "linear", "training.epochs=1", "--run", "r", "--device", "cpu", cwd=tmp_path, env=NONSENSE)
    assert "whole" in gpunet("verify", "r/best.h5", cwd=tmp_path, env=NONSENSE).stdout
    gpunet("report", "r", "-o", "r.html", cwd=tmp_path, env=NONSENSE)
    assert (tmp_path / "r.html").stat().st_size > 10_000


NO_PLACE = """
import tempfile
tempfile._candidate_tempdir_list = lambda: ["/proc/nonexistent"]
import sys
sys.argv = ["gpunet", "report", "r", "-o", "r.html"]
from gpunet.cli.program import run
run()
"""


def test_without_any_folder_for_its_cache_matplotlib_is_said_to_need_one(folder):
    home = {"HOME": "/proc/nonexistent", "XDG_CONFIG_HOME": "/proc/nonexistent", "XDG_CACHE_HOME": "/proc/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", NO_PLACE], cwd=folder, env=os.environ | home, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 74, done.stderr
    assert "matplotlib: needs a folder for its cache" in done.stderr
    assert "Traceback" not in done.stderr


def limited(limit, cwd, name="r"):
    """A training in a process of its own, under a limit."""
    line = f"ulimit {limit}; exec {sys.executable} -m gpunet.cli train linear training.epochs=1 --run {name}"
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(("megabytes", "code"), [(100, 1), (200, 1), (600, 0)])
def test_a_limit_of_the_address_space_ends_in_one_line_or_not_at_all(megabytes, code, tmp_path):
    done = limited(f"-v {megabytes * 1024}", tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("gpunet: memory: must have an address space of at least" in done.stderr) == (code == 1)
    assert Path(tmp_path / "r").exists() == (code == 0)


def test_too_few_open_files_are_said_to_be_too_few(tmp_path):
    """Whatever the number: a line, or a whole run."""
    for number in (6, 8, 16):
        done = limited(f"-n {number}", tmp_path, f"r{number}")
        assert done.returncode in (0, 1, 74), (number, done.stderr)
        assert "Traceback" not in done.stderr, (number, done.stderr)
