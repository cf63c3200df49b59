"""Many checkpoints looked into at once: the same as one by one, whatever the files beside it are."""

import os
import signal

import numpy as np
import pytest

from gpunet.checkpoint import Checkpoint, Group, NamedArray, index, look_into, note, read, walk, write
from gpunet.errors import CheckpointError, DamagedError


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(3):
        root = Group({"model": f"m{number}"})
        root["config"] = Group()
        root["config/json"] = note({"name": "x"})
        root["model/weight"] = NamedArray(np.full(4, number, np.float32))
        write(tmp_path / f"{number}.h5", root)
        paths.append(tmp_path / f"{number}.h5")
    return paths


def test_each_file_gives_what_reading_it_alone_does(files):
    for path, found in zip(files, look_into(files)):
        alone = read(path, verify=False)
        assert found.attrs == alone.attrs
        assert found.note("config/json") == {"name": "x"}
        assert (found["model/weight"].data == alone["model/weight"].data).all()


def test_errors_stay_with_their_file(files, tmp_path):
    content = bytearray(files[1].read_bytes())
    files[1].write_bytes(content[:-10])
    torn, missing = files[1], tmp_path / "none.h5"
    found = look_into([files[0], torn, missing, files[2]])
    assert [type(one) for one in found] == [Checkpoint, DamagedError, CheckpointError, Checkpoint]
    with pytest.raises(DamagedError) as alone:
        read(torn, verify=False)
    assert str(found[1]) == str(alone.value)


def test_a_child_that_ends_early_takes_nothing_from_the_others(files, monkeypatch):
    asked = []
    real = index.run_walk
    monkeypatch.setattr(index, "run_walk", lambda descriptor: asked.append(descriptor) or real(descriptor))
    once = index.run_walks

    def broken(descriptors):
        found = once(descriptors)
        found[1] = None
        return found

    monkeypatch.setattr("gpunet.checkpoint.reader.run_walks", broken)
    found = look_into(files)
    assert [one.attrs["model"] for one in found] == ["m0", "m1", "m2"]
    assert len(asked) == 1


def test_a_walk_apart_says_how_its_child_ended(files, monkeypatch):
    with files[0].open("rb") as file:
        content, code = walk.walk_apart(file.fileno())
        assert code == 0
        assert content.startswith(walk.READY)
        monkeypatch.setattr(walk, "walk_input", lambda: os.kill(os.getpid(), signal.SIGKILL))
        assert walk.walk_apart(file.fileno()) == (b"", -signal.SIGKILL)


def test_no_file_at_all_starts_nothing(monkeypatch):
    monkeypatch.setattr(index, "started", None)
    assert look_into([]) == []
