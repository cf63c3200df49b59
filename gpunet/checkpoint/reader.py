"""Reading: the one way into a checkpoint, in an order that lets no damaged byte pass.

1. The file is a regular file, read once into memory.
2. The seal is checked before any HDF5 code runs.
3. :mod:`.index` walks the structure of these very bytes and accepts plain objects only.
4. Arrays are cut out of the bytes by offset, without HDF5, and each is compared with its hash.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from .hashing import array_sha256, content_sha256
from .index import Entry, read_structure
from .seal import FORMAT, check_seal
from .tree import Array, Group, Scalar


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole."""

    path: Path
    root: Group
    content_sha256: str

    @property
    def attrs(self) -> dict[str, Scalar]:
        """The root attributes: format, model, epoch, monitor and so on."""
        return self.root.attrs

    def __getitem__(self, path: str) -> Group | Array:
        """The group or array at a path."""
        return self.root[path]


def read(path: Path | str, *, allow_nonfinite: bool = False) -> Checkpoint:
    """Read a checkpoint completely and verify all of it.

    Args:
        path: of the file.
        allow_nonfinite: accept NaN and infinity in arrays, to look at what went wrong.

    Raises:
        CheckpointError: anything that is not exactly what was written.
    """
    path = Path(path)
    content = read_regular_file(path)
    check_seal(str(path), memoryview(content))
    root = Group()
    for entry in read_structure(str(path), content):
        if entry.path == "":
            root.attrs.update(entry.attrs)
        elif entry.is_group:
            root[entry.path] = Group(entry.attrs)
        else:
            root[entry.path] = _cut(str(path), entry, content, allow_nonfinite)
    _check_schema(str(path), root)
    found = content_sha256(root)
    if root.attrs["content_sha256"] != found:
        raise CheckpointError(str(path), "must have the content hash that it states", found, "The file was altered")
    return Checkpoint(path, root, found)


def read_regular_file(path: Path) -> bytes:
    """Read a file once; pipes, devices and folders are refused without waiting for them.

    Raises:
        CheckpointError: missing, not readable or not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise CheckpointError(str(path), "must be an existing checkpoint", "no such file", "Check the path") from None
    except OSError as error:
        raise CheckpointError(str(path), "must be readable", error.strerror, "Check path and permissions") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CheckpointError(str(path), "must be a regular file", "a folder, pipe or device", "Check the path")
    with os.fdopen(descriptor, "rb") as file:
        try:
            return file.read()
        except OSError as error:
            raise CheckpointError(str(path), "must be readable", error.strerror, "Check the disk") from None


def _cut(name: str, entry: Entry, content: bytes, allow_nonfinite: bool) -> Array:
    """One array out of the file's bytes; its hash is checked, so a wrong offset cannot pass."""
    count = int(np.prod(entry.shape, dtype=np.int64))
    data = np.frombuffer(content, entry.dtype, count, entry.offset) if count else np.zeros(0, entry.dtype)
    data = data.reshape(entry.shape)
    if entry.attrs.get("sha256") != array_sha256(data):
        raise CheckpointError(f"{name}: {entry.path}", "must match its hash", "other bytes", "The array is damaged")
    if data.dtype.kind == "f" and not allow_nonfinite and not np.isfinite(data).all():
        bad = int(data.size - np.isfinite(data).sum())
        raise CheckpointError(f"{name}: {entry.path}", "must be finite", f"{bad} NaN or infinite numbers")
    return Array(data, entry.attrs)


def _check_schema(name: str, root: Group) -> None:
    if root.attrs.get("format") != FORMAT or "content_sha256" not in root.attrs:
        raise CheckpointError(name, f"must say format={FORMAT} and its content hash", root.attrs.get("format"))
    if not isinstance(root.children.get("config"), Group):
        raise CheckpointError(name, "must hold the group config", "none", "It was not written by gpunet")
