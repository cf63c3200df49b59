"""What a power cut would find: which calls a save makes, in which order, and what its hashes cover."""

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from files import write_unchecked
from gpunet.checkpoint import Group, NamedArray, lock, note, read, replace_file, verify, write
from gpunet.errors import WriteError


class Calls:
    """Records the calls of the system that matter for a power cut, each with the file that it is about."""

    def __init__(self, monkeypatch):
        self.log, self.names = [], {}
        for name in ("open", "write", "fsync", "close", "replace", "rename", "link", "unlink"):
            monkeypatch.setattr(os, name, self.recorded(name, getattr(os, name)))

    def recorded(self, name, real):
        def call(*arguments, **options):
            result = real(*arguments, **options)
            if name == "open":
                self.names[result] = Path(arguments[0]).name
                return result
            about = [
                self.names.get(a, a) if isinstance(a, int) else Path(a).name
                for a in arguments[:2]
                if not isinstance(a, memoryview)
            ]
            if name in ("write", "close") and self.log and self.log[-1] == (name, *about):
                return result
            if name != "close":
                self.log.append((name, *about))
            return result

        return call

    def without_temporary_names(self, folder):
        """The log, with what is still in the making called ``new`` and ``old``."""
        known = {folder.name: "folder"}
        for entry in self.log:
            for name in entry[1:]:
                if name.endswith(".tmp"):
                    known[name] = "old" if ".previous." in name else "new"
        return [(call, *(known.get(name, name) for name in names)) for call, *names in self.log]


def save(path, **options):
    write(path, Group({"model": "x"}, {"config": Group(), "a": NamedArray(np.arange(1000.0))}), **options)


def is_folder(descriptor):
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def changes(calls, folder):
    return [entry for entry in calls.without_temporary_names(folder) if entry[0] != "unlink"]


def test_a_file_is_on_the_disk_before_it_is_renamed_and_the_folder_after(tmp_path, monkeypatch):
    calls = Calls(monkeypatch)
    save(tmp_path / "a.h5")
    assert changes(calls, tmp_path) == [
        ("write", "new"),
        ("fsync", "new"),
        ("replace", "new", "a.h5"),
        ("fsync", "folder"),
    ]


def test_with_a_predecessor_it_gets_its_second_name_before_the_new_file_takes_the_first(tmp_path, monkeypatch):
    save(tmp_path / "a.h5", keep_previous=True)
    calls = Calls(monkeypatch)
    save(tmp_path / "a.h5", keep_previous=True)
    assert changes(calls, tmp_path) == [
        ("write", "new"), ("fsync", "new"), ("link", "a.h5", "old"),
        ("replace", "new", "a.h5"), ("replace", "old", "a.previous.h5"), ("fsync", "folder"),
    ]  # fmt: skip


def test_without_links_the_copy_of_the_predecessor_is_on_the_disk_too(tmp_path, monkeypatch):
    save(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()

    def no_link(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "link", no_link)
    calls = Calls(monkeypatch)
    save(tmp_path / "a.h5", keep_previous=True)
    assert changes(calls, tmp_path) == [
        ("write", "new"), ("fsync", "new"), ("write", "old"), ("fsync", "old"),
        ("replace", "new", "a.h5"), ("replace", "old", "a.previous.h5"), ("fsync", "folder"),
    ]  # fmt: skip
    assert (tmp_path / "a.previous.h5").read_bytes() == before


def test_any_other_file_is_replaced_in_the_same_order(tmp_path, monkeypatch):
    calls = Calls(monkeypatch)
    replace_file(tmp_path / "config.toml", [b"a = 1\n", b"b = 2\n"])
    assert [call for call, *_ in changes(calls, tmp_path)] == ["write", "fsync", "replace", "fsync"]
    assert (tmp_path / "config.toml").read_text() == "a = 1\nb = 2\n"


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_them_all(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    replace_file(tmp_path / "a", [b"0123456789" * 5, b"", memoryview(b"abcdefgh")])
    assert (tmp_path / "a").read_bytes() == b"0123456789" * 5 + b"abcdefgh"


@pytest.mark.parametrize("failing", ["file", "folder"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_flush_that_fails_is_told_and_says_what_is_there(failing, code, tmp_path, monkeypatch):
    save(tmp_path / "a.h5")
    old = (tmp_path / "a.h5").read_bytes()

    def fsync(descriptor):
        if is_folder(descriptor) == (failing == "folder"):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(WriteError, match=os.strerror(code)) as caught:
        replace_file(tmp_path / "a.h5", [b"new"])
    content = (tmp_path / "a.h5").read_bytes()
    if failing == "file":
        assert content == old
        assert "old file, if any, is untouched" in str(caught.value)
    else:
        assert content == b"new"
        assert "new file is in place" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_folder_that_cannot_be_flushed_by_nature_is_no_failure(tmp_path, monkeypatch):
    """Some network file systems say that there is nothing to flush; for a file that would be a failure."""
    wrong = []

    def fsync(descriptor):
        if is_folder(descriptor) or wrong:
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    replace_file(tmp_path / "a", [b"x"])
    assert (tmp_path / "a").read_bytes() == b"x"
    wrong.append(True)
    with pytest.raises(WriteError, match="Invalid argument"):
        replace_file(tmp_path / "a", [b"y"])
    assert (tmp_path / "a").read_bytes() == b"x"


def tree():
    root = Group({"model": "m", "epoch": 3, "monitor_value": 0.25, "done": True})
    root["config/json"] = note({"a": 1})
    root["model/000_dense"] = Group({"class": "dense", "n_in": 3})
    root["model/000_dense/weight"] = NamedArray(
        np.arange(6, dtype=np.float32).reshape(2, 3), {"role": "weight", "axes": "a,b"}
    )
    root["model/000_dense/bias"] = NamedArray(np.arange(3, dtype=np.float32), {"role": "bias"})
    root["history/loss"] = NamedArray(np.array([1.0, 0.5]), {"units": "nats"})
    root["metrics/none"] = NamedArray(np.zeros((0, 2), np.int64))
    return root


def nodes(root):
    return {"": root} | dict(root.walk())


def other(value):
    """A value of the same kind, as near as can be."""
    if isinstance(value, bool):
        return not value
    return value + "x" if isinstance(value, str) else np.nextafter(value, 9) if isinstance(value, float) else value + 1


ATTRIBUTES = [(path, key) for path, node in nodes(tree()).items() for key in node.attrs]
ARRAYS = [path for path, node in nodes(tree()).items() if isinstance(node, NamedArray) and node.data.size]


@pytest.mark.parametrize(("path", "key"), ATTRIBUTES, ids=str)
def test_each_attribute_counts_in_the_content_hash(path, key, tmp_path):
    """Its value, its name, and whether it is there."""
    found = {write(tmp_path / "a.h5", tree())}
    for change in ("value", "name", "gone"):
        root = tree()
        attrs = nodes(root)[path].attrs
        value = attrs.pop(key)
        if change != "gone":
            attrs[key if change == "value" else f"{key}_"] = other(value) if change == "value" else value
        found.add(write(tmp_path / "a.h5", root))
    assert len(found) == 4


@pytest.mark.parametrize("path", ARRAYS)
def test_each_number_of_each_array_counts_in_the_content_hash(path, tmp_path):
    content = {write(tmp_path / "a.h5", tree())}
    size = nodes(tree())[path].data.nbytes
    for place in range(0, size, 4):
        root = tree()
        data = np.frombuffer(nodes(root)[path].data.tobytes(), np.uint8).copy()
        data[place] ^= 1
        nodes(root)[path].data = data.view(nodes(root)[path].data.dtype).reshape(nodes(root)[path].data.shape)
        content.add(write_unchecked(tmp_path / "a.h5", root))
    assert len(content) == len(range(0, size, 4)) + 1


def test_names_places_and_empty_things_count_in_the_content_hash(tmp_path):
    def moved(root):
        root["model/001_dense"] = root["model"].children.pop("000_dense")

    def swapped(root):
        inner = root["model/000_dense"].children
        inner["weight"], inner["bias"] = inner["bias"], inner["weight"]

    edits = [
        lambda root: None, moved, swapped,
        lambda root: root["metrics"].children.pop("none"),
        lambda root: root.children.update(extra=Group()),
        lambda root: root.children.update(extra=NamedArray(np.zeros(0))),
        lambda root: root["metrics"].children.update(none=NamedArray(np.zeros((0, 3), np.int64))),
        lambda root: root["metrics"].children.update(none=NamedArray(np.zeros((0, 2), np.int32))),
    ]  # fmt: skip
    found = set()
    for edit in edits:
        root = tree()
        edit(root)
        found.add(write(tmp_path / "a.h5", root))
    assert len(found) == len(edits)


def test_the_hash_of_an_array_is_that_of_its_type_shape_and_bytes(tmp_path):
    write(tmp_path / "a.h5", tree())
    data = np.arange(6, dtype="<f4").reshape(2, 3)
    expected = hashlib.sha256(b"<f4 (2, 3)\n" + data.tobytes()).hexdigest()
    assert read(tmp_path / "a.h5")["model/000_dense/weight"].attrs["sha256"] == expected


def test_verification_finds_a_false_statement_of_the_content(tmp_path):
    """All arrays and the seal are whole; only the stated hash is another tree's."""
    write(tmp_path / "a.h5", tree())
    with h5py.File(tmp_path / "a.h5", "r+", libver=("v108", "v110")) as file:
        file.attrs.modify("content_sha256", np.bytes_(b"0" * 64))
    body = (tmp_path / "a.h5").read_bytes()[512:]
    words = f"gpunet-checkpoint 1 {len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()
    (tmp_path / "a.h5").write_bytes(words.ljust(512, b"\0") + body)
    assert [damage.place for damage in verify(tmp_path / "a.h5").damages] == ["content"]


HOLD = """
import sys, time
from gpunet.checkpoint import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_that_holds_the_folder_is_named_and_its_death_frees_it(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        with (
            pytest.raises(WriteError, match=f"must have one writer, got process {process.pid} at work in it"),
            lock(tmp_path),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with lock(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_is_given_back_where_the_work_fails(tmp_path):
    with pytest.raises(KeyError), lock(tmp_path):
        raise KeyError
    with lock(tmp_path):
        pass
