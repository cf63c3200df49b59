"""Data sets out of arrays by name in NPZ and HDF5 files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gpunet.data import (
    Dataset,
    Features,
    byte_scale,
    check_features,
    checked_weights,
    near_zero,
    oriented,
    portable_features,
    understand,
)
from gpunet.errors import DataError, NoTargetsError, printable

from .containers import Arrays, read_arrays
from .rows import joined

NAMES = (("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"))
PARTED = (("x_train", "y_train", "x_test", "y_test"), ("train_x", "train_y", "test_x", "test_y"))
USUAL = ("x_test", *(pair[0] for pair in NAMES))  # where new features are looked for
WANTED = {*(name for names in PARTED for name in names), *(name for pair in NAMES for name in pair)}


@dataclass(frozen=True)
class Naming:
    """Which arrays are what, where the usual names do not say so.

    Attributes:
        x: name of the features.
        y: name of the targets.
        weight: name of the weights of the samples; none are read where None.
        weight_optional: whether a file without such an array will do.
        channels: ``first`` or ``last``, where images have several; found out where None.
        transposed: whether the rows of images are their columns, as in the files of EMNIST; where None they are so in
            IDX files whose names begin with ``emnist``.
        wide: whether features that are no bytes become float64 instead of float32.
    """

    x: str | None = None
    y: str | None = None
    channels: str | None = None
    transposed: bool | None = None
    weight: str | None = None
    weight_optional: bool = False
    wide: bool = False


def read_archive(
    path: Path,
    naming: Naming,
    task: str,
    classes: tuple[str, ...] | None,
    unlabelled: bool = False,
    memory: int | None = None,
) -> Dataset:
    """Read features and targets: ``x`` and ``y``, ``images`` and ``labels``, ``data`` and ``target``, or
    ``x_train``, ``y_train``, ``x_test``, ``y_test``, whose test part is kept; or arrays of names that are given, where
    the name of a training part has a test part beside it.

    Args:
        path: of the file.
        naming: which arrays are what.
        task: what targets are.
        classes: names of the classes of a trained model.
        unlabelled: whether features will do where the file names no targets.
        memory: bytes that features may take, which are streamed where they take more; None for whatever they need.

    Raises:
        DataError: damaged, pickled, of other names or types.
    """
    if unlabelled and naming.y is None:
        arrays = _arrays(path, _weighing(naming, () if naming.x is None else (naming.x,)), naming, memory)
        if naming.x is not None or not any(all(name in arrays for name in names) for names in NAMES + PARTED):
            return _unlabelled(path, naming, arrays)
    chosen = _asked(naming)
    arrays = _arrays(path, _weighing(naming, chosen), naming, memory)
    parted = chosen if len(chosen) == 4 and all(name in arrays for name in chosen) else None
    if not chosen:
        parted = next((names for names in PARTED if all(name in arrays for name in names)), None)
    notes: tuple[str, ...] = ()
    if parted is not None:
        x, y, x_test, y_test = (arrays[name] for name in parted)
        if x.shape[1:] != x_test.shape[1:]:
            shapes = f"{x.shape[1:]} and {x_test.shape[1:]}"
            raise DataError(str(path), f"needs {parted[0]} and {parted[2]} of one shape", shapes, "Check the file")
        y, y_test = _one_axis(x, y), _one_axis(x_test, y_test)
        _same_length(path, x, y)
        _same_length(path, x_test, y_test)
        test_from: int | None = len(x)
        x, y = _joined(path, parted[0], parted[2], x, x_test), _joined(path, parted[1], parted[3], y, y_test)
        notes = (f"{parted[0]} trains, {parted[2]} is the test part",) if chosen else ()
        weights = _weights(path, naming, arrays, len(x), test_from)
    else:
        found = _pair(path, naming, arrays)
        x, y = (arrays[name] for name in found)
        y, test_from = _one_axis(x, y), None
        weights = _weights(path, naming, arrays, len(x), None)
    _same_length(path, x, y)
    x, turned = oriented(x, naming.channels, naming.transposed)
    x, contract, moved = near_zero(x)
    x = portable_features(str(path), x, naming.wide)
    targets = understand(str(path), y, task, classes, wide=naming.wide)
    return Dataset(
        path.name, x, targets.y, targets.classes, test_from=test_from, scale=byte_scale(x),
        notes=(*notes, *turned, *moved), label_type=targets.label_type, task=targets.task, why=targets.why,
        contract=contract, weights=weights,
    )  # fmt: skip


def _unlabelled(path: Path, naming: Naming, arrays: Arrays) -> Dataset:
    """Features without targets, for what learns from features alone."""
    name = naming.x or next((name for name in USUAL[1:] if name in arrays), None)
    if name is None or name not in arrays:
        wanted = f"an array named {naming.x or 'x, images or data'}"
        raise DataError(str(path), f"needs {wanted}", _known(arrays), "Name the array of features, x")
    x, turned = oriented(check_features(str(path), arrays[name]), naming.channels, naming.transposed)
    x, contract, moved = near_zero(x)
    x = portable_features(str(path), x, naming.wide)
    notes = (f"{printable(name)} are features; no targets, which are not needed", *turned, *moved)
    return Dataset(
        path.name, x, np.zeros((len(x), 0), np.float32), scale=byte_scale(x), notes=notes, contract=contract,
        weights=_weights(path, naming, arrays, len(x), None),
    )  # fmt: skip


def _weighing(naming: Naming, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names to read, with that of the weights; none where none are asked for, which means the usual ones."""
    if naming.weight is None:
        return names
    return (*(names or sorted(WANTED)), naming.weight, *filter(None, [_test_name(naming.weight)]))


def _weights(path: Path, naming: Naming, arrays: Arrays, samples: int, test_from: int | None) -> np.ndarray | None:
    """The weights of all samples; those of a test part are 1 where the file has none for it.

    Raises:
        DataError: no such array, or one that holds no weights of the samples.
    """
    if naming.weight is None or (naming.weight_optional and naming.weight not in arrays):
        return None
    if naming.weight not in arrays:
        remedy = "Set weight to its name"
        raise DataError(str(path), f"needs an array named {naming.weight}", _known(arrays), remedy)
    weights = arrays[naming.weight]
    if weights.dtype.kind not in "biuf":
        raise DataError(f"{path}: {naming.weight}", "must be numbers", str(weights.dtype), "Give one for each sample")
    beside = _test_name(naming.weight)
    if test_from is not None and beside is not None and beside in arrays:
        weights = np.concatenate([weights.reshape(-1), arrays[beside].reshape(-1)])
    return spread_weights(str(path), weights.astype(np.float64).reshape(-1), samples, test_from)


def spread_weights(name: str, weights: np.ndarray, samples: int, test_from: int | None) -> np.ndarray:
    """Weights of all samples, or of those before a test part, whose samples then count 1.

    >>> spread_weights("w", np.array([2.0, 0.5]), 3, 2).tolist()
    [2.0, 0.5, 1.0]
    """
    if test_from is not None and len(weights) == test_from:
        weights = np.concatenate([weights, np.ones(samples - test_from)])
    try:
        return checked_weights(weights, samples)
    except DataError as error:
        raise DataError(f"{name}: weights", error.rule, error.received, error.remedy) from None


def read_features(path: Path, naming: Naming, memory: int | None = None) -> Features:
    """Features alone, with or without targets beside them; streamed where they take more memory than allowed."""
    if naming.x is None:
        arrays = _arrays(path, (), naming, memory)
        for name in USUAL:
            if name in arrays:
                return _features(path, arrays[name], naming)
        raise DataError(str(path), "needs an array named x, images or data", _known(arrays))
    names = tuple(dict.fromkeys((_test_name(naming.x) or naming.x, naming.x, *USUAL)))
    arrays = _arrays(path, names, naming, memory)
    for name in names:
        if name in arrays:
            return _features(path, arrays[name], naming)
    raise DataError(str(path), f"needs an array named {naming.x}", _known(arrays))


def _features(path: Path, x: Features, naming: Naming) -> Features:
    """Features in their own type, since a model may subtract something from them first."""
    found: Features = oriented(check_features(str(path), x), naming.channels, naming.transposed)[0]
    return found


def _asked(naming: Naming) -> tuple[str, ...]:
    """The names that were given, with those of a test part beside them."""
    if naming.x is None and naming.y is None:
        return ()
    if naming.x is None or naming.y is None:
        given, lacking = ("y", "x") if naming.x is None else ("x", "y")
        remedy = f"Set {lacking}=... to the name of the other array"
        raise DataError(given, "must come with the name of the other array", "one name", remedy)
    beside = (_test_name(naming.x), _test_name(naming.y))
    return (naming.x, naming.y, *beside) if None not in beside else (naming.x, naming.y)  # type: ignore[return-value]


def _test_name(name: str) -> str | None:
    """What the test part of a training part would be called."""
    return name.replace("train", "test") if "train" in name else None


def _pair(path: Path, naming: Naming, arrays: Arrays) -> tuple[str, str]:
    if naming.x is not None and naming.y is not None:
        for name in (naming.x, naming.y):
            if name not in arrays:
                kind = NoTargetsError if naming.x in arrays else DataError
                raise kind(str(path), f"needs an array named {name}", _known(arrays), "Set x=... and y=...")
        return naming.x, naming.y
    found = next((pair for pair in NAMES if all(name in arrays for name in pair)), None)
    if found is None:
        wanted = "arrays named x and y (or images and labels, data and target)"
        kind = NoTargetsError if any(name in arrays for name in USUAL) else DataError
        raise kind(str(path), f"needs {wanted}", _known(arrays), "Set x=... and y=... to their names")
    return found


def _one_axis(x: Features, y: np.ndarray) -> np.ndarray:
    """Targets that lie in one row for all samples, as a row for each."""
    return y[0] if y.ndim == 2 and y.shape[0] == 1 and x.ndim and y.shape[1] == len(x) != 1 else y


def _arrays(path: Path, names: tuple[str, ...], naming: Naming, memory: int | None) -> Arrays:
    """The arrays of a file that have one of some names, or of the usual ones; all others are empty.

    Those of features are streamed where together they take more memory than allowed.
    """
    own = {name for name in (naming.x, _test_name(naming.x or "")) if name is not None}
    return read_arrays(
        path, set(names) or WANTED, own | {*USUAL, *(name for two in PARTED for name in two[::2])}, memory
    )


def _known(arrays: Mapping[str, Any]) -> str:
    return printable(", ".join(sorted(arrays)[:20])) or "none"


def _same_length(path: Path, x: Features, y: np.ndarray) -> None:
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        shapes = f"shapes {x.shape} and {y.shape}"
        raise DataError(str(path), "needs one target for each sample", shapes, "Check the file")


def _joined(path: Path, name: str, other: str, train: Features, test: Features) -> Any:
    try:
        return joined(train, test)
    except (ValueError, TypeError):  # other axes, or types that nothing has in common
        received = " and ".join(f"{a.dtype} of shape {a.shape}" for a in (train, test))
        raise DataError(str(path), f"needs {name} and {other} of one kind", received, "Check the file") from None
