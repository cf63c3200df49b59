"""The walk over the structure of a checkpoint, run as a program of its own.

HDF5 reads metadata that an attacker may have written, and its library was seen to crash, to loop and to fill memory
on such files.  So :mod:`.index` starts this file as a child: the checkpoint is its standard input, one JSON document
its standard output, and after the imports it can open no file, start no process and use only so much time and
memory.  It imports h5py and the standard library alone, which is why it starts in about a tenth of a second.

HDF5 can express links out of the file, code to run on data, references and types without end.  A checkpoint needs
none of it, so whatever is not a group, or a contiguous array of fixed-size numbers or text, is refused by name.
"""

import io
import json
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from functools import cache
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

MAX_DEPTH = 16
MAX_OBJECTS = 50_000  # libhdf5 takes about 0.15 ms for each
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 1 << 16
MAX_RANK = 8
MAX_TEXT = 1 << 26
MAX_STRUCTURE = 1 << 25  # bytes of all paths and attributes together

MEMORY = 256 << 20  # beyond what the imports take
PROCESSOR_SECONDS = 7
SECONDS = 60  # of the clock: a slow disk and a program that was stopped for a while may take them
READY = b"ready\n"
MAX_ANSWER = 1 << 28
PIECE = 1 << 16  # of the answer; it takes the memory that it needs


class Refused(Exception):
    """Something at ``path`` breaks a rule."""

    def __init__(self, path: str, rule: str, received: object):
        super().__init__(path, rule, str(received))


class StructureWalk:
    """Walks hard links only and counts as it goes; ``entries`` has path, attributes, type, shape and offset."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any], str | None, list[int], int]] = []
        self.seen: set[int] = set()
        self.spent = 0

    def group(self, group: Any, path: str, depth: int) -> None:
        """Note a group and everything below it."""
        from h5py import h5d, h5g, h5l, h5o

        self.once(group, path)
        self.note(path, self.attributes(group, path), None, [], 0)
        if depth > MAX_DEPTH:
            raise Refused(path, f"must be nested at most {MAX_DEPTH} deep", "more")
        for name in self.names(group, path):
            inner = f"{path}/{name}" if path else name
            link = group.links.get_info(name.encode()).type
            if link != h5l.TYPE_HARD:
                kind = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "an external link"}.get(link, "another link")
                raise Refused(inner, "must be a hard link", kind)
            child = h5o.open(group, name.encode())
            if isinstance(child, h5g.GroupID):
                self.group(child, inner, depth + 1)
            elif isinstance(child, h5d.DatasetID):
                self.array(child, inner)
            else:
                raise Refused(inner, "must be a group or an array", type(child).__name__)

    def names(self, group: Any, path: str) -> list[str]:
        """The names in a group, each of them plain."""
        found: list[str] = []
        wrong: list[Refused] = []

        def add(name: bytes) -> bool:  # called by libhdf5, so it must not raise; True ends the iteration
            text = name.decode("utf-8", "backslashreplace")
            if not NAME.fullmatch(text):
                wrong.append(Refused(path, "must hold plain names of letters, digits and _.-", ascii(text)[:60]))
            elif len(found) >= MAX_OBJECTS:
                wrong.append(Refused(path, f"must hold at most {MAX_OBJECTS} names", "more"))
            found.append(text)
            return bool(wrong)

        group.links.iterate(add)
        if wrong:
            raise wrong[0]
        return found

    def spend(self, path: str, size: int) -> None:
        """Refuse a structure that is too large as a whole."""
        self.spent += size
        if self.spent > MAX_STRUCTURE:
            raise Refused(path, f"must keep paths and attributes within {MAX_STRUCTURE >> 20} MiB", "more")

    def once(self, thing: Any, path: str) -> None:
        """Refuse a second name for the same object, and too many objects."""
        from h5py import h5o

        address = h5o.get_info(thing).addr
        if address in self.seen:
            raise Refused(path, "must be the only name of its object", "an alias")
        self.seen.add(address)
        if len(self.seen) > MAX_OBJECTS:
            raise Refused(path, f"must be among at most {MAX_OBJECTS} objects", "more")

    def note(self, path: str, attrs: dict[str, Any], dtype: str | None, shape: list[int], offset: int) -> None:
        """Add an entry."""
        self.spend(path, len(path))
        self.entries.append((path, attrs, dtype, shape, offset))

    def array(self, dataset: Any, path: str) -> None:
        """Note an array: its type, shape and place."""
        from h5py import h5d, h5s

        self.once(dataset, path)
        plist = dataset.get_create_plist()
        layouts = {h5d.COMPACT: "compact", h5d.CHUNKED: "chunked", h5d.VIRTUAL: "virtual"}
        layout = layouts.get(plist.get_layout())
        layout = "external" if plist.get_external_count() else "filtered" if plist.get_nfilters() else layout
        if layout:
            raise Refused(path, "must be stored contiguously, without filters, in this file", f"{layout} storage")
        dtype = plain_type(dataset.get_type())
        if dtype is None:
            raise Refused(path, "must hold fixed-size little-endian numbers or text", type_name(dataset.get_type()))
        space = dataset.get_space()
        if space.get_simple_extent_type() == h5s.NULL:
            raise Refused(path, "must have a shape", "none")
        rank = space.get_simple_extent_ndims()
        if rank > MAX_RANK:
            raise Refused(path, f"must have at most {MAX_RANK} axes", rank)
        offset = dataset.get_offset()
        shape = [int(n) for n in space.get_simple_extent_dims()]
        self.note(path, self.attributes(dataset, path), dtype, shape, 0 if offset is None else int(offset))

    def attributes(self, thing: Any, path: str) -> dict[str, Any]:
        """The attributes of an object, each one number or text."""
        import numpy as np
        from h5py import h5a, h5s

        count = h5a.get_num_attrs(thing)
        if count > MAX_ATTRIBUTES:
            raise Refused(path, f"must have at most {MAX_ATTRIBUTES} attributes", count)
        found: dict[str, Any] = {}
        for index in range(count):
            attribute = h5a.open(thing, index=index)
            name = attribute.name.decode("utf-8", "backslashreplace")
            if not NAME.fullmatch(name):
                raise Refused(path, "must have attributes with plain names", ascii(name)[:60])
            kind = attribute.get_type()
            dtype, scalar = plain_type(kind), attribute.get_space().get_simple_extent_type() == h5s.SCALAR
            if dtype is None or not scalar or kind.get_size() > MAX_ATTRIBUTE_BYTES:
                raise Refused(path, "must have attributes of one number or fixed-length text", name)
            self.spend(path, len(name) + kind.get_size())
            raw = np.zeros((), dtype)
            attribute.read(raw, kind)
            value = raw.item()
            if dtype == "|u1" and value > 1:
                raise Refused(path, "must have truth values of 0 or 1", f"{name}={value}")
            try:
                found[name] = bool(value) if dtype == "|u1" else value.decode() if dtype[1] == "S" else value
            except UnicodeDecodeError:
                raise Refused(path, "must have attributes in UTF-8", name) from None
        return found


@cache
def numbers() -> dict[str, Any]:
    """The types of HDF5 that a file may hold, by the names of NumPy."""
    from h5py import h5t

    return {
        "<f4": h5t.IEEE_F32LE, "<f8": h5t.IEEE_F64LE, "<i8": h5t.STD_I64LE, "|u1": h5t.STD_U8LE, "<i4": h5t.STD_I32LE,
        "<u8": h5t.STD_U64LE, "<u4": h5t.STD_U32LE, "<i2": h5t.STD_I16LE, "<u2": h5t.STD_U16LE, "|i1": h5t.STD_I8LE,
        "<f2": h5t.IEEE_F16LE,
    }  # fmt: skip


def plain_type(kind: Any) -> str | None:
    """The NumPy type of a fixed-size integer, float or text; None for all other HDF5 types."""
    from h5py import h5t

    if isinstance(kind, h5t.TypeStringID):
        return None if kind.is_variable_str() or kind.get_size() > MAX_TEXT else f"|S{kind.get_size()}"
    return next((dtype for dtype, known in numbers().items() if kind.equal(known)), None)


def type_name(kind: Any) -> str:
    """What to call a type that is refused."""
    from h5py import h5t

    names = {
        h5t.INTEGER: "other integers", h5t.FLOAT: "other floats", h5t.STRING: "long text",
        h5t.BITFIELD: "bit fields", h5t.OPAQUE: "opaque data", h5t.COMPOUND: "compound records",
        h5t.REFERENCE: "references", h5t.ENUM: "enumerations", h5t.VLEN: "variable-length data", h5t.ARRAY: "arrays",
    }  # fmt: skip
    if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        return "variable-length text"
    return names.get(kind.get_class(), "another type")


def confine(processor_seconds: int = PROCESSOR_SECONDS, seconds: int = SECONDS) -> bool:
    """Give up everything that reading does not need; the kernel holds the process to it.

    Returns:
        Whether limits from outside leave less memory than any file may ask for.
    """
    cramped = False
    for number in (signal.SIGALRM, signal.SIGXCPU):  # whatever was inherited
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: processor_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,  # those that are open
    }
    with suppress(OSError):  # only Linux says how much is in use, and keeps to this limit
        pages = int(open("/proc/self/statm", encoding="ascii").read().split()[0])  # noqa: SIM115, PTH123
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + MEMORY
    for limit, most in limits.items():
        hard = resource.getrlimit(limit)[1]
        hard = most + 1 if hard == resource.RLIM_INFINITY else hard
        cramped |= limit == resource.RLIMIT_AS and hard < most
        most = min(most, hard)
        # A process beyond its soft limit of time gets a signal that tells why, beyond the hard one it is killed.
        resource.setrlimit(limit, (most, most + 1 if limit == resource.RLIMIT_CPU and most < hard else most))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return cramped


def answer(file: Any, cramped: bool = False) -> dict[str, Any]:
    """The structure of an open file as plain entries, or what is wrong with it; where memory is ``cramped``, that may
    be the lack of it."""
    import h5py

    walk = StructureWalk()
    try:
        with h5py.File(file, "r") as opened:
            walk.group(h5py.h5g.open(opened.id, b"/"), "", 0)
    except Refused as refused:
        return {"refused": refused.args}
    except MemoryError:
        return {"malformed": "more than memory holds", "cramped": cramped}
    except Exception as error:  # noqa: BLE001  whatever h5py raises for what libhdf5 cannot make sense of
        return {"malformed": str(error)[:300] or type(error).__name__, "cramped": cramped}
    return {"entries": walk.entries}


def send(content: Any) -> None:
    """Write all of it to standard output."""
    view = memoryview(content).cast("B")
    while view:
        view = view[os.write(1, view) :]


def main() -> None:
    """Read the checkpoint on standard input, write its structure to standard output.

    With numbers of descriptors as arguments each of them is read by a child of its own, one after the other, so that
    the imports are paid once: for each its exit code and the length of what it wrote stand in a line before it.
    """
    import h5py  # noqa: F401  before there is no more opening of files

    if len(sys.argv) == 1:
        walk_input()
    for descriptor in map(int, sys.argv[1:]):
        content, code = walk_apart(descriptor)
        send(b"%d %d\n" % (code, len(content)))
        send(content)


def walk_apart(descriptor: int) -> tuple[bytes, int]:
    """What a child that sees this file alone writes of it, and how it ends."""
    mine, its = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.dup2(descriptor, 0)
            os.dup2(its, 1)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            walk_input()
        finally:
            os._exit(0 if sys.exception() is None else 1)
    os.close(its)
    content = bytearray()
    while piece := os.read(mine, PIECE):
        content += piece
        if len(content) > MAX_ANSWER:
            os.kill(child, signal.SIGKILL)
    os.close(mine)
    return bytes(content), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def walk_input() -> None:
    """Read the checkpoint on standard input with no more rights than that, write its structure to standard output."""
    cramped = confine()
    send(READY)
    send(json.dumps(answer(io.FileIO(0, "rb", closefd=False), cramped)).encode())


if __name__ == "__main__":
    main()
    os._exit(0)  # nothing is left to tidy up, and libhdf5 may be in any state
