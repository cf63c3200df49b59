"""The lock belongs to its folder, whatever lies in its place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gpunet.checkpoint import lock
from gpunet.errors import WriteError


def taken(folder):
    with lock(folder):
        return True


def link(place, other):
    other.write_text("precious")
    place.symlink_to(other)


def dangling_link(place, other):
    place.symlink_to(other)


def hard_link(place, other):
    other.write_text("precious")
    os.link(other, place)


def pipe(place, other):
    os.mkfifo(place)


def folder(place, other):
    place.mkdir()


@pytest.mark.parametrize("make", [link, dangling_link, hard_link, pipe, folder])
def test_nothing_but_a_file_of_the_folder_is_locked_or_written(make, tmp_path):
    (tmp_path / "r").mkdir()
    make(tmp_path / "r/.lock", tmp_path / "other")
    with pytest.raises(WriteError, match=r"must be a (plain file of this folder alone|writable folder)"):
        taken(tmp_path / "r")
    other = tmp_path / "other"
    assert other.read_text() == "precious" if other.exists() else make not in (link, hard_link)


HOLD = "import sys, time\nfrom gpunet.checkpoint import lock\nwith lock(sys.argv[1]):\n    print(flush=True); input()"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"9" * 100_000, b"", b"\0" * 10])
def test_whatever_the_lock_says_the_second_is_told_in_one_line(content, tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        process.stdout.readline()
        (tmp_path / ".lock").write_bytes(content)
        with pytest.raises(WriteError, match="got process unknown at work in it") as caught:
            taken(tmp_path)
        process.communicate(b"\n")
    assert len(str(caught.value)) < 400
    assert taken(tmp_path)


@pytest.mark.parametrize("change", ["removed", "replaced", "folder made anew"])
def test_a_lock_that_is_no_longer_the_folders_is_noticed(change, tmp_path):
    place = tmp_path / "r"
    place.mkdir()
    with lock(place) as held:
        held.check()
        (place / ".lock").unlink()
        if change == "folder made anew":
            place.rmdir()
            place.mkdir()
        if change != "removed":
            Path(place / ".lock").write_text("")
        with pytest.raises(WriteError, match="must keep its lock while a run is at work in it"):
            held.check()
