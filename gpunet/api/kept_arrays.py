"""Arrays of a user in a file beside a search, so that workers in other processes train on the same ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoint import Group, NamedArray, note, read, write
from ..config import Config, stamped
from ..errors import CheckpointError, DataError
from .frames import is_frame

NAME = "arrays.h5"
KINDS = "biufSU"  # of arrays whose bytes say everything


def keep_arrays(folder: Path, config: Config, x: Any, y: Any, weights: Any, validation: Any, test: Any) -> None:
    """Write arrays as they were passed, byte for byte.

    Args:
        folder: of the search.
        config: that its trials start from.
        x: features.
        y: targets, or None.
        weights: of the samples, or None.
        validation: part that is passed by itself, as a pair, or None.
        test: likewise.

    Raises:
        DataError: data frames, or arrays of objects.
        WriteError: the disk refuses.
    """
    held = {"x": x, "y": y, "weights": weights}
    for name, part in (("validation", validation), ("test", test)):
        held |= {} if part is None else dict(zip((f"{name}_x", f"{name}_y"), (part, None) if is_frame(part) else part))
    about = {"NX_class": "NXnote"}
    root = Group(children={"config": Group(dict(about), {"json": note(stamped(config.model_dump(mode="json")))})})
    root["arrays"] = Group()
    for name, given in held.items():
        if given is None:
            continue
        array = None if is_frame(given) else np.asarray(given.get() if hasattr(given, "get") else given)
        if array is None or array.dtype.kind not in KINDS:
            received = type(given).__name__ if array is None else f"values of type {array.dtype}"
            remedy = 'Write them to a file and pass data=PATH, or use dask="local:4", which sends them'
            raise DataError(name, "must be an array of numbers or texts, for workers to read", received, remedy)
        held_as: dict[str, Any] = {"dtype": array.dtype.str, "shape": json.dumps(array.shape)}
        root[f"arrays/{name}"] = NamedArray(np.frombuffer(array.tobytes(), np.uint8), held_as)
    write(folder / NAME, root)


def kept_arrays(folder: Path) -> dict[str, Any]:
    """The arrays of a search: ``x``, ``y`` and ``weights``, ``validation`` and ``test`` as pairs; None where missing.

    Raises:
        CheckpointError: no such file, or a damaged one.
    """
    path = folder / NAME
    found: dict[str, Any] = {}
    for name, node in read(path).group("arrays").children.items():
        try:
            assert isinstance(node, NamedArray)
            dtype, shape = np.dtype(str(node.attrs["dtype"])), tuple(json.loads(str(node.attrs["shape"])))
            if dtype.kind not in KINDS:
                raise ValueError("objects")
            found[name] = np.frombuffer(node.data.tobytes(), dtype).reshape(shape)
        except (AssertionError, KeyError, TypeError, ValueError):
            raise CheckpointError(f"{path}: {name}", "must be an array as it was written", "something else") from None
    parts = {
        part: (found[f"{part}_x"], found.get(f"{part}_y")) if f"{part}_x" in found else None
        for part in ("validation", "test")
    }
    return {name: found.get(name) for name in ("x", "y", "weights")} | parts
