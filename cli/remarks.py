"""What is said on stderr beside the result, unless the command was asked to be quiet."""

from __future__ import annotations

from typing import Any

import click

QUIET = "gpunet.quiet"  # in what the contexts of one call share


def _note(context: click.Context, parameter: Any, value: bool) -> None:
    context.meta[QUIET] = value


quiet_option = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_note, help="Print the result alone, and what is wrong."
)


def is_quiet() -> bool:
    """Whether the command that is running was asked to print its result alone."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))


def remark(text: str) -> None:
    """Say something beside the result."""
    if not is_quiet():
        click.echo(text, err=True)
