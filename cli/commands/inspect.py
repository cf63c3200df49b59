"""gpunet inspect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import CheckpointError, ConfigError, printable

from ..options import json_option, print_json

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
@click.option("--export-safetensors", metavar="FILE", help="Write the model's arrays, or those below PATH.")
@click.option("--weights-only", is_flag=True, help="Export nothing but the model's arrays, by their names within it.")
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
    export_safetensors: str | None,
    weights_only: bool,
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
    gpunet inspect runs/mlp-1/best.h5 --export-safetensors mlp.safetensors
    gpunet inspect keras.weights.h5 --stats

    HDF5 files of other programs and .safetensors files open as well, to be looked at: they carry no hashes.
    """
    views = {
        "--history": history, "--stats": stats, "--image": image is not None, "--diff": diff is not None,
        "--lineage": lineage, "--export-npz": export_npz is not None,
        "--export-safetensors": export_safetensors is not None,
    }  # fmt: skip
    _check_options([name for name, given in views.items() if given], weights_only, output, as_csv, as_json)
    from ..opening import open_file

    document = as_json and not any(views.values())
    wanted = (path or "").strip("/") if as_json or any(views.values()) else path and path.strip("/")
    found = open_file(checkpoint, allow_nonfinite, not no_verify, wanted, small=document)
    node = _part(found, path)
    if history:
        from ..views.history import show_history

        show_history(found, output, as_csv, as_json)
    elif stats:
        from ..views.statistics import show_statistics

        part = path or ("model" if "model" in found.root else "")
        show_statistics(found, _part(found, part), part, as_json)
    elif image is not None:
        from ..views.pictures import draw

        draw(found, image, str(output), as_json)
    elif diff is not None:
        from ..views.differences import show_differences

        other = open_file(diff, allow_nonfinite, not no_verify, wanted)
        both_models = "model" in found.root and "model" in other.root
        show_differences(found, other, path or ("model" if both_models else ""), as_json)
    elif lineage:
        from ..views.lineage import show_lineage

        show_lineage(found, as_json)
    elif export_npz is not None:
        from ..views.exporting import export_npz as export

        part = path or ("model" if weights_only else "")
        export(_part(found, part), part, export_npz, weights_only, as_json)
    elif export_safetensors is not None:
        from ..views.exporting import export_safetensors as export_tensors

        part = path or ("model" if "model" in found.root else "")
        export_tensors(found, _part(found, part), part, export_safetensors, as_json)
    else:
        _show(found, node, path, as_json)


def _check_options(asked: Sequence[str], weights_only: bool, output: str | None, as_csv: bool, as_json: bool) -> None:
    """Refuse what cannot be done together, before the file is read."""
    if len(asked) > 1:
        raise ConfigError("inspect", "must be asked for one view", " ".join(asked), "Run it once for each")
    if output is not None and not {"--history", "--image"} & set(asked):
        raise ConfigError("-o", "must come with --history or --image", None, "Other views have nothing to draw")
    if "--image" in asked and output is None:
        raise ConfigError("--image", "must be told where to draw", None, "Add -o FILE.png")
    if as_csv and "--history" not in asked:
        raise ConfigError("--csv", "must come with --history", None, "Use --json for other views")
    if weights_only and not {"--export-npz", "--export-safetensors"} & set(asked):
        raise ConfigError("--weights-only", "must come with an export", None, "Add --export-npz FILE")
    if as_csv and as_json:
        raise ConfigError("inspect", "must have one form of output", "--csv --json", "Choose one")


def _part(found: Checkpoint, path: str | None) -> Group | Array:
    if path is None or not path.strip("/"):
        return found.root
    if path.strip("/") not in found.root:
        known = printable(", ".join(found.root.children))
        raise CheckpointError(
            str(found.path), f"must hold {printable(path)}", "no such name", f"At the top there are {known}"
        )
    return found[path.strip("/")]


def _show(found: Checkpoint, node: Group | Array, path: str | None, as_json: bool) -> None:
    from ..views.tree import document, show, summary, tree

    if as_json:
        head: dict[str, Any] = {"content_sha256": found.content_sha256, "verified": found.verified}
        head |= {"foreign": found.foreign} if found.foreign else {}
        print_json({**head, **document(node)})
    elif node is found.root:
        summary(found)
        tree(found.root, found.path.name)
    else:
        show(node, str(path).strip("/"))
