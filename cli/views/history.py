"""The history of a run: a table with sparklines, CSV, JSON, or a plot."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from gpunet.checkpoint import Checkpoint, Group, NamedArray, changed_in, diverged_in
from gpunet.errors import CheckpointError, printable
from gpunet.measurement import bare, history_units

from ..drawing import require_matplotlib, write_figure
from ..members import change_line
from ..options import print_json
from ..output import Output
from .tree import console

BARS = "▁▂▃▄▅▆▇█"


def show_history(found: Checkpoint, output: Output | None, as_csv: bool, as_json: bool) -> None:
    """Show the history in the form that was asked for.

    Raises:
        CheckpointError: no epoch was finished.
        ConfigError: matplotlib is needed and missing.
        WriteError: the plot cannot be written.
    """
    columns = history_columns(found)
    layers = {path.split("/")[1]: history_columns(found, path) for path in layers_of(found)}
    gone = diverged_in(found.root)
    going = {name: without(one, gone) for name, one in {"": columns, **layers}.items()}
    if output is not None:
        titled = {f"layer {number} of {len(layers)}, {name}": going[name] for number, name in enumerate(layers, 1)}
        plot(titled or {"": going[""]}, output, units_of(found))
        click.echo(f"Drawn: {output.path}", err=True)
    if as_json:
        document: dict[str, Any] = {name: values.tolist() for name, values in columns.items()}
        each = {layer: {name: v.tolist() for name, v in one.items()} for layer, one in layers.items()}
        changes = changed_in(found)
        print_json(document | ({"layers": each} if layers else {}) | ({"changes": changes} if changes else {}))
    elif as_csv:
        _csv(columns if not layers else _joined(layers))
    elif output is None:
        for number, layer in enumerate(layers, 1):
            click.echo(f"layer {number} of {len(layers)}, {printable(layer)}")
            _table(going[layer], units_of(found), gone)
        if not layers:
            _table(going[""], units_of(found), gone)
        for one in changed_in(found):
            click.echo(change_line(one))


def layers_of(found: Checkpoint) -> list[str]:
    """Paths of the histories of the layers of a stack, from the data upwards; none of anything else."""
    group = found.root.children.get("pretraining")
    names = sorted(group.children) if isinstance(group, Group) else []
    return [path for name in names if (path := f"pretraining/{name}/history") in found.root]


def units_of(found: Checkpoint) -> dict[str, str]:
    """What the numbers of its histories are measured in, by name without the part; only those that have a unit."""
    columns: list[str] = []
    for path in ("history", *layers_of(found)):
        group = found.root[path] if path in found.root else Group()
        columns += group.children if isinstance(group, Group) else ()
    data = found.root.children.get("data")
    task = str(data.attrs.get("task")) if isinstance(data, Group) else None
    return history_units(found.note("config/json"), columns, task, "pretraining" in found.root)


def history_columns(found: Checkpoint, path: str = "history") -> dict[str, np.ndarray]:
    """The columns of a history by name, the epoch first."""
    group = found.root[path] if path in found.root else Group()
    columns = {}
    if isinstance(group, Group):
        columns = {name: child.data for name, child in sorted(group.children.items()) if isinstance(child, NamedArray)}
    columns = {name: values for name, values in columns.items() if values.dtype.kind in "iuf"}
    epochs = columns.pop("epoch", np.zeros(0))
    if epochs.ndim != 1 or not len(epochs):
        raise CheckpointError(str(found.path), "must hold a history", "no epochs")
    fitting = {printable(name): v for name, v in columns.items() if v.shape[:1] == epochs.shape and v.size}
    return {"epoch": epochs, **fitting}


def without(columns: dict[str, np.ndarray], gone: Sequence[int]) -> dict[str, np.ndarray]:
    """The columns without members that diverged, which no mean counts.

    >>> without({"train_loss": np.array([[1.0, 9.0]]), "seconds": np.array([0.1])}, [1])["train_loss"].tolist()
    [[1.0]]
    """
    return {
        name: v if v.ndim < 2 or not gone else np.delete(v, [m for m in gone if m < v.shape[1]], 1)
        for name, v in columns.items()
    }


def sparkline(values: Sequence[float], width: int = 12) -> str:
    """A curve in one line of text, at most ``width`` characters wide; gaps where numbers are not finite.

    >>> sparkline([0, 1, 2, 3, 2, 1, 0])
    '▁▃▆█▆▃▁'
    >>> sparkline([2.0, 2.0, float("nan")])
    '▁▁ '
    """
    count = min(width, len(values))
    parts = [values[i * len(values) // count : (i + 1) * len(values) // count] for i in range(count)]
    # Half of each mean, since differences of the largest numbers would be infinite.
    means = [
        math.fsum(v / len(part) for v in part) / 2 if all(map(math.isfinite, part)) else math.nan for part in parts
    ]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    factor = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[int((mean - low) * factor + 0.5)] if math.isfinite(mean) else " " for mean in means)


def _table(columns: dict[str, np.ndarray], units: Mapping[str, str], gone: Sequence[int] = ()) -> None:
    several = any(values.ndim > 1 for values in columns.values())
    left_out = f" but {', '.join(map(str, gone))}, which diverged" if gone else ""
    caption = f"mean over members{left_out}" if several else None
    table = Table(box=box.SIMPLE_HEAD, caption=caption, show_footer=True)
    means = {n: v.reshape(len(v), -1).mean(axis=1) if n != "epoch" else v for n, v in columns.items()}
    for name, values in means.items():
        footer = "" if name == "epoch" else sparkline(values.tolist())
        unit = units.get(bare(name), "s" if name == "seconds" else "")
        table.add_column(
            Text(name.replace("_", " ") + (f"\n({unit})" if unit else "")), footer, justify="right", footer_style="cyan"
        )
    for row in range(len(columns["epoch"])):
        table.add_row(*(f"{means[name][row]:.4g}" if name != "epoch" else str(means[name][row]) for name in means))
    console().print(table)


def _joined(layers: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One table of all layers of a stack, with the name of the layer; what a layer does not have is NaN."""
    names = list(dict.fromkeys(name for one in layers.values() for name in one))
    found: dict[str, np.ndarray] = {
        "layer": np.concatenate([np.full(len(one["epoch"]), layer) for layer, one in layers.items()])
    }
    for name in names:
        like = next(one[name] for one in layers.values() if name in one)
        parts = [one.get(name, np.full((len(one["epoch"]), *like.shape[1:]), np.nan)) for one in layers.values()]
        found[name] = np.concatenate(parts)
    return found


def _csv(columns: dict[str, np.ndarray]) -> None:
    """A column for each number, or for each of its members."""
    flat: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if values.ndim == 1:
            flat[name] = values
        else:
            flat |= {f"{name}_{i}": column for i, column in enumerate(values.reshape(len(values), -1).T)}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(flat)
    writer.writerows(zip(*(column.tolist() for column in flat.values())))


def plot(histories: dict[str, dict[str, np.ndarray]], output: Output, units: Mapping[str, str]) -> None:
    """Draw histories: training and validation of a number in one panel, members as thin lines under their mean.

    Args:
        histories: columns by title; the layers of a stack have a band of panels each.
        output: the file.
        units: of numbers by name, which stand at their axes.
    """
    require_matplotlib("-o")
    from matplotlib.figure import Figure

    bands = {title: _panels_of(columns) for title, columns in histories.items()}
    across = min(3, max(1, *(len(panels) for panels in bands.values())))
    rows = [math.ceil(max(1, len(panels)) / across) for panels in bands.values()]
    figure: Any = Figure(figsize=(4.2 * across, sum(3 * down + (0.4 if len(bands) > 1 else 0) for down in rows)))
    figure.set_layout_engine("constrained")
    subfigures = np.atleast_1d(figure.subfigures(len(bands), 1, height_ratios=rows))
    for part, down, (title, panels) in zip(subfigures, rows, bands.items()):
        if title:
            part.suptitle(title, fontsize="large")
        for place, (name, names) in enumerate(panels.items(), 1):
            _draw(part.add_subplot(down, across, place), histories[title], name, names, units.get(name, ""))
    write_figure(figure, output, 120)


def _panels_of(columns: dict[str, np.ndarray]) -> dict[str, list[str]]:
    """The columns that stand in one panel, by the name of the number."""
    panels: dict[str, list[str]] = {}
    for name in columns:
        if name not in ("epoch", "seconds"):
            panels.setdefault(bare(name), []).append(name)
    return panels


def _draw(axes: Any, columns: dict[str, np.ndarray], title: str, names: Sequence[str], unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, name in enumerate(names):
        values = columns[name].reshape(len(columns["epoch"]), -1)
        colour = f"C{number}"
        if values.shape[1] > 1:
            axes.plot(columns["epoch"], values, color=colour, linewidth=0.6, alpha=0.4)
        label = "training" if name.startswith("train_") else "validation" if "validation" in name else title
        marker = "o" if len(values) == 1 else None
        axes.plot(columns["epoch"], values.mean(axis=1), color=colour, label=label, marker=marker)
    axes.set_title(title.replace("_", " "), fontsize="medium")
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit, fontsize="small")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize="small")
