"""One writer per run folder."""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import WriteError
from ..writing import is_temporary

NAME = ".lock"
SHOWN = 64  # bytes of a lock that are looked at
ELSEWHERE = "Choose another folder"


class Held:
    """A lock that is held.

    Args:
        folder: that is locked.
        descriptor: of the locked file.
    """

    def __init__(self, folder: Path, descriptor: int):
        self.folder, self._descriptor = folder, descriptor

    def check(self) -> None:
        """Make sure that the folder still has this lock, so that nobody else can be at work in it.

        Raises:
            WriteError: the lock, or the whole folder, was removed or replaced.
        """
        if not _is_at(self.folder / NAME, self._descriptor):
            rule = "must keep its lock while a run is at work in it"
            remedy = f"Nothing more is written there: go on from what it holds, and leave {NAME} alone"
            raise WriteError(str(self.folder), rule, "a lock that was removed or replaced", remedy)


@contextmanager
def lock(folder: Path | str) -> Iterator[Held]:
    """Hold the folder's lock while the block runs, and sweep temporary files that a crash left behind.

    The kernel gives the lock back when its process ends, however it ends.  The file is the folder's own: links are not
    followed, and a file that has another name elsewhere is not written to.

    Raises:
        WriteError: another process holds the lock, something else is in its place, or the folder cannot be written.
    """
    folder = Path(folder)
    path = folder / NAME
    try:
        descriptor = _opened(path)
    except OSError as error:
        if path.is_symlink():
            raise _no_lock(path, "a link") from None
        raise WriteError(str(folder), "must be a writable folder", error.strerror, ELSEWHERE) from None
    try:
        _check_kind(path, descriptor)
        _take(folder, descriptor)
        yield Held(folder, descriptor)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    # Without O_NONBLOCK a pipe would wait for its other end.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    return os.open(path, flags, 0o644)


def _check_kind(path: Path, descriptor: int) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise _no_lock(path, "a pipe or device")
    if status.st_nlink > 1:
        raise _no_lock(path, "a file that has another name elsewhere")


def _no_lock(path: Path, received: str) -> WriteError:
    return WriteError(str(path), "must be a plain file of this folder alone", received, "Remove it")


def _take(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Held(folder, descriptor).check()  # whoever removed it in between made one of their own
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        _sweep(folder)
    except BlockingIOError:
        owner = re.match(rb"\d{1,10}(?!\d)", os.pread(descriptor, SHOWN, 0))
        at_work = f"process {owner[0].decode() if owner else 'unknown'} at work in it"
        raise WriteError(str(folder), "must have one writer", at_work, ELSEWHERE) from None
    except OSError as error:
        raise WriteError(str(folder), "must be a writable folder", error.strerror, ELSEWHERE) from None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether a path names the very file that is open."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))  # noqa: PTH116
    except OSError:
        return False


def _sweep(folder: Path) -> None:
    for stale in folder.iterdir():
        if is_temporary(stale.name):
            with suppress(OSError):  # not ours, then
                stale.unlink()
