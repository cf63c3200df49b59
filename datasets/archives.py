"""Arrays by name in NPZ and HDF5 files."""

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gpunet.checkpoint import NamedArray, inflation_budget, read_foreign
from gpunet.data import Dataset, encode_targets, label_type, portable_features
from gpunet.errors import CheckpointError, DataError, printable

from .opening import open_regular

NAMES = (("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"))
PARTED = ("x_train", "y_train", "x_test", "y_test")
WANTED = {*PARTED, *(name for pair in NAMES for name in pair)}


def read_archive(path: Path, task: str, classes: tuple[str, ...] | None) -> Dataset:
    """Read features and targets: ``x`` and ``y``, ``images`` and ``labels``, ``data`` and ``target``, or
    ``x_train``, ``y_train``, ``x_test``, ``y_test``, whose test part is kept.

    Raises:
        DataError: damaged, pickled, of other names or types.
    """
    arrays = read_arrays(path)
    if all(name in arrays for name in PARTED):
        x, y, x_test, y_test = (arrays[name] for name in PARTED)
        if x.shape[1:] != x_test.shape[1:]:
            shapes = f"{x.shape[1:]} and {x_test.shape[1:]}"
            raise DataError(str(path), "needs x_train and x_test of one shape", shapes, "Check the file")
        _same_length(path, x, y)
        _same_length(path, x_test, y_test)
        test_from: int | None = len(x)
        x, y = _joined(path, "x", x, x_test), _joined(path, "y", y, y_test)
    else:
        found = next((pair for pair in NAMES if all(name in arrays for name in pair)), None)
        if found is None:
            wanted = "arrays named x and y (or images and labels, data and target)"
            raise DataError(str(path), f"needs {wanted}", _known(arrays), "Rename them")
        x, y = (arrays[name] for name in found)
        test_from = None
    _same_length(path, x, y)
    x = portable_features(str(path), x)
    targets, names = encode_targets(str(path), y, task, classes)
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    return Dataset(path.name, x, targets, names, test_from=test_from, scale=scale, label_type=label_type(y))


def read_features(path: Path) -> np.ndarray:
    """Features alone, with or without targets beside them."""
    arrays = read_arrays(path)
    for name in ("x_test", *(pair[0] for pair in NAMES)):
        if name in arrays:
            return portable_features(str(path), arrays[name])
    raise DataError(str(path), "needs an array named x, images or data", _known(arrays))


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """All arrays of a file by name."""
    return _read_npz(path) if path.suffix.lower() == ".npz" else _read_hdf5(path)


def _known(arrays: Mapping[str, np.ndarray]) -> str:
    return printable(", ".join(sorted(arrays)[:20])) or "none"


def _same_length(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        shapes = f"shapes {x.shape} and {y.shape}"
        raise DataError(str(path), "needs one target for each sample", shapes, "Check the file")


def _joined(path: Path, name: str, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    try:
        return np.concatenate([train, test])
    except (ValueError, TypeError):  # other axes, or types that nothing has in common
        received = " and ".join(f"{a.dtype} of shape {a.shape}" for a in (train, test))
        raise DataError(
            str(path), f"needs {name}_train and {name}_test of one kind", received, "Check the file"
        ) from None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays that have one of the known names, and nothing else of the file."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = {name: members[name] for name in sorted(WANTED & set(members))}
            if not wanted:
                return {name: np.zeros(0) for name in members}  # to say what there is instead
            _check_inflation(path, list(wanted.values()))
            return {name: _read_member(path, name, archive, info) for name, info in wanted.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        reason = printable(str(error))
        raise DataError(str(path), "must be a whole NPZ file", reason, "Write it again with numpy.savez") from None


def _check_inflation(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would grow beyond measure, and ways of compression that nobody needs here."""
    allowed, size = inflation_budget(path.stat().st_size), sum(info.file_size for info in members)
    if size > allowed:
        rule = f"must inflate to at most {allowed:,} bytes"
        raise DataError(str(path), rule, f"{size:,}", "Write it again with numpy.savez, uncompressed")
    if odd := [info for info in members if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)]:
        way = f"compression method {odd[0].compress_type}"
        raise DataError(str(path), "must be stored or deflated", way, "Write it again with numpy.savez")


def _read_member(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array; its header is compared with what the member holds before any memory is asked for."""
    thing, remedy = f"{path}: {name}", "Write plain number arrays with numpy.savez; pickled objects are never loaded"
    with archive.open(info) as member:
        try:
            version = np.lib.format.read_magic(member)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, dtype = read_header[version](member)
        except (ValueError, KeyError, SyntaxError, TypeError) as error:
            raise DataError(thing, "must hold a plain array", printable(str(error).split("\n")[0]), remedy) from None
        if dtype.hasobject:
            raise DataError(thing, "must hold a plain array", "Python objects", remedy)
        promised, held = math.prod(shape) * dtype.itemsize, info.file_size - member.tell()
        if promised != held or any(n < 0 for n in shape):
            raise DataError(thing, f"must hold the {promised:,} bytes that its header promises", f"{held:,}", remedy)
    with archive.open(info) as member:
        try:
            return np.lib.format.read_array(member, allow_pickle=False)
        except (ValueError, MemoryError) as error:
            raise DataError(thing, "must hold a plain array", printable(str(error) or "no memory"), remedy) from None


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """The arrays that have one of the known names, read by a child that can do no harm."""
    try:
        open_regular(path).close()
        found = read_foreign(path, sorted(WANTED)).root.children
    except CheckpointError as error:
        raise DataError(error.thing, error.rule, error.received, error.remedy) from None
    for name in sorted(WANTED & set(found)):
        node = found[name]
        if not isinstance(node, NamedArray):
            why = printable(str(node.attrs.get("not_read", "a group")))
            rule = f"needs {name} as plain numbers stored in this file"
            raise DataError(str(path), rule, why, "Write it with h5py create_dataset")
    arrays = {name: node.data for name, node in found.items() if isinstance(node, NamedArray) and name in WANTED}
    return arrays or {name: np.zeros(0) for name in found}
