"""Hashes of arrays and of the content as a whole.

The content hash says whether two trainings came to the same: it covers names, attributes and arrays, but nothing that
tells when, where or by which program version they were made.
"""

import hashlib
import json

import numpy as np

from .tree import Group, NamedArray, Scalar

VOLATILE_GROUPS = ("environment", "images")
VOLATILE_ROOT = ("created_utc", "gpunet_version", "run_id", "content_sha256")


def array_sha256(data: np.ndarray) -> str:
    """SHA-256 over the type, the shape and the bytes of an array, as hexadecimal text.

    >>> array_sha256(np.zeros(2, "<f4")) == array_sha256(np.zeros((2, 1), "<f4"))
    False
    """
    digest = hashlib.sha256(f"{data.dtype.str} {data.shape}\n".encode())
    digest.update(np.ascontiguousarray(data).data.cast("B") if data.size and data.dtype.itemsize else b"")
    return digest.hexdigest()


def content_sha256(root: Group, *, stated: bool = False) -> str:
    """SHA-256 over the sorted list of names, attributes and array hashes, without what is volatile.

    Left out: the groups ``environment`` and ``images``, everything with the attribute ``volatile``, and the root
    attributes that name the time, the program version and the run.

    Args:
        root: the whole content.
        stated: take the hashes that arrays state in their attribute ``sha256``, since they were compared before.
    """
    lines = [_line("", {k: v for k, v in root.attrs.items() if k not in VOLATILE_ROOT}, "")]
    volatile: list[str] = [f"{name}/" for name in VOLATILE_GROUPS]
    for path, child in root.walk():
        if child.attrs.get("volatile") or f"{path}/".startswith(tuple(volatile)):
            volatile.append(f"{path}/")
            continue
        digest = "" if isinstance(child, Group) else _stated(child) if stated else array_sha256(child.data)
        lines.append(_line(path, {k: v for k, v in child.attrs.items() if k != "sha256"}, digest))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _stated(array: NamedArray) -> str:
    return str(array.attrs.get("sha256"))


def _line(path: str, attrs: dict[str, Scalar], digest: str) -> str:
    return json.dumps([path, sorted(attrs.items()), digest])
