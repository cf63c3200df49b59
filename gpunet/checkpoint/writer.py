"""Writing: checked, laid out, sealed, then put in place of the old file."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import CheckpointError, DamagedError
from ..writing import replace_file
from . import walk
from .hashing import content_sha256
from .layout import joined, lay_out
from .reader import check_finite
from .seal import FORMAT, VERSION, make_seal
from .stored import check_text
from .tree import Group, NamedArray, Scalar

RESERVED = 8  # attributes that the writer adds
STAMPS: dict[str, Scalar] = {"sha256": "0" * 64}  # as long as what it adds to a group or an array


class NotFiniteError(CheckpointError):
    """NaN or infinity is to be written, which no reader would take; ``path`` is that of the array."""

    def __init__(self, name: str, path: str, received: object):
        self.path = path
        super().__init__(f"{name}: {path}", "must be finite", received)


def write(path: Path | str, root: Group, *, keep_previous: bool = False, created_utc: str | None = None) -> str:
    """Write a checkpoint atomically: afterwards the path holds the old file or the new one, never a part.

    Adds ``format``, ``format_version``, ``gpunet_version``, ``created_utc``, ``content_sha256`` to the root, a
    ``sha256`` to each array and an ``encoding_type`` and ``encoding_version`` to each group.

    Args:
        path: of the file.
        root: what it holds; left unchanged.
        keep_previous: let a file that is there live on as ``<stem>.previous.h5``.
        created_utc: ISO time to write down; now by default.

    Returns:
        The content hash.

    Raises:
        CheckpointError: the content is beyond what a reader would accept.
        NotFiniteError: its numbers are.
        WriteError: where the disk refuses; the path holds the old file, or the new one if only its neighbours fail.
    """
    path = Path(path)
    content, pieces = sealed(str(path), root, created_utc)
    replace_file(path, pieces, keep_previous)
    return content


def sealed(name: str, root: Group, created_utc: str | None = None) -> tuple[str, list[bytes | memoryview]]:
    """The content hash and the bytes, in pieces, of the file that a content becomes, see :func:`write`.

    Args:
        name: of the file, for messages.
        root: what it holds; left unchanged.
        created_utc: ISO time to write down; now by default.

    Raises:
        CheckpointError: the content is beyond what a reader would accept.
        NotFiniteError: its numbers are.
    """
    check_content(name, root)
    whole = _portable_tree(root)
    whole.attrs |= {
        "gpunet_version": __version__,
        "created_utc": created_utc or datetime.now(UTC).isoformat(timespec="seconds"),
    }
    content = content_sha256(whole)
    whole.attrs["content_sha256"] = content
    body = list(joined(lay_out(whole)))
    return content, [make_seal(*body), *body]


def content_of(root: Group) -> str:
    """The content hash of a file that this content would be written to.

    >>> content_of(Group({}, {"a": Group()})) == content_sha256(Group({}, {"a": Group()}))
    False
    """
    return content_sha256(_portable_tree(root))


def _portable_tree(root: Group) -> Group:
    """The content as every reader understands it, with the format at its root."""
    whole = _normalised(root)
    whole.attrs |= {"format": FORMAT, "format_version": VERSION}
    return whole


def check_content(name: str, root: Group) -> None:
    """Refuse what a reader would refuse: better no file than one that nobody can read.

    Args:
        name: of the file, for messages.
        root: what is to be written.

    Raises:
        CheckpointError: names, sizes or texts beyond the limits.
        NotFiniteError: NaN or infinity in an array.
    """
    if not isinstance(root.children.get("config"), Group):
        raise CheckpointError(name, "must hold the group config", "none")
    _check_limits(name, root)
    for path, node in root.walk():
        if not isinstance(node, NamedArray):
            continue
        try:
            check_finite(path, node.data)
        except DamagedError as error:
            raise NotFiniteError(name, path, error.received) from None
        if node.data.dtype.kind == "S" and node.data.shape == ():
            check_text(
                f"{name}: {path}", np.asarray(node.data).item(), node.attrs.get("media_type") == "application/json"
            )


def _check_limits(name: str, root: Group) -> None:
    """Refuse what :mod:`.walk` would refuse."""
    nodes: list[tuple[str, Group | NamedArray]] = [("", root), *root.walk()]
    if len(nodes) > walk.MAX_OBJECTS:
        raise CheckpointError(name, f"must hold at most {walk.MAX_OBJECTS:,} groups and arrays", f"{len(nodes):,}")
    spent = 0
    for path, node in nodes:
        thing = f"{name}: /{path}"
        for word in (path.rpartition("/")[2], *node.attrs) if path else node.attrs:
            if not walk.NAME.fullmatch(word):
                raise CheckpointError(thing, "must have plain names of letters, digits and _.-", ascii(word)[:60])
        spent += len(path) + sum(len(key) + _room(value) for key, value in (STAMPS | node.attrs).items())
        if spent > walk.MAX_STRUCTURE:
            raise CheckpointError(
                thing, f"must keep paths and attributes within {walk.MAX_STRUCTURE >> 20} MiB", "more"
            )
        if path.count("/") >= walk.MAX_DEPTH:
            raise CheckpointError(thing, f"must be nested at most {walk.MAX_DEPTH} deep", "more")
        if len(node.attrs) + RESERVED > walk.MAX_ATTRIBUTES:
            limit = walk.MAX_ATTRIBUTES - RESERVED
            raise CheckpointError(thing, f"must have at most {limit} attributes of its own", len(node.attrs))
        for key, value in node.attrs.items():
            if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
                raise CheckpointError(thing, "must have whole numbers of 64 bits as attributes", f"{key} beyond them")
            if isinstance(value, str) and not value.isascii() and not _is_text(value):
                raise CheckpointError(thing, "must have texts in UTF-8 as attributes", f"{key}={ascii(value)[:60]}")
            if isinstance(value, str) and ("\0" in value or len(value.encode()) > walk.MAX_ATTRIBUTE_BYTES):
                rule = f"must have texts without NUL of at most {walk.MAX_ATTRIBUTE_BYTES:,} bytes as attributes"
                raise CheckpointError(thing, rule, f"{key} of {len(value):,}", "Put long texts into notes")
        if isinstance(node, NamedArray) and node.data.ndim > walk.MAX_RANK:
            raise CheckpointError(thing, f"must have at most {walk.MAX_RANK} axes", node.data.ndim)
        if isinstance(node, NamedArray) and node.data.dtype.kind == "S" and node.data.dtype.itemsize > walk.MAX_TEXT:
            raise CheckpointError(thing, f"must be a text of at most {walk.MAX_TEXT:,} bytes", node.data.dtype.itemsize)


def _is_text(value: str) -> bool:
    """Whether UTF-8 can express it, which it cannot for names of files in other bytes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _room(value: Scalar) -> int:
    return max(1, len(value.encode("utf-8", "replace"))) if isinstance(value, str) else 8


def _normalised(group: Group) -> Group:
    """A copy with portable arrays and with the encoding stated on every group below the root."""
    children: dict[str, Group | NamedArray] = {}
    for name, child in group.children.items():
        if isinstance(child, NamedArray):
            children[name] = NamedArray(_portable(child.data), child.attrs)
        else:
            inner = _normalised(child)
            inner.attrs = {"encoding_type": "group", "encoding_version": "1", **inner.attrs}
            children[name] = inner
    return Group(dict(group.attrs), children)


def _portable(data: np.ndarray) -> np.ndarray:
    """Little-endian, contiguous, and truth values as bytes: types that every HDF5 reader agrees on."""
    if data.dtype.kind == "b":
        return data.astype("u1")
    assert data.dtype.kind in "iufS", f"arrays of type {data.dtype} do not belong into a checkpoint"
    return np.ascontiguousarray(data, data.dtype.newbyteorder("<")).reshape(data.shape)
