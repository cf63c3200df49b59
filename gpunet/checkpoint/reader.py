"""Reading: the one way into a checkpoint, in an order that lets no damaged byte pass.

1. The file is a regular file, opened once.
2. The seal is checked before any HDF5 code runs.
3. :mod:`.index` has the structure walked in a child process with limits, and accepts plain objects only.
4. Arrays are read by offset, without HDF5, and each is compared with its hash.
5. The content hash must hold for exactly what was read.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import CheckpointError, DamagedError, GpunetError, printable
from .hashing import content_sha256
from .index import read_structure, run_walks
from .seal import FORMAT, SIZE, check_version, parse_seal
from .stored import StoredArray, StoredFile, no_memory, read_array
from .tree import Group, NamedArray, Scalar

Node = TypeVar("Node", Group, NamedArray)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        path: of the file.
        root: its content.
        content_sha256: as stated in the file.
        verified: whether all hashes were found to hold; if not, each array is checked when it is first looked at.
        foreign: the kind of file, where it is no checkpoint of gpunet and nothing can be verified.
    """

    path: Path
    root: Group
    content_sha256: str
    verified: bool = True
    foreign: str = ""

    @property
    def attrs(self) -> dict[str, Scalar]:
        """The root attributes: format, model, epoch, monitor and so on."""
        return self.root.attrs

    def __getitem__(self, path: str) -> Group | NamedArray:
        """The group or array at a path."""
        return self.root[path]

    def array(self, path: str) -> NamedArray:
        """The array at a path.

        Raises:
            CheckpointError: nothing is there, or a group.
        """
        return self._found(path, NamedArray, "must be an array")

    def group(self, path: str) -> Group:
        """The group at a path.

        Raises:
            CheckpointError: nothing is there, or an array.
        """
        return self._found(path, Group, "must be a group")

    def note(self, path: str) -> dict[str, Any]:
        """The JSON object of a note, empty where there is no note.

        Raises:
            CheckpointError: something else is there.
        """
        if path not in self.root:
            return {}
        found = self.root[path]
        content: Any = None
        if isinstance(found, NamedArray) and found.dtype.kind == "S" and found.shape == ():
            with suppress(ValueError, RecursionError):
                content = json.loads(found.text)
        if not isinstance(content, dict):
            raise self._unfit(path, "must be a note that holds a JSON object", "something else")
        return content

    def _found(self, path: str, kind: type[Node], rule: str) -> Node:
        found = self.root[path] if path in self.root else None  # noqa: SIM401 - a group has no get
        if not isinstance(found, kind):
            kinds = {Group: "a group", NamedArray: "an array"}
            received = next((name for other, name in kinds.items() if isinstance(found, other)), "nothing")
            raise self._unfit(path, rule, received)
        return found

    def _unfit(self, path: str, rule: str, received: str) -> CheckpointError:
        return CheckpointError(f"{printable(str(self.path))}: {path}", rule, received)


def read(path: Path | str, *, allow_nonfinite: bool = False, verify: bool = True) -> Checkpoint:
    """Read a checkpoint completely and verify all of it.

    Args:
        path: of the file.
        allow_nonfinite: accept NaN and infinity in arrays, to look at what went wrong.
        verify: False to look into a large file at once: only form and length of the seal and the structure are
            checked, and arrays stay on disk until they are asked for.

    Raises:
        DamagedError: its own bytes are proved to be others than were written.
        UnreadableError: the system does not let it be read.
        ReaderError: the reader was killed or stopped, or memory does not suffice; the file may be whole.
        CheckpointError: it does not exist, or is none that gpunet writes.
    """
    file = StoredFile(path)
    try:
        return _read(file, allow_nonfinite, verify)
    except MemoryError:
        raise no_memory(file.name, file.size) from None


def look_into(paths: Sequence[Path | str]) -> list[Checkpoint | GpunetError]:
    """Look into many checkpoints at once, as :func:`read` does with ``verify=False``, for a fraction of the time.

    Returns:
        For each path what was read, or the error that :func:`read` would raise.
    """
    files: list[StoredFile | GpunetError] = [_opened(path) for path in paths]
    opened = [file for file in files if isinstance(file, StoredFile)]
    walked = run_walks([file.descriptor for file in opened]) if opened else []
    walks = dict(zip(map(id, opened), walked))
    found: list[Checkpoint | GpunetError] = []
    for file in files:
        try:
            found.append(file if isinstance(file, GpunetError) else _read(file, True, False, walks[id(file)]))
        except GpunetError as error:
            found.append(error)
    return found


def _opened(path: Path | str) -> StoredFile | GpunetError:
    try:
        return StoredFile(path)
    except GpunetError as error:
        return error


def _read(file: StoredFile, allow_nonfinite: bool, verify: bool, walked: tuple[bytes, int] | None = None) -> Checkpoint:
    """All of an open file."""
    seal = parse_seal(file.name, file.head(SIZE))
    seal.check_length(file.name, file.size)
    if verify:
        seal.check_bytes(file.name, file.chunks(SIZE))
    root = Group()
    for entry in read_structure(file.name, file.descriptor, SIZE, file.size, walked):
        if entry.path == "":
            root.attrs.update(entry.attrs)
        elif entry.is_group:
            root[entry.path] = Group(entry.attrs)
        elif verify:
            data = read_array(file, entry)
            if not allow_nonfinite:
                check_finite(f"{file.name}: {entry.path}", data)
            root[entry.path] = NamedArray(data, entry.attrs)
        else:
            root[entry.path] = StoredArray(file, entry)
    check_schema(file.name, root)
    if verify:
        check_content_sha256(file.name, root)
    return Checkpoint(file.path, root, str(root.attrs["content_sha256"]), verify)


def check_finite(thing: str, data: np.ndarray) -> None:
    """Check that no number of an array is NaN or infinite; ``thing`` is its name for the message.

    Raises:
        DamagedError: one is.
    """
    if data.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(data.sum()):  # then all of them are, which takes half the time to find out
            return
    if not np.isfinite(data).all():
        bad = int(data.size - np.isfinite(data).sum())
        remedy = "Look at it with gpunet inspect, and allow what is not finite"
        raise DamagedError(thing, "must be finite", f"{bad} NaN or infinite numbers", remedy)


def check_schema(name: str, root: Group) -> None:
    """Check what every checkpoint of this version has.

    Raises:
        CheckpointError: it says another format or version, or lacks a group that all have.
    """
    stated = root.attrs.get("format")
    if stated != FORMAT or not isinstance(root.attrs.get("content_sha256"), str):
        raise CheckpointError(name, f"must say format={FORMAT} and its content hash", printable(str(stated)))
    check_version(name, printable(str(root.attrs.get("format_version"))))
    if not isinstance(root.children.get("config"), Group):
        raise CheckpointError(name, "must hold the group config", "none", "It was not written by gpunet")


def check_content_sha256(name: str, root: Group) -> None:
    """Compare the content hash with the one that the file states; arrays were compared with theirs before.

    Raises:
        DamagedError: another one.
    """
    found = content_sha256(root, stated=True)
    if root.attrs["content_sha256"] != found:
        raise DamagedError(name, "must have the content hash that it states", found, "The file was altered")
