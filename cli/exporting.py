"""Arrays of a checkpoint for programs that know no HDF5."""

from __future__ import annotations

import zipfile
from typing import Any

import click
import numpy as np

from gpunet.checkpoint import Array, Group

from .history import save
from .options import print_json


def _write(file: Any, arrays: dict[str, np.ndarray]) -> None:
    """As np.savez does, which would take some names for its own arguments."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, data, allow_pickle=False)


def export(node: Group | Array, path: str, output: str, as_json: bool) -> None:
    """Write the arrays below ``path`` to an NPZ file, under their full paths; texts become arrays of bytes.

    Raises:
        WriteError: the file cannot be written.
    """
    path = path.strip("/")
    walked = node.walk(f"{path}/" if path else "") if isinstance(node, Group) else [(path, node)]
    arrays = {name: child.data for name, child in walked if isinstance(child, Array)}
    save(output, lambda file: _write(file, arrays))
    if as_json:
        print_json({"output": output, "arrays": sorted(arrays)})
    else:
        click.echo(f"{len(arrays)} arrays: {output}")
