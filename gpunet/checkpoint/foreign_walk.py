"""The walk over an HDF5 file that is no checkpoint, run as a program of its own under the limits of :mod:`.walk`.

Here HDF5 itself reads the numbers too, compressed ones included, since their place in the file is not enough.  What
cannot be read is named and passed over: links, references, records, filters other than HDF5's own.

    python foreign_walk.py BUDGET SECONDS MOST [NAME...] < FILE

The answer is a line of JSON with all objects, then the bytes of the arrays at and below the names that have at most
MOST numbers, in the same order.
"""

import io
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # a program has no package, so the neighbour is found by its folder
    sys.path.insert(0, str(Path(__file__).parent))
    import walk  # type: ignore[import-not-found]

    del sys.path[0]
else:
    from . import walk

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}
SLAB = 16 << 20
CHUNK = 64 << 20
SHOWN = 4096  # characters of a text attribute
KINDS = "biufS"


class ForeignWalk:
    """Notes every object once; ``entries`` has path, attributes, type, shape, why it is not read, and its place.

    The place is that of an array whose numbers lie one behind the other: its first byte, and its type there.
    """

    def __init__(self, names: list[str], budget: int, most: int) -> None:
        self.limits = walk.StructureWalk()
        self.names, self.budget, self.most = names, budget, most
        self.entries: list[tuple[str, dict[str, Any], str | None, list[int], str, tuple[int, str] | None]] = []
        self.wanted: list[Any] = []

    def group(self, group: Any, path: str, depth: int) -> None:
        """Note a group and everything below it."""
        import h5py

        self.limits.seen.add(h5py.h5o.get_info(group.id).addr)
        self.note(path, attributes(group))
        links: list[bytes] = []

        def add(name: bytes) -> bool:  # called by libhdf5, so it must not raise; True ends the iteration
            links.append(name)
            return len(links) > walk.MAX_OBJECTS

        group.id.links.iterate(add)
        for name in links:
            try:
                inner = f"{path}/{name.decode()}" if path else name.decode()
            except UnicodeDecodeError:
                raise walk.Refused(path, "must hold names in UTF-8", ascii(name)[:60]) from None
            kind = group.id.links.get_info(name).type
            if kind != h5py.h5l.TYPE_HARD:
                soft = kind == h5py.h5l.TYPE_SOFT
                target = group.id.links.get_val(name).decode("utf-8", "replace")[:SHOWN] if soft else "another file"
                self.note(inner, {}, why=f"a link to {target}")
                continue
            child = h5py.h5o.open(group.id, name)
            address = h5py.h5o.get_info(child).addr
            if address in self.limits.seen:
                self.note(inner, {}, why="another name of an object above")
            elif isinstance(child, h5py.h5g.GroupID) and depth < walk.MAX_DEPTH:
                self.group(h5py.Group(child), inner, depth + 1)
            elif isinstance(child, h5py.h5d.DatasetID):
                self.limits.seen.add(address)
                self.array(h5py.Dataset(child), inner)
            else:
                self.note(inner, {}, why="a type" if isinstance(child, h5py.h5t.TypeID) else "nested too deep")

    def array(self, dataset: Any, path: str) -> None:
        """Note an array, and whether its numbers are wanted."""
        import numpy as np

        storage, why = stored(dataset)
        attrs = attributes(dataset) | ({"storage": storage} if storage else {})
        dtype = None if why else plain(dataset)
        if dtype is None and not why and among(path, self.names) and is_text(dataset):
            dataset = texts_of(dataset, self.budget)
            dtype = dataset.dtype.str if dataset.dtype.itemsize <= walk.MAX_TEXT else None
        if dtype is None:
            why = why or ("long text" if isinstance(dataset, np.ndarray) else walk.type_name(dataset.id.get_type()))
            self.note(path, attrs, why=why)
            return
        shape = [int(n) for n in dataset.shape]
        self.note(path, attrs, dtype, shape, place=place_of(dataset))
        if among(path, self.names) and math.prod(shape) <= self.most:
            self.budget -= math.prod(shape) * np.dtype(dtype).itemsize
            if self.budget < 0:
                raise walk.Refused(path, "must be within what is inflated of a file of this size", "more")
            self.wanted.append((dataset, dtype))

    def note(
        self,
        path: str,
        attrs: dict[str, Any],
        dtype: str | None = None,
        shape: Any = (),
        why: str = "",
        place: Any = None,
    ) -> None:
        """Add an entry."""
        self.limits.spend(path, len(path) + len(why) + sum(len(k) + len(str(v)) for k, v in attrs.items()))
        if len(self.entries) >= walk.MAX_OBJECTS:
            raise walk.Refused(path, f"must be among at most {walk.MAX_OBJECTS} objects", "more")
        self.entries.append((path, attrs, dtype, list(shape), why, place))


def among(path: str, names: Sequence[str]) -> bool:
    """Whether a path is one of the names or below one; everything is below the empty name."""
    return any(path == name or not name or path.startswith(f"{name}/") for name in names)


def is_text(dataset: Any) -> bool:
    """Whether each element is a text of a length of its own."""
    import h5py

    kind = dataset.id.get_type()
    return isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()


def texts_of(dataset: Any, budget: int) -> Any:
    """Texts of any lengths as an array whose elements have the room of the longest."""
    import numpy as np

    if dataset.size * np.dtype("O").itemsize > budget:
        raise walk.Refused(dataset.name, "must be within what is inflated of a file of this size", "more")
    held = dataset[()]
    texts = [text if isinstance(text, bytes) else str(text).encode() for text in np.asarray(held).ravel().tolist()]
    longest = max(map(len, texts), default=1) or 1
    if longest * len(texts) > budget:
        raise walk.Refused(dataset.name, "must be within what is inflated of a file of this size", "more")
    return np.array(texts, f"S{longest}").reshape(dataset.shape)


def plain(dataset: Any) -> str | None:
    """The type of numbers or texts of one size, None for everything else, which NumPy may have no type for."""
    import numpy as np

    try:
        kind = np.dtype(dataset.dtype)
    except (TypeError, ValueError):
        return None
    most = walk.MAX_TEXT if kind.kind == "S" else 8
    return kind.newbyteorder("<").str if kind.kind in KINDS and 0 < kind.itemsize <= most else None


def stored(dataset: Any) -> tuple[str, str]:
    """How the numbers lie in the file, where not plainly, and why they cannot be read, where they cannot."""
    import h5py

    plist = dataset.id.get_create_plist()
    if plist.get_external_count():
        return "", "stored in another file"
    if plist.get_layout() == h5py.h5d.VIRTUAL:
        return "", "stored in other arrays"
    if dataset.shape is None:
        return "", "without a shape"
    if len(dataset.shape) > walk.MAX_RANK:
        return "", f"of more than {walk.MAX_RANK} axes"
    numbers = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
    if unknown := [n for n in numbers if n not in FILTERS]:
        return "", f"compressed by filter {unknown[0]}"
    return ", ".join(FILTERS[n] for n in numbers) or ("chunked" if dataset.chunks else ""), ""


def place_of(dataset: Any) -> tuple[int, str] | None:
    """The first byte of numbers that lie one behind the other, and their type there; None of all others."""
    import numpy as np

    if isinstance(dataset, np.ndarray) or dataset.chunks or not dataset.size:
        return None
    offset = dataset.id.get_offset()
    return None if offset is None else (int(offset), np.dtype(dataset.dtype).str)


def attributes(thing: Any) -> dict[str, Any]:
    """Numbers and texts as they are, cut where they are long; everything else by its type."""
    import h5py

    found: dict[str, Any] = {}
    for index in range(min(h5py.h5a.get_num_attrs(thing.id), walk.MAX_ATTRIBUTES)):
        attribute = h5py.h5a.open(thing.id, index=index)
        name = attribute.name.decode("utf-8", "backslashreplace")[:SHOWN]
        if attribute.get_storage_size() > walk.MAX_ATTRIBUTE_BYTES:
            found[name] = f"({attribute.get_storage_size():,} bytes)"
            continue
        kind = attribute.get_type()
        if kind.get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM):
            found[name] = f"({walk.type_name(kind)})"
            continue
        value = thing.attrs[attribute.name]
        value = value.tolist() if hasattr(value, "tolist") else value
        value = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        found[name] = value if isinstance(value, bool | int | float) else str(value)[:SHOWN]
    return found


def send_array(dataset: Any, dtype: str) -> None:
    """The numbers in pieces of a few megabytes, along the first axis."""
    import numpy as np

    if not dataset.size:
        return
    if not dataset.shape:
        walk.send(np.asarray(dataset[()]).astype(dtype).tobytes())
        return
    if isinstance(dataset, np.ndarray):  # texts that were read already
        walk.send(np.ascontiguousarray(dataset).reshape(-1).view("u1"))
        return
    row = dataset.nbytes // dataset.shape[0]
    rows = max(1, SLAB // max(1, row))
    if dataset.chunks and dataset.chunks[0] * row <= CHUNK:  # else each chunk is inflated again for each piece
        rows = max(rows // dataset.chunks[0], 1) * dataset.chunks[0]
    for start in range(0, dataset.shape[0], rows):
        piece = np.ascontiguousarray(dataset[start : start + rows], dtype)
        walk.send(piece.reshape(-1).view("u1"))


def main() -> None:
    """Answer; the parent knows by the exit code whether all numbers came."""
    import h5py

    budget, seconds, most = map(int, sys.argv[1:4])
    cramped = walk.confine(seconds, seconds + walk.SECONDS)
    walk.send(walk.READY)
    found = ForeignWalk([bytes.fromhex(name).decode() for name in sys.argv[4:]], budget, most)
    answered = False
    try:
        with h5py.File(io.FileIO(0, "rb", closefd=False), "r") as file:
            found.group(file, "", 0)
            answer({"entries": found.entries})
            answered = True
            for dataset, dtype in found.wanted:
                send_array(dataset, dtype)
    except Exception as error:  # noqa: BLE001  whatever h5py raises for what libhdf5 cannot make sense of
        if answered:  # words among numbers would be taken for numbers
            os._exit(1)
        known = isinstance(error, walk.Refused)
        reason = "more than memory holds" if isinstance(error, MemoryError) else str(error)[:300]
        wrong = {"malformed": reason or type(error).__name__, "cramped": cramped}
        answer({"refused": error.args} if known else wrong)


def answer(document: Any) -> None:
    """A line of JSON."""
    walk.send(json.dumps(document).encode() + b"\n")


if __name__ == "__main__":
    main()
    os._exit(0)  # nothing is left to tidy up, and libhdf5 may be in any state
