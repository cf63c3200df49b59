"""The structure of a checkpoint: what is where, and nothing but plain objects.

:mod:`.walk` reads it in a child process.  What the child says is checked once more here, because this process goes on
to read memory and disk by these numbers.
"""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError, GpunetError, ReaderError, printable
from . import walk
from .environment import plain_environment
from .tree import Scalar

HDF5 = b"\x89HDF\r\n\x1a\n"
ATTEMPTS = 2  # what crashes HDF5 does so every time
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
MAX_EMPTY = 1 << 48  # bytes of one array if its empty axes were 1; NumPy cannot express any shape
REMEDY = "The file is not one that gpunet writes"


@dataclass(frozen=True)
class Entry:
    """One object: a group, or an array of ``dtype`` and ``shape`` at ``offset`` bytes from the start of the file."""

    path: str
    attrs: dict[str, Scalar]
    is_group: bool = True
    dtype: np.dtype = np.dtype("u1")
    shape: tuple[int, ...] = ()
    offset: int = 0

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers of the array take."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_structure(
    name: str, descriptor: int, first: int, size: int, walked: tuple[bytes, int] | None = None
) -> list[Entry]:
    """Index an open file; the first entry is the root.

    Args:
        name: of the file, for messages.
        descriptor: of the file.
        first: where the first array may begin.
        size: of the file.
        walked: what a child wrote of it already, and how it ended.

    Raises:
        CheckpointError: where HDF5 can make no sense of it, or it holds anything but plain objects.
        ReaderError: the child was killed or stopped, or had no memory.
    """
    if os.pread(descriptor, len(HDF5), first) != HDF5:
        raise CheckpointError(name, "must hold HDF5 right after its seal", "something else", REMEDY)
    answer, code = walked or (b"", 0)
    for attempt in range(1, ATTEMPTS + 1) if walked is None else ():
        answer, code = run_walk(descriptor)
        if -code not in CRASHES or attempt == ATTEMPTS:
            break
    found = _parse(name, answer, code)
    if "refused" in found:
        path, rule, received = found["refused"]
        raise CheckpointError(f"{name}: /{printable(path)}", rule, printable(received), REMEDY)
    if "malformed" in found:
        say = not_read if found.get("cramped") else malformed
        raise say(name, printable(found["malformed"]))
    entries = [_entry(*fields) for fields in found["entries"]]
    for entry in entries:
        _check_place(name, entry, first, size)
    _check_ranges(name, entries)
    return entries


def run_walk(descriptor: int) -> tuple[bytes, int]:
    """What the child wrote, and how it ended: an exit code, or a signal as a negative number."""
    with started(walk.__file__, descriptor) as child:
        answer = bytearray()
        while len(answer) < walk.MAX_ANSWER and (piece := child.stdout.read1(walk.PIECE)):
            answer += piece
        return bytes(answer), child.wait()


def run_walks(descriptors: Sequence[int]) -> list[tuple[bytes, int] | None]:
    """What children wrote of several files, each of which saw its own alone; None where one has to be asked again."""
    found: list[tuple[bytes, int] | None] = []
    with started(walk.__file__, subprocess.DEVNULL, *map(str, descriptors), inherited=descriptors) as child:
        for _ in descriptors:
            code, _, length = child.stdout.readline().partition(b" ")
            if not length.strip().isdigit():
                break
            answer = child.stdout.read(int(length))
            found.append((answer, 0) if code == b"0" and len(answer) == int(length) else None)
    return [*found, *[None] * (len(descriptors) - len(found))]


@contextmanager
def started(program: str, descriptor: int, *arguments: str, inherited: Sequence[int] = ()) -> Iterator[Any]:
    """A child that reads an open file as its standard input; it is gone when the block ends.

    Args:
        program: that is run.
        descriptor: of the file.
        arguments: of the program.
        inherited: descriptors that it has beside its streams.
    """
    # -P: neither its folder nor the working folder is searched for modules.
    command = [sys.executable, "-P", program, *arguments]
    environment = plain_environment() | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    streams = {"stdin": descriptor, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        child = subprocess.Popen(command, env=environment, pass_fds=inherited, **streams)  # type: ignore[call-overload]
    except OSError as error:
        raise not_started(error.strerror) from None
    try:
        yield child
    finally:  # the alarm that it set would end it; this is for our own interruption
        child.kill()
        child.wait()
        child.stdout.close()


def _parse(name: str, answer: bytes, code: int) -> Any:
    if not answer.startswith(walk.READY):
        raise not_started(f"exit code {code}")
    if code < 0:
        raise ended(name, code, walk.PROCESSOR_SECONDS, walk.SECONDS)
    try:
        return json.loads(answer[len(walk.READY) :])
    except (ValueError, RecursionError):
        raise ended(name, code, walk.PROCESSOR_SECONDS, walk.SECONDS) from None


def ended(name: str, code: int, processor_seconds: int, seconds: int) -> GpunetError:
    """What it means for a file that its child ended early.

    Crashes of HDF5 and endless computing come from what the file holds.  Every other signal, and time that went by
    without computing, come from outside and say nothing about it.

    Args:
        name: of the file.
        code: exit code of the child, or a signal as a negative number.
        processor_seconds: that it might compute.
        seconds: that it might take in all.
    """
    if code == -signal.SIGXCPU:
        return malformed(name, f"more than {processor_seconds} seconds of computing")
    if code == -signal.SIGALRM:
        return not_read(name, f"more than {seconds} seconds")
    if code >= 0:
        return malformed(name, "a crash of HDF5")
    sent = signal.Signals(-code)
    return malformed(name, f"a crash of HDF5, {sent.name}") if sent in CRASHES else not_read(name, sent.name)


def not_read(name: str, reason: str) -> ReaderError:
    """Something from outside kept the child from reading a file."""
    return ReaderError(name, "was not read to its end", reason, "It may well be whole: read it again")


def not_started(reason: str | None) -> ReaderError:
    """The child could not even begin."""
    rule = f"must start with {sys.executable}"
    return ReaderError("the reader of checkpoints", rule, reason, "Check that it can import h5py")


def malformed(name: str, received: str) -> CheckpointError:
    """The child could make no sense of the file."""
    return CheckpointError(name, "must be a well-formed HDF5 file", received, "Restore it from a copy")


def _entry(path: str, attrs: dict[str, Scalar], dtype: str | None, shape: list[int], offset: int) -> Entry:
    if dtype is None:
        return Entry(path, attrs)
    return Entry(path, attrs, False, np.dtype(dtype), tuple(shape), offset)


def _check_place(name: str, entry: Entry, first: int, size: int) -> None:
    """Refuse an array that is not in the file."""
    if entry.is_group:
        return
    if not entry.nbytes:
        inside = math.prod(max(1, n) for n in entry.shape) * entry.dtype.itemsize <= MAX_EMPTY
    else:
        inside = first <= entry.offset and entry.offset + entry.nbytes <= size
    if not inside:
        place = f"at {entry.offset:,}" if entry.offset >= first else "nowhere"
        shown = f"{entry.nbytes:,} bytes {place}"
        raise CheckpointError(f"{name}: /{entry.path}", "must lie within the file", shown, REMEDY)


def _check_ranges(name: str, entries: list[Entry]) -> None:
    """Refuse arrays that share bytes."""
    ranges = sorted((e.offset, e.offset + e.nbytes, e.path) for e in entries if not e.is_group and e.nbytes)
    for (_, stop, first), (start, _, second) in zip(ranges, ranges[1:]):
        if start < stop:
            raise CheckpointError(f"{name}: /{second}", "must not overlap another array", f"/{first}", REMEDY)
