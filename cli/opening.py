"""Files to look at: checkpoints, and arrays of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gpunet.checkpoint import Checkpoint, is_foreign, is_safetensors, is_sealed, read, read_foreign, read_safetensors
from gpunet.errors import CheckpointError, printable
from gpunet.paths import exists, is_file, is_folder

from .options import program
from .remarks import remark

DOCUMENTED = 100  # numbers of an array that stand in a document


def checkpoint_at(path: str) -> str:
    """The checkpoint that a path means: itself, or the best one of a run's folder, which is then said.

    Raises:
        CheckpointError: a folder without one.
    """
    if not is_folder(path):
        return path
    from gpunet.checkpoint import BEST, LAST

    found = Path(path) / BEST
    if not exists(found):
        if begun := unfinished(path):
            raise CheckpointError(path, f"must hold {BEST}", *begun)
        last = exists(Path(path) / LAST)
        remedy = f"Name {Path(path) / LAST}, or go on with it first" if last else "Name a run's folder or a checkpoint"
        raise CheckpointError(path, f"must hold {BEST}", "none", remedy)
    remark(f"{printable(path)}: its {BEST}")
    return str(found)


def unfinished_folds(folder: str) -> tuple[str, str] | None:
    """The same of a cross-validation alone."""
    from gpunet.studies import kept_in

    folds = kept_in(folder)
    count = f"{len(folds)} finished fold{'s' * (len(folds) > 1)}"
    return (count, f"Go on with {program()} resume {printable(folder)}, or name {folds[0]}") if folds else None


def unfinished(folder: str) -> tuple[str, str] | None:
    """What is there of a cross-validation or a search that has not ended, and how to go on; None of others."""
    from gpunet.searches import is_search

    if folds := unfinished_folds(folder):
        return folds
    if is_search(folder):
        return "a search that has not ended", f"Go on with {program()} search --resume {printable(folder)}"
    return None


def is_model(path: str) -> bool:
    """Whether a path is that of a checkpoint, whole or damaged, or of the folder of a run."""
    from gpunet.checkpoint import BEST, LAST

    if is_folder(path):
        return any(exists(Path(path) / name) for name in (BEST, LAST))
    return is_file(path) and is_sealed(path)


def models_and_data(words: tuple[str, ...], data: str | None) -> tuple[tuple[str, ...], str | None]:
    """Take a last word that means data, and no checkpoint, for the data, where none are given.

    What ends in ``.h5`` is left to be opened as a checkpoint, so that one that is missing or damaged is called so.
    """
    *models, last = words
    if data is not None or not models or is_model(last) or last.lower().endswith((".h5", ".safetensors")):
        return words, data
    return tuple(models), last


def open_file(path: str, allow_nonfinite: bool, verify: bool, wanted: str | None, small: bool = False) -> Checkpoint:
    """A checkpoint through its guarded reader, or another program's HDF5 or safetensors file.

    Args:
        path: of the file.
        allow_nonfinite: accept NaN and infinity in what is ours to refuse.
        verify: check all hashes of a checkpoint.
        wanted: of a file that has no hashes, read the numbers at and below this path at once.
        small: but only those of arrays that a document shows.

    Raises:
        CheckpointError: none of these, damaged, or a checkpoint that lost its seal.
    """
    if is_safetensors(path):
        return read_safetensors(path, allow_nonfinite=allow_nonfinite)
    if not is_foreign(path):
        return read(path, allow_nonfinite=allow_nonfinite, verify=verify)
    names = () if wanted is None else (wanted,)
    found = read_foreign(path, names, DOCUMENTED) if small else read_foreign(path, names)
    if found.attrs.get("format") == "gpunet-checkpoint":
        remedy = "Restore it from a copy"
        raise CheckpointError(path, "must begin with its seal", "a checkpoint without one", remedy)
    return found


def check_alone(showing: Sequence[str], new: str) -> None:
    """Refuse options of what begins beside the folder of something finished.

    Args:
        showing: parameters of the command that say how it is shown.
        new: what the other options belong to.

    Raises:
        ConfigError: naming them.
    """
    import click
    from click.core import ParameterSource

    from gpunet.errors import ConfigError

    context = click.get_current_context()
    written = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in showing
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if written:
        raise ConfigError(" ".join(written), f"must come with {new}", "a finished one", "Leave it out")


def shown_folder(words: Sequence[str], kind: str) -> str | None:
    """The folder of something finished, where it is what a command is given to show it again.

    Args:
        words: the arguments of the command.
        kind: what the command shows, ``a search`` or ``a comparison``.

    Raises:
        ConfigError: it is given together with what a new one takes, or the folder of something else is given.
        DataError: a path at which nothing is.
    """
    from gpunet.errors import ConfigError, DataError
    from gpunet.searches import OWN, what_is

    from .options import is_assignment, is_data, program

    command = "compare" if kind == "a comparison" else "search"
    for word in words:
        if is_assignment(word) or not is_data(word):
            continue
        found = what_is(word)
        if found == kind and len(words) > 1:
            rule = f"must be given a finished {kind.removeprefix('a ')} alone"
            remedy = f"Leave {' '.join(other for other in words if other != word)} out"
            raise ConfigError(command, rule, " ".join(words), remedy)
        if found == kind:
            return word
        if found in OWN:
            remedy = f"Show it with {program()} report {printable(word)}, or name data"
            raise ConfigError(f"folder {printable(word)}", f"must be data, or the folder of {kind}", found, remedy)
        if found == "nothing there":
            rule = f"must be an existing file or folder of data, or the folder of {kind}"
            raise DataError(printable(word), rule, found, "Check the path")
    return None
