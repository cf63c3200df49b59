"""Arrays by name in NPZ and HDF5 files."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gpunet.errors import DataError

from .dataset import Dataset, portable_features
from .targets import encode_targets

NAMES = (("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"))
PARTED = ("x_train", "y_train", "x_test", "y_test")


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
        test_from: int | None = len(x)
        x, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])
    else:
        found = next((pair for pair in NAMES if all(name in arrays for name in pair)), None)
        if found is None:
            wanted = "arrays named x and y (or images and labels, data and target)"
            raise DataError(str(path), f"needs {wanted}", ", ".join(sorted(arrays)) or "none", "Rename them")
        x, y = (arrays[name] for name in found)
        test_from = None
    _same_length(path, x, y)
    x = portable_features(str(path), x)
    targets, names = encode_targets(str(path), y, task, classes)
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    return Dataset(path.name, x, targets, names, test_from=test_from, scale=scale)


def read_features(path: Path) -> np.ndarray:
    """Features alone, with or without targets beside them."""
    arrays = read_arrays(path)
    for name in ("x_test", *(pair[0] for pair in NAMES)):
        if name in arrays:
            return portable_features(str(path), arrays[name])
    raise DataError(str(path), "needs an array named x, images or data", ", ".join(sorted(arrays)) or "none")


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """All arrays of a file by name."""
    if not path.exists():
        raise DataError(str(path), "must be an existing file", "no such file", "Check the path")
    return _read_npz(path) if path.suffix == ".npz" else _read_hdf5(path)


def _same_length(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        shapes = f"shapes {x.shape} and {y.shape}"
        raise DataError(str(path), "needs one target for each sample", shapes, "Check the file")


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, NotImplementedError) as error:
        raise DataError(str(path), "must be a whole NPZ file", error, "Write it again with numpy.savez") from None
    except (ValueError, AttributeError) as error:  # pickled objects, a damaged header, or a bare .npy inside
        remedy = "Write plain number arrays with numpy.savez; pickled objects are never loaded"
        raise DataError(str(path), "must hold plain arrays", error, remedy) from None


def _read_hdf5(path: Path) -> dict[str, np.ndarray]:
    import h5py

    wanted = {*PARTED, *(name for pair in NAMES for name in pair)}
    arrays: dict[str, np.ndarray] = {}
    try:
        with h5py.File(path, "r") as file:
            for name in sorted(wanted & set(file)):
                node = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
                if (
                    not isinstance(node, h5py.Dataset)
                    or node.dtype.kind not in "biufS"
                    or node.is_virtual
                    or node.external
                ):
                    rule = f"needs {name} as plain numbers stored in this file"
                    raise DataError(str(path), rule, "another kind of object", "Write it with h5py create_dataset")
                arrays[name] = node[()]
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise DataError(str(path), "must be a whole HDF5 file", error, "Write it again") from None
    return arrays
