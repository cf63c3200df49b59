"""What the steps of a training cost, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpunet.errors import ConfigError
from gpunet.stages import profiles_of

from .execution import announce
from .figures import table_lines
from .options import print_json
from .remarks import remark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpunet.checkpoint import Checkpoint
    from gpunet.experiment import Experiment, Run
    from gpunet.training import StepProfile

    from .options import Request


def check_profile(request: Request) -> None:
    """Refuse to make steps where none are to be made.

    Raises:
        ConfigError: a dry run.
    """
    if request.dry_run:
        raise ConfigError("--profile", "makes steps and writes nothing", "--dry-run", "Leave one of them out")


def run_profile(
    request: Request,
    grafts: Sequence[tuple[str, str]],
    layers: int | None,
    experiment: Experiment,
    checkpoint: Checkpoint | None,
) -> None:
    """Measure, and print a table for each training, or one JSON document."""
    said: list[bool] = []

    def on_run(run: Run) -> None:
        if not said:
            announce(run)
            remark("Profile: some steps are made and measured, and nothing is written.")
        said.append(True)

    found = profiles_of(experiment, checkpoint, grafts, layers, on_run=on_run)
    if request.as_json:
        print_json({"profiles": [one.document() for one in found]})
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        for line in lines_of(one):
            click.echo(line)


def lines_of(found: StepProfile) -> list[str]:
    """A profile as lines of text."""
    where = f"{found.device}, {found.threads} thread{'s' if found.threads > 1 else ''} for products"
    samples = f"{found.samples:,} samples" + (f" in {found.members} members" if found.members > 1 else "")
    head = f"{found.name}: a step of {samples} on {where if found.nodes is None else found.device}"
    return [head, *(_by_time(found) if found.nodes is None else _by_launch(found))]


def _by_time(found: StepProfile) -> list[str]:
    rows = [("operation", "ms", "share", "calls")]
    rows += [
        (one.name, _ms(one.seconds or 0.0), _share((one.seconds or 0.0) / found.seconds), _calls(one.calls))
        for one in found.operations
    ]
    rows += [
        ("step", _ms(found.seconds), _share(1.0), ""),
        ("products alone", _ms(found.products_alone), _share(found.fraction), ""),
    ]
    return [*_indented(rows), f"The step reaches {_share(found.fraction)} of its floor, which is its products alone."]


def _by_launch(found: StepProfile) -> list[str]:
    rows = [("launch", "MB", "calls")]
    rows += [
        (one.name, "" if one.moved is None else f"{one.moved / 1e6:.3f}", _calls(one.calls)) for one in found.operations
    ]
    rows.append(("step", f"{(found.moved or 0) / 1e6:.3f}", f"{found.nodes} nodes"))
    times = [
        ("", "ms", "share"),
        ("step", _ms(found.seconds), _share(1.0)),
        *_together(found),
        ("products alone", _ms(found.products_alone), _share(found.products_alone / found.seconds)),
        (
            f"bytes at {(found.bandwidth or 0) / 1e9:,.0f} GB/s",
            _ms(found.moving_alone or 0.0),
            _share((found.moving_alone or 0.0) / found.seconds),
        ),
    ]
    end = f"The step reaches {_share(found.fraction)} of its floor, the longer of the two."
    return [*_indented(rows), *_indented(times), end]


def _together(found: StepProfile) -> list[tuple[str, str, str]]:
    """A step where several are one graph, as in a training that is longer."""
    seconds = found.seconds_together
    if seconds is None:
        return []
    return [(f"step, {found.together} to a graph", _ms(seconds), _share(seconds / found.seconds))]


def _indented(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"  {line}" for line in table_lines(rows)]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.4f}" if seconds < 1e-3 else f"{1e3 * seconds:.3f}"


def _share(part: float) -> str:
    return f"{100 * part:.1f} %"


def _calls(calls: float) -> str:
    return f"{calls:.0f}" if calls == round(calls) else f"{calls:.1f}"
