"""The lock of a journal: of the kernel, so that it is free as soon as its holder is gone, however it went."""

import fcntl
import os
import threading
from pathlib import Path
from types import TracebackType

from ..errors import WriteError

SUFFIX = ".lock"


class FileLock:
    """One process, and in it one thread, at a time; the same thread may take it again.

    It is what Optuna's ``JournalFileBackend`` takes as its lock.  Whoever takes it cuts off the beginning of a record
    that a killed writer left at the end of the journal: nobody else can be writing then.

    Args:
        journal: path of the file that it is for.
    """

    def __init__(self, journal: Path):
        self._journal, self._path = journal, journal.with_name(journal.name + SUFFIX)
        self._thread, self._depth, self._descriptor = threading.RLock(), 0, -1

    def acquire(self) -> bool:
        """Wait for it."""
        self._thread.acquire()
        try:
            if not self._depth:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(self._path, flags, 0o644)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                self._mend()
        except OSError as error:
            self._close()
            self._thread.release()
            raise WriteError(str(self._journal), "must be writable", error.strerror, "Choose another folder") from None
        except BaseException:
            self._close()
            self._thread.release()
            raise
        self._depth += 1
        return True

    def release(self) -> None:
        """Give it back."""
        self._depth -= 1
        if not self._depth:
            self._close()
        self._thread.release()

    def __enter__(self) -> "FileLock":
        """Wait for it."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self.release()

    def _close(self) -> None:
        if self._descriptor >= 0 and not self._depth:
            os.close(self._descriptor)
            self._descriptor = -1

    def _mend(self) -> None:
        """Cut off what follows the last whole line."""
        if not self._journal.is_file():
            return
        with self._journal.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            if not end:
                return
            file.seek(end - 1)
            if file.read(1) == b"\n":
                return
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
