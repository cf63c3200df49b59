"""One writer per run folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import WriteError


@contextmanager
def lock(folder: Path | str) -> Iterator[None]:
    """Hold the folder's lock while the block runs, and sweep temporary files that a crash left behind.

    Raises:
        WriteError: another process holds the lock, or the folder cannot be written.
    """
    folder = Path(folder)
    path = folder / ".lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WriteError(str(folder), "must be a writable folder", error.strerror, "Choose another --run") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = file.read().strip() or "unknown"
            raise WriteError(
                str(folder), "must have one writer", f"process {owner} at work in it", "Choose another --run"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        for stale in folder.glob(".*.tmp"):
            stale.unlink(missing_ok=True)
        yield
