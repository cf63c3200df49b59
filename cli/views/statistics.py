"""Figures about arrays: what a look at the numbers would miss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gpunet.checkpoint import Checkpoint, Group, NamedArray
from gpunet.errors import printable
from gpunet.inspection.statistics import silent_units, statistics

from ..options import print_json
from ..progress import working
from .tree import console

MOMENTS = ("shape", "mean", "spread", "min", "max")
UNITS = ("dead", "constant", "saturated")


def show_statistics(
    found: Checkpoint, node: Group | NamedArray, path: str, as_json: bool, singular: bool = False
) -> None:
    """A row for each array of numbers at ``path`` or below; members of a population one by one.

    Singular values of large matrices, which take long, are left out unless ``singular`` asks for them.
    """
    with working("Looking at the numbers"):
        rows = list(_rows(found, node, path.strip("/"), singular))
    left = [row["array"] for row in rows if "dead_units" in row and "singular_values" not in row]
    if left:
        click.echo(f"Singular values of {len(left)} large arrays are left out: add --singular", err=True)
    if as_json:
        print_json(rows)
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("array", overflow="fold")
    for name in (*MOMENTS, "zeros", "non-finite", "norm", "singular", "rank", *UNITS):
        table.add_column(name, justify="right", no_wrap=name != "singular")
    for row in rows:
        leading = " ".join(f"{value:.3g}" for value in row.get("singular_values", ()))
        rank = f"{row['effective_rank']:.1f}" if row.get("effective_rank") is not None else ""
        moments = (f"{row[key]:.3g}" if row[key] is not None else "" for key in ("mean", "spread", "min", "max"))
        counts = (f"{row[key]:,}" for key in ("zeros", "nonfinite"))
        units = (f"{row[f'{kind}_units']:,}" if f"{kind}_units" in row else "" for kind in UNITS)
        shape = "x".join(map(str, row["shape"])) or "1"
        table.add_row(
            Text(printable(row["array"])), shape, *moments, *counts, f"{row['norm']:.4g}", leading, rank, *units
        )
    console().print(table)


def _rows(found: Checkpoint, node: Group | NamedArray, path: str, singular: bool) -> Iterator[dict[str, Any]]:
    arrays: list[tuple[str, Group | NamedArray]] = (
        [(path, node)] if isinstance(node, NamedArray) else list(node.walk(f"{path}/" if path else ""))
    )
    silent = silent_units(found)
    for name, array in arrays:
        if not isinstance(array, NamedArray) or array.dtype.kind not in "iuf":
            continue
        # Another program's file says nothing about roles: there, a matrix is taken for weights.
        is_weight = array.attrs.get("role") == "weight" or (bool(found.foreign) and len(array.shape) == 2)
        counts = silent.get(name, {})
        if array.members:
            for member, data in enumerate(array.data):
                own = {kind: int(n[member]) for kind, n in counts.items() if n.size > member}
                yield {"array": f"{name}, member {member}", **statistics(data, is_weight, singular), **own}
        else:
            own = {kind: int(n[0]) for kind, n in counts.items() if n.size == 1}
            yield {"array": name, **statistics(array.data, is_weight, singular), **own}
