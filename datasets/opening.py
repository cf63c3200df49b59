"""Files of data are opened here: regular ones alone, and gzip is known by its first bytes, whatever the name says."""

import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from gpunet.checkpoint import inflation_budget
from gpunet.errors import DataError, printable, shortened

GZIP = b"\x1f\x8b"


def open_regular(path: Path) -> IO[bytes]:
    """A regular file, opened for reading; pipes, sockets and devices are refused without waiting.

    Raises:
        DataError: missing, not readable or no regular file.
    """
    name = shortened(printable(str(path)), 300)
    try:
        # Without O_NONBLOCK a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise DataError(name, "must be an existing file", "no such file", "Check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(name, "must be readable", reason, "Check path and permissions") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(name, "must be a regular file", "a folder, pipe or device", "Check the path")
    return open(descriptor, "rb")  # noqa: PTH123  it is open already


@contextmanager
def open_content(path: Path) -> Iterator[tuple[Any, int, bool]]:
    """What a file holds, inflated where it is gzip.

    Yields:
        A file to read from, how many bytes it may have at most, and whether it is inflated.

    Raises:
        DataError: missing, not readable or no regular file.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        packed = path.suffix.lower() == ".gz" or file.read(len(GZIP)) == GZIP
        file.seek(0)
        if not packed:
            yield file, size, False
            return
        with gzip.GzipFile(fileobj=file) as inflated:
            yield inflated, inflation_budget(size), True


def beside(folder: Path, name: str) -> Path | None:
    """The file of a name in a folder, whatever its case; None where there is none."""
    if (folder / name).exists():
        return folder / name
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name.lower()), None)
