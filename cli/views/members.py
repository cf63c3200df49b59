"""The members of a population out of a checkpoint: in what each differs, and what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpunet.checkpoint import Checkpoint, Group, NamedArray, changed_in, diverged_in
from gpunet.config import as_begun, plain_by_member
from gpunet.errors import printable
from gpunet.members import PerMember

from ..members import change_line
from ..options import decimals

MOST = 1000  # members that a table shows


def member_rows(found: Checkpoint) -> list[dict[str, str]]:
    """A row of texts for each member, by column; none where members differ in their seeds alone and all went well."""
    if "members" not in found.root or "config/json" not in found.root:
        return []
    settings = as_begun(found.note("config/json"), changed_in(found))
    differs, gone = dict(plain_by_member(settings)), diverged_in(found.root)
    seeds = _values(found, "streams", "seeds")
    if seeds is None or not (differs or gone):
        return []
    count = len(seeds)
    kept = {key: PerMember(values) for key, values in differs.items() if values and count % len(values) == 0}
    monitor, columns = str(found.attrs.get("monitor", "")), {}
    if monitor != "last":
        columns[f"best {monitor.replace('_', ' ')}"] = (monitor, _values(found, "members", "best"))
    group = found.root.children.get("metrics")
    for name, child in sorted(group.children.items()) if isinstance(group, Group) else ():
        if isinstance(child, NamedArray):
            columns[name.replace("_", " ").replace("accuracy", "error")] = (name, child.data)
    rows = []
    for member in range(min(count, MOST)):
        row = {"member": str(member), "seed": str(seeds[member])}
        row |= {printable(key.rpartition(".")[2]): _said(values.of(member, count)) for key, values in kept.items()}
        for title, (name, values) in columns.items():
            known = member not in gone and values is not None and values.shape == (count,)
            row[title] = _figure(name, float(values[member])) if known and values is not None else ""
        row["state"] = f"diverged after {_updates(found, member)} updates" if member in gone else ""
        rows.append(row)
    return [row if gone else {k: v for k, v in row.items() if k != "state"} for row in rows]


def show_members(found: Checkpoint) -> None:
    """The same as a table on the terminal, where there is something to tell."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from .tree import console

    if not (rows := member_rows(found)):
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "state" else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row.values()))
    console().print(table)
    for one in changed_in(found):
        console().print(Text(change_line(one)))


def _values(found: Checkpoint, group: str, name: str) -> np.ndarray | None:
    node = found.root.children.get(group)
    child = node.children.get(name) if isinstance(node, Group) else None
    return child.data if isinstance(child, NamedArray) and child.data.ndim == 1 else None


def _updates(found: Checkpoint, member: int) -> int:
    steps = _values(found, "members", "diverged")
    return 0 if steps is None else int(steps[member])


def _figure(name: str, value: float) -> str:
    if name.startswith("test_") and name.endswith("accuracy"):
        return f"{100 * (1 - value):.2f} %"
    return f"{100 * value:.2f} %" if name.endswith("accuracy") else decimals(value)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return printable(str(value.get("name", value)))
    return f"{value:g}" if isinstance(value, int | float) else printable(str(value))
