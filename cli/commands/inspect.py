"""gpunet inspect: one table of views, each of them shown by a function that loads what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpunet.errors import CheckpointError, ConfigError, printable

from .. import completing
from ..drawing import FORMATS
from ..options import json_option, print_json
from ..output import Output

if TYPE_CHECKING:
    from gpunet.checkpoint import Checkpoint, Group, NamedArray


@click.command()
@click.argument("checkpoint", shell_complete=completing.runs)
@click.argument("path", required=False)
@click.option("--history", is_flag=True, help="The numbers of every epoch: table, --csv, or a plot with -o.")
@click.option("--stats", is_flag=True, help="Moments, norm, singular values, dead units of each array below PATH.")
@click.option("--singular", is_flag=True, help="With --stats: singular values of large arrays too, which take long.")
@click.option("--image", metavar="NAME", help="Draw an image of the group images, or a weight's filters, to -o.")
@click.option("--shape", metavar="28x28", help="Of one sample, for --image of weights whose file does not say it.")
@click.option("--trajectory", is_flag=True, help="The snapshots of a machine: table, --csv, or a plot with -o.")
@click.option("--diff", metavar="OTHER", help="Compare configuration, structure and arrays with another checkpoint.")
@click.option("--lineage", is_flag=True, help="What it was trained from.")
@click.option("--export-npz", metavar="FILE", help="Write the arrays below PATH to a NumPy file.")
@click.option("--export-safetensors", metavar="FILE", help="Write the model's arrays, or those below PATH.")
@click.option("--export-couplings", metavar="FILE", help="Write a machine as fields h and couplings J of spins.")
@click.option("--weights-only", is_flag=True, help="Export nothing but the model's arrays, by their names within it.")
@click.option("-o", "--output", metavar="FILE.png", help="Where to draw; a history also as .svg or .pdf.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the history as CSV.")
@click.option("--allow-nonfinite", is_flag=True, help="Open files that hold NaN or infinite numbers.")
@click.option("--no-verify", is_flag=True, help="Look at once, without the hashes of what is not shown.")
@json_option
def inspect(
    checkpoint: str, path: str | None, allow_nonfinite: bool, no_verify: bool, as_json: bool, **options: Any
) -> None:
    """Show what is in a checkpoint: its tree with shapes, types and roles, or one part of it.

    Needs no GPU and not the code that trained the model. Every hash is verified on the way; with --no-verify only
    those of the arrays that are shown, which takes a fraction of a second for files of any size.

    \b
    gpunet inspect runs/digits-mlp-1/best.h5
    gpunet inspect runs/digits-mlp-1/best.h5 model/001_dense/weight
    gpunet inspect runs/digits-mlp-1/best.h5 --stats
    gpunet inspect runs/digits-mlp-1/best.h5 --history -o history.png
    gpunet inspect runs/digits-rbm-1 --trajectory
    gpunet inspect runs/digits-mlp-1/best.h5 --image model/001_dense/weight -o filters.png
    gpunet inspect runs/digits-mlp-1/best.h5 --diff runs/digits-mlp-2/best.h5 --json
    gpunet inspect runs/digits-mlp-1/best.h5 --export-safetensors mlp.safetensors
    gpunet inspect keras.weights.h5 --stats
    gpunet inspect theirs.safetensors --image 0/weight --shape 28x28 -o filters.png

    HDF5 files of other programs and .safetensors files open as well, to be looked at: they carry no hashes.
    """
    asked = [flag for flag in VIEWS if options[_name(flag)] not in (False, None)]
    _check_options(asked, options, as_json)
    output = _output(asked, options, checkpoint)
    from ..opening import checkpoint_at, open_file

    wanted = path if path is None and not (asked or as_json) else (path or "").strip("/")
    found = open_file(checkpoint_at(checkpoint), allow_nonfinite, not no_verify, wanted, small=as_json and not asked)
    node = _part(found, path)
    if not asked:
        _show(found, node, path, as_json)
        return

    def open_other(name: str) -> Checkpoint:
        return open_file(checkpoint_at(name), allow_nonfinite, not no_verify, wanted)

    VIEWS[asked[0]](Look(found, path, options[_name(asked[0])], options, as_json, output, open_other))


@dataclass(frozen=True)
class Look:
    """What a view is given.

    Attributes:
        found: the checkpoint.
        path: PATH, where one was given.
        value: of the view's own flag.
        options: all others by name.
        as_json: whether to print JSON.
        output: the file to write, where one was named.
        open_other: opens another file in the same way.
    """

    found: Checkpoint
    path: str | None
    value: Any
    options: Mapping[str, Any]
    as_json: bool
    output: Output | None
    open_other: Callable[[str], Checkpoint]

    @property
    def file(self) -> Output:
        """The file to write, for views that must have one."""
        assert self.output is not None
        return self.output

    @property
    def path_or_model(self) -> str:
        """PATH; without one the model, in a file that has it, else everything."""
        return self.path or ("model" if "model" in self.found.root else "")


def _history(look: Look) -> None:
    from ..views.history import show_history

    show_history(look.found, look.output, look.options["as_csv"], look.as_json)


def _statistics(look: Look) -> None:
    from ..views.statistics import show_statistics

    path = look.path_or_model
    show_statistics(look.found, _part(look.found, path), path, look.as_json, look.options["singular"])


def _image(look: Look) -> None:
    from ..views.pictures import draw_image

    draw_image(look.found, look.value, look.file, look.as_json, look.options["shape"])


def _differences(look: Look) -> None:
    from ..views.differences import show_differences

    other = look.open_other(look.value)
    path = look.path_or_model if "model" in other.root else look.path or ""
    show_differences(look.found, other, path, look.as_json)


def _lineage(look: Look) -> None:
    from ..views.lineage import show_lineage

    show_lineage(look.found, look.as_json)


def _npz(look: Look) -> None:
    from ..views.exporting import export_npz

    bare = look.options["weights_only"]
    path = look.path or ("model" if bare else "")
    export_npz(_part(look.found, path), path, look.file, bare, look.as_json)


def _safetensors(look: Look) -> None:
    from ..views.exporting import export_safetensors

    path = look.path_or_model
    export_safetensors(look.found, _part(look.found, path), path, look.file, look.as_json)


def _trajectory(look: Look) -> None:
    from ..views.trajectory import show_trajectory

    show_trajectory(look.found.path.parent, look.output, look.options["as_csv"], look.as_json)


def _couplings(look: Look) -> None:
    from ..views.exporting import export_couplings

    export_couplings(look.found, look.file, look.as_json)


VIEWS: dict[str, Callable[[Look], None]] = {
    "--history": _history,
    "--stats": _statistics,
    "--image": _image,
    "--diff": _differences,
    "--lineage": _lineage,
    "--export-npz": _npz,
    "--export-safetensors": _safetensors,
    "--export-couplings": _couplings,
    "--trajectory": _trajectory,
}
# Views that write a file: the option that names it, and the endings that it may have.
FILES = {
    "--history": ("-o", FORMATS),
    "--trajectory": ("-o", FORMATS),
    "--image": ("-o", (".png",)),
    "--export-npz": ("--export-npz", (".npz",)),
    "--export-safetensors": ("--export-safetensors", (".safetensors",)),
    "--export-couplings": ("--export-couplings", (".json", ".h5", ".hdf5")),
}
# Options that need a view: their parameter, the views, how the message names these, and its remedy.
COMPANIONS = {
    "-o": (
        "output", {"--history", "--trajectory", "--image"}, "--history, --trajectory or --image",
        "Other views have nothing to draw",
    ),
    "--singular": ("singular", {"--stats"}, "--stats", "Add --stats"),
    "--shape": ("shape", {"--image"}, "--image", "Add --image NAME -o FILE.png"),
    "--csv": ("as_csv", {"--history", "--trajectory"}, "--history or --trajectory", "Use --json for other views"),
    "--weights-only": (
        "weights_only", {"--export-npz", "--export-safetensors"}, "an export", "Add --export-npz FILE",
    ),
}  # fmt: skip


def _output(asked: Sequence[str], options: Mapping[str, Any], checkpoint: str) -> Output | None:
    """The file that the view is told to write, checked before anything is read."""
    option, endings = FILES.get(asked[0] if asked else "", ("", ()))
    name = options[_name(option)] if option else None
    return None if name is None else Output(option, Path(name), endings, [checkpoint])


def _name(flag: str) -> str:
    """The parameter of an option."""
    if flag == "-o":
        return "output"
    return flag.lstrip("-").replace("-", "_")


def _check_options(asked: Sequence[str], options: Mapping[str, Any], as_json: bool) -> None:
    """Refuse what cannot be done together, before the file is read."""
    if len(asked) > 1:
        raise ConfigError("inspect", "must be asked for one view", " ".join(asked), "Run it once for each")
    if "--image" in asked and options["output"] is None:
        raise ConfigError("--image", "must be told where to draw", None, "Add -o FILE.png")
    for flag, (name, views, said, remedy) in COMPANIONS.items():
        if options[name] not in (False, None) and not views & set(asked):
            raise ConfigError(flag, f"must come with {said}", None, remedy)
    if options["as_csv"] and as_json:
        raise ConfigError("inspect", "must have one form of output", "--csv --json", "Choose one")


def _part(found: Checkpoint, path: str | None) -> Group | NamedArray:
    if path is None or not path.strip("/"):
        return found.root
    if path.strip("/") not in found.root:
        known = printable(", ".join(found.root.children))
        raise CheckpointError(
            str(found.path), f"must hold {printable(path)}", "no such name", f"At the top there are {known}"
        )
    return found[path.strip("/")]


def _show(found: Checkpoint, node: Group | NamedArray, path: str | None, as_json: bool) -> None:
    from ..views.tree import document, output_shapes, show_part, summary, tree

    if as_json:
        head: dict[str, Any] = {"content_sha256": found.content_sha256, "verified": found.verified}
        head |= {"foreign": found.foreign} if found.foreign else {}
        print_json({**head, **document(node)})
    elif node is found.root:
        summary(found)
        if "members" in found.root:  # what they differ in is asked of the configuration, which others do without
            from ..views.members import show_members

            show_members(found)
        tree(found.root, found.path.name, output_shapes(found))
    else:
        show_part(node, str(path).strip("/"), output_shapes(found))
