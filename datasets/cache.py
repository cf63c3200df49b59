"""Decoded images in one file, so that a folder of them is decoded once.

The file begins with a line of JSON that says of which files it was made, and goes on with the bytes of one array.  It
is made again where a file was added, taken away or changed, by name, size or time, where images are to be decoded in
another way, and where its bytes are not what its hash says.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gpunet.data import Features, Pictures, Spilled, Streamed, blocks_of, extent
from gpunet.errors import DataError, WriteError, printable
from gpunet.writing import make_folder, replace_file

from .opening import open_regular
from .pictures import Imaging, coloured, decode, full_scale, notes_of, samples_of
from .rows import FileRows, cannot_stream, exceeds, streamed

FORMAT = "gpunet-images-1"
SUFFIX = ".images"
HEADER = 1 << 20  # bytes that the first line may have
KINDS = ("|u1", "<f4")


@dataclass(frozen=True)
class Cache:
    """Where decoded images are kept.

    Attributes:
        folder: that holds one file for each folder of images, or column of a table, and way to decode them.
        writes: whether images that are not there yet are kept there.
    """

    folder: Path
    writes: bool = True


def decoded(
    name: Path, files: Sequence[Path], imaging: Imaging, cache: Cache | None, memory: int | None = None
) -> Pictures:
    """Images as :func:`~.pictures.decode` gives them, out of the cache where they lie there.

    Args:
        name: of the folder that holds all of them.
        files: to read.
        imaging: sizes and background.
        cache: where to look, and to keep them; None for neither.
        memory: bytes that images may take.  Where they take more they are streamed from the cache, or from a temporary
            file where nothing may be kept.

    Raises:
        DataError: as ``decode``.  A cache that is damaged or cannot be written is told in a note.
    """
    large = memory if memory is not None and exceeds(_size_of(name, files, imaging), memory) else None
    if large is None and (cache is None or not files or find_spec("PIL") is None):
        return decode(name, files, imaging)
    if cache is None:
        return to_file(name, files, imaging, large or 0)
    wanted = _identity(name, files, imaging)
    place = cache.folder / _file_name(name, imaging)
    found, told = None, tuple[str, ...]()
    if os.path.lexists(place):
        try:
            found = _read(place, wanted, files, large)
        except (DataError, OSError, ValueError, KeyError, TypeError) as error:
            reason = error.received if isinstance(error, DataError) else type(error).__name__
            told = (f"{printable(str(place))} is damaged ({reason}), so the images are decoded again",)
    if found is not None:
        return found
    pictures = decode(name, files, imaging) if large is None else to_file(name, files, imaging, large)
    if cache.writes:
        told = (*told, _kept(place, pictures, wanted))
        if isinstance(pictures.x, Streamed) and (kept := _read(place, wanted, files, large, False)) is not None:
            pictures = replace(pictures, x=kept.x)
    return replace(pictures, notes=(*pictures.notes, *told))


def _size_of(name: Path, files: Sequence[Path], imaging: Imaging) -> int:
    """What images take in memory, by the first of them."""
    first = next(samples_of(name, files[:1], imaging, Counter()), None)
    return 0 if first is None else len(files) * first.nbytes


def to_file(name: Path, files: Sequence[Path], imaging: Imaging, memory: int) -> Pictures:
    """Images as :func:`~.pictures.decode` gives them, decoded one by one into a temporary file from which they stream.

    Args:
        name: of the folder that holds all of them.
        files: to read.
        imaging: sizes and background.
        memory: bytes that they may take.
    """
    colours = False
    while True:
        kept, said = None, Counter[str]()
        for sample in samples_of(name, files, imaging, said):
            image = coloured(sample) if colours else sample
            kept = kept or Spilled(image.shape, image.dtype)
            if image.ndim != len(kept.shape) - 1:
                colours = True  # behind grey ones, which become colours as well
                break
            kept.add(image[None])
        else:
            assert kept is not None, "there are images"
            x = kept.streamed(name.name, memory)
            return Pictures(x, tuple(file.name for file in files), notes_of(said), full_scale(x.dtype, extent(x)))


def opener(
    table: Path, imaging: Imaging, cache: Cache | None, memory: int | None = None
) -> Callable[[Sequence[str], int], Pictures]:
    """Gives the images that the cells of a column of a table name, by paths relative to it, decoded once.

    Args:
        table: its path.
        imaging: sizes and background.
        cache: as for :func:`decoded`; each column of each table has a file of its own there.
        memory: bytes that images may take; more are refused.
    """

    def opened(names: Sequence[str], column: int) -> Pictures:
        files = [table.parent / name for name in names]
        for file in files:
            if not file.is_file():
                remedy = "Paths are relative to the table; leave the column out with ignore=... where it names none"
                raise DataError(printable(str(file)), "must be an existing image", "no such file", remedy)
        size = 0 if memory is None else _size_of(table, files, imaging)
        if memory is not None and exceeds(size, memory):
            remedy = "Put them into a folder for each class"
            raise cannot_stream(str(table), size, memory, "images that a table names", remedy)
        return decoded(table.with_name(f"{table.name}-column-{column + 1}"), files, imaging, cache)

    return opened


def _identity(name: Path, files: Sequence[Path], imaging: Imaging) -> str:
    """A hash of all that the decoded images follow from: the files by name, size and time, how, and by what."""
    from PIL import __version__

    found = hashlib.sha256(json.dumps([FORMAT, __version__, asdict(imaging)]).encode())
    for file in files:
        about = file.stat()
        found.update(os.fsencode(os.path.relpath(file, name)))
        found.update(f"\0{about.st_size} {about.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _file_name(name: Path, imaging: Imaging) -> str:
    """One for each folder and way to decode, so that a changed folder takes the place of its older self."""
    told = hashlib.sha256(os.fsencode(name.resolve()) + json.dumps(asdict(imaging)).encode()).hexdigest()
    return f"{os.fsencode(name.resolve().name)[:100].decode(errors='replace')}-{told[:12]}{SUFFIX}"


def _read(
    place: Path, wanted: str, files: Sequence[Path], memory: int | None = None, check: bool = True
) -> Pictures | None:
    """What the cache holds; None where it is of other files.

    Args:
        place: of the cache.
        wanted: of which files it is to be.
        files: how many there are.
        memory: bytes that images may take, which are then streamed; None to read them.
        check: whether its bytes are compared with their hash.

    Raises:
        DataError: it is not what it should be.
    """
    with open_regular(place) as file:
        line = file.readline(HEADER)
        about: dict[str, Any] = json.loads(line)
        if not isinstance(about, dict) or about["format"] != FORMAT:
            raise _damaged(place, "no line that says what it is")
        if about["identity"] != wanted:
            return None
        kind, shape = about["dtype"], tuple(about["shape"])
        whole = all(isinstance(size, int) and size > 0 for size in shape)
        if kind not in KINDS or not whole or len(shape) not in (3, 4) or shape[0] != len(files):
            raise _damaged(place, "no images of such files")
        size = math.prod(shape) * np.dtype(kind).itemsize
        if os.fstat(file.fileno()).st_size != len(line) + size:
            raise _damaged(place, "another length")
        x: Features
        if memory is None:
            x = np.frombuffer(bytearray(file.read(size)), kind).reshape(shape)
        else:
            x = streamed(place.name, [FileRows(place, len(line), shape, np.dtype(kind))], memory)
        if check and _hash(x) != about["sha256"]:
            raise _damaged(place, "other bytes than were written")
    notes = tuple(str(note) for note in about["notes"])
    told = f"{len(files):,} images are read as they lie decoded in {printable(str(place))}"
    return Pictures(x, tuple(file.name for file in files), (*notes, told), float(about["scale"]))


def _damaged(place: Path, received: str) -> DataError:
    return DataError(str(place), "must hold decoded images", received, "It is made again")


def _hash(x: Features) -> str:
    digest = hashlib.sha256()
    for block in blocks_of(x):
        digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()


def _kept(place: Path, pictures: Pictures, identity: str) -> str:
    """Write the cache, and say so; a disk that refuses costs no training."""
    x = pictures.x
    kind = x.dtype.newbyteorder("<")
    about = {
        "format": FORMAT, "identity": identity, "dtype": kind.str, "shape": x.shape, "scale": pictures.scale,
        "notes": pictures.notes, "sha256": _hash(x),
    }  # fmt: skip

    def parts() -> Iterator[bytes | memoryview]:
        yield json.dumps(about).encode() + b"\n"
        for block in blocks_of(x):
            yield np.ascontiguousarray(block, kind).data

    try:
        make_folder(place.parent)
        replace_file(place, parts())
    except (WriteError, OSError) as error:
        reason = error.received if isinstance(error, WriteError) else error.strerror
        return f"decoded images cannot be kept in {printable(str(place))}: {reason}"
    return f"decoded images are kept in {printable(str(place))}"
