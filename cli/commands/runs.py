"""gpunet runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import ConfigError, meant, printable

from ..options import json_option, print_json

if TYPE_CHECKING:
    from gpunet.studies import RunSummary

SORTS = ("run", "data", "model", "best", "test", "time", "state", "created")
COLUMNS = ("run", "data", "model", "parameters", "members", "epochs", "best", "test", "time", "state")
RIGHT = ("parameters", "members", "epochs", "best", "test", "time")


@click.command()
@click.argument("folder", default="runs")
@click.option(
    "--sort", "by", type=click.Choice(SORTS), default="run", show_default=True, help="The best of each first."
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--where", "wheres", multiple=True, metavar="COLUMN=TEXT", help="Only runs whose column holds the text; repeatable."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with all digits.")
@click.option("--latex", "as_latex", is_flag=True, help="Print a LaTeX table for booktabs.")
@json_option
def runs(
    folder: str, by: str, reverse: bool, wheres: tuple[str, ...], as_csv: bool, as_latex: bool, as_json: bool
) -> None:
    """List what the runs below a folder came to: networks, machines, stacks and comparisons.

    No weights are read, and what has not changed since the last time is not read again. Test figures of different data
    stand in one table, but only those of the same data can be compared. Of a population they are means over the members
    that have not diverged, and what members differ in stands behind the model. Folders that are no runs are named on
    stderr.

    \b
    gpunet runs
    gpunet runs --sort test --where data=digits
    gpunet runs studies/ --latex > table.tex
    gpunet runs --json | jq '.[] | select(.state == "unfinished") | .run'
    """
    from gpunet.paths import exists, is_folder
    from gpunet.studies import list_runs

    from ..opening import unfinished

    if as_csv + as_latex + as_json > 1:
        raise ConfigError("runs", "must have one form of output", "several", "Choose one of --csv, --latex and --json")
    tests = [_test(where) for where in wheres]
    if not is_folder(folder):
        remedy = "Train something first, or name the folder of your runs"
        received = "a file" if exists(folder) else "no such folder"
        raise ConfigError(printable(folder), "must be a folder of runs", received, remedy)
    found, problems = list_runs(folder)
    for place, line in problems.items():
        begun = unfinished(place)
        said = line if begun is None else f"{printable(place)}: holds {begun[0]}. {begun[1]}."
        click.echo(f"  {said}", err=True)
    found = [one for one in found if all(test(one) for test in tests)]
    found = ordered(found, by)
    found = found[::-1] if reverse else found
    if as_json:
        print_json([_document(one) for one in found])
    elif as_csv:
        from ..tables import separated

        rows = [_document(one) for one in found]
        names = [name for name in _document_names() if name != "test"]
        measures = list(dict.fromkeys(f"test_{name}" for one in found for name in one.test))
        flat = [row | {f"test_{name}": value for name, value in row["test"].items()} for row in rows]
        for text in separated({name: [row.get(name) for row in flat] for name in (*names, *measures)}):
            click.echo(text, nl=False)
    elif as_latex:
        from ..tables import latex

        click.echo("\n".join(latex(COLUMNS, [cells(one) for one in found], RIGHT)))
    elif found:
        _show(found)
    else:
        click.echo("No runs.")


def ordered(found: Sequence[RunSummary], by: str) -> list[RunSummary]:
    """Runs by a column; numbers by what is better, those without one last."""

    from gpunet.metrics import metric_named

    def better(name: str, value: float) -> float:
        metric = metric_named(name)
        return -value if metric is not None and metric.higher_is_better else value

    def key(one: RunSummary) -> Any:
        if by == "test":
            return (one.result is None, better(*one.result) if one.result else 0.0)
        if by == "best":
            return (one.best is None, better(_named(one.monitor)[0], one.best) if one.best is not None else 0.0)
        return {"data": one.data, "model": one.model, "time": one.seconds, "state": one.state, "created": one.created}[
            by
        ]

    return list(found) if by == "run" else sorted(found, key=key)


def cells(one: RunSummary) -> list[str]:
    """A run as texts, one for each column."""
    result, model = one.result, one.model
    return [
        one.run.rstrip("/").rpartition("/")[2] or one.run,
        one.data,
        (model if one.name in ("", model) else f"{one.name} ({model})") + _differing(one),
        f"{one.parameters:,}" if one.parameters else "",
        str(one.members),
        str(one.epochs) if one.epochs else "",
        "" if one.best is None else _chosen(one.monitor, one.best),
        "" if result is None else figure(*result),
        _time(one.seconds),
        one.state + (f", {one.diverged} diverged" if one.diverged else ""),
    ]


def _differing(one: RunSummary) -> str:
    """The keys in which its members differ, by their last parts, which one knows from the command line."""
    return f" by {', '.join(key.rpartition('.')[2] for key in one.differs)}" if one.differs else ""


def figure(name: str, value: float) -> str:
    """A figure with its name, accuracies as errors.

    >>> figure("accuracy", 0.9815), figure("rmse", 35075.2), figure("reconstruction_error", 4.5968)
    ('error 1.85 %', 'rmse 3.508e+04', 'reconstruction error 4.597')
    """
    from gpunet.metrics import metric_named

    if name == "accuracy":
        name, value = "error", 1 - value
    word, metric = name.replace("_", " "), metric_named(name)
    return f"{word} {100 * value:.2f} %" if metric is not None and metric.percent else f"{word} {value:.4g}"


def _named(monitor: str) -> tuple[str, str]:
    """The figure that something was chosen by, and of which samples where that is to be said."""
    for part in ("out_of_fold_", "validation_"):
        if monitor.startswith(part):
            return monitor.removeprefix(part), " out of fold" if part == "out_of_fold_" else ""
    return monitor, ""


def _chosen(monitor: str, value: float) -> str:
    """What something was chosen by.

    >>> _chosen("validation_accuracy", 0.9), _chosen("out_of_fold_accuracy", 0.9)
    ('error 10.00 %', 'error 10.00 % out of fold')
    """
    name, part = _named(monitor)
    return figure(name, value) + part


def _time(seconds: float) -> str:
    if not seconds:  # of what was put together out of finished runs
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02} min"


def _test(where: str) -> Callable[[RunSummary], bool]:
    """Whether a column of a run holds a text."""
    column, sign, text = where.partition("=")
    known = ("run", "name", "data", "model", "state", "monitor", "layers")
    if not sign or column not in known:
        remedy = meant(column, known, f"There are {', '.join(known)}")
        raise ConfigError("--where", "must be COLUMN=TEXT", repr(where), remedy)
    return lambda one: text in str(getattr(one, column))


def _document_names() -> list[str]:
    from gpunet.studies import RunSummary

    return list(RunSummary.__dataclass_fields__)


def _document(one: RunSummary) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _document_names()}


def _show(found: Sequence[RunSummary]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ..views.tree import console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in RIGHT else "left", overflow="fold")
    for one in found:
        table.add_row(*(Text(printable(cell)) for cell in cells(one)))
    console().print(table)
