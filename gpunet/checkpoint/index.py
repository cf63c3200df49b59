"""The structure of a checkpoint: what is where, and nothing but plain objects.

HDF5 can express links out of the file, code to run on data, references and types without end.  A checkpoint needs
none of it, so whatever is not a group, or a contiguous array of fixed-size numbers or text, is refused by name.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CheckpointError
from .tree import NAME, Scalar

MAX_DEPTH = 16
MAX_OBJECTS = 100_000
MAX_ATTRIBUTES = 64
MAX_RANK = 8


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
        """Bytes of the array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def read_structure(name: str, content: bytes) -> list[Entry]:
    """Index the bytes of a checkpoint; the first entry is the root.

    Raises:
        CheckpointError: where the structure cannot be read, or holds anything but plain objects.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            entries = list(_Walk(name, len(content)).group(file, "", 0))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        # Everything that h5py raises for what libhdf5 cannot make sense of.
        raise CheckpointError(name, "must be a well-formed HDF5 file", error, "Restore it from a copy") from None
    _check_ranges(name, entries)
    return entries


class _Walk:
    """Walks hard links only and counts as it goes."""

    def __init__(self, name: str, size: int):
        self.name, self.size = name, size
        self.seen: set[Any] = set()

    def refuse(self, path: str, rule: str, received: object) -> CheckpointError:
        return CheckpointError(f"{self.name}: /{path}", rule, received, "The file is not one that gpunet writes")

    def group(self, group: Any, path: str, depth: int) -> Iterator[Entry]:
        import h5py

        self.once(group, path)
        yield Entry(path, self.attributes(group, path))
        if depth > MAX_DEPTH:
            raise self.refuse(path, f"must be nested at most {MAX_DEPTH} deep", "more")
        for name in group:
            inner = f"{path}/{name}" if path else name
            if not NAME.fullmatch(name):
                raise self.refuse(path, "must hold plain names of letters, digits and _.-", ascii(name)[:60])
            link = group.get(name, getlink=True)
            if type(link) is not h5py.HardLink:
                raise self.refuse(inner, "must be a hard link", type(link).__name__)
            child = group[name]
            if isinstance(child, h5py.Group):
                yield from self.group(child, inner, depth + 1)
            elif isinstance(child, h5py.Dataset):
                yield self.array(child, inner)
            else:
                raise self.refuse(inner, "must be a group or an array", type(child).__name__)

    def once(self, thing: Any, path: str) -> None:
        """Refuse a second name for the same object, and too many objects."""
        import h5py

        address = h5py.h5o.get_info(thing.id).addr
        if address in self.seen:
            raise self.refuse(path, "must be the only name of its object", "an alias")
        self.seen.add(address)
        if len(self.seen) > MAX_OBJECTS:
            raise self.refuse(path, f"must be among at most {MAX_OBJECTS} objects", "more")

    def array(self, dataset: Any, path: str) -> Entry:
        import h5py

        self.once(dataset, path)
        plist = dataset.id.get_create_plist()
        if plist.get_layout() != h5py.h5d.CONTIGUOUS or plist.get_nfilters() or plist.get_external_count():
            raise self.refuse(path, "must be stored contiguously, without filters, in this file", "another storage")
        dtype = _plain_dtype(dataset.id.get_type())
        if dtype is None:
            raise self.refuse(path, "must hold fixed-size little-endian numbers or text", "another type")
        shape = dataset.id.shape
        if len(shape) > MAX_RANK:
            raise self.refuse(path, f"must have at most {MAX_RANK} axes", len(shape))
        entry = Entry(path, self.attributes(dataset, path), False, dtype, shape)
        if not entry.nbytes:
            return entry
        offset = dataset.id.get_offset()
        if offset is None or entry.nbytes < 0 or offset + entry.nbytes > self.size:
            raise self.refuse(path, "must lie within the file", f"{entry.nbytes} bytes at {offset}")
        return Entry(path, entry.attrs, False, dtype, shape, offset)

    def attributes(self, thing: Any, path: str) -> dict[str, Scalar]:
        import h5py

        if h5py.h5a.get_num_attrs(thing.id) > MAX_ATTRIBUTES:
            raise self.refuse(path, f"must have at most {MAX_ATTRIBUTES} attributes", "more")
        found: dict[str, Scalar] = {}
        for name in thing.attrs:
            attribute = thing.attrs.get_id(name)
            dtype = _plain_dtype(attribute.get_type())
            if dtype is None or attribute.shape != () or not NAME.fullmatch(name):
                raise self.refuse(path, "must have attributes of one number or fixed-length text", ascii(name)[:60])
            raw = np.zeros((), dtype)
            attribute.read(raw, attribute.get_type())
            value = raw[()]
            found[name] = bytes(value).decode("utf-8") if dtype.kind == "S" else _python_scalar(value, dtype)
        return found


def _python_scalar(value: Any, dtype: np.dtype) -> Scalar:
    return bool(value) if dtype == np.dtype("u1") else value.item()


def _plain_dtype(kind: Any) -> np.dtype | None:
    """The NumPy type of a fixed-size integer, float or text; None for all other HDF5 types."""
    import h5py

    if isinstance(kind, h5py.h5t.TypeStringID):
        return None if kind.is_variable_str() or kind.get_size() > 1 << 26 else np.dtype(f"S{kind.get_size()}")
    if isinstance(kind, h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID):
        dtype = kind.dtype
        return dtype if dtype.kind in "iuf" and dtype.byteorder in "<|=" and dtype.itemsize <= 8 else None
    return None


def _check_ranges(name: str, entries: list[Entry]) -> None:
    """Refuse arrays that share bytes."""
    ranges = sorted((e.offset, e.offset + e.nbytes, e.path) for e in entries if not e.is_group and e.nbytes)
    for (_, stop, first), (start, _, second) in zip(ranges, ranges[1:]):
        if start < stop:
            raise CheckpointError(f"{name}: /{second}", "must not overlap another array", f"/{first}")
