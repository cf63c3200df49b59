"""The table of a comparison, and what follows from it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich import box
from rich.table import Table

from gpunet.studies import ARMS, Difference

from ..naming import translated
from ..tables import Columns, latex
from .tree import console

if TYPE_CHECKING:
    from collections.abc import Sequence


TITLES = ("labels", "arm", "test error", "more than pretrained", "rate", "pretraining s", "tuning s")
CHOSEN = ("validation_error", "best_epoch")  # of each network, at the rate of its arm


def comparison_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    """The cells below :data:`TITLES`, a row for each arm; the number of labels stands at the first of its arms."""
    rows = []
    for entry in found["results"]:
        first = entry["arm"] == ARMS[0].name
        times = (f"{entry[key]:.1f}" if entry[key] else "-" for key in ("pretraining_seconds", "tuning_seconds"))
        against = "-" if first else _points(Difference(**entry["against_pretrained"]))
        label = f"{entry['labels']:,}" if first else ""
        rows.append((label, entry["arm"], _mean(entry["test_error"]), against, f"{entry['rate']:g}", *times))
    return rows


def show_comparison(found: dict[str, Any]) -> None:
    """The table and what follows from it."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in TITLES:
        table.add_column(title, justify="left" if title == "arm" else "right")
    for row in comparison_rows(found):
        table.add_row(*row)
        if row[1] == ARMS[-1].name:
            table.add_section()
    console().print(table)
    for line in (*found["conclusions"], *found["notes"]):
        click.echo(translated(line))


def comparison_columns(found: dict[str, Any]) -> Columns:
    """A row for each trained network: its arm, labels and seed, the rate of its arm, and what came of it.

    Seconds are those of all seeds of an arm, which learn at once.
    """
    rows = []
    for entry in found["results"]:
        several = [entry["test_error"], *(entry.get(key) or [None] * len(found["seeds"]) for key in CHOSEN)]
        for seed, *own in zip(found["seeds"], *several):
            seconds = entry["pretraining_seconds"], entry["tuning_seconds"]
            rows.append((entry["labels"], entry["arm"], seed, entry["rate"], *own, *seconds))
    names = ("labels", "arm", "seed", "rate", "test_error", *CHOSEN, "pretraining_seconds", "tuning_seconds")
    return dict(zip(names, zip(*rows)))


def comparison_latex(found: dict[str, Any]) -> list[str]:
    """The lines of the table that is shown, for LaTeX."""
    return latex(TITLES, comparison_rows(found), [title for title in TITLES if title != "arm"])


def _mean(errors: Sequence[float]) -> str:
    spread = f" ± {100 * np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
    return f"{100 * np.mean(errors):.2f} %{spread}"


def _points(difference: Difference) -> str:
    if difference.low is None or difference.high is None:
        return f"{100 * difference.mean:+.2f}"
    return f"{100 * difference.mean:+.2f} ({100 * difference.low:+.2f} to {100 * difference.high:+.2f})"
