"""Checkpoint files: what is written comes back, and nothing else is let in."""

import errno
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from files import write_unchecked
from gpunet.checkpoint import Group, NamedArray, lock, note, read, write
from gpunet.checkpoint.seal import SIZE, make_seal
from gpunet.errors import CheckpointError, WriteError

TIME = "2026-01-01T00:00:00+00:00"


def sample():
    root = Group({"model": "dense(3, 2)", "epoch": 3, "monitor_value": 0.25})
    root["config/json"] = note({"name": "ünï", "list": [1, 2]})
    root["model/000_dense/weight"] = NamedArray(
        np.arange(6, dtype=np.float32).reshape(3, 2), {"role": "weight", "trainable": True}
    )
    root["model/000_dense/bias"] = NamedArray(np.array([0.5, -1.0], np.float32))
    root["history/seconds"] = NamedArray(np.array([1.5]), {"volatile": True})
    root["environment/json"] = note({"host": "a"})
    root["empty"] = NamedArray(np.zeros((0, 4), np.int64))
    root["single"] = NamedArray(np.array(7, np.uint8))
    return root


def reseal(path):
    content = path.read_bytes()
    path.write_bytes(make_seal(memoryview(content)[SIZE:]) + content[SIZE:])


names = st.from_regex(r"[a-z0-9_][A-Za-z0-9_.-]{0,12}", fullmatch=True)
attributes = st.dictionaries(
    names.filter(lambda n: n not in ("sha256", "volatile", "encoding_type", "encoding_version")),
    st.one_of(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.booleans(),
    ),
    max_size=4,
)
arrays = hnp.arrays(
    st.sampled_from(["f4", "f8", "i4", "i8", "u1", "u8", "?", ">f4"]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
).filter(lambda a: a.dtype.kind != "f" or np.isfinite(a).all())


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(names, st.tuples(arrays, attributes), max_size=5), attributes)
def test_any_tree_comes_back(tmp_path_factory, children, attrs):
    path = tmp_path_factory.mktemp("tree") / "a.h5"
    root = Group({}, {"config": Group()})
    root.children["inner"] = Group(attrs, {name: NamedArray(a, at) for name, (a, at) in children.items()})
    digest = write(path, root)
    found = read(path)
    assert found.content_sha256 == digest
    assert {k: v for k, v in found["inner"].attrs.items() if not k.startswith("encoding_")} == attrs
    for name, (array, at) in children.items():
        back = found[f"inner/{name}"]
        assert back.data.shape == array.shape
        assert np.array_equal(back.data, array)
        assert {k: v for k, v in back.attrs.items() if k != "sha256"} == at


def test_two_writes_are_the_same_bytes_in_any_order(tmp_path):
    a, b = sample(), sample()
    b.children = dict(reversed(b.children.items()))
    for name, tree in (("a", a), ("b", b)):
        write(tmp_path / name, tree, created_utc=TIME)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def change(path, value):
    def apply(root):
        root[path] = value

    return apply


@pytest.mark.parametrize(
    ("apply", "same"),
    [
        (lambda root: root.attrs.update(run_id="x", created_utc="later"), True),
        (change("environment/json", note({"host": "b"})), True),
        (change("history/seconds", NamedArray(np.array([9.0]), {"volatile": True})), True),
        (lambda root: root.attrs.update(epoch=4), False),
        (change("config/json", note({"name": "other"})), False),
        (change("model/000_dense/bias", NamedArray(np.array([0.5, -1.0000001], np.float32))), False),
        (change("model/000_dense/bias", NamedArray(np.array([[0.5, -1.0]], np.float32))), False),
        (change("model/000_dense/bias", NamedArray(np.array([0.5, -1.0], np.float64))), False),
        (lambda root: root["model/000_dense/weight"].attrs.update(role="bias"), False),
        (lambda root: root.children["model"].children.update(x=root["model/000_dense"]), False),
    ],
)
def test_content_hash_changes_with_the_content_alone(apply, same, tmp_path):
    before, after = sample(), sample()
    apply(after)
    assert (write(tmp_path / "a", before) == write(tmp_path / "b", after)) is same


def test_ordinary_hdf5_reads_it_and_everything_is_stored_plainly(tmp_path):
    write(tmp_path / "a.h5", sample())
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["model/000_dense/weight"][:].tolist() == [[0, 1], [2, 3], [4, 5]]
        assert file["config/json"][()].decode() == '{"list":[1,2],"name":"ünï"}'
        assert file.attrs["format"] == b"gpunet-checkpoint"

        def check(_, thing):
            assert h5py.h5a.get_num_attrs(thing.id)
            if isinstance(thing, h5py.Dataset):
                plist = thing.id.get_create_plist()
                assert plist.get_layout() == h5py.h5d.CONTIGUOUS
                assert plist.get_nfilters() == 0

        file.visititems(check)


def test_the_seal_is_readable_without_hdf5(tmp_path):
    import hashlib

    write(tmp_path / "a.h5", sample())
    content = (tmp_path / "a.h5").read_bytes()
    word, version, length, digest = content[:512].rstrip(b"\0").decode().split()
    assert (word, version, int(length)) == ("gpunet-checkpoint", "1", len(content) - 512)
    assert digest == hashlib.sha256(content[512:]).hexdigest()


def test_every_flipped_byte_and_every_truncation_is_refused(tmp_path):
    write(tmp_path / "a.h5", sample())
    content = (tmp_path / "a.h5").read_bytes()
    damaged = tmp_path / "b.h5"
    step = max(1, len(content) // 400)
    for place in [*range(0, 140), *range(512, len(content), step)]:
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :])
        with pytest.raises(CheckpointError):
            read(damaged)
    for length in range(0, len(content), 64):
        damaged.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            read(damaged)


def test_a_changed_array_is_named_although_the_seal_was_made_anew(tmp_path):
    path = tmp_path / "a.h5"
    write(path, sample())
    content = path.read_bytes()
    place = content.index(np.arange(6, dtype="<f4").tobytes())
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    reseal(path)
    with pytest.raises(CheckpointError, match=r"model/000_dense/weight: must match its hash"):
        read(path)


def test_nonfinite_numbers_are_refused_unless_asked_for(tmp_path):
    root = sample()
    root["model/000_dense/bias"] = NamedArray(np.array([1.0, np.nan]))
    write_unchecked(tmp_path / "a.h5", root)
    with pytest.raises(CheckpointError, match="model/000_dense/bias: must be finite, got 1 NaN"):
        read(tmp_path / "a.h5")
    assert np.isnan(read(tmp_path / "a.h5", allow_nonfinite=True)["model/000_dense/bias"].data[1])


def test_another_version_or_file_is_refused(tmp_path):
    write(tmp_path / "a.h5", sample())
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "b.h5").write_bytes(content.replace(b"gpunet-checkpoint 1", b"gpunet-checkpoint 2", 1))
    with pytest.raises(CheckpointError, match="must have format version 1, got 2"):
        read(tmp_path / "b.h5")
    (tmp_path / "c.h5").write_bytes(content[SIZE:])
    with pytest.raises(CheckpointError, match="must begin with the seal"):
        read(tmp_path / "c.h5")
    with pytest.raises(CheckpointError, match="no such file"):
        read(tmp_path / "none.h5")
    with pytest.raises(CheckpointError, match="must be a regular file"):
        read(tmp_path)


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    write(path, sample())
    old = path.read_bytes()
    code = """
        import resource, signal, sys
        import numpy as np
        from gpunet.checkpoint import NamedArray, Group, write
        from gpunet.errors import WriteError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            write(sys.argv[1], Group({}, {"config": Group(), "a": NamedArray(np.zeros(100_000))}))
        except WriteError as error:
            print(error)
            sys.exit(error.exit_code)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), path], capture_output=True, text=True)
    assert done.returncode == 74, done.stderr
    assert "File too large" in done.stdout
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_a_missing_folder_cannot_be_written(tmp_path):
    with pytest.raises(WriteError, match="must be writable, got No such file or directory"):
        write(tmp_path / "none" / "a.h5", sample())


def test_links_pipes_and_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("a.h5")
    for name, received in (("pipe", "a folder, pipe or device"), ("link", "a link")):
        with pytest.raises(WriteError, match=f"must be a file that can be replaced, got {received}"):
            write(tmp_path / name, sample())
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_the_predecessor_is_kept(tmp_path):
    for epoch in (1, 2, 3):
        root = sample()
        root.attrs["epoch"] = epoch
        write(tmp_path / "last.h5", root, keep_previous=True)
    assert read(tmp_path / "last.h5").attrs["epoch"] == 3
    assert read(tmp_path / "last.previous.h5").attrs["epoch"] == 2


def test_a_file_system_without_links_still_keeps_the_predecessor(tmp_path, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    for epoch in (1, 2):
        root = sample()
        root.attrs["epoch"] = epoch
        write(tmp_path / "last.h5", root, keep_previous=True)
    assert read(tmp_path / "last.previous.h5").attrs["epoch"] == 1


def test_a_full_disk_while_locking_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(WriteError, match="got No space left on device"), lock(tmp_path):
        pass


def test_one_writer_per_folder_and_stale_files_are_swept(tmp_path):
    (tmp_path / ".mine.tmp").write_bytes(b"not ours")
    (tmp_path / ".best.h5.123.tmp").write_bytes(b"half")
    with lock(tmp_path):
        assert [p.name for p in tmp_path.glob(".*.tmp")] == [".mine.tmp"]
        with pytest.raises(WriteError, match=f"process {os.getpid()} at work in it"), lock(tmp_path):
            pass
    with lock(tmp_path):
        pass


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (change("/".join("a" * 20), Group()), "must be nested at most 16 deep"),
        (change("a", NamedArray(np.zeros((1,) * 9))), "must have at most 8 axes, got 9"),
        (change("a", Group({f"a{i}": i for i in range(60)})), "must have at most 56 attributes of its own, got 60"),
        (change("a", Group({"text": "x" * 70_000})), "text of 70,000. Put long texts into notes"),
        (change("a", Group({"text": "x\0"})), "must have texts without NUL"),
        (change("a", Group({}, {str(i): Group() for i in range(50_001)})), "must hold at most 50,000"),
        (change("a", NamedArray(np.bytes_(b"x" * (1 << 26) + b"x"))), "must be a text of at most"),
        (change("größe", Group()), r"plain names of letters, digits and _.-, got 'gr\\xf6\\xdfe'"),
        (change("a", Group({"a b": 1})), "plain names of letters, digits and _.-, got 'a b'"),
        (
            change("a", Group({}, {f"g{i}": Group({f"a{j}": "x" * 60_000 for j in range(50)}) for i in range(12)})),
            "must keep paths and attributes within 32 MiB",
        ),
    ],
)
def test_what_could_not_be_read_is_not_written(apply, expected, tmp_path):
    root = sample()
    apply(root)
    with pytest.raises(CheckpointError, match=expected):
        write(tmp_path / "a.h5", root)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "apply",
    [
        change("/".join("a" * 16), Group()),
        change("a", NamedArray(np.zeros((1,) * 8))),
        change("a", Group({f"a{i}": i for i in range(56)})),
        lambda root: root.attrs.update({f"a{i}": i for i in range(53)}),
        change("a", Group({"text": "x" * 65_536})),
        change("a", Group({}, {"x" * 128: NamedArray(np.bytes_(b"x" * 1_000_000))})),
    ],
)
def test_what_is_just_allowed_comes_back(apply, tmp_path):
    root = sample()
    apply(root)
    assert write(tmp_path / "a.h5", root) == read(tmp_path / "a.h5").content_sha256


def test_parts_are_asked_for_by_what_they_must_be(tmp_path):
    write(tmp_path / "a.h5", sample())
    found = read(tmp_path / "a.h5")
    assert found.array("single").data == 7
    assert sorted(found.group("model/000_dense").children) == ["bias", "weight"]
    assert found.note("config/json")["list"] == [1, 2]
    assert found.note("lineage/json") == {}
    for ask, path, expected in (
        (found.array, "model", "model: must be an array, got a group"),
        (found.array, "none/x", "none/x: must be an array, got nothing"),
        (found.group, "single", "single: must be a group, got an array"),
        (found.note, "single", "single: must be a note that holds a JSON object"),
        (found.note, "model", "model: must be a note that holds a JSON object"),
    ):
        with pytest.raises(CheckpointError, match=expected):
            ask(path)
