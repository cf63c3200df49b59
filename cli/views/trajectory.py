"""The snapshots of a machine: a table, CSV, JSON, or a plot over the updates."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from gpunet.errors import printable

from ..drawing import require_matplotlib, write_figure
from ..options import print_json
from ..output import Output
from .tree import console

SHOWN = 5  # singular values in the table


def show_trajectory(run: Path, output: Output | None, as_csv: bool, as_json: bool) -> None:
    """Show the trajectory of a run in the form that was asked for.

    Raises:
        CheckpointError: no snapshots.
        ConfigError: matplotlib is needed and missing.
        WriteError: the plot cannot be written.
    """
    from gpunet.api.trajectory import trajectory

    if output is not None:
        require_matplotlib("-o")
    found = trajectory(run)
    if found.missing:
        click.echo(f"No likelihoods: {printable(found.missing)}", err=True)
    columns = found.columns
    if output is not None:
        _plot(found, output)
        click.echo(f"Drawn: {output.path}", err=True)
    if as_json:
        print_json({name: values.tolist() for name, values in columns.items()} | {"log_z": found.method})
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values())))
    elif output is None:
        caption = "log-likelihoods in nats, with log Z by annealing from below, so that they are high"
        table = Table(box=box.SIMPLE_HEAD, caption=caption if found.method == "ais" and found.log_likelihood else None)
        hidden = {f"singular_value_{k + 1}" for k in range(SHOWN, found.singular_values.shape[1])}
        shown = {name: values for name, values in columns.items() if name not in hidden}
        for name in shown:
            table.add_column(Text(name.replace("_", " ")), justify="right")
        for row, update in enumerate(found.updates):
            rest = (f"{values[row]:.4g}" for name, values in shown.items() if name != "update")
            table.add_row(f"{update:,}", *rest)
        console().print(table)


def _plot(found: Any, output: Output) -> None:
    from matplotlib.figure import Figure

    panels = {"singular values": found.singular_values.T, "effective dimension": [found.effective_dimension]}
    panels |= {"dead hidden units": [found.dead_units]} if found.dead_units.size else {}
    if found.log_likelihood:
        panels["log-likelihood (nats)"] = list(found.log_likelihood.values())
    figure: Any = Figure(figsize=(4.2 * len(panels), 3.2))
    figure.set_layout_engine("constrained")
    for place, (title, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place)
        labels = list(found.log_likelihood) if title.startswith("log") else [None] * len(curves)
        for curve, label in zip(curves, labels):
            axes.plot(found.updates, curve, label=label and label.replace("_", " "), marker=".")
        axes.set_xscale("log")
        axes.set_xlabel("updates")
        axes.set_title(title, fontsize="medium")
        if any(labels):
            axes.legend(frameon=False, fontsize="small")
    write_figure(figure, output, 120)
