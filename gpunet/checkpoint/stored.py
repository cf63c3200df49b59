"""The file on disk: opened once, regular, and read by position, so that two readers can share it."""

import json
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, DamagedError, ReaderError, UnreadableError, printable
from ..paths import fill
from .hashing import array_sha256
from .index import Entry
from .seal import FORMAT
from .tree import NamedArray

CHUNK = 1 << 22
MAX_HOLE = 1 << 31
MAX_LEVELS = 100


class StoredFile:
    """A regular file that was opened for reading; it is closed when nobody holds it any more.

    Raises:
        CheckpointError: missing.
        UnreadableError: the system does not open it.
        DamagedError: no regular file; pipes and devices are refused without waiting.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.name = printable(str(path))
        try:
            self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except FileNotFoundError:
            raise CheckpointError(
                self.name, "must be an existing checkpoint", "no such file", "Check the path"
            ) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UnreadableError(self.name, "must be readable", reason, "Check path and permissions") from None
        weakref.finalize(self, os.close, self.descriptor)
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedError(self.name, "must be a regular file", "a folder, pipe or device", "Check the path")
        self.size = status.st_size
        if self.size > MAX_HOLE and status.st_blocks * 512 < self.size // 16:
            # Made in no time, but hashing it would take hours.
            raise CheckpointError(self.name, "must have its bytes on disk", "a file that is mostly a hole")

    def read_into(self, buffer: memoryview, start: int) -> None:
        """Fill a buffer with the bytes from ``start`` on.

        Raises:
            UnreadableError: the disk refuses, or the file ends before the buffer does.
        """
        try:
            whole = fill(self.descriptor, buffer, start)
        except OSError as error:
            raise UnreadableError(self.name, "must be readable", error.strerror, "Check the disk") from None
        if not whole:
            raise UnreadableError(self.name, "must stay as long as it was", "an earlier end", "Read it again")

    def head(self, count: int) -> bytes:
        """The first bytes, or all where there are fewer."""
        found = bytearray(min(count, self.size))
        self.read_into(memoryview(found), 0)
        return bytes(found)

    def chunks(self, start: int) -> Iterator[memoryview]:
        """All bytes from ``start`` on, in pieces that share one buffer."""
        buffer = memoryview(bytearray(CHUNK))
        for place in range(start, self.size, CHUNK):
            piece = buffer[: min(CHUNK, self.size - place)]
            self.read_into(piece, place)
            yield piece


class StoredArray(NamedArray):
    """An array that is read from its file, and compared with its hash, when its numbers are first asked for."""

    def __init__(self, file: StoredFile, entry: Entry):
        self.attrs = entry.attrs
        self._file, self._entry = file, entry

    @property
    def dtype(self) -> np.dtype:
        """Type, without reading the numbers."""
        return self._entry.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, without reading the numbers."""
        return self._entry.shape

    def __getattr__(self, name: str) -> np.ndarray:
        """Read the numbers; only ever called while there is no ``data`` yet."""
        if name != "data":
            raise AttributeError(name)
        self.data = read_array(self._file, self._entry)
        return self.data


def read_array(file: StoredFile, entry: Entry) -> np.ndarray:
    """One array by its offset, without HDF5; its hash is checked, so a wrong offset cannot pass.

    Raises:
        DamagedError: other bytes than were written, or a text that is none.
        CheckpointError: a shape that nothing can have.
        UnreadableError: the disk refuses.
        ReaderError: more than memory holds.
    """
    thing = f"{file.name}: {entry.path}"
    try:
        data = np.empty(entry.shape, entry.dtype)
    except MemoryError:
        raise no_memory(thing, entry.nbytes) from None
    except ValueError:
        raise CheckpointError(thing, "must fit into memory", f"{entry.nbytes:,} bytes") from None
    if entry.nbytes:
        file.read_into(data.reshape(-1).view("u1").data, entry.offset)
    data.flags.writeable = False
    if entry.attrs.get("sha256") != array_sha256(data):
        raise DamagedError(thing, "must match its hash", "other bytes", "The array is damaged")
    if data.dtype.kind == "S" and data.shape == ():
        check_text(thing, bytes(data[()]), entry.attrs.get("media_type") == "application/json")
    return data


def no_memory(thing: str, wanted: int) -> ReaderError:
    """There is less memory than a file needs, which is no fault of the file; ``wanted`` is in bytes."""
    return ReaderError(thing, "must fit into memory", f"{wanted:,} bytes", "Free memory, or raise its limit")


def check_text(thing: str, raw: bytes, is_json: bool) -> None:
    """Spare everyone who reads a note from handling what is none.

    Raises:
        DamagedError: no UTF-8, or no JSON where it should be.
        CheckpointError: JSON of too many levels.
    """
    try:
        text = raw.decode("utf-8")
        levels = _levels(json.loads(text)) if is_json else 0
    except UnicodeDecodeError:
        raise DamagedError(thing, "must be text in UTF-8", "other bytes") from None
    except (ValueError, RecursionError) as error:
        raise DamagedError(thing, "must be JSON", printable(str(error))) from None
    if levels > MAX_LEVELS:
        raise CheckpointError(thing, f"must be JSON of at most {MAX_LEVELS} levels", levels)


def _levels(content: Any) -> int:
    """How deep it is nested; found without recursion, which newer versions of Python's JSON reader no longer bound."""
    count, level = 0, [content]
    while level := [x for x in level if isinstance(x, dict | list)]:
        count, level = count + 1, [y for x in level for y in (x.values() if isinstance(x, dict) else x)]
    return count


def is_sealed(path: Path | str) -> bool:
    """Whether a file begins as a checkpoint does, whatever became of the rest of it."""
    try:
        return StoredFile(path).head(len(FORMAT)) == FORMAT.encode()
    except CheckpointError:  # whoever reads it says why
        return False
