"""From a name or a path to a table, or to a data set where there are arrays."""

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from gpunet.data import (
    Coding,
    Dataset,
    Features,
    Pictures,
    Reading,
    Sequences,
    Split,
    Table,
    Wanted,
    assemble,
    is_text,
    oriented,
    portable_features,
)
from gpunet.data.pictures import SUFFIXES
from gpunet.errors import DataError, NoTargetsError, meant, printable, shortened
from gpunet.paths import kind_of

from . import archives, fasta, frames, idx, images, tables
from .archives import Naming
from .bundled import available, digits
from .cache import Cache
from .fasta import Spelling
from .pictures import Imaging
from .rows import cannot_stream, exceeds

PACKED = 5  # times its size that a table takes which is compressed
MOST_BESIDE = 1000  # names in a folder that are looked at for the one that may be meant
ARCHIVES = (".npz", ".h5", ".hdf5")
KNOWN = (
    "a folder of MNIST files or of images by class, .idx or -ubyte[.gz], .csv, .tsv, .parquet, .arrow, .npz, .h5, "
    ".hdf5 or .fasta[.gz]"
)


def read(
    source: str,
    reading: Reading | None = None,
    naming: Naming | None = None,
    task: str = "auto",
    classes: tuple[str, ...] | None = None,
    imaging: Imaging | None = None,
    cache: Cache | None = None,
    unlabelled: bool = False,
    spelling: Spelling | None = None,
    memory: int | None = None,
) -> Table | Dataset:
    """Read a bundled data set by name, or files by path.

    Args:
        source: ``digits``, a folder of MNIST-named IDX files or of one folder of images for each class, or an IDX,
            CSV, TSV, Parquet, Arrow, NPZ, HDF5 or FASTA file.
        reading: how a table of text is to be read.
        naming: which arrays of an archive are what.
        task: of arrays and images, see :mod:`gpunet.data.targets`.
        classes: class names of a trained model, whose numbers the labels of arrays and images must get.
        imaging: what becomes of images in files before they are samples.
        cache: where images of folders, and those that tables name, are kept once they are decoded.
        unlabelled: whether archives of features alone, and sequences without targets, will do.
        spelling: how sequences are read.
        memory: bytes that features may take; where they take more they are streamed, or refused where they do not lie
            so that they can be.  None for whatever they need.

    Returns:
        The columns of a table, or a data set of everything else.

    Raises:
        DataError: whatever is wrong, in one line.
    """
    if source == "digits":
        return digits()
    path = _existing(source)
    if path.is_dir():
        if images.holds_images(path):
            return images.read_classes(path, task, classes, imaging or Imaging(), cache, memory)
        _check_no_tables(path)
        return idx.read_folder(path, task, classes, (naming or Naming()).transposed, memory)
    _check_whole(path, memory)
    if (table := _table(path, reading or Reading(), imaging or Imaging(), cache, memory)) is not None:
        return table
    if path.suffix.lower() in ARCHIVES:
        return archives.read_archive(path, naming or Naming(), task, classes, unlabelled, memory)
    if fasta.is_fasta(path):
        return fasta.fasta_dataset(path, spelling or fasta.Spelling(), task, classes, unlabelled)
    if _is_idx(path):
        return idx.read_pair(path, task, classes, (naming or Naming()).transposed, memory)
    if path.suffix.lower() in SUFFIXES:
        rule, remedy = "must lie in a folder of one folder for each class", "Name that folder"
        raise NoTargetsError(source, rule, "an image alone", remedy)
    raise DataError(source, f"must be {KNOWN}", path.suffix or "no extension", "Convert it")


def read_features(
    source: str,
    reading: Reading | None = None,
    naming: Naming | None = None,
    imaging: Imaging | None = None,
    cache: Cache | None = None,
    held: bytes | None = None,
    spelling: Spelling | None = None,
    memory: int | None = None,
) -> Table | Pictures | Sequences | Features:
    """Features to predict from, with or without labels beside them: a table, images, or an array (samples, *shape).

    Args:
        source: as for :func:`read`; or a name for messages.
        reading: as for :func:`read`.
        naming: as for :func:`read`.
        imaging: as for :func:`read`.
        cache: as for :func:`read`.
        held: the text of a table that was read already, as from standard input.
        spelling: as for :func:`read`.
        memory: as for :func:`read`.

    Raises:
        DataError: as :func:`read`.
    """
    if held is not None:
        return tables.read_table(Path(source), reading or Reading(), imaging or Imaging(), held)
    if source == "digits":
        return digits().x
    path = _existing(source)
    if path.suffix.lower() in SUFFIXES or (path.is_dir() and images.holds_images(path)):
        return images.read_inputs(path, imaging or Imaging(), cache, memory)
    if path.is_dir():
        _check_no_tables(path)
        return idx.read_folder(path, "auto", None, (naming or Naming()).transposed, memory).x
    _check_whole(path, memory)
    if (table := _table(path, reading or Reading(), imaging or Imaging(), cache, memory)) is not None:
        return table
    if path.suffix.lower() in ARCHIVES:
        return archives.read_features(path, naming or Naming(), memory)
    if fasta.is_fasta(path):
        return fasta.read_sequences(path, spelling)
    if _is_idx(path):
        turned = idx.is_transposed(path.name, (naming or Naming()).transposed)
        found: Features = portable_features(source, oriented(idx.open_images([path], memory)[0], "last", turned)[0])
        return found
    raise DataError(source, f"must be {KNOWN}", path.suffix or "no extension", "Convert it")


def load(source: str, *, target: str | int | None = None, header: bool | None = None, task: str = "auto") -> Dataset:
    """Load a whole data set, whose features are learned from all of its samples, to look at it.

    Args:
        source: as for :func:`read`.
        target: name or number of the target column of a table.
        header: whether a table has a header row; found out where None.
        task: ``auto``, ``classification``, ``multilabel`` or ``regression``, see :mod:`gpunet.data.targets`.

    Raises:
        DataError: whatever is wrong, in one line.

    >>> load("digits").classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    found = read(source, Reading(header=header), task=task)
    if isinstance(found, Dataset):
        return found
    wanted = Wanted(target=() if target is None else (target,), task=task)
    nothing = np.zeros(0, np.int64)
    return assemble(found, wanted, Coding(), lambda n, labels, by: Split(np.arange(n), nothing, nothing))


def _table(
    path: Path, reading: Reading, imaging: Imaging, cache: Cache | None, memory: int | None = None
) -> Table | None:
    """A file that holds a table as one, None where it holds something else."""
    name = path.name.lower()
    if name.endswith(tables.SUFFIXES):
        return tables.read_table(path, reading, imaging, cache=cache, memory=memory)
    return frames.read_frame(path, imaging, cache, memory) if name.endswith(frames.SUFFIXES) else None


def _check_whole(path: Path, memory: int | None) -> None:
    """Refuse a table, or sequences, that are read as a whole and take more memory than allowed.

    How much they take is known once they are read; the size of the file says enough beforehand.

    Raises:
        DataError: it is too large.
    """
    name, packed = path.name.lower(), path.suffix.lower() == ".gz" or path.name.lower().endswith(frames.SUFFIXES)
    whole = name.endswith((*tables.SUFFIXES, *frames.SUFFIXES)) or fasta.is_fasta(path)
    size = path.stat().st_size * (PACKED if packed else 1)
    if memory is not None and whole and exceeds(size, memory):
        why = (
            "a table, which is read as a whole" if not fasta.is_fasta(path) else "sequences, which are read as a whole"
        )
        raise cannot_stream(str(path), size, memory, why, "Write its numbers as arrays x and y with numpy.savez")


def _check_no_tables(folder: Path) -> None:
    """Refuse a folder of tables or archives, as competitions hand them out, by what to name instead of it.

    Raises:
        DataError: naming its files.
    """
    names = sorted(name for name in islice(os.listdir(folder), MOST_BESIDE) if not name.startswith("."))  # noqa: PTH208
    held = [name for name in names if name.lower().endswith((*tables.SUFFIXES, *frames.SUFFIXES, *ARCHIVES))]
    if held and not any("ubyte" in name.lower() for name in names):
        held.sort(key=lambda name: (not name.lower().startswith("train"), name))
        others = " and more" if len(held) > 3 else ""
        remedy = f"Name one file, such as {folder / held[0]}, which is divided into parts then"
        rule = "must be one table or archive, images by class, or MNIST files"
        raise DataError(printable(str(folder)), rule, printable(", ".join(held[:3]) + others), printable(remedy))


def _is_idx(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".idx", "-ubyte"))


def _beside(path: Path) -> list[str]:
    """Paths in the folder where one was looked for, of which one may be meant."""
    with suppress(OSError, ValueError):
        return [str(path.parent / name) for name in islice(os.listdir(path.parent), MOST_BESIDE)]  # noqa: PTH208
    return []


def _existing(source: str) -> Path:
    path, kind = Path(source), kind_of(source)
    if not is_text(source):
        raise DataError(printable(source), "must be a path whose name is text in UTF-8", "other bytes", "Rename it")
    if kind == "other":
        raise DataError(source, "must be a regular file or a folder", "a pipe, socket or device", "Check the path")
    if kind == "none":
        names = [name for name, _ in available()]
        remedy = meant(source, [*names, *_beside(path)], f"Check the path; bundled are {', '.join(names)}")
        thing, rule = shortened(source, 300), "must be an existing file or folder, or a bundled data set"
        raise DataError(thing, rule, "no such file", remedy)
    return path
