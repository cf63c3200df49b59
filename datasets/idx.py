"""The IDX format of the MNIST files, plain or gzipped.

Two zero bytes, a type code, the number of axes, each length as a big-endian 32-bit number, then the elements in
big-endian order (Y. LeCun, C. Cortes: the MNIST database, "the IDX file format").
"""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from gpunet.data import Dataset, Features, byte_scale, oriented, portable_features, understand
from gpunet.errors import DataError, NoTargetsError, printable

from .opening import beside, open_content
from .rows import FileRows, cannot_stream, exceeds, joined, streamed

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PIECE = 1 << 24
PARTS = {"train": ("train",), "test": ("t10k", "test")}


def read_idx(path: Path) -> np.ndarray:
    """Read one file; the header decides how much is inflated, so a gzip bomb stays small.

    Raises:
        DataError: missing, damaged, or with a header that does not match the content.
    """
    try:
        with open_content(path) as (file, most, _):
            return _read(str(path), file, most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), "must be a whole gzip file", error, "Fetch it again") from None
    except OSError as error:
        raise DataError(str(path), "must be readable", error.strerror, "Check path and permissions") from None


def _header(name: str, file: IO[bytes], most: int) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and bytes that a header promises; the file stands behind it."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= 8:
        raise DataError(
            name, "must begin with an IDX header", f"the bytes {magic.hex(' ') or 'of an empty file'}", _FETCH
        )
    lengths = file.read(4 * magic[3])
    if len(lengths) < 4 * magic[3]:
        raise DataError(name, f"must state {magic[3]} lengths in its IDX header", f"{len(lengths)} bytes", _FETCH)
    shape, dtype = struct.unpack(f">{magic[3]}I", lengths), np.dtype(TYPES[magic[2]])
    promised = math.prod(shape) * dtype.itemsize
    if promised > most:
        rule = f"must promise no more than the {most:,} bytes that it can hold"
        raise DataError(name, rule, f"an IDX header of shape {shape}", _FETCH)
    return shape, dtype, promised


def _read(name: str, file: IO[bytes], most: int) -> np.ndarray:
    shape, dtype, promised = _header(name, file, most)
    content = _read_up_to(file, promised)
    rest = file.read(1)
    if len(content) < promised or rest:
        received = f"{len(content)} bytes" if len(content) < promised else "more"
        raise DataError(name, f"must hold the {promised} bytes that its IDX header promises", received, _FETCH)
    try:
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except ValueError:  # without elements, the lengths of other axes are bounded by nothing else
        raise DataError(name, "must have a shape that memory can hold", f"{shape}", _FETCH) from None


def _read_up_to(file: IO[bytes], count: int) -> bytearray:
    """Read in pieces, so that a header that promises too much costs no memory."""
    content = bytearray()
    while piece := file.read(min(PIECE, count - len(content))):
        content += piece
    return content


_FETCH = "Fetch the file again"


def open_images(paths: Sequence[Path], memory: int | None) -> list[Features]:
    """The arrays of some files, which are read, or streamed where together they are too large.

    Args:
        paths: of the files.
        memory: bytes that features may take; None for whatever they need.

    Raises:
        DataError: missing or damaged, or too large and compressed.
    """
    if memory is None:
        return [read_idx(path) for path in paths]
    headers = [_read_header(path) for path in paths]
    size = sum(math.prod(head.shape) * (1 if head.dtype == np.uint8 else 4) for head in headers)
    if not exceeds(size, memory):
        return [read_idx(path) for path in paths]
    found: list[Features] = []
    for path, head in zip(paths, headers):
        if head.packed:
            raise cannot_stream(str(path), size, memory, "a gzip file", "Decompress it with gunzip")
        promised, held = math.prod(head.shape) * head.dtype.itemsize, path.stat().st_size - head.length
        if held != promised:
            received = f"{held} bytes" if held < promised else "more"
            raise DataError(str(path), f"must hold the {promised} bytes that its IDX header promises", received, _FETCH)
        found.append(streamed(path.name, [FileRows(path, head.length, head.shape, head.dtype)], memory))
    return found


@dataclass(frozen=True)
class _Head:
    """What the beginning of a file says: shape and type of the array, its own length, and whether it is packed."""

    shape: tuple[int, ...]
    dtype: np.dtype
    length: int
    packed: bool


def _read_header(path: Path) -> _Head:
    try:
        with open_content(path) as (file, most, packed):
            shape, dtype, _ = _header(str(path), file, most)
            return _Head(shape, dtype, file.tell(), packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(str(path), "must be a whole gzip file", error, "Fetch it again") from None
    except OSError as error:
        raise DataError(str(path), "must be readable", error.strerror, "Check path and permissions") from None


def find_part(folder: Path, part: str, what: str, prefix: str = "") -> Path | None:
    """The file of ``images`` or ``labels`` of a part, under any of the names in use."""
    rank = {"images": 3, "labels": 1}[what]
    for spelled in PARTS[part]:
        for separator in "-.":
            for suffix in ("", ".gz"):
                if path := beside(folder, f"{prefix}{spelled}-{what}{separator}idx{rank}-ubyte{suffix}"):
                    return path
    return None


def _prefix(folder: Path) -> str:
    """What the names of the files begin with: nothing, or as in ``emnist-letters-train-images-idx3-ubyte``.

    Raises:
        DataError: several sets of files.
    """
    pattern = re.compile(r"(.*?)train-images[-.]idx3-ubyte(\.gz)?", re.IGNORECASE)
    found = sorted({hit[1] for path in folder.iterdir() if (hit := pattern.fullmatch(path.name))})
    if len(found) > 1 and "" not in found:
        names = ", ".join(prefix.rstrip("-_") for prefix in found)
        raise DataError(
            printable(str(folder)), "must hold one set of files", printable(names), "Keep one of them there"
        )
    return found[0] if found else ""


def read_folder(
    folder: Path,
    task: str,
    classes: tuple[str, ...] | None,
    transposed: bool | None = None,
    memory: int | None = None,
) -> Dataset:
    """Read the four files of an MNIST-like folder, whose names may begin alike; the test files fix the test part.

    Args:
        folder: with the files.
        task: of the labels, see :mod:`gpunet.data.targets`.
        classes: names of the classes of a trained model.
        transposed: whether rows and columns are exchanged.
        memory: bytes that images may take, which are streamed where they take more.

    Raises:
        DataError: where a file is missing or does not fit the others.
    """
    prefix, paths = _prefix(folder), []
    for part in PARTS:
        for what in ("images", "labels"):
            path = find_part(folder, part, what, prefix)
            if path is None:
                wanted = f"{prefix}{PARTS[part][0]}-{what}-idx{3 if what == 'images' else 1}-ubyte[.gz]"
                seen = what == "labels" and find_part(folder, part, "images", prefix)
                kind = NoTargetsError if seen else DataError
                raise kind(str(folder), f"must hold the file {wanted}", "none", "Check the path")
            paths.append(path)
    images, test_images = open_images([paths[0], paths[2]], memory)
    labels, test_labels = read_idx(paths[1]), read_idx(paths[3])
    for some, their_labels, part in ((images, labels, "train"), (test_images, test_labels, "t10k")):
        if some.ndim < 2 or their_labels.ndim != 1 or len(some) != len(their_labels):
            shapes = f"shapes {some.shape} and {their_labels.shape}"
            raise DataError(str(folder), f"needs one label for each image of the {part} files", shapes, _FETCH)
    if images.shape[1:] != test_images.shape[1:]:
        shapes = f"{images.shape[1:]} and {test_images.shape[1:]}"
        raise DataError(str(folder), "needs images of one size", shapes, _FETCH)
    x, y = joined(images, test_images), np.concatenate([labels, test_labels])
    turned = is_transposed(prefix, transposed)
    return image_dataset(folder.resolve().name, x, y, task, classes, test_from=len(images), transposed=turned)


def is_transposed(name: str, transposed: bool | None) -> bool:
    """Whether rows and columns of the images in a file are exchanged, as those of EMNIST are."""
    return name.lower().startswith("emnist") if transposed is None else transposed


def read_pair(
    images: Path,
    task: str,
    classes: tuple[str, ...] | None,
    transposed: bool | None = None,
    memory: int | None = None,
) -> Dataset:
    """Read one images file with the labels file beside it; arguments are those of :func:`read_folder`."""
    x = open_images([images], memory)[0]
    if x.ndim < 2:
        raise DataError(str(images), "must hold images", f"an array of shape {x.shape}", "Check the path")
    name = images.name.lower()  # files are found whatever their case
    base = name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    for labels in (beside(images.parent, base), beside(images.parent, f"{base}.gz")):
        if labels is not None and labels.name.lower() != name:
            turned = is_transposed(name, transposed)
            return image_dataset(images.name, x, read_idx(labels), task, classes, transposed=turned)
    raise NoTargetsError(str(images), f"needs its labels in {base}[.gz] beside it", "no such file", "Put them there")


def image_dataset(
    name: str,
    x: Features,
    y: np.ndarray,
    task: str,
    classes: tuple[str, ...] | None,
    test_from: int | None = None,
    transposed: bool = False,
) -> Dataset:
    """Images of 8 bits keep their type and have the scale 255; bytes that are no images, and others, are numbers."""
    targets = understand(name, y, task, classes)
    x, notes = oriented(x, "last", transposed)
    x = portable_features(name, x)
    return Dataset(
        name, x, targets.y, targets.classes, test_from=test_from, scale=byte_scale(x), notes=notes,
        label_type=targets.label_type, task=targets.task, why=targets.why,
    )  # fmt: skip
