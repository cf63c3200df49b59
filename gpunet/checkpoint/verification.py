"""Verification: everything that can be checked is, and all that is damaged is named.

Reading stops at the first damage.  Here each check is made as far as the others allow: arrays are compared with their
hashes although the seal is broken, and all of them although the first is damaged.  What keeps a file from being read is
no damage, and is raised unless damage was found before.
"""

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CheckpointError, ReaderError, UnreadableError
from .index import Entry, read_structure
from .reader import check_content_sha256, check_finite, check_schema
from .seal import SIZE, parse_seal
from .stored import StoredArray, StoredFile, no_memory, read_array
from .tree import Group


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it was written.

    Attributes:
        place: ``seal``, ``structure``, ``content``, or the path of an array.
        problem: the rule and what was found instead.
    """

    place: str
    problem: str


@dataclass
class Verification:
    """What is known about a file after all checks.

    Attributes:
        path: of the file.
        size: in bytes.
        arrays: how many were compared with their hashes.
        content_sha256: as stated, or None where it could not be read.
        damages: all that was found.
    """

    path: Path
    size: int
    arrays: int = 0
    content_sha256: str | None = None
    damages: list[Damage] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damages

    def add(self, place: str, error: CheckpointError) -> None:
        """Note what a check found."""
        got = "" if error.received is None else f", got {error.received}"
        self.damages.append(Damage(place, f"{error.rule}{got}"))


def verify(path: Path | str, *, allow_nonfinite: bool = False) -> Verification:
    """Check seal, structure, every array and the content hash of a file.

    Raises:
        CheckpointError: there is no such file, or it is not a regular one.
        UnreadableError: the system does not let it be read.
        ReaderError: the reader was killed or stopped, or memory does not suffice.
    """
    file = StoredFile(path)
    found = Verification(file.path, file.size)
    try:
        _check(file, found, allow_nonfinite)
    except (UnreadableError, ReaderError):
        if found.whole:
            raise
    except MemoryError:
        if found.whole:
            raise no_memory(file.name, file.size) from None
    return found


def _check(file: StoredFile, found: Verification, allow_nonfinite: bool) -> None:
    """Make all checks and note what they find."""
    _check_seal(file, found)
    try:
        entries = read_structure(file.name, file.descriptor, SIZE, file.size)
    except UnreadableError:
        raise
    except CheckpointError as error:
        found.add("structure", error)
        return
    root = Group(dict(entries[0].attrs))
    for entry in entries[1:]:
        if entry.is_group:
            root[entry.path] = Group(entry.attrs)
        else:
            root[entry.path] = StoredArray(file, entry)
            _check_array(file, entry, found, allow_nonfinite)
    stated = root.attrs.get("content_sha256")
    found.content_sha256 = stated if isinstance(stated, str) else None
    try:
        check_schema(file.name, root)
        check_content_sha256(file.name, root)
    except CheckpointError as error:
        found.add("content", error)


def _check_seal(file: StoredFile, found: Verification) -> None:
    try:
        seal = parse_seal(file.name, file.head(SIZE))
        seal.check_length(file.name, file.size)
        seal.check_bytes(file.name, file.chunks(SIZE))
    except UnreadableError:
        raise
    except CheckpointError as error:
        found.add("seal", error)


def _check_array(file: StoredFile, entry: Entry, found: Verification, allow_nonfinite: bool) -> None:
    found.arrays += 1
    try:
        data = read_array(file, entry)
        if not allow_nonfinite:
            check_finite(f"{file.name}: {entry.path}", data)
    except UnreadableError:
        raise
    except CheckpointError as error:
        found.add(entry.path, error)
