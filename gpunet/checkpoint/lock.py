"""One writer per run folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import WriteError
from ..writing import is_temporary


@contextmanager
def lock(folder: Path | str) -> Iterator[None]:
    """Hold the folder's lock while the block runs, and sweep temporary files that a crash left behind.

    The kernel gives the lock back when its process ends, however it ends.

    Raises:
        WriteError: another process holds the lock, or the folder cannot be written.
    """
    folder = Path(folder)
    path = folder / ".lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WriteError(str(folder), "must be a writable folder", error.strerror, "Choose another folder") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            _sweep(folder)
        except BlockingIOError:
            owner = file.read().strip() or "unknown"
            raise WriteError(
                str(folder), "must have one writer", f"process {owner} at work in it", "Choose another folder"
            ) from None
        except OSError as error:
            raise WriteError(
                str(folder), "must be a writable folder", error.strerror, "Choose another folder"
            ) from None
        yield


def _sweep(folder: Path) -> None:
    for stale in folder.iterdir():
        if is_temporary(stale.name):
            with suppress(OSError):  # not ours, then
                stale.unlink()
