"""The folder of compiled loops: each file has its checksum beside it, since a damaged one could compute wrongly."""

import hashlib
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SUFFIXES = (".nbi", ".nbc")  # of numba's index and code
SEAL = ".sha256"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A block in which no other process writes to a folder, which is made; where the system can lock files at all."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        locks: Any = importlib.import_module("fcntl")
    except ImportError:
        yield
        return
    with (folder / "lock").open("a") as file:
        locks.flock(file, locks.LOCK_EX)
        yield


def is_sealed(folder: Path) -> bool:
    """Whether compiled loops lie in a folder."""
    return next(_files(folder), None) is not None


def clear_damaged(folder: Path) -> list[Path]:
    """Remove files that are not what was written; returns them.

    One without a checksum is removed, too, but not told of: a process was ended before it wrote that.
    """
    damaged = []
    for file in list(_files(folder)):
        wanted = _read(_seal_of(file))
        if wanted == _checksum(file):
            continue
        damaged += [file] if wanted else []
        file.unlink(missing_ok=True)
        _seal_of(file).unlink(missing_ok=True)
    return damaged


def seal(folder: Path) -> None:
    """Write the checksums of files that have none that is right: those that were just written."""
    for file in list(_files(folder)):
        checksum = _checksum(file)
        if checksum and _read(_seal_of(file)) != checksum:
            new = file.with_name(f"{file.name}.{os.getpid()}")
            new.write_bytes(checksum)
            new.replace(_seal_of(file))


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix in SUFFIXES)


def _seal_of(file: Path) -> Path:
    return file.with_name(file.name + SEAL)


def _checksum(file: Path) -> bytes:
    data = _read(file)
    return hashlib.sha256(data).hexdigest().encode() if data else b""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
