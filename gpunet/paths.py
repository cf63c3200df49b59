"""Questions about paths that are answered whatever the path is: too long, of odd bytes, in a folder that is shut.

And the bytes of a file that is open.
"""

import os
import stat
from pathlib import Path
from typing import Literal

Kind = Literal["file", "folder", "other", "none"]


def kind_of(path: Path | str) -> Kind:
    """What lies at a path, links followed: a regular file, a folder, something else, or nothing that could be used.

    >>> kind_of("/"), kind_of("/dev/null"), kind_of("x" * 100_000), kind_of("a\\0b")
    ('folder', 'other', 'none', 'none')
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  Path.stat raises alike
    except (OSError, ValueError):
        return "none"
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def exists(path: Path | str) -> bool:
    """Whether anything lies there."""
    return kind_of(path) != "none"


def is_folder(path: Path | str) -> bool:
    """Whether a folder lies there."""
    return kind_of(path) == "folder"


def is_file(path: Path | str) -> bool:
    """Whether a regular file lies there."""
    return kind_of(path) == "file"


def fill(descriptor: int, buffer: memoryview, start: int) -> bool:
    """Fill a buffer with the bytes of an open file from ``start`` on; from any thread, since no position is moved.

    Returns:
        Whether the file had so many.

    Raises:
        OSError: the disk refuses.
    """
    while buffer:
        count = os.preadv(descriptor, [buffer[: 1 << 30]], start)
        if not count:
            return False
        buffer, start = buffer[count:], start + count
    return True
