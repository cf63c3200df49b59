"""gpunet verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import CheckpointError, DamagedError, ReaderError, printable

from .. import completing
from ..options import json_option, print_json

if TYPE_CHECKING:
    from gpunet.checkpoint import Verification


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CKPT...", shell_complete=completing.runs)
@click.option("--allow-nonfinite", is_flag=True, help="Do not take NaN or infinite numbers for damage.")
@json_option
@click.pass_context
def verify(ctx: click.Context, checkpoints: tuple[str, ...], allow_nonfinite: bool, as_json: bool) -> None:
    """Recompute every hash of checkpoints and name all that is damaged.

    Exit 4 if a file is damaged or cannot be read; 1 if the reader itself failed, which says nothing about the file.

    It goes on after the first damage: arrays are compared although the seal is broken, further files although one is
    missing.

    \b
    gpunet verify runs/digits-mlp-1/best.h5
    gpunet verify runs/*/*.h5 --json
    """
    from gpunet.checkpoint import is_foreign
    from gpunet.checkpoint import verify as check

    from ..opening import checkpoint_at

    documents: list[dict[str, Any]] = []
    codes = set()
    for path in checkpoints:
        if is_foreign(path):
            rule, remedy = "must be a gpunet checkpoint, whose hashes can be recomputed", "gpunet inspect shows it"
            other = CheckpointError(path, rule, "HDF5 of another program", remedy)
            documents.append({"path": path, "whole": False, "error": str(other), "state": "not read"})
            codes.add(CheckpointError.exit_code)
            if not as_json:
                _show(documents[-1])
            continue
        try:
            document = _document(check(checkpoint_at(path), allow_nonfinite=allow_nonfinite))
        except (CheckpointError, ReaderError) as error:
            document = {"path": path, "whole": False, "error": str(error)}
            document["state"] = "damaged" if isinstance(error, DamagedError) else "not read"
            codes.add(error.exit_code)
        documents.append(document)
        if not as_json:
            _show(document)
    if as_json:
        print_json(documents)
    if any(document["state"] == "damaged" for document in documents):
        codes.add(CheckpointError.exit_code)
    if codes:
        ctx.exit(max(codes))


def _document(found: Verification) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "whole": found.whole,
        "state": "whole" if found.whole else "damaged",
        "bytes": found.size,
        "arrays": found.arrays,
        "content_sha256": found.content_sha256,
        "damages": [{"place": damage.place, "problem": damage.problem} for damage in found.damages],
    }


def _show(document: dict[str, Any]) -> None:
    name = printable(document["path"])
    if "error" in document:
        click.echo(f"gpunet: {document['error']}", err=True)
    elif document["whole"]:
        size = f"{document['bytes'] / 1e6:,.1f} MB"
        click.echo(f"{name}: whole, {document['arrays']} arrays, {size}, content {document['content_sha256']}")
    else:
        click.echo(f"{name}: damaged")
        for damage in document["damages"]:
            click.echo(f"  {damage['place']}: {damage['problem']}")
