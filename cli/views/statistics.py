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

MOMENTS = ("mean", "spread", "min", "max")
UNITS = ("dead", "constant", "saturated")
LEGEND = {
    "spread": "standard deviation",
    "singular": "the largest singular values",
    "rank": "effective rank, the exponential of the entropy of the singular values: how many directions count",
    "dead": "units whose incoming weights are all 0",
    "constant": "units that gave the same for every sample",
    "saturated": "units that stayed at an end of their range for nearly every sample",
}
PADDING = 3  # blanks around a cell and between two


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
    columns = _columns(rows)
    terminal = console()
    for table in _tables(columns, terminal.width):
        terminal.print(table)
    for name, meaning in LEGEND.items():
        if name in columns:
            terminal.print(f"{name}: {meaning}", soft_wrap=True)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """The cells of each column by its name; those that say nothing about any array are left out."""
    columns: dict[str, list[str]] = {
        "array": [printable(row["array"]) for row in rows],
        "shape": ["x".join(map(str, row["shape"])) or "1" for row in rows],
    }
    for name in MOMENTS:
        columns[name] = [f"{row[name]:.3g}" if row[name] is not None else "" for row in rows]
    columns["zeros"] = [f"{row['zeros']:,}" for row in rows]
    columns["non-finite"] = [f"{row['nonfinite']:,}" for row in rows]
    columns["norm"] = [f"{row['norm']:.4g}" for row in rows]
    columns["singular"] = [" ".join(f"{value:.3g}" for value in row.get("singular_values", ())) for row in rows]
    ranks = [row.get("effective_rank") for row in rows]
    columns["rank"] = ["" if rank is None else f"{rank:.1f}" for rank in ranks]
    for kind in UNITS:
        columns[kind] = [f"{row[f'{kind}_units']:,}" if f"{kind}_units" in row else "" for row in rows]
    return {name: cells for name, cells in columns.items() if any(cells) or name in ("array", *MOMENTS)}


def _tables(columns: dict[str, list[str]], width: int) -> Iterator[Table]:
    """As few tables as are not wider than the terminal, each with the names of the arrays in front."""
    (title, arrays), *others = columns.items()
    sizes = {name: PADDING + max(map(len, (name, *cells))) for name, cells in columns.items()}
    front = min(sizes[title], max(width // 2, PADDING + len(title)))
    while others:
        table, left = Table(box=box.SIMPLE_HEAD), width - front - 1
        table.add_column(title, overflow="fold", width=front - PADDING)
        taken: list[list[str]] = []
        while others and (not taken or sizes[others[0][0]] <= left):
            name, cells = others.pop(0)
            left -= sizes[name]
            table.add_column(name, justify="right", no_wrap=True)
            taken.append(cells)
        for array, *row in zip(arrays, *taken):
            table.add_row(Text(array), *row)
        yield table


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
