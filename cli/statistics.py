"""Figures about arrays: what a look at the numbers would miss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from gpunet.checkpoint import Array, Checkpoint, Group
from gpunet.errors import printable

from .options import print_json
from .showing import console

LEADING = 3  # singular values that are shown
MOMENTS = ("shape", "mean", "spread", "min", "max")
UNITS = ("dead", "constant", "saturated")


def show_statistics(found: Checkpoint, node: Group | Array, path: str, as_json: bool) -> None:
    """A row for each array of numbers at ``path`` or below; members of a population one by one."""
    rows = list(_rows(found, node, path.strip("/")))
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


def _rows(found: Checkpoint, node: Group | Array, path: str) -> Iterator[dict[str, Any]]:
    arrays: list[tuple[str, Group | Array]] = (
        [(path, node)] if isinstance(node, Array) else list(node.walk(f"{path}/" if path else ""))
    )
    silent = silent_units(found)
    for name, array in arrays:
        if not isinstance(array, Array) or array.dtype.kind not in "iuf":
            continue
        axes = str(array.attrs.get("axes", "")).split(",")
        # Another program's file says nothing about roles: there, a matrix is taken for weights.
        is_weight = array.attrs.get("role") == "weight" or (bool(found.foreign) and len(array.shape) == 2)
        counts = silent.get(name, {})
        if axes[0] == "member" and len(axes) == len(array.shape):
            for member, data in enumerate(array.data):
                own = {kind: int(n[member]) for kind, n in counts.items() if n.size > member}
                yield {"array": f"{name}, member {member}", **statistics(data, is_weight), **own}
        else:
            own = {kind: int(n[0]) for kind, n in counts.items() if n.size == 1}
            yield {"array": name, **statistics(array.data, is_weight), **own}


def silent_units(found: Checkpoint) -> dict[str, dict[str, np.ndarray]]:
    """By the path of a weight, how many of its units were constant or saturated on data, for each member."""
    group, counts = found.root.children.get("activations"), {}
    for layer in group.children.values() if isinstance(group, Group) else ():
        if isinstance(layer, Group):
            owner = str(layer.attrs.get("units_of", ""))
            counts["/".join(part for part in ("model", owner, "weight") if part)] = {
                name: array.data.ravel()
                for name, array in layer.children.items()
                if name in ("constant_units", "saturated_units")
                and isinstance(array, Array)
                and array.dtype.kind in "iu"
            }
    return counts


def statistics(data: np.ndarray, is_weight: bool) -> dict[str, Any]:
    """Moments over the finite numbers; for weights also singular values, effective rank and dead units.

    The effective rank is that of Roy and Vetterli (2007): the exponential of the entropy of the singular values,
    divided by their sum.  A unit is dead when all its incoming weights are zero; units are the last axis.

    >>> found = statistics(np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]), True)
    >>> found["singular_values"], round(found["effective_rank"], 6), found["dead_units"]
    ([3.0, 3.0], 2.0, 1)
    """
    values = data[np.isfinite(data)].astype(np.float64)
    extremes = (float(values.min()), float(values.max())) if values.size else (None, None)
    found: dict[str, Any] = {
        "shape": list(data.shape),
        "mean": float(values.mean()) if values.size else None,
        "spread": float(values.std()) if values.size else None,
        "min": extremes[0],
        "max": extremes[1],
        "zeros": int((values == 0).sum()),
        "nonfinite": int(data.size - values.size),
        "norm": float(np.sqrt((values**2).sum())),
    }
    if is_weight and data.ndim >= 2 and data.size:
        matrix = data.reshape(-1, data.shape[-1])
        found["dead_units"] = int((matrix == 0).all(axis=0).sum())
        singular = np.linalg.svd(matrix.astype(np.float64), compute_uv=False) if not found["nonfinite"] else np.zeros(0)
        found["singular_values"] = singular[:LEADING].tolist()
        found["effective_rank"] = _effective_rank(singular) if singular.size else None
    return found


def _effective_rank(singular: np.ndarray) -> float:
    total = singular.sum()
    if not total:
        return 0.0
    shares = singular[singular > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))
