"""The one way to write a file: a new one that nobody had, in the place of the old one, or nothing at all."""

import ast
import errno
import os
import stat
import time
from pathlib import Path

import pytest

from gpunet import writing
from gpunet.cli.output import Output
from gpunet.config import load_config
from gpunet.errors import WriteError
from gpunet.persistence import RunFolder
from gpunet.writing import abandon, make_folder, replace_file, replacing
from test_architecture import MODULES

# What opens, names or makes files, and who may: everything else goes through gpunet.writing.
WAYS = {"write_text", "write_bytes", "savez", "savez_compressed", "savetxt", "save_file", "tofile", "mkdir", "makedirs",
        "rename", "renames", "link", "symlink", "hardlink_to", "symlink_to", "touch", "copyfile", "copy2", "mkstemp",
        "NamedTemporaryFile", "FileHandler"}  # fmt: skip
ALLOWED = {
    ("gpunet.checkpoint.lock", "os.open"): "a lock is no content",
    ("gpunet.checkpoint.lock", "fdopen"): "the same",
    ("gpunet.persistence.folder", "replace"): "a damaged file steps aside",
    ("gpunet.checkpoint.layout", "hdf5().File"): "its sheet is memory",
    ("gpunet.persistence.folder", "write_text"): "its own, of a run's folder",
    ("gpunet.studies.execution", "write_text"): "of a run's folder",
    ("gpunet.cli.ensembling", "write_text"): "the same",
    ("gpunet.studies.depth", "write_text"): "the same",
    ("gpunet.searches.execution", "write_text"): "the same",
    ("gpunet.cli.folding", "write_text"): "the same",
    ("gpunet.searches.locking", "os.open"): "a lock is no content",
    ("gpunet.searches.locking", "open"): "cuts off what a killed writer left at the end of a journal",
    ("gpunet.cli.drawing", "savefig"): "into memory",
    ("gpunet.cli.views.pictures", "save"): "into memory",
    ("gpunet.checkpoint.memory", "NamedTemporaryFile"): "for the reader, and gone with it",
    ("gpunet.checkpoint.tensors", "save"): "into memory",
    ("gpunet.cli.commands.convert", "save"): "of a machine, which writes as checkpoints are written",
    ("gpunet.cli.commands.data", "savez_compressed"): "into what gpunet.writing opened",
    ("gpunet.cli.commands.sample", "savez"): "into what gpunet.writing opened",
    ("gpunet.cli.views.exporting", "ZipFile"): "into what gpunet.writing opened",
    ("gpunet.cli.views.exporting", "open"): "a member of its archive",
    ("gpunet.cli.program", "os.open"): "what leads nowhere",
}


def ways(text):
    """All calls in a source text that could write a file."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        whole = ast.unparse(node.func)
        name = whole.rpartition(".")[2]
        words = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
        texts = [word for word in words if isinstance(word, str)]
        flags = " ".join(ast.unparse(a) for a in node.args)
        if whole == "os.open":
            if any(flag in flags for flag in ("O_WRONLY", "O_RDWR", "O_CREAT")):
                yield whole
        elif name in ("open", "fdopen", "ZipFile", "GzipFile", "File"):
            if any(set(word) <= set("rwxabt+") and set(word) & set("wxa+") for word in texts):
                yield whole if name == "File" else name
        elif (
            name in WAYS or name in ("savefig", "save") or (name == "replace" and name != whole and len(node.args) == 1)
        ):
            if name != "replace" or not node.keywords:  # dataclasses.replace and others of that name
                yield name
        elif whole in ("os.replace", "shutil.move", "shutil.copy"):
            yield whole


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_written_past_the_one_way(module):
    if module == "gpunet.writing":
        return
    found = set(ways(MODULES[module].read_text()))
    assert not {way for way in found if (module, way) not in ALLOWED}


@pytest.mark.parametrize(
    "text",
    [
        "open(p, 'w')", "open(p, mode='ab')", "Path(p).open('x')", "p.write_text(t)", "p.write_bytes(b)", "os.mkdir(p)",
        "np.savez(p, x=x)", "figure.savefig(p)", "image.save(p)", "os.open(p, os.O_WRONLY | os.O_CREAT)", "p.mkdir()",
        "h5py.File(p, 'w')", "p.replace(q)", "os.replace(p, q)", "p.rename(q)", "zipfile.ZipFile(p, 'w')", "p.touch()",
    ],
)  # fmt: skip
def test_the_scan_sees_what_it_is_for(text):
    assert list(ways(text))


def test_the_scan_lets_reading_be():
    plain = "open(p); open(p, 'rb'); text.replace('a', 'b'); os.open(p, os.O_RDONLY); File(p, 'r'); replace(s, a=1)"
    assert not list(ways(plain))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_block_could_not_finish_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), replacing(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


CALLS = ("open", "write", "fsync", "replace")


@pytest.mark.parametrize("failing", CALLS)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG])
def test_whichever_call_fails_the_old_file_stands_and_nothing_is_left(failing, code, tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(WriteError, match=os.strerror(code)):
        replace_file(path, [b"new"])
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_temporary_name_that_is_taken_is_left_alone(tmp_path, monkeypatch):
    """A leftover of a crash, or a stranger's link that leads elsewhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    numbers = iter(range(10))
    monkeypatch.setattr(writing, "_numbers", numbers)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f".a.{os.getpid()}.0.tmp").symlink_to(victim)
    (folder / f".a.{os.getpid()}.2.tmp").write_bytes(b"left")
    replace_file(folder / "a", [b"new"])
    assert (folder / "a").read_bytes() == b"new"
    assert victim.read_bytes() == b"mine"
    assert next(numbers) > 1


def test_a_name_that_is_taken_in_the_last_moment_is_no_longer_ours(tmp_path, monkeypatch):
    real = os.open

    def late(path, flags, *mode):
        if flags & os.O_CREAT:
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(b"a stranger's")
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(WriteError, match="File exists"):
        replace_file(tmp_path / "a", [b"new"])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"a stranger's"]


def test_a_fresh_file_takes_the_place_of_nothing(tmp_path):
    with replacing(tmp_path / "a", fresh=True) as file:
        file.write(b"first")
    with pytest.raises(FileExistsError), replacing(tmp_path / "a", fresh=True) as file:
        file.write(b"second")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError), replacing(tmp_path / "link", fresh=True) as file:
        file.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a", "link"]


def test_a_fresh_file_without_links(tmp_path, monkeypatch):
    def no_link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    test_a_fresh_file_takes_the_place_of_nothing(tmp_path)


def test_the_longest_names_can_be_written(tmp_path):
    path = tmp_path / ("ä" * 127)
    replace_file(path, [b"x"])
    assert path.read_bytes() == b"x"


def test_what_is_half_written_is_taken_away_on_the_way_out(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(WriteError), replacing(tmp_path / "a") as file:
        file.write(b"half")
        assert len(names(tmp_path)) == 2
        abandon()
        assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


class Flushed:
    """Notes which folders are flushed, and what lies in them then."""

    def __init__(self, monkeypatch):
        self.log, self._real = [], os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            place = Path(f"/proc/self/fd/{descriptor}").readlink()
            self.log.append((place.name, names(place)))
        self._real(descriptor)


def test_each_folder_that_gets_a_new_one_is_flushed(tmp_path, monkeypatch):
    flushed = Flushed(monkeypatch)
    make_folder(tmp_path / "a/b/c")
    assert flushed.log == [(tmp_path.name, ["a"]), ("a", ["b"]), ("b", ["c"])]
    make_folder(tmp_path / "a/b/c")
    assert len(flushed.log) == 3
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "a/b", fresh=True)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file/a", fresh=True)


def test_the_folder_of_a_new_run_outlives_a_power_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flushed = Flushed(monkeypatch)
    RunFolder.create(None, load_config("linear", {}, {}))
    assert flushed.log == [(tmp_path.name, ["runs"]), ("runs", ["linear-1"])]
    assert RunFolder.create(None, load_config("linear", {}, {})).path.name == "linear-2"


@pytest.mark.parametrize("kind", ["dangling link", "file"])
def test_where_runs_cannot_be_a_folder_that_is_said_and_not_tried_for_ever(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if kind == "file":
        (tmp_path / "runs").touch()
    else:
        (tmp_path / "runs").symlink_to("/nonexistent/x")
    with pytest.raises(WriteError, match="runs: must be writable"):
        RunFolder.create(None, load_config("linear", {}, {}))


def test_what_killed_programs_left_beside_a_file_goes_when_it_is_written_anew(tmp_path):
    path, now = tmp_path / "a[1].txt", time.time()
    old, of_others = now - writing.ABANDONED - 5, [".b.txt.7.0.tmp", ".a[1].txt.7.tmp", ".a1.txt.7.0.tmp"]
    for name, age in [(".a[1].txt.7.0.tmp", old), (".a[1].txt.8.3.tmp", now), *((name, old) for name in of_others)]:
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (age, age))
    Output("-o", path, (".txt",), ()).write([b"whole"])
    assert path.read_bytes() == b"whole"
    left = {found.name for found in tmp_path.iterdir()} - {path.name}
    assert left == {".a[1].txt.8.3.tmp", *of_others}
