"""What keeps a checkpoint from being read, told from proof that it is damaged."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.checkpoint import Group, NamedArray, index, read, stored, verify, walk, write
from gpunet.cli import main
from gpunet.errors import DamagedError, ReaderError, UnreadableError
from gpunet.persistence import newest

pytestmark = pytest.mark.confined


@pytest.fixture
def folder(tmp_path):
    """The two generations of a run."""
    for name, number in (("last.previous.h5", 1.0), ("last.h5", 2.0)):
        write(tmp_path / name, Group({"step": int(number)}, {"config": Group(), "a": NamedArray(np.full(9, number))}))
    return tmp_path


def fail_to_open(monkeypatch, folder):
    real = os.open

    def refused(path, flags, *more, **options):
        if str(path).endswith("last.h5"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refused)


def fail_to_read(monkeypatch, folder):
    def refused(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "preadv", refused)


def lack_memory(monkeypatch, folder):
    def refused(*_, **__):
        raise MemoryError

    monkeypatch.setattr(stored.np, "empty", refused)


def walk_with(monkeypatch, folder, action):
    """Let the child do something in the middle of its work."""
    text = Path(walk.__file__).read_text()
    place = "walk = StructureWalk()\n    try:\n"
    assert place in text
    (folder / "other").mkdir()
    (folder / "other/walk.py").write_text(text.replace(place, f"{place}        {action}\n"))
    monkeypatch.setattr(index.walk, "__file__", str(folder / "other/walk.py"))


def kill(monkeypatch, folder):
    walk_with(monkeypatch, folder, "os.kill(os.getpid(), 9)")


def terminate(monkeypatch, folder):
    walk_with(monkeypatch, folder, "os.kill(os.getpid(), 15)")


def take_long(monkeypatch, folder):
    walk_with(monkeypatch, folder, "signal.setitimer(signal.ITIMER_REAL, 0.01); import time; time.sleep(60)")


def cramp(monkeypatch, folder):
    walk_with(monkeypatch, folder, "cramped = True; raise MemoryError")


def not_begin(monkeypatch, folder):
    (folder / "empty.py").write_text("")
    monkeypatch.setattr(index.walk, "__file__", str(folder / "empty.py"))


FAILURES = {
    fail_to_open: (UnreadableError, 4, "must be readable, got Permission denied"),
    fail_to_read: (UnreadableError, 4, "must be readable, got Input/output error"),
    lack_memory: (ReaderError, 1, "must fit into memory"),
    kill: (ReaderError, 1, "was not read to its end, got SIGKILL. It may well be whole"),
    terminate: (ReaderError, 1, "was not read to its end, got SIGTERM"),
    take_long: (ReaderError, 1, "was not read to its end, got more than 60 seconds"),
    cramp: (ReaderError, 1, "was not read to its end, got more than memory holds"),
    not_begin: (ReaderError, 1, "the reader of checkpoints: must start with"),
}


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_a_failure_to_read_moves_nothing_and_takes_no_older_state(fail, folder, monkeypatch):
    kind, code, expected = FAILURES[fail]
    before = {path.name: path.read_bytes() for path in folder.glob("*.h5")}
    fail(monkeypatch, folder)
    with pytest.raises(kind, match=expected) as caught:
        newest(folder)
    assert not isinstance(caught.value, DamagedError)
    with pytest.raises(kind):
        verify(folder / "last.h5")
    for words in (["resume", str(folder)], ["verify", str(folder / "last.h5")]):
        done = CliRunner().invoke(main, words)
        assert (done.exit_code, "damaged" in done.stdout) == (code, False), done.stderr
        assert expected in done.stderr
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.glob("*.h5")} == before


@pytest.mark.parametrize("place", [0, 100, 600, -1])
def test_bytes_that_are_wrong_are_damage_and_give_way_to_the_older_state(place, folder):
    content = bytearray((folder / "last.h5").read_bytes())
    content[place] ^= 1
    (folder / "last.h5").write_bytes(content)
    found, damage = newest(folder)
    assert found.path.name == "last.previous.h5"
    assert str(folder / "last.h5") in damage


def test_damage_is_named_although_the_rest_cannot_be_read(folder, monkeypatch):
    content = bytearray((folder / "last.h5").read_bytes())
    content[-1] ^= 1
    (folder / "last.h5").write_bytes(content)
    kill(monkeypatch, folder)
    assert [damage.place for damage in verify(folder / "last.h5").damages] == ["seal"]


def test_a_file_of_a_later_version_is_not_damaged(folder):
    content = (folder / "last.h5").read_bytes()
    (folder / "last.h5").write_bytes(content.replace(b"gpunet-checkpoint 1 ", b"gpunet-checkpoint 2 ", 1))
    with pytest.raises(Exception, match="Read it with a gpunet that knows format version 2") as caught:
        newest(folder)
    assert not isinstance(caught.value, DamagedError)


def test_a_child_that_is_stopped_for_a_while_goes_on(folder, monkeypatch):
    """Longer than anything took that is measured on the clock; the limit is a minute."""
    stopping = "import subprocess, time; subprocess.Popen(['sh', '-c', f'sleep 1; kill -CONT {os.getpid()}'])"
    text = Path(walk.__file__).read_text()
    (folder / "walk.py").write_text(
        text.replace("    cramped = confine()", f"    {stopping}; os.kill(os.getpid(), 19)\n    cramped = confine()")
    )
    monkeypatch.setattr(index.walk, "__file__", str(folder / "walk.py"))
    assert read(folder / "last.h5")["a"].data[0] == 2


LIMITED = """
import os, resource, sys, h5py
from gpunet.checkpoint import read
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
print(read(sys.argv[1])["a"].data[0])
"""


def test_a_small_file_needs_little_memory(folder):
    command = [sys.executable, "-c", LIMITED, str(folder / "last.h5")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    assert done.stdout == "2.0\n", done.stderr
