"""The seal: 512 bytes in front of the HDF5 file that say what follows and prove that it is whole."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CheckpointError, DamagedError

SIZE = 512
FORMAT = "gpunet-checkpoint"
VERSION = 1

RESTORE = "The file is damaged: restore it from a copy"

_PATTERN = re.compile(rb"gpunet-checkpoint (\d{1,4}) (\d{1,18}) ([0-9a-f]{64})\n\0*")


def make_seal(*body: bytes | memoryview) -> bytes:
    """The 512 bytes for everything that comes after them, given in one piece or several."""
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    text = f"{FORMAT} {VERSION} {sum(map(len, body))} {digest.hexdigest()}\n"
    return text.encode().ljust(SIZE, b"\0")


@dataclass(frozen=True)
class Seal:
    """What the seal says: how many bytes follow, and their hash."""

    length: int
    sha256: str

    def check_length(self, name: str, size: int) -> None:
        """Compare with the size of the whole file.

        Raises:
            DamagedError: something is missing or left over.
        """
        if SIZE + self.length != size:
            raise DamagedError(name, f"must be {SIZE + self.length} bytes long by its seal", size, RESTORE)

    def check_bytes(self, name: str, chunks: Iterable[memoryview]) -> None:
        """Compare with all the bytes that follow.

        Raises:
            DamagedError: other bytes.
        """
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        if digest.hexdigest() != self.sha256:
            raise DamagedError(name, "must have the content that it was sealed with", "other bytes", RESTORE)


def parse_seal(name: str, head: bytes) -> Seal:
    """The seal out of the first 512 bytes of a file.

    Raises:
        DamagedError: no seal.
        CheckpointError: that of another major version.
    """
    found = _PATTERN.fullmatch(head)
    if found is None:
        raise DamagedError(name, "must begin with the seal of a gpunet checkpoint", "something else", "Check the path")
    check_version(name, int(found[1]))
    return Seal(int(found[2]), found[3].decode())


def check_version(name: str, version: object) -> None:
    """Refuse what a later gpunet wrote in a way that this one cannot know.

    Raises:
        CheckpointError: another major version of the format.
    """
    if str(version) != str(VERSION):
        remedy = f"Read it with a gpunet that knows format version {version}"
        raise CheckpointError(name, f"must have format version {VERSION}", version, remedy)
