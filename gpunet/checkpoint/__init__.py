"""Floor 2: checkpoint files, schema 1: HDF5 with names and arrays, a seal in front, and hashes all the way down.

This room knows groups, arrays and attributes, but no model, no layer and no training.  Every reader of a checkpoint
goes through :func:`read` or, to be told all that is wrong, :func:`verify`; every writer through :func:`write`.

The layout, for the eye and for other programs::

    bytes 0..511    the seal: "gpunet-checkpoint 1 <bytes that follow> <their SHA-256>", readable with head -c 512
    bytes 512..     an ordinary HDF5 file, which HDF5 tools open as it is
"""

from .lock import lock
from .reader import Checkpoint, read
from .replacing import replace_file
from .tree import Array, Group, Scalar, note, printable
from .verification import Damage, Verification, verify
from .writer import write

__all__ = [
    "Array", "Checkpoint", "Damage", "Group", "Scalar", "Verification", "lock", "note", "printable", "read",
    "replace_file", "verify",
    "write",
]  # fmt: skip
