"""Safetensors, the format in which other frameworks exchange weights: names and arrays, nothing that runs.

Names have dots there and paths here: ``000_dense.weight`` is ``000_dense/weight``.  The library checks all offsets of a
file, and reads nothing but numbers.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, ConfigError, printable
from ..writing import replace_file
from .hashing import array_sha256, content_sha256
from .reader import Checkpoint, check_finite
from .seal import FORMAT
from .stored import MAX_LEVELS, StoredFile
from .tree import Group, NamedArray

SUFFIX = ".safetensors"
LAYOUT = "LAYER.weight, (outputs, inputs) or (outputs, inputs, height, width), and LAYER.bias"  # of other programs
NAMED = 200  # characters of a name that is too long


def is_safetensors(path: Path | str) -> bool:
    """Whether a path says that it is such a file."""
    return str(path).lower().endswith(SUFFIX)


def read_safetensors(path: Path | str, *, allow_nonfinite: bool = False) -> Checkpoint:
    """All arrays of a file as a tree; what the file says about itself becomes attributes of the root.

    Raises:
        CheckpointError: damaged, or with numbers that NumPy has no type for.
        ConfigError: the library is missing.
    """
    library = _library()
    file = StoredFile(path)
    root = Group()
    try:
        with library.safe_open(str(path), framework="numpy") as opened:
            root.attrs |= {str(k): str(v) for k, v in (opened.metadata() or {}).items()}
            for name in opened.keys():  # noqa: SIM118 - it is no mapping
                _put(file.name, root, name, opened.get_tensor(name), allow_nonfinite)
    except (library.SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = printable(str(error))[:200]
        raise CheckpointError(file.name, "must be a whole safetensors file of plain numbers", reason) from None
    return Checkpoint(file.path, root, content_sha256(root), verified=False, foreign="safetensors")


def is_own(root: Group) -> bool:
    """Whether gpunet wrote the file: then weights are (inputs, outputs), elsewhere (outputs, inputs)."""
    return root.attrs.get("format") == FORMAT


def write_safetensors(
    path: Path | str, arrays: Mapping[str, np.ndarray], about: Mapping[str, str], own: bool = True
) -> None:
    """Write arrays under dotted names; ``about`` becomes the file's metadata.

    Args:
        path: of the file.
        arrays: by their paths.
        about: what the file says about itself.
        own: whether gpunet made the arrays, which the file says then: see :func:`is_own`.

    Raises:
        ConfigError: the library is missing.
        WriteError: the disk refuses; an old file is untouched.
    """
    _library()
    from safetensors.numpy import save

    plain = {name.replace("/", "."): np.asarray(data, order="C") for name, data in arrays.items()}
    content = save(plain, {"format": FORMAT, **about} if own else dict(about))
    replace_file(Path(path), _in_order(content), False)


def _in_order(content: bytes) -> list[bytes]:
    """A file of the library, whose metadata come in another order each time, with its header always in the same one."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    metadata = header.pop("__metadata__", {})
    placed = sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0]))
    ordered = {"__metadata__": dict(sorted(metadata.items())), **dict(placed)}
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of 8
    return [len(text).to_bytes(8, "little"), text, content[start:]]


def _put(name: str, root: Group, key: str, data: np.ndarray, allow_nonfinite: bool) -> None:
    thing = f"{name}: {printable(key)}"
    path = key.replace(".", "/")
    above = [path[:place] for place, letter in enumerate(path) if letter == "/"]
    if key.count(".") + key.count("/") > MAX_LEVELS:
        raise CheckpointError(thing[:NAMED], f"must have a name of at most {MAX_LEVELS} levels", "more")
    if not all(path.split("/")) or path in root or any(a in root and isinstance(root[a], NamedArray) for a in above):
        raise CheckpointError(thing, "must have a name of its own, with something between its dots", "another")
    if not allow_nonfinite:
        check_finite(thing, data)
    root[path] = NamedArray(data, {"sha256": array_sha256(data)})


def _library() -> Any:
    try:
        import safetensors
    except ImportError:
        remedy = "pip install 'gpunet[safetensors]'"
        raise ConfigError("safetensors", "needs its library", "none", remedy) from None
    return safetensors
