"""The seal: 512 bytes in front of the HDF5 file that say what follows and prove that it is whole."""

import hashlib
import re

from ..errors import CheckpointError

SIZE = 512
FORMAT = "gpunet-checkpoint"
VERSION = 1

_PATTERN = re.compile(rb"gpunet-checkpoint (\d{1,4}) (\d{1,18}) ([0-9a-f]{64})\n\0*")


def make_seal(body: memoryview) -> bytes:
    """The 512 bytes for everything that comes after them."""
    text = f"{FORMAT} {VERSION} {len(body)} {hashlib.sha256(body).hexdigest()}\n"
    return text.encode().ljust(SIZE, b"\0")


def check_seal(name: str, content: memoryview) -> None:
    """Check a whole file against its seal, before any HDF5 code sees it.

    Raises:
        CheckpointError: no seal, another major version, another length, other bytes.
    """
    found = _PATTERN.fullmatch(bytes(content[:SIZE]))
    if found is None:
        raise CheckpointError(
            name, "must begin with the seal of a gpunet checkpoint", "something else", "Check the path"
        )
    version, length = int(found[1]), int(found[2])
    if version != VERSION:
        raise CheckpointError(name, f"must have format version {VERSION}", version, "Update gpunet to a newer version")
    body = content[SIZE:]
    if length != len(body):
        raise CheckpointError(name, f"must be {SIZE + length} bytes long by its seal", len(content), _RESTORE)
    if hashlib.sha256(body).hexdigest().encode() != found[3]:
        raise CheckpointError(name, "must have the content that it was sealed with", "other bytes", _RESTORE)


_RESTORE = "The file is damaged: restore it from a copy"
