"""Files in the place of others, by one rename: whatever happens, the path holds the old file or the new one, whole.

Every call to the system is made through ``os``, which tests replace to let each of them fail.
"""

# ruff: noqa: PTH105, PTH108  pathlib would go past that replacement
import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import WriteError

CHUNK = 1 << 24
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def replace_file(path: Path, parts: Iterable[bytes | memoryview], keep_previous: bool = False) -> None:
    """Write a temporary file beside ``path``, flush it to the disk and rename it over ``path``.

    Args:
        path: of the file.
        parts: its content.
        keep_previous: let a file that is there live on as ``<stem>.previous.h5``; what was there before goes only
            when the new file is in place.

    Raises:
        WriteError: where the disk refuses, or something other than a file is there; nothing temporary is left.
    """
    temporary, previous = _temporary(path), path.with_name(f"{path.stem}.previous{path.suffix}")
    kept = _temporary(previous)
    remedy = "The old file, if any, is untouched"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        received = "a link" if path.is_symlink() else "a folder, pipe or device"
        raise WriteError(str(path), "must be a file that can be replaced", received, "Choose another path")
    try:
        _write(temporary, parts)
        has_kept = keep_previous and _keep(path, kept)
        os.replace(temporary, path)
        remedy = "The new file is in place, but its predecessor may be lost, or itself in a power cut"
        if has_kept:
            os.replace(kept, previous)
        _sync_folder(path.parent)
    except OSError as error:
        raise WriteError(str(path), "must be writable", error.strerror or str(error), remedy) from None
    finally:
        for leftover in (temporary, kept):
            with suppress(OSError):
                os.unlink(leftover)


def is_temporary(name: str) -> bool:
    """Whether a name is one that only a file in the making has.

    >>> is_temporary(".last.h5.4711.tmp"), is_temporary(".mine.tmp"), is_temporary("last.h5")
    (True, False, False)
    """
    parts = name.split(".")
    return len(parts) > 4 and not parts[0] and parts[-1] == "tmp" and parts[-2].isdecimal()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _write(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    # A leftover of that name is ours: of a process that had our number and died.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view[:CHUNK]) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep(path: Path, kept: Path) -> bool:
    """Give the present file a second name, or copy it where the file system has no links; False if there is none."""
    if not path.exists():
        return False
    with suppress(FileNotFoundError):
        os.unlink(kept)
    try:
        os.link(path, kept)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _write(kept, [path.read_bytes()])
    return True


def _sync_folder(folder: Path) -> None:
    """Make a rename last; some network file systems have nothing to flush there and say so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
