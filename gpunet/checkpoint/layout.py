"""Where everything of an HDF5 file lies: its metadata in memory, its arrays where they are.

HDF5 lays the file out in a sheet of memory that has room for its metadata alone: arrays get their place but are never
written there.  So no second copy of the numbers is made, and nothing but the system writes to the disk.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .environment import hdf5
from .hashing import array_sha256
from .seal import SIZE
from .tree import Group, Scalar

PAGE = 1 << 12
SMALL = 1 << 16  # parts below that are joined
JOINED = 1 << 20


def lay_out(root: Group) -> Iterator[bytes | memoryview]:
    """The HDF5 file without its user block, in pieces one after the other; the same tree gives the same bytes."""
    sheet, placed = Sheet(), []
    with hdf5().File(sheet, "w", libver=("v108", "v110"), userblock_size=SIZE) as file:
        _write_attrs(file, root.attrs)
        for stored, data in _make_children(file, root):
            if data.nbytes:
                placed.append((stored.id.get_offset(), data))
    place = SIZE
    for offset, data in sorted(placed, key=lambda pair: pair[0]):
        yield sheet.between(place, offset)
        yield data.reshape(-1).view("u1").data
        place = offset + data.nbytes
    yield sheet.between(place, sheet.length)


def joined(parts: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes in fewer pieces: many small ones would cost a call of the system each."""
    waiting = bytearray()
    for part in parts:
        if len(part) < SMALL:
            waiting += part
        if waiting and (len(part) >= SMALL or len(waiting) >= JOINED):
            yield bytes(waiting)
            waiting.clear()
        if len(part) >= SMALL:
            yield part
    if waiting:
        yield bytes(waiting)


class Sheet:
    """A file for h5py whose pages take memory when something is written on them; all else reads as zeros."""

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self.length = self.place = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, from the beginning, from here or from the end."""
        self.place = offset + (0, self.place, self.length)[whence]
        return self.place

    def tell(self) -> int:
        """The present offset in bytes, as HDF5 asks for it."""
        return self.place

    def truncate(self, size: int) -> int:
        """Set the length of the file in bytes."""
        self.length = size
        return size

    def flush(self) -> None:
        """Nothing waits to be written."""

    def write(self, content: Any) -> int:
        """Write bytes at the present offset and move on behind them."""
        view = memoryview(content).cast("B")
        for start, page, inner, count in self._touched(self.place, len(view)):
            self.pages.setdefault(page, bytearray(PAGE))[inner : inner + count] = view[start : start + count]
        self.place += len(view)
        self.length = max(self.length, self.place)
        return len(view)

    def read(self, size: int) -> bytes:
        """Read from where we are."""
        found = self.between(self.place, self.place + size)
        self.place += size
        return found

    def readinto(self, buffer: Any) -> int:
        """Read into memory that is there."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(len(view))
        return len(view)

    def between(self, start: int, stop: int) -> bytes:
        """The bytes of a stretch."""
        found = bytearray(stop - start)
        for place, page, inner, count in self._touched(start, stop - start):
            if page in self.pages:
                found[place : place + count] = self.pages[page][inner : inner + count]
        return bytes(found)

    @staticmethod
    def _touched(start: int, size: int) -> Iterator[tuple[int, int, int, int]]:
        """For each page of a stretch: where in the stretch, which page, where in it, how many bytes."""
        done = 0
        while done < size:
            page, inner = divmod(start + done, PAGE)
            count = min(PAGE - inner, size - done)
            yield done, page, inner, count
            done += count


def _make_children(place: Any, group: Group) -> Iterator[tuple[Any, np.ndarray]]:
    """Make everything below a group and yield each array with the object that has its place."""
    for name in sorted(group.children):
        child = group.children[name]
        if isinstance(child, Group):
            inner = place.create_group(name)
            _write_attrs(inner, child.attrs)
            yield from _make_children(inner, child)
        else:
            stored = _make_array(place, name, child.data)
            _write_attrs(stored, {**child.attrs, "sha256": array_sha256(child.data)})
            yield stored, child.data


def _make_array(place: Any, name: str, data: np.ndarray) -> Any:
    """A contiguous array whose place is taken at once and filled by nobody."""
    h5py = hdf5()
    from h5py import h5d, h5p, h5s, h5t

    plist = h5p.create(h5p.DATASET_CREATE)
    plist.set_layout(h5d.CONTIGUOUS)
    plist.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5d.FILL_TIME_NEVER)
    plist.set_obj_track_times(False)
    text = data.dtype.kind == "S"
    kind = h5t.py_create(h5py.string_dtype("utf-8", data.dtype.itemsize) if text else data.dtype, logical=True)
    space = h5s.create_simple(data.shape) if data.shape else h5s.create(h5s.SCALAR)
    return h5py.Dataset(h5d.create(place.id, name.encode(), kind, space, plist))


def _write_attrs(place: Any, attrs: dict[str, Scalar]) -> None:
    h5py = hdf5()
    for name in sorted(attrs):
        value = attrs[name]
        if isinstance(value, str):
            encoded = value.encode()
            kind = h5py.string_dtype("utf-8", max(1, len(encoded)))
            place.attrs.create(name, np.array(encoded, f"S{max(1, len(encoded))}"), dtype=kind)
        elif isinstance(value, bool):
            place.attrs.create(name, np.uint8(value))
        else:
            place.attrs.create(name, np.int64(value) if isinstance(value, int) else np.float64(value))


def plain_hdf5(arrays: Mapping[str, np.ndarray], attrs: Mapping[str, str]) -> bytes:
    """An HDF5 file of plain arrays for other programs, which is no checkpoint: no seal, no hashes.

    >>> plain_hdf5({"h": np.zeros(2)}, {"format": "example"})[:4]
    b'\x89HDF'
    """
    held = io.BytesIO()
    with hdf5().File(held, "w") as file:
        file.attrs.update(attrs)
        for name, array in arrays.items():
            file[name] = array
    return held.getvalue()
