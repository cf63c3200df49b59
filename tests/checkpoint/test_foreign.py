"""Files of other programs: what is plain is read, what is not is named, and nothing gets out of hand."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from gpunet.checkpoint import Group, NamedArray, foreign, is_foreign, note, read, read_foreign, read_safetensors, write
from gpunet.checkpoint.foreign import SMALL, inflation_budget
from gpunet.cli.app import main
from gpunet.errors import CheckpointError

pytestmark = pytest.mark.confined

ESCAPE = "\x1b]0;owned\x07[red]"


def inspect(*arguments, code=0):
    done = CliRunner().invoke(main, ["inspect", *map(str, arguments)])
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.output


@pytest.fixture
def keras(tmp_path, rng):
    """The layout of a Keras weights file, with everything that a checkpoint of gpunet may not have."""
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "3.5"
        file.attrs["layer_names"] = np.array([b"dense", b"dense_1"])
        file["layers/dense/vars/0"] = rng.normal(size=(6, 4)).astype("f4")
        numbers = np.arange(60_000).reshape(300, 200)
        file.create_dataset("big", data=numbers, compression="gzip", shuffle=True, fletcher32=True, chunks=(7, 150))
        file["soft"], file["outside"] = h5py.SoftLink("/layers"), h5py.ExternalLink("/etc/passwd", "/x")
        file["second"] = file["layers"]
        file["layers/up"] = file["/"]
        file["text"], file["record"], file["none"] = "hello", np.zeros(2, "i4,f4"), h5py.Empty("f4")
        file["turned"], file["truth"] = np.arange(3, dtype=">f8"), np.array([True, False])
        file["names"] = np.array([b"ab", b"c"])
        file.create_dataset("lzf", data=np.zeros(10), compression="lzf")
        file["single"] = np.float32(3)
        file.create_dataset("external", (8,), "u1", external=[("/etc/passwd", 0, 8)])
    return path


def test_plain_arrays_are_read_however_they_are_stored(keras):
    found = read_foreign(keras)
    with h5py.File(keras) as file:
        for name in ("layers/dense/vars/0", "big", "turned", "truth", "names", "single"):
            assert np.array_equal(found[name].data, file[name][()]), name
    assert found["big"].attrs["storage"] == "shuffle, deflate, fletcher32"
    assert found.attrs["keras_version"] == "3.5"
    assert found.foreign == "HDF5"
    assert not found.verified


def test_what_is_not_plain_is_named_and_passed_over(keras):
    found = read_foreign(keras, ("",))
    reasons = {path: node.attrs["not_read"] for path, node in found.root.walk() if "not_read" in node.attrs}
    assert reasons.pop("second") == reasons.pop("layers/up") == "another name of an object above"
    assert reasons == {
        "soft": "a link to /layers", "outside": "a link to another file",
        "record": "compound records", "none": "without a shape", "lzf": "compressed by filter 32000",
        "external": "stored in another file",
    }  # fmt: skip


def test_all_arrays_below_a_name_come_in_one_go(keras):
    found = read_foreign(keras, ("layers", "single"))
    read_at_once = {path for path, node in found.root.walk() if "data" in vars(node)}
    assert read_at_once == {"layers/dense/vars/0", "single"}


def bomb(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, (shape, data) in arrays.items():
            file.create_dataset(
                name, shape=shape, data=data, dtype="u1", chunks=(min(1 << 20, shape[0]),), compression="gzip"
            )
    return path


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path):
    inflated = bomb(tmp_path / "a.h5", x=((SMALL + 1,), None), y=((100,), None))
    with pytest.raises(CheckpointError, match="x: must be within what is inflated of a file of this size"):
        read_foreign(inflated, ("x",))
    assert read_foreign(inflated, ("y",))["y"].data.sum() == 0
    assert "deflate" in inspect(inflated)
    together = bomb(tmp_path / "b.h5", **{f"x{i}": ((SMALL // 2,), None) for i in range(3)})
    assert "must be within what is inflated" in inspect(together, "--stats", code=4)


def test_a_large_file_may_inflate_to_more():
    assert inflation_budget(10) == SMALL
    assert inflation_budget(1 << 26) == 200 << 26


def test_a_chunk_that_fills_memory_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(SMALL // 8), chunks=(SMALL // 8,), compression="gzip")
    with pytest.raises(CheckpointError, match=r"must hold all its numbers|well-formed HDF5 file"):
        read_foreign(tmp_path / "a.h5", ("x",))


def test_damage_ends_in_numbers_or_a_clean_error(keras):
    good = keras.read_bytes()
    expected = read_foreign(keras, ("",))
    rng = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(25):
        content = bytearray(good)
        for place in rng.integers(8, len(good), rng.integers(1, 6)):
            content[place] = rng.integers(256)
        keras.write_bytes(bytes(content[: rng.integers(len(good) // 2, 2 * len(good))]))
        try:
            found = read_foreign(keras, ("",))
        except CheckpointError as error:
            assert str(error).isprintable()
            outcomes["refused"] += 1
        else:
            assert all(node.data.nbytes <= SMALL for _, node in found.root.walk() if isinstance(node, NamedArray))
            outcomes["read"] += 1
    assert min(outcomes.values()) > 0, outcomes
    assert expected["single"].data == 3


def test_inspect_shows_tree_statistics_and_numbers(keras, tmp_path):
    tree = inspect(keras)
    for line in ("HDF5 file of another program", "not verified", "keras_version: 3.5", "float32  6x4", "not_read="):
        assert line in tree
    rows = {row["array"]: row for row in json.loads(inspect(keras, "--stats", "--json"))}
    with h5py.File(keras) as file:
        weight = file["layers/dense/vars/0"][()].astype("f8")
    row = rows["layers/dense/vars/0"]
    assert row["norm"] == pytest.approx(np.linalg.norm(weight))
    assert row["singular_values"][0] == pytest.approx(np.linalg.norm(weight, 2))
    assert rows["big"]["max"] == 59_999
    assert "59999" in inspect(keras, "big")
    assert json.loads(inspect(keras, "--json"))["foreign"] == "HDF5"
    inspect(keras, "--export-npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["turned"].tolist() == [0, 1, 2]
    assert "must hold a history" in inspect(keras, "--history", code=4)


def test_two_foreign_files_are_compared(keras, tmp_path):
    other = tmp_path / "b.h5"
    other.write_bytes(keras.read_bytes())
    with h5py.File(other, "r+") as file:
        file["single"][()] = 5
    rows = {row["name"]: row for row in json.loads(inspect(keras, "--diff", other, "--json"))["arrays"]}
    assert rows["single"]["distance"] == 2
    assert rows["big"]["distance"] == 0


def test_foreign_names_and_texts_do_not_steer_the_terminal(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs[ESCAPE] = ESCAPE
        file[f"{ESCAPE}/x"] = np.eye(3)
        file[ESCAPE].attrs["a"] = ESCAPE
    for options in (
        (),
        ("--stats",),
        ("--json",),
        ("--diff", tmp_path / "a.h5"),
        (f"{ESCAPE}/x",),
        ("--stats", "--json"),
    ):
        shown = inspect(tmp_path / "a.h5", *options)
        assert all(line.isprintable() for line in shown.split("\n")), options
        assert "[red]" in shown or "contents are equal" in shown, "a name is no markup"


def test_foreign_names_steer_no_terminal_from_errors_and_histories(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[ESCAPE], file[f"images/{ESCAPE}"] = np.eye(3), np.eye(3)
        file["history/epoch"], file[f"history/{ESCAPE}"] = np.arange(3), np.arange(3.0)
    for code, *options in (
        (4, "nope"), (4, "--image", "nope", "-o", tmp_path / "x.png"), (0, "--history"), (0, "--history", "--csv"),
    ):  # fmt: skip
        shown = inspect(tmp_path / "a.h5", *options, code=code)
        assert all(line.isprintable() for line in shown.split("\n")), options
        assert "[red]" in shown


def test_a_type_that_numpy_does_not_have_is_named_and_passed_over(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3.0)
        h5py.h5d.create(file.id, b"time", h5py.h5t.UNIX_D32LE, h5py.h5s.create_simple((2,)))
    found = read_foreign(tmp_path / "a.h5", ("",))
    assert found["x"].data.tolist() == [0, 1, 2]
    assert found["time"].attrs["not_read"] == "another type"


def test_a_document_of_many_arrays_takes_one_child(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for i in range(9):
            file[f"x{i}"] = np.arange(100)
        file["large"], file["names"] = np.arange(101), np.array([b"a", b"b"])
    original, started = foreign.started, []
    monkeypatch.setattr(foreign, "started", lambda *words: started.append(words) or original(*words))
    children = json.loads(inspect(tmp_path / "a.h5", "--json"))["children"]
    assert len(started) == 1
    assert children["x8"]["values"] == list(range(100))
    assert "values" not in children["large"]
    assert "a" in children["names"]["text"]


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    code = f"from gpunet.checkpoint import is_foreign; print(is_foreign({str(tmp_path / 'a.h5')!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert done.stdout == "False\n"


def test_a_checkpoint_without_its_seal_is_not_passed_off_as_foreign(tmp_path):
    root = Group({"model": "m"})
    root["config/json"] = note({})
    write(tmp_path / "a.h5", root)
    assert not is_foreign(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes()[512:])
    assert "must begin with its seal" in inspect(tmp_path / "b.h5", code=4)
    assert "must begin with the seal" in inspect(__file__, code=4)


@pytest.fixture
def checkpoint(tmp_path, rng):
    root = Group({"model": "dense(6, 4)"})
    root["config/json"] = note({"name": "a"})
    root["model/000_dense/weight"] = NamedArray(rng.normal(size=(6, 4)).astype("f4"), {"role": "weight"})
    root["model/000_dense/bias"] = NamedArray(np.arange(4, dtype="f4"))
    root["model/000_dense/scale"] = NamedArray(np.array(2.0))
    root["optimizer/mean"] = NamedArray(np.zeros(3))
    write(tmp_path / "c.h5", root)
    return tmp_path / "c.h5"


def test_weights_go_out_as_safetensors_and_come_in(checkpoint, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    inspect(checkpoint, "--export-safetensors", tmp_path / "a.safetensors")
    arrays = numpy.load_file(tmp_path / "a.safetensors")
    assert sorted(arrays) == ["000_dense.bias", "000_dense.scale", "000_dense.weight"]
    assert arrays["000_dense.scale"].shape == ()
    assert np.array_equal(arrays["000_dense.weight"], read(checkpoint)["model/000_dense/weight"].data)
    found = read_safetensors(tmp_path / "a.safetensors")
    assert json.loads(found.attrs["config"]) == {"name": "a"}
    assert found.attrs["content_sha256"] == read(checkpoint).content_sha256
    assert "000_dense" in inspect(tmp_path / "a.safetensors")
    (row, *_) = json.loads(inspect(tmp_path / "a.safetensors", "--stats", "--json"))
    assert row["mean"] == 1.5
    inspect(checkpoint, "optimizer", "--export-safetensors", tmp_path / "o.safetensors")
    assert list(numpy.load_file(tmp_path / "o.safetensors")) == ["mean"]
    assert "must hold arrays of numbers" in inspect(
        checkpoint, "config", "--export-safetensors", tmp_path / "x.safetensors", code=4
    )


def test_weights_only_leaves_everything_else_out(checkpoint, tmp_path):
    inspect(checkpoint, "--export-npz", tmp_path / "a.npz", "--weights-only")
    with np.load(tmp_path / "a.npz") as arrays:
        assert sorted(arrays.files) == ["000_dense/bias", "000_dense/scale", "000_dense/weight"]
    inspect(checkpoint, "optimizer", "--export-npz", tmp_path / "b.npz", "--weights-only")
    with np.load(tmp_path / "b.npz") as arrays:
        assert arrays.files == ["mean"], "PATH counts"
    assert "must come with an export" in inspect(checkpoint, "--weights-only", code=2)


def test_bad_safetensors_get_one_line(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    good = numpy.save({"a.weight": np.ones((2, 2), "f4")})
    for content in (b"", b"abc", good[:-1], (2**60).to_bytes(8, "little") + b"{}", good.replace(b"F32", b"F99")):
        path.write_bytes(content)
        shown = inspect(path, code=4)
        assert "must be a whole safetensors file" in shown
        assert shown.count("\n") == 1
    path.write_bytes(numpy.save({"a": np.ones(2), "a.b": np.ones(2)}))
    assert "must have a name of its own" in inspect(path, code=4)
    path.write_bytes(numpy.save({"a": np.array([np.nan])}))
    assert "must be finite, got 1 NaN or infinite numbers. Look at it with" in inspect(path, code=4)
    path.write_bytes(numpy.save({"a" + ".a" * 3000: np.ones(2)}))
    assert "must have a name of at most 100 levels" in inspect(path, code=4)
    path.write_bytes(numpy.save({"a": np.array([np.nan])}))
    assert "nan" in inspect(path, "a", "--allow-nonfinite")
    assert "no such file" in inspect(tmp_path / "none.safetensors", code=4)
