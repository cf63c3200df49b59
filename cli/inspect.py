"""gpunet inspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import CheckpointError, ConfigError

from .options import json_option, print_json

if TYPE_CHECKING:
    from gpunet.checkpoint import Array, Checkpoint, Group


@click.command()
@click.argument("checkpoint")
@click.argument("path", required=False)
@click.option("--history", is_flag=True, help="The numbers of every epoch: table, --csv, or a plot with -o.")
@click.option("--stats", is_flag=True, help="Moments, norm, singular values, dead units of each array below PATH.")
@click.option("--image", metavar="NAME", help="Draw an image of the group images, or a weight's filters, to -o.")
@click.option("--diff", metavar="OTHER", help="Compare configuration, structure and arrays with another checkpoint.")
@click.option("--lineage", is_flag=True, help="What it was trained from.")
@click.option("--export-npz", metavar="FILE", help="Write the arrays below PATH to a NumPy file.")
@click.option("-o", "--output", metavar="FILE.png", help="Where to draw.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the history as CSV.")
@click.option("--allow-nonfinite", is_flag=True, help="Open files that hold NaN or infinite numbers.")
@click.option("--no-verify", is_flag=True, help="Look at once, without the hashes of what is not shown.")
@json_option
def inspect(
    checkpoint: str,
    path: str | None,
    history: bool,
    stats: bool,
    image: str | None,
    diff: str | None,
    lineage: bool,
    export_npz: str | None,
    output: str | None,
    as_csv: bool,
    allow_nonfinite: bool,
    no_verify: bool,
    as_json: bool,
) -> None:
    """Show what is in a checkpoint: its tree with shapes, types and roles, or one part of it.

    Needs no GPU and not the code that trained the model. Every hash is verified on the way; with --no-verify only
    those of the arrays that are shown, which takes a fraction of a second for files of any size.

    \b
    gpunet inspect runs/mlp-1/best.h5
    gpunet inspect runs/mlp-1/best.h5 model/001_dense/weight
    gpunet inspect runs/mlp-1/best.h5 --stats
    gpunet inspect runs/mlp-1/best.h5 --history -o history.png
    gpunet inspect runs/mlp-1/best.h5 --image model/001_dense/weight -o filters.png
    gpunet inspect runs/mlp-1/best.h5 --diff runs/mlp-2/best.h5 --json
    """
    _check_options(history, stats, image, diff, lineage, export_npz, output, as_csv, as_json)
    from gpunet.checkpoint import read

    found = read(checkpoint, allow_nonfinite=allow_nonfinite, verify=not no_verify)
    node = _part(found, path)
    if history:
        from .history import show_history

        show_history(found, output, as_csv, as_json)
    elif stats:
        from .statistics import show_statistics

        part = path or ("model" if "model" in found.root else "")
        show_statistics(_part(found, part), part, as_json)
    elif image is not None:
        from .pictures import draw

        draw(found, image, str(output), as_json)
    elif diff is not None:
        from .differences import show_differences

        other = read(diff, allow_nonfinite=allow_nonfinite, verify=not no_verify)
        show_differences(found, other, path or "model", as_json)
    elif lineage:
        from .lineage import show_lineage

        show_lineage(found, as_json)
    elif export_npz is not None:
        from .exporting import export

        export(node, path or "", export_npz, as_json)
    else:
        _show(found, node, path, as_json)


def _check_options(
    history: bool,
    stats: bool,
    image: str | None,
    diff: str | None,
    lineage: bool,
    export_npz: str | None,
    output: str | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Refuse what cannot be done together, before the file is read."""
    views = {
        "--history": history, "--stats": stats, "--image": image is not None, "--diff": diff is not None,
        "--lineage": lineage, "--export-npz": export_npz is not None,
    }  # fmt: skip
    asked = [name for name, given in views.items() if given]
    if len(asked) > 1:
        raise ConfigError("inspect", "must be asked for one view", " ".join(asked), "Run it once for each")
    if output is not None and not (history or image is not None):
        raise ConfigError("-o", "must come with --history or --image", None, "Other views have nothing to draw")
    if image is not None and output is None:
        raise ConfigError("--image", "must be told where to draw", None, "Add -o FILE.png")
    if as_csv and not history:
        raise ConfigError("--csv", "must come with --history", None, "Use --json for other views")
    if as_csv and as_json:
        raise ConfigError("inspect", "must have one form of output", "--csv --json", "Choose one")


def _part(found: Checkpoint, path: str | None) -> Group | Array:
    if path is None or not path.strip("/"):
        return found.root
    if path.strip("/") not in found.root:
        known = ", ".join(found.root.children)
        raise CheckpointError(str(found.path), f"must hold {path}", "no such name", f"At the top there are {known}")
    return found[path.strip("/")]


def _show(found: Checkpoint, node: Group | Array, path: str | None, as_json: bool) -> None:
    from .showing import document, show, summary, tree

    if as_json:
        head: dict[str, Any] = {"content_sha256": found.content_sha256, "verified": found.verified}
        print_json({**head, **document(node)})
    elif node is found.root:
        summary(found)
        tree(found.root, found.path.name)
    else:
        show(node, str(path).strip("/"))
