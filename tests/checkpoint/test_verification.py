"""Verification names all that is damaged, not the first of it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from files import write_unchecked
from gpunet.checkpoint import Group, NamedArray, note, read, verify, write
from gpunet.checkpoint.seal import SIZE, make_seal
from gpunet.errors import CheckpointError

pytestmark = pytest.mark.confined


@pytest.fixture
def path(tmp_path):
    root = Group({"model": "dense(3, 2)"})
    root["config/json"] = note({"name": "a"})
    for number in range(5):
        root[f"model/{number:03}_dense/weight"] = NamedArray(np.arange(6.0) + 10 * number, {"role": "weight"})
    write(tmp_path / "a.h5", root)
    return tmp_path / "a.h5"


def places(path):
    return [damage.place for damage in verify(path).damages]


def change(path, *numbers, reseal):
    """Change a byte in the arrays of some layers."""
    content = bytearray(path.read_bytes())
    for number in numbers:
        content[content.index((np.arange(6.0) + 10 * number).tobytes()) + 5] ^= 1
    if reseal:
        content[:SIZE] = make_seal(memoryview(content)[SIZE:])
    path.write_bytes(content)


def test_a_whole_file_is_whole(path):
    found = verify(path)
    assert found.whole
    assert found.arrays == 6
    assert found.content_sha256 == read(path).content_sha256


@pytest.mark.parametrize("numbers", [(0,), (4,), (1, 3), (0, 1, 2, 3, 4)])
def test_every_changed_array_is_named(path, numbers):
    change(path, *numbers, reseal=True)
    assert places(path) == [f"model/{number:03}_dense/weight" for number in numbers]


def test_arrays_are_named_although_the_seal_is_broken(path):
    change(path, 2, 3, reseal=False)
    assert places(path) == ["seal", "model/002_dense/weight", "model/003_dense/weight"]


def test_a_broken_seal_alone_is_named_alone(path):
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    assert places(path) == ["seal"]


def test_every_byte_of_every_array_matters(path):
    content = path.read_bytes()
    for number in range(5):
        start = content.index((np.arange(6.0) + 10 * number).tobytes())
        damaged = bytearray(content)
        damaged[start + 9 * number] ^= 0x80
        path.write_bytes(damaged)
        assert f"model/{number:03}_dense/weight" in places(path)


def test_changed_attributes_and_hashes_are_found(path, tmp_path):
    import h5py

    with h5py.File(path, "r+", libver=("v108", "v110")) as file:
        file["model/001_dense/weight"].attrs.modify("role", np.bytes_(b"wEight"))
    content = path.read_bytes()
    path.write_bytes(make_seal(memoryview(content)[SIZE:]) + content[SIZE:])
    assert places(path) == ["content"]


def test_a_truncated_file_is_damaged_in_seal_and_structure(path):
    os.truncate(path, path.stat().st_size - 100)
    assert places(path) == ["seal", "structure"]


def test_missing_files_are_errors(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        verify(tmp_path / "none.h5")


def run(*arguments, cwd):
    command = [sys.executable, "-m", "gpunet.cli", "verify", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)


def test_the_command_names_damage_and_goes_on(path, tmp_path):
    (tmp_path / "b.h5").write_bytes(path.read_bytes())
    done = run("a.h5", "b.h5", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count(": whole, 6 arrays, 0.0 MB, content ") == 2
    change(path, 1, reseal=True)
    done = run("none.h5", "a.h5", "b.h5", cwd=tmp_path)
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert lines[:2] == ["a.h5: damaged", "  model/001_dense/weight: must match its hash, got other bytes"]
    assert lines[2].startswith("b.h5: whole")
    assert done.stderr.splitlines() == [
        "gpunet: none.h5: must be an existing checkpoint, got no such file. Check the path."
    ]
    documents = json.loads(run("a.h5", "none.h5", "--json", cwd=tmp_path).stdout)
    assert [document["whole"] for document in documents] == [False, False]
    assert documents[0]["damages"][0]["place"] == "model/001_dense/weight"


def test_nonfinite_numbers_are_damage_unless_allowed(tmp_path):
    root = Group({}, {"config": Group(), "a": NamedArray(np.array([np.inf])), "b": NamedArray(np.array([np.nan]))})
    write_unchecked(tmp_path / "a.h5", root)
    assert places(tmp_path / "a.h5") == ["a", "b"]
    assert verify(tmp_path / "a.h5", allow_nonfinite=True).whole
