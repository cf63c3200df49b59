"""Where a checkpoint comes from: the parents that it names."""

from __future__ import annotations

import json
from typing import Any

import click

from gpunet.checkpoint import Checkpoint
from gpunet.errors import printable

from .differences import flatten
from .options import print_json

ROOT = ("run_id", "parent_sha256", "created_utc", "gpunet_version")


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


def lineage(found: Checkpoint) -> dict[str, Any]:
    """All that a checkpoint says about where it comes from."""
    document: dict[str, Any] = {"content_sha256": found.content_sha256}
    document |= {name: found.attrs[name] for name in ROOT if name in found.attrs}
    data = found.root.children.get("data")
    if data is not None:
        document["data"] = {name: data.attrs[name] for name in ("name", "data_sha256") if name in data.attrs}
    note = found.note("lineage/json")
    if note:
        document["lineage"] = note
    return document
