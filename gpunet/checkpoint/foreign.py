"""HDF5 files of other programs: Keras, Chainer, data sets, anything.  Read-only, in a child that can do no harm.

What the child says is checked again here; numbers come through a pipe, and never more of them than were announced.
Nothing of such a file is verified, since it carries no hashes, and nothing of it is executed or loaded as a model.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, printable
from . import foreign_walk, walk
from .index import HDF5, ended, malformed, not_read, not_started, started
from .reader import Checkpoint
from .stored import StoredFile
from .tree import Group, NamedArray

SMALL = 1 << 28  # bytes that any file may inflate to
RATIO = 200  # times its size that a larger file may
MOST = 1 << 36
PIECE = 1 << 24
ANY = 1 << 62  # numbers of an array that is wanted
PLAIN = re.compile(r"[<>|][biufS]\d{1,8}")
BYTES_PER_SECOND = 20_000_000  # that inflating at least manages
RESTORE = "Restore the file from a copy"
REMEDY = "Write it again without compression"


class ForeignArray(NamedArray):
    """An array whose numbers are read when they are first asked for.

    Attributes:
        place: the first byte in the file, and the type there, of numbers that lie one behind the other; else None.
    """

    def __init__(
        self,
        file: StoredFile,
        path: str,
        dtype: np.dtype,
        shape: tuple[int, ...],
        attrs: dict[str, Any],
        place: tuple[int, np.dtype] | None = None,
    ):
        self.attrs, self.place = attrs, place
        self._file, self._path, self._dtype, self._shape = file, path, dtype, shape

    @property
    def dtype(self) -> np.dtype:
        """Type, without reading the numbers."""
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, without reading the numbers."""
        return self._shape

    def __getattr__(self, name: str) -> np.ndarray:
        """Read the numbers; only ever called while there is no ``data`` yet."""
        if name != "data":
            raise AttributeError(name)
        self.data = _ask(self._file, [self._path]).array(self._path).data
        return self.data


def is_foreign(path: Path | str) -> bool:
    """Whether a file is HDF5 from its first byte on, which a checkpoint is not."""
    try:
        return StoredFile(path).head(len(HDF5)) == HDF5
    except CheckpointError:  # whoever reads it says why
        return False


def read_foreign(path: Path | str, names: Sequence[str] = (), most: int = ANY) -> Checkpoint:
    """The tree of an HDF5 file, with the numbers at and below ``names`` of arrays that have at most ``most``.

    Other numbers are read when they are asked for, each array by a child of its own.

    Objects that cannot be read are groups with an attribute ``not_read`` that says why.

    Raises:
        CheckpointError: it cannot be read, or inflates to more than a file of its size may.
        ReaderError: the child was killed or stopped, or had no memory.
    """
    return _ask(StoredFile(path), names, most)


def inflation_budget(size: int) -> int:
    """Bytes that a file of so many bytes may inflate to.

    >>> inflation_budget(1000), inflation_budget(1 << 26) == 200 << 26, inflation_budget(10**12)
    (268435456, True, 68719476736)
    """
    return min(max(SMALL, RATIO * size), MOST)


def _ask(file: StoredFile, names: Sequence[str], most: int = ANY) -> Checkpoint:
    allowed = inflation_budget(file.size)
    seconds = walk.PROCESSOR_SECONDS + (min(allowed, RATIO * file.size) // BYTES_PER_SECOND if names else 0)
    words = [name.encode("utf-8", "replace").hex() for name in names]
    numbers = map(str, (allowed, seconds, most))
    with started(foreign_walk.__file__, file.descriptor, *numbers, *words) as child:
        if child.stdout.readline(len(walk.READY)) != walk.READY:
            raise not_started(f"exit code {child.wait()}")
        try:
            answer = json.loads(child.stdout.readline(walk.MAX_ANSWER))
        except (ValueError, RecursionError):
            raise ended(file.name, child.wait(), seconds, seconds + walk.SECONDS) from None
        if "refused" in answer:
            path, rule, received = answer["refused"]
            raise CheckpointError(f"{file.name}: /{printable(path)}", rule, printable(received), REMEDY)
        if "malformed" in answer:
            say = not_read if answer.get("cramped") else malformed
            raise say(file.name, printable(answer["malformed"]))
        root, wanted = Group(), []
        for path, attrs, dtype, shape, why, place in answer["entries"]:
            if path == "":
                root.attrs.update(attrs)
            elif dtype is None:
                root[path] = Group({"not_read": why, **attrs} if why else attrs)
            else:
                kind, lengths = _plain(file.name, dtype), tuple(map(int, shape))
                lies = None if place is None else (int(place[0]), _plain(file.name, place[1]))
                array = root[path] = ForeignArray(file, path, kind, lengths, attrs, lies)
                if foreign_walk.among(path, names) and array.size <= most:
                    wanted.append((path, array))
        if sum(array.size * array.dtype.itemsize for _, array in wanted) > allowed:
            raise CheckpointError(file.name, f"must inflate to at most {allowed:,} bytes", "more", REMEDY)
        for path, array in wanted:
            array.data = _receive(f"{file.name}: {printable(path)}", array, child, seconds)
        if child.stdout.read(1) or child.wait():
            raise ended(file.name, child.wait(), seconds, seconds + walk.SECONDS)
    return Checkpoint(file.path, root, "", verified=False, foreign="HDF5")


def _plain(name: str, dtype: str) -> np.dtype:
    if not PLAIN.fullmatch(dtype):
        raise malformed(name, f"numbers of type {printable(dtype)}")
    return np.dtype(dtype)


def _receive(thing: str, array: ForeignArray, child: Any, seconds: int) -> np.ndarray:
    try:
        data = np.empty(array.shape, array.dtype)
    except (MemoryError, ValueError):
        size = math.prod(array.shape) * array.dtype.itemsize
        raise CheckpointError(thing, "must fit into memory", f"{size:,} bytes") from None
    view = data.reshape(-1).view("u1").data if data.nbytes else memoryview(b"")
    while view:
        count = child.stdout.readinto(view[:PIECE])
        if not count:
            if (code := child.wait()) < 0:
                raise ended(thing, code, seconds, seconds + walk.SECONDS)
            raise CheckpointError(thing, "must hold all its numbers", "less, or what cannot be inflated", RESTORE)
        view = view[count:]
    data.flags.writeable = False
    return data
