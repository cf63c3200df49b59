"""Two checkpoints compared: what was configured, how they are built, how far their weights are apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gpunet.checkpoint import Checkpoint
from gpunet.errors import printable
from gpunet.inspection.differences import ABSENT, compare

from ..options import print_json
from .tree import console


def show_differences(first: Checkpoint, second: Checkpoint, path: str, as_json: bool) -> None:
    """Print configuration, structure and arrays below ``path`` of two checkpoints side by side."""
    found = compare(first, second, path.strip("/"))
    if as_json:
        print_json(found)
        return
    if found["equal_content"]:
        click.echo("The contents are equal: same names, same attributes, same arrays.")
        return
    for title in ("configuration", "structure"):
        lines = found[title]
        click.echo(f"{title}: {'no differences' if not lines else ''}".rstrip())
        for line in lines:
            click.echo(f"  {_shown_pair(line)}")
    if not found["arrays"]:
        click.echo("arrays: none in common")
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("array", overflow="fold")
    for name in ("distance", "relative change", "cosine", "angle"):
        table.add_column(name, justify="right")
    for row in found["arrays"]:
        numbers = (f"{row[key]:.6g}" if row[key] is not None else "" for key in ("distance", "relative", "cosine"))
        angle = f"{row['angle']:.3g}°" if row["angle"] is not None else ""
        table.add_row(Text(printable(row["name"])), *numbers, angle)
    console().print(table)


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One line for each value that differs between two configurations; what has another name is another thing.

    >>> changes({"training": {"epochs": 3}, "rate": {"name": "step"}}, {"training": {"epochs": 10}, "rate": 0.1})
    ['training.epochs: 3 -> 10', 'rate: {"name": "step"} -> 0.1']
    """
    return [_shown_pair({"name": n, "first": a, "second": b}) for n, a, b in _changed("", before, after)]


def _changed(name: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    alike = isinstance(before, dict) and isinstance(after, dict) and before.get("name") == after.get("name")
    if alike or not name:
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _changed(f"{name}.{key}".lstrip("."), before.get(key, ABSENT), after.get(key, ABSENT))
    elif before != after:
        yield name, before, after


def _shown_pair(row: dict[str, Any]) -> str:
    before, after = (_shown(row[side]) for side in ("first", "second"))
    return f"{printable(row['name'])}: {before} -> {after}"


def _shown(value: Any) -> str:
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
