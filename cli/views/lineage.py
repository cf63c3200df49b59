"""Where a checkpoint comes from: the parents that it names."""

from __future__ import annotations

import json

import click

from gpunet.checkpoint import Checkpoint
from gpunet.errors import printable
from gpunet.inspection.ancestry import lineage
from gpunet.inspection.differences import flatten

from ..options import print_json


def show_lineage(found: Checkpoint, as_json: bool) -> None:
    """Print the content hash, the parent's, the data's, and the note ``lineage/json`` where there is one."""
    document = lineage(found)
    if as_json:
        print_json(document)
        return
    for name, value in flatten(document).items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        click.echo(f"{printable(name):24} {printable(shown)}")
    if "parent_sha256" not in document and "lineage" not in document:
        click.echo("It names no parent.")
