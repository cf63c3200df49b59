"""Arrays by name out of NPZ and HDF5 files: read, or streamed where they are features that are too large for memory."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from gpunet.checkpoint import NamedArray, inflation_budget, read_foreign
from gpunet.data import Streamed
from gpunet.errors import CheckpointError, DataError, printable

from .opening import open_regular
from .rows import FileRows, cannot_stream, exceeds, streamed

PLAIN = "Write plain number arrays with numpy.savez; pickled objects are never loaded"
LOCAL_HEADER, NAME_AT = 30, 26  # bytes of a zip file in front of the name of a member; where its length stands there
Arrays = Mapping[str, Any]  # of NumPy, or streamed


def read_arrays(path: Path, names: set[str], features: set[str], memory: int | None) -> Arrays:
    """The arrays of a file that have one of some names; all others are empty.

    Args:
        path: of an NPZ or HDF5 file.
        names: of what is wanted.
        features: names of features, which are streamed where together they take more memory than allowed.
        memory: bytes that features may take; None for whatever they need.

    Raises:
        DataError: damaged, pickled or too large, or features that are too large and do not lie row by row.
    """
    return (_read_npz if path.suffix.lower() == ".npz" else _read_hdf5)(path, names, features, memory)


def _streams(lying: Iterable[tuple[tuple[int, ...], np.dtype]], memory: int | None) -> int:
    """What features of such shapes and types take as float32 or bytes, where that is too much; else 0."""
    size = sum(math.prod(shape) * (1 if dtype.itemsize == 1 and dtype.kind == "u" else 4) for shape, dtype in lying)
    return size if exceeds(size, memory) else 0


def _read_npz(path: Path, names: set[str], features: set[str], memory: int | None) -> dict[str, Any]:
    """The arrays that have one of the known names, and nothing else of the file."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {name: members[name] for name in sorted(names & set(members))}
            if not wanted:
                return {name: np.zeros(0) for name in members}  # to say what there is instead
            large = features if memory is not None else set[str]()
            heads = {name: _head(path, name, archive, info) for name, info in wanted.items() if name in large}
            size = _streams((head[:2] for head in heads.values()), memory)
            there = {name: info for name, info in wanted.items() if not size or name not in heads}
            _check_inflation(path, list(there.values()))
            found: dict[str, Any] = {name: _read_member(path, name, archive, info) for name, info in there.items()}
            for name, (shape, dtype, inside) in heads.items() if size else ():
                found[name] = _stored(path, name, file, wanted[name], shape, dtype, inside, size, memory or 0)
            return found
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        reason = printable(str(error))
        raise DataError(str(path), "must be a whole NPZ file", reason, "Write it again with numpy.savez") from None


def _stored(
    path: Path,
    name: str,
    file: IO[bytes],
    info: zipfile.ZipInfo,
    shape: tuple[int, ...],
    dtype: np.dtype,
    inside: int,
    size: int,
    memory: int,
) -> Streamed:
    """An array of an archive that stays there.

    Args:
        path: of the archive.
        name: of the array.
        file: the archive.
        info: of the member.
        shape: of the array.
        dtype: likewise.
        inside: where its numbers begin in the member; 0 where they do not lie row by row.
        size: bytes of all features.
        memory: that they may take.
    """
    if info.compress_type != zipfile.ZIP_STORED or not inside:
        why = "a compressed array" if inside else "an array in the order of Fortran"
        remedy = "Write it with numpy.savez, uncompressed" + ("" if inside else " and row by row")
        raise cannot_stream(f"{path}: {name}", size, memory, why, remedy)
    file.seek(info.header_offset + NAME_AT)
    begins = info.header_offset + LOCAL_HEADER + sum(struct.unpack("<2H", file.read(4)))
    return streamed(path.name, [FileRows(path, begins + inside, shape, dtype)], memory)


def _head(
    path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape and type of an array, and where its numbers begin in its member, or 0 where they do not lie row by row.

    Its header is compared with what the member holds before any memory is asked for.
    """
    thing = f"{path}: {name}"
    with archive.open(info) as member:
        try:
            version = np.lib.format.read_magic(member)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read_header[version](member)
        except (ValueError, KeyError, SyntaxError, TypeError) as error:
            raise DataError(thing, "must hold a plain array", printable(str(error).split("\n")[0]), PLAIN) from None
        if dtype.hasobject:
            raise DataError(thing, "must hold a plain array", "Python objects", PLAIN)
        promised, held = math.prod(shape) * dtype.itemsize, info.file_size - member.tell()
        if promised != held or any(n < 0 for n in shape):
            raise DataError(thing, f"must hold the {promised:,} bytes that its header promises", f"{held:,}", PLAIN)
        return shape, dtype, 0 if fortran and len(shape) > 1 else member.tell()


def _check_inflation(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would grow beyond measure, and ways of compression that nobody needs here."""
    allowed, size = inflation_budget(path.stat().st_size), sum(info.file_size for info in members)
    if size > allowed:
        rule = f"must inflate to at most {allowed:,} bytes"
        raise DataError(str(path), rule, f"{size:,}", "Write it again with numpy.savez, uncompressed")
    if odd := [info for info in members if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]:
        way = f"compression method {odd[0].compress_type}"
        raise DataError(str(path), "must be stored or deflated", way, "Write it again with numpy.savez")


def _read_member(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array."""
    _head(path, name, archive, info)
    with archive.open(info) as member:
        try:
            return np.lib.format.read_array(member, allow_pickle=False)
        except (ValueError, MemoryError) as error:
            thing, reason = f"{path}: {name}", printable(str(error) or "no memory")
            raise DataError(thing, "must hold a plain array", reason, PLAIN) from None


def _read_hdf5(path: Path, names: set[str], features: set[str], memory: int | None) -> dict[str, Any]:
    """The arrays that have one of the known names, read by a child that can do no harm."""
    try:
        open_regular(path).close()
        root = read_foreign(path, () if memory is not None else sorted(names)).root
        found = root.children
        found = {**found, **{name: root[name] for name in names if "/" in name and name in root}}
        for name in sorted(names & set(found)):
            node = found[name]
            if not isinstance(node, NamedArray):
                why = printable(str(node.attrs.get("not_read", "a group")))
                rule = f"needs {name} as plain numbers stored in this file"
                raise DataError(str(path), rule, why, "Write it with h5py create_dataset")
        held: dict[str, Any] = {name: found[name] for name in names & set(found)}
        lying = [(node.shape, node.dtype) for name, node in held.items() if name in features]
        size = _streams(lying, memory)
        arrays = {
            name: _placed(path, name, node, size, memory) if size and name in features else node.data
            for name, node in held.items()
        }
    except CheckpointError as error:
        raise DataError(error.thing, error.rule, error.received, error.remedy) from None
    return arrays or {name: np.zeros(0) for name in found}


def _placed(path: Path, name: str, node: Any, size: int, memory: int | None) -> Streamed:
    """An array of an HDF5 file that stays there, where its numbers lie one behind the other."""
    assert memory is not None, "it is too small"
    if node.place is None:
        why = f"an array that is {node.attrs.get('storage') or 'chunked'}"
        remedy = "Write it with h5py create_dataset, without chunks and compression"
        raise cannot_stream(f"{path}: {name}", size, memory, why, remedy)
    offset, dtype = node.place
    return streamed(path.name, [FileRows(path, offset, node.shape, dtype)], memory)
