"""Checkpoint files, schema 1: HDF5 with names and arrays, a seal in front, and hashes all the way down.

This room knows groups, arrays and attributes, but no model, no layer and no training.  Every reader of a checkpoint
goes through :func:`read` or, to be told all that is wrong, :func:`verify`; every writer through :func:`write`.  Files
of other programs are never taken for checkpoints: :func:`read_foreign` looks into HDF5, :func:`read_safetensors` takes
arrays by name.

The layout, for the eye and for other programs::

    bytes 0..511    the seal: "gpunet-checkpoint 1 <bytes that follow> <their SHA-256>", readable with head -c 512
    bytes 512..     an ordinary HDF5 file, which HDF5 tools open as it is
"""

from ..writing import replace_file
from .changed import changed_in
from .diverged import DIVERGED, diverged_in
from .foreign import inflation_budget, is_foreign, read_foreign
from .hashing import content_sha256
from .layout import plain_hdf5
from .lock import lock
from .memory import MEMORY, from_bytes, in_memory, to_bytes
from .places import BEST, CONFIG, LAST, PREVIOUS
from .reader import Checkpoint, look_into, read
from .stored import is_sealed
from .tensors import LAYOUT, is_own, is_safetensors, read_safetensors, write_safetensors
from .tree import Group, NamedArray, Scalar, note
from .verification import Damage, Verification, verify
from .writer import NotFiniteError, check_content, content_of, write

__all__ = [
    "BEST", "CONFIG", "DIVERGED", "LAST", "LAYOUT", "MEMORY", "PREVIOUS", "Checkpoint", "Damage", "Group", "NamedArray",
    "NotFiniteError", "Scalar", "Verification", "changed_in", "check_content", "content_of", "content_sha256",
    "diverged_in", "from_bytes",
    "in_memory", "inflation_budget", "is_foreign", "is_own", "is_safetensors", "is_sealed", "lock", "look_into", "note",
    "plain_hdf5", "read", "read_foreign", "read_safetensors", "replace_file", "to_bytes", "verify", "write",
    "write_safetensors",
]  # fmt: skip
