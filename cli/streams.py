"""Standard output and error that may be closed, full, of a narrow encoding, or left by their reader.

What cannot be written to standard output ends the command with the exit code for it.  Standard error is a log: where it
cannot be written any more, nothing is told and nothing fails for it.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

from gpunet.errors import GpunetError, OutputClosed, WriteError

LOOKALIKE = "gpunet.lookalike"
# What narrow encodings lack and a terminal should still show; anything else becomes its number, as in \u2192.
LOOKALIKES = {
    "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#",
    "─": "-", "━": "-", "│": "|", "┃": "|", "├": "+", "└": "`", "╸": "-", "╺": "-", "…": "~", "±": "+-", "µ": "u",
}  # fmt: skip


def guard_streams() -> None:
    """Put guarded streams in the place of standard output and error."""
    codecs.register_error(LOOKALIKE, lookalike)
    sys.stdout = _stream(1, sys.stdout, _output_lost)
    sys.stderr = _stream(2, sys.stderr, None)


def lookalike(error: UnicodeError) -> tuple[str, int]:
    r"""A handler of encoding errors: signs that look alike, or the number of the character.

    >>> codecs.register_error(LOOKALIKE, lookalike)
    >>> "▁█ é ±".encode("ascii", LOOKALIKE)
    b'_# \\xe9 +-'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    plain = (LOOKALIKES.get(c) or c.encode("ascii", "backslashreplace").decode() for c in characters)
    return "".join(plain), error.end


def _output_lost(error: OSError) -> GpunetError:
    """The error that a command ends with where its output cannot be written."""
    if error.errno == errno.EPIPE:
        return OutputClosed("standard output", "must be read to its end", "a reader that left")
    return WriteError("standard output", "must be writable", error.strerror, "Redirect it to another place")


def _stream(descriptor: int, old: Any, lost: Callable[[OSError], GpunetError] | None) -> io.TextIOWrapper:
    encoding = getattr(old, "encoding", None) or "utf-8"
    raw: Any = _Descriptor(descriptor, lost)
    lines = descriptor == 2 or raw.isatty()
    return _Text(io.BufferedWriter(raw), encoding, LOOKALIKE, line_buffering=lines)


class _Text(io.TextIOWrapper):
    """Text in the encoding that was asked for."""

    buffer: Any = None  # click would take it to write UTF-8 where it finds another encoding too narrow


class _Descriptor(io.RawIOBase):
    """Writes to a descriptor, until that fails for the first time; afterwards all is swallowed."""

    def __init__(self, descriptor: int, lost: Callable[[OSError], GpunetError] | None):
        self._descriptor, self._lost, self._is_lost = descriptor, lost, False

    def write(self, data: Any, /) -> int:
        """Write what the system takes."""
        while not self._is_lost:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # somebody else at the same terminal or pipe set it so
                _wait(self._descriptor)
            except OSError as error:
                self._is_lost = True
                if self._lost is not None:
                    raise self._lost(error) from None
        return len(data)

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether somebody may be looking."""
        return os.isatty(self._descriptor)


def _wait(descriptor: int) -> None:
    """Until it takes more."""
    watched = select.poll()
    watched.register(descriptor, select.POLLOUT)
    watched.poll()
