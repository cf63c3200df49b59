"""gpunet inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import CheckpointError

from .options import json_option, print_json

if TYPE_CHECKING:
    from gpunet.checkpoint import Array, Checkpoint, Group

ROOT = ("model", "parameters", "epoch", "step", "monitor", "monitor_value", "created_utc", "gpunet_version")


@click.command()
@click.argument("checkpoint")
@click.argument("path", required=False)
@click.option("--history", is_flag=True, help="Print the numbers of every epoch as a table.")
@click.option("--allow-nonfinite", is_flag=True, help="Open files that hold NaN or infinite numbers.")
@json_option
def inspect(checkpoint: str, path: str | None, history: bool, allow_nonfinite: bool, as_json: bool) -> None:
    """Show what is in a checkpoint: its tree with shapes, types and roles, or one part of it.

    Needs no GPU and not the code that trained the model; every hash is verified on the way.

    \b
    gpunet inspect runs/mlp-1/best.h5
    gpunet inspect runs/mlp-1/best.h5 model/001_dense/weight
    gpunet inspect runs/mlp-1/best.h5 config/json
    gpunet inspect runs/mlp-1/best.h5 --history
    """
    from gpunet.checkpoint import read

    found = read(checkpoint, allow_nonfinite=allow_nonfinite)
    if history:
        _history(found, as_json)
        return
    if path is not None and path.strip("/") not in found.root:
        known = ", ".join(found.root.children)
        raise CheckpointError(checkpoint, f"must hold {path}", "no such name", f"At the top there are {known}")
    node = found[path.strip("/")] if path is not None else found.root
    if as_json:
        print_json({"content_sha256": found.content_sha256, **_document(node)})
    elif path is None:
        _summary(found)
        _tree(found.root, found.path.name)
    else:
        _show(node, path.strip("/"))


def _summary(found: Checkpoint) -> None:
    for name in ROOT:
        if name in found.attrs:
            value = found.attrs[name]
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if isinstance(value, float) else value
            click.echo(f"{name.replace('_', ' '):15} {shown}")
    click.echo(f"{'content sha256':15} {found.content_sha256} (all hashes hold)\n")


def _tree(root: Group, name: str) -> None:
    from rich.console import Console
    from rich.tree import Tree

    tree = Tree(name, highlight=False)
    _branch(tree, root)
    # A pipe gets whole lines; a terminal its own width.
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=160)
    console.print(tree)


def _branch(tree: Any, group: Group) -> None:
    from rich.text import Text

    from gpunet.checkpoint import Group

    for name in sorted(group.children):
        child = group.children[name]
        if isinstance(child, Group):
            label = Text.assemble((name, "bold"), f"  {_note(child)}".rstrip())
            _branch(tree.add(label), child)
        else:
            tree.add(Text(f"{name}  {_line(child)}"))


def _note(group: Group) -> str:
    """What a group is: a layer's class and settings, and how many numbers lie below it."""
    from gpunet.checkpoint import Array

    hidden = ("encoding_type", "encoding_version", "NX_class", "signal", "axes")
    parts = [f"{k}={v}" for k, v in group.attrs.items() if k not in hidden and k != "data_sha256"]
    trained = [c.data.size for _, c in group.walk() if isinstance(c, Array) and c.attrs.get("trainable")]
    return "  ".join([*parts, *([f"{sum(trained):,} parameters"] if trained else [])])


def _line(array: Array) -> str:
    data = array.data
    if data.dtype.kind == "S":
        return f"text of {data.dtype.itemsize:,} bytes"
    shape = "x".join(map(str, data.shape)) or "one number"
    words = [str(array.attrs[key]) for key in ("role", "axes", "units") if key in array.attrs]
    frozen = ["not trained"] if array.attrs.get("trainable") is False else []
    return "  ".join([data.dtype.name, shape, *words, *frozen])


def _show(node: Group | Array, path: str) -> None:
    import numpy as np

    from gpunet.checkpoint import Group

    if isinstance(node, Group):
        _tree(node, path)
    elif node.data.dtype.kind == "S":
        click.echo(node.text)
    else:
        click.echo(f"{path}  {_line(node)}")
        if node.data.size and node.data.dtype.kind == "f":
            values = node.data[np.isfinite(node.data)].astype(np.float64)
            click.echo(f"mean {values.mean():.4g}  spread {values.std():.4g}  {values.min():.4g} .. {values.max():.4g}")
        click.echo(np.array2string(node.data, threshold=200, precision=4))


def _history(found: Checkpoint, as_json: bool) -> None:
    group: Any = found["history"] if "history" in found.root else None
    if group is None or not group.children or not len(group["epoch"].data):
        raise CheckpointError(str(found.path), "must hold a history", "no epochs")
    columns = {name: child.data for name, child in group.children.items()}
    if as_json:
        print_json({name: values.tolist() for name, values in columns.items()})
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    names = ["epoch", *(name for name in columns if name != "epoch")]
    several = any(values.ndim > 1 for values in columns.values())
    table = Table(box=box.SIMPLE_HEAD, caption="mean over members" if several else None)
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    means = {name: values.mean(axis=-1) if values.ndim > 1 else values for name, values in columns.items()}
    for row in range(len(columns["epoch"])):
        table.add_row(*(f"{means[name][row]:.4g}" if name != "epoch" else str(means[name][row]) for name in names))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _document(node: Group | Array) -> dict[str, Any]:
    from gpunet.checkpoint import Group

    if isinstance(node, Group):
        return {"attributes": node.attrs, "children": {name: _document(c) for name, c in sorted(node.children.items())}}
    document: dict[str, Any] = {"attributes": node.attrs, "dtype": node.data.dtype.name, "shape": list(node.data.shape)}
    if node.data.dtype.kind == "S":
        document["text"] = node.text
    elif node.data.size <= 100:
        document["values"] = node.data.tolist()
    return document
