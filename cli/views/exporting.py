"""Arrays of a checkpoint for programs that know no HDF5."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import click
import numpy as np

from gpunet.checkpoint import Checkpoint, Group, NamedArray, write_safetensors
from gpunet.errors import CheckpointError

from ..options import print_json
from ..output import Output


def _write(file: Any, arrays: dict[str, np.ndarray]) -> None:
    """As np.savez does, which would take some names for its own arguments."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, data, allow_pickle=False)


def export_npz(node: Group | NamedArray, path: str, output: Output, bare: bool, as_json: bool) -> None:
    """Write the arrays below ``path`` to an NPZ file, under their full paths; texts become arrays of bytes.

    Args:
        node: at the path.
        path: within the file.
        output: file to write.
        bare: leave ``path`` out of the names.
        as_json: report as JSON.

    Raises:
        WriteError: the file cannot be written.
    """
    arrays = below(node, path, bare)
    with output.opened() as file:
        _write(file, arrays)
    _told(arrays, output, as_json)


def export_safetensors(found: Checkpoint, node: Group | NamedArray, path: str, output: Output, as_json: bool) -> None:
    """Write the numbers below ``path`` to a safetensors file, by their names within it, with what made them.

    Raises:
        CheckpointError: there are none.
        ConfigError: the library is missing.
        WriteError: the file cannot be written.
    """
    arrays = {name: data for name, data in below(node, path, bare=True).items() if data.dtype.kind != "S"}
    if not arrays:
        raise CheckpointError(f"{found.path}: {path}", "must hold arrays of numbers", "none", "Choose another PATH")
    write_safetensors(output.path, arrays, _about(found), own=not found.foreign)
    _told(arrays, output, as_json)


def export_couplings(found: Checkpoint, output: Output, as_json: bool) -> None:
    """Write a machine of bits or spins as fields and couplings, JSON or HDF5.

    Raises:
        CheckpointError: no machine.
        ConfigError: a stack, a population, or units that are neither.
    """
    from gpunet.api.couplings import write_couplings
    from gpunet.api.loading import any_of
    from gpunet.api.machine import Machine
    from gpunet.backend import Device

    model = any_of(found, Device())
    if not isinstance(model, Machine):
        rule = "must hold a restricted Boltzmann machine"
        raise CheckpointError(str(found.path), rule, type(model).__name__.lower(), "Name the run of one")
    couplings = model.couplings()
    write_couplings(couplings, output.path)
    sizes = {"visible": len(couplings.visible), "hidden": len(couplings.hidden)}
    if as_json:
        print_json({"output": str(output.path), **sizes, "offset": couplings.offset})
    else:
        click.echo(f"h of {sizes['visible']:,} and {sizes['hidden']:,} spins, J between them: {output.path}")


def _about(found: Checkpoint) -> dict[str, str]:
    """What made the arrays; of another program's file what it says about itself, and nothing else."""
    if found.foreign:
        return {name: str(value) for name, value in found.attrs.items()}
    about = {"content_sha256": found.content_sha256, "model": str(found.attrs.get("model", ""))}
    for name in ("config", "data"):
        if content := found.note(f"{name}/json"):
            about[name] = json.dumps(content, ensure_ascii=False)
    if "data/preprocessing" in found.root:
        about["preprocessing"] = str(found["data/preprocessing"].attrs.get("kind", ""))
    return about


def below(node: Group | NamedArray, path: str, bare: bool) -> dict[str, np.ndarray]:
    """The arrays at and below a path, by their full paths or by those from there on."""
    path = path.strip("/")
    if isinstance(node, NamedArray):
        return {path.rpartition("/")[2] if bare else path: node.data}
    prefix = "" if bare or not path else f"{path}/"
    return {name: child.data for name, child in node.walk(prefix) if isinstance(child, NamedArray)}


def _told(arrays: dict[str, np.ndarray], output: Output, as_json: bool) -> None:
    if as_json:
        print_json({"output": str(output.path), "arrays": sorted(arrays)})
    else:
        click.echo(f"{len(arrays)} arrays: {output.path}")
