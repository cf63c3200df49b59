"""From a name or a path to a data set."""

from pathlib import Path

import numpy as np

from gpunet.data import Dataset, check_samples, is_text, portable_features
from gpunet.errors import DataError, meant, printable, shortened
from gpunet.paths import kind_of

from . import archives, idx, images, tables
from .bundled import available, digits

ARCHIVES = (".npz", ".h5", ".hdf5")
KNOWN = "a folder of MNIST files or of images by class, .idx or -ubyte[.gz], .csv, .tsv, .npz, .h5 or .hdf5"


def load(
    source: str,
    *,
    label: str | int | None = None,
    header: bool | None = None,
    task: str = "auto",
    classes: tuple[str, ...] | None = None,
    vocabulary: tuple[str, ...] = (),
    length: int | None = None,
) -> Dataset:
    """Load a bundled data set by name, or files by path.

    Args:
        source: ``digits``, a folder of MNIST-named IDX files or of one folder of images for each class, or an IDX,
            CSV, TSV, NPZ or HDF5 file.
        label: name or number of the label column of a table.
        header: whether a table has a header row; found out where None.
        task: ``auto``, ``classification`` or ``regression``, see :mod:`.targets`.
        classes: class names of a trained model, whose numbers the labels must get.
        vocabulary: of a trained model of texts, whose numbers the words must get.
        length: of its texts.

    Raises:
        DataError: whatever is wrong, in one line.

    >>> load("digits").classes
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    if source == "digits":
        return digits()
    path = _existing(source)
    if path.is_dir():
        read = images.read_classes if images.holds_images(path) else idx.read_folder
        return read(path, task, classes)
    if path.name.lower().endswith(tables.SUFFIXES):
        return tables.read_table(path, label, header, task, classes, vocabulary, length)
    if path.suffix.lower() in ARCHIVES:
        return archives.read_archive(path, task, classes)
    if _is_idx(path):
        return idx.read_pair(path, task, classes)
    raise DataError(source, f"must be {KNOWN}", path.suffix or "no extension", "Convert it")


def load_inputs(
    source: str,
    *,
    input_shape: tuple[int, ...],
    columns: tuple[str, ...] = (),
    label: str | int | None = None,
    header: bool | None = None,
    vocabulary: tuple[str, ...] = (),
) -> np.ndarray:
    """Load features to predict from, with or without labels beside them: (samples, *input_shape).

    Raises:
        DataError: as :func:`load`, or where the features have another shape.
    """
    width = int(np.prod(input_shape))
    if vocabulary:
        path = _existing(source)
        if not path.name.lower().endswith(tables.SUFFIXES):
            raise DataError(source, "must be a table of texts, .csv or .tsv", path.suffix or "no extension")
        return tables.read_texts(path, columns, label, header, vocabulary, width)
    if source == "digits":
        x = digits().x
    else:
        path = _existing(source)
        if path.suffix.lower() in images.SUFFIXES or (path.is_dir() and images.holds_images(path)):
            x = images.read_inputs(path)
        elif path.is_dir():
            x = idx.read_folder(path, "auto", None).x
        elif path.name.lower().endswith(tables.SUFFIXES):
            x = tables.read_inputs(path, width, columns, label, header)
        elif path.suffix.lower() in ARCHIVES:
            x = archives.read_features(path)
        elif _is_idx(path):
            x = portable_features(source, idx.read_idx(path))
        else:
            raise DataError(source, f"must be {KNOWN}", path.suffix or "no extension", "Convert it")
    check_samples(source, x)
    if x[0].size != width:
        shape = "x".join(map(str, input_shape))
        raise DataError(source, f"must have the {width} features ({shape}) that the model was trained on", x[0].size)
    given, known = (tuple(n for n in shape if n > 1) for shape in (x.shape[1:], input_shape))
    if len(given) > 1 and len(known) > 1 and given != known:  # rows of a table are images in no shape of their own
        shapes = ("x".join(map(str, shape)) for shape in (input_shape, x.shape[1:]))
        raise DataError(source, f"must have inputs of shape {next(shapes)}, as in training", next(shapes))
    return x.reshape(len(x), *input_shape)


def _is_idx(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".idx", "-ubyte"))


def _existing(source: str) -> Path:
    path, kind = Path(source), kind_of(source)
    if not is_text(source):
        raise DataError(printable(source), "must be a path whose name is text in UTF-8", "other bytes", "Rename it")
    if kind == "other":
        raise DataError(source, "must be a regular file or a folder", "a pipe, socket or device", "Check the path")
    if kind == "none":
        names = [name for name, _ in available()]
        remedy = meant(source, names, f"Check the path; bundled are {', '.join(names)}")
        thing, rule = shortened(source, 300), "must be an existing file or folder, or a bundled data set"
        raise DataError(thing, rule, "no such file", remedy)
    return path
