"""Files of other versions: old ones stay readable, additions are kept, what cannot be known is refused.

``files/version-1.h5`` was written by version 0.1.0 as the ``last.h5`` of ``gpunet train mlp training.epochs=3
model.hidden=[8] optimizer.learning_rate=0.01 --seeds 2``, with its environment shortened. It is never written again.
"""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from gpunet.checkpoint import Group, NamedArray, note, read, verify, write
from gpunet.checkpoint.hashing import content_sha256
from gpunet.checkpoint.seal import SIZE, make_seal
from gpunet.errors import CheckpointError

OLD = Path(__file__).parent / "files/version-1.h5"
CONTENT = "f8b801572788cf17e70a4a50bbab2048d479f8f121067e61b58484d46b3a06c4"


def test_a_file_of_version_1_stays_readable():
    assert OLD.stat().st_size < 50_000
    assert verify(OLD).whole
    found = read(OLD)
    assert found.content_sha256 == CONTENT
    assert (found.attrs["format_version"], found.attrs["epoch"]) == (1, 3)
    assert json.loads(found["config/json"].text)["model"]["hidden"] == [8]
    weight = found["model/001_dense/weight"]
    assert (weight.dtype, weight.shape, weight.attrs["axes"]) == (np.float32, (2, 64, 8), "member,input,output")
    assert weight.data[1, 40, :2].tolist() == pytest.approx([0.2371454, 0.2336496], abs=1e-6)


def test_a_model_of_version_1_still_says_the_same():
    command = [sys.executable, "-m", "gpunet.cli", "evaluate", OLD, "--device", "cpu", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["loss"] == pytest.approx([1.88952, 1.89252], rel=1e-4)


def test_reading_and_writing_again_gives_the_same_content(tmp_path):
    assert write(tmp_path / "again.h5", read(OLD).root) == CONTENT
    assert read(tmp_path / "again.h5").content_sha256 == CONTENT


def test_unknown_additions_are_kept(tmp_path):
    """What a later minor version may add: groups, arrays, notes, attributes, encodings."""
    root = read(OLD).root
    root.attrs["colour"] = "blue"
    root["model"].attrs |= {"encoding_type": "model", "encoding_version": "1.7"}
    root["model/001_dense/weight"].attrs["scale"] = 2.5
    root["quantum/state"] = NamedArray(np.arange(4.0), {"units": "hbar"})
    root["quantum/json"] = note({"spin": 0.5})
    root["quantum/empty"] = Group()
    digest = write(tmp_path / "new.h5", root)
    found = read(tmp_path / "new.h5")
    assert found.content_sha256 == digest != CONTENT
    assert found.attrs["colour"] == "blue"
    assert found["model"].attrs["encoding_version"] == "1.7"
    assert found["model/001_dense/weight"].attrs["scale"] == 2.5
    assert found["quantum/state"].data.tolist() == [0, 1, 2, 3]
    assert json.loads(found["quantum/json"].text) == {"spin": 0.5}
    assert write(tmp_path / "newer.h5", found.root) == digest


def test_an_unknown_major_version_is_refused_with_the_version_needed(tmp_path):
    content = OLD.read_bytes()
    path = tmp_path / "later.h5"
    path.write_bytes(content.replace(b"gpunet-checkpoint 1", b"gpunet-checkpoint 3", 1))
    expected = r"must have format version 1, got 3\. Read it with a gpunet that knows format version 3\."
    for look in (read, lambda path: read(path, verify=False)):
        with pytest.raises(CheckpointError, match=expected):
            look(path)
    assert "must have format version 1, got 3" in verify(path).damages[0].problem


def test_the_version_inside_counts_too(tmp_path):
    path = tmp_path / "later.h5"
    path.write_bytes(OLD.read_bytes())
    root = read(OLD).root
    root.attrs["format_version"] = 2
    with h5py.File(path, "r+", libver=("v108", "v110")) as file:
        file.attrs.modify("format_version", np.int64(2))
        file.attrs.modify("content_sha256", np.bytes_(content_sha256(root)))
    content = path.read_bytes()
    path.write_bytes(make_seal(memoryview(content)[SIZE:]) + content[SIZE:])
    with pytest.raises(CheckpointError, match="must have format version 1, got 2"):
        read(path)
