"""A checkpoint on the terminal: its summary, its tree, one array, or all of it as a document.

Texts out of a file go through ``printable``, since an attacker may have written into them what steers a terminal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from gpunet.checkpoint import Checkpoint, Group, NamedArray, is_own
from gpunet.errors import printable

from ..opening import DOCUMENTED

ROOT = ("model", "parameters", "epoch", "step", "monitor", "monitor_value", "created_utc", "gpunet_version")
HIDDEN = ("encoding_type", "encoding_version", "NX_class", "signal", "axes", "data_sha256")
SHOWN = 200  # numbers of an array, before its middle is left out


def console() -> Console:
    """A terminal at its own width; a pipe gets whole lines, unless COLUMNS says how long they may be."""
    found = Console(highlight=False)
    asked = os.environ.get("COLUMNS", "").isdecimal()
    return found if found.is_terminal or asked else Console(highlight=False, width=180)


def summary(found: Checkpoint) -> None:
    """The root attributes, a line for each."""
    for name in ROOT if not found.foreign else ():
        if name in found.attrs:
            value = found.attrs[name]
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if isinstance(value, float) else value
            click.echo(f"{name.replace('_', ' '):15} {printable(str(shown))}")
    if found.foreign:
        arrays = [child for _, child in found.root.walk() if isinstance(child, NamedArray)]
        size = sum(array.size * array.dtype.itemsize for array in arrays)
        whose = "exported by gpunet" if is_own(found.root) else "of another program"
        click.echo(f"{found.foreign} file {whose}: {len(arrays):,} arrays, {size / 1e6:,.1f} MB; not verified")
        for name, value in found.attrs.items():
            click.echo(f"{printable(name)}: {printable(str(value))[:SHOWN]}")
        click.echo()
        return
    known = "all hashes hold" if found.verified else "as stated, not verified"
    click.echo(f"{'content sha256':15} {printable(found.content_sha256)} ({known})\n")


def output_shapes(found: Checkpoint) -> dict[str, str]:
    """The shape of a sample after each layer, by the path of its group: ``{"model/000_dense": "512"}``."""
    known = {} if found.foreign or "shapes/json" not in found.root else found.note("shapes/json")
    return {
        f"model/{name}": "x".join(map(str, shape))
        for name, shape in known.items()
        if isinstance(shape, list) and all(isinstance(size, int) for size in shape)
    }


def tree(root: Group, name: str, shapes: Mapping[str, str] | None = None, path: str = "") -> None:
    """A group with everything below it.

    Args:
        root: the group.
        name: what it is shown as.
        shapes: of samples behind layers, by the path of their groups.
        path: of the group, with a slash behind it where it is not the whole.
    """
    drawn = Tree(Text(printable(name)), highlight=False)
    _branch(drawn, root, shapes or {}, path)
    console().print(drawn)


def _branch(drawn: Tree, group: Group, shapes: Mapping[str, str], path: str) -> None:
    for name in sorted(group.children):
        child, inner = group.children[name], f"{path}{name}"
        if isinstance(child, Group):
            gives = f"  gives {shapes[inner]}" if inner in shapes else ""
            label = Text.assemble((printable(name), "bold"), f"{gives}  {_note(child)}".rstrip())
            _branch(drawn.add(label), child, shapes, f"{inner}/")
        else:
            drawn.add(Text(f"{printable(name)}  {describe(child)}"))


def _note(group: Group) -> str:
    """What a group is: a layer's class and settings, and how many numbers lie below it."""
    parts = [
        f"{printable(name)}={printable(str(value))[:SHOWN]}"
        for name, value in group.attrs.items()
        if name not in HIDDEN
    ]
    trained = [c.size for _, c in group.walk() if isinstance(c, NamedArray) and c.attrs.get("trainable")]
    return "  ".join([*parts, *([f"{sum(trained):,} parameters"] if trained else [])])


def describe(array: NamedArray) -> str:
    """Type, shape and role of an array, without its numbers."""
    if array.dtype.kind == "S":
        return f"text of {array.dtype.itemsize:,} bytes"
    shape = "x".join(map(str, array.shape)) or "one number"
    words = [printable(str(array.attrs[key])) for key in ("role", "axes", "units", "storage") if key in array.attrs]
    frozen = ["not trained"] if array.attrs.get("trainable") is False else []
    return "  ".join([array.dtype.name, shape, *words, *frozen])


def show_part(node: Group | NamedArray, path: str, shapes: Mapping[str, str] | None = None) -> None:
    """One part: a group as a tree, a text as it is, an array with its moments."""
    if isinstance(node, Group):
        tree(node, path, shapes, f"{path}/")
    elif node.dtype.kind == "S":
        for line in _text(node).split("\n"):
            click.echo(printable(line))
    else:
        click.echo(f"{printable(path)}  {describe(node)}")
        if node.size and node.dtype.kind == "f":
            values = node.data[np.isfinite(node.data)].astype(np.float64)
            if values.size:
                extremes = f"{values.min():.4g} .. {values.max():.4g}"
                click.echo(f"mean {values.mean():.4g}  spread {values.std():.4g}  {extremes}")
        click.echo(np.array2string(node.data, threshold=SHOWN, precision=4))


def document(node: Group | NamedArray) -> dict[str, Any]:
    """The same for programs: attributes of everything, and what small arrays hold."""
    if isinstance(node, Group):
        return {"attributes": node.attrs, "children": {name: document(c) for name, c in sorted(node.children.items())}}
    found: dict[str, Any] = {"attributes": node.attrs, "dtype": node.dtype.name, "shape": list(node.shape)}
    if node.dtype.kind == "S" and node.size <= DOCUMENTED:
        found["text"] = _text(node)
    elif node.size <= DOCUMENTED:
        found["values"] = node.data.tolist()
    return found


def _text(array: NamedArray) -> str:
    """A text; where there are several, or none in UTF-8, as Python shows them."""
    try:
        return array.text if array.shape == () else str(array.data.tolist())
    except UnicodeDecodeError:
        return str(array.data.tolist())
