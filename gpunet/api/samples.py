"""Data sets from what a Python user passes: arrays and frames, or the path of files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config, override
from ..data import Dataset, Split, checked_weights, encode_targets, label_type, portable_features, split
from ..errors import ConfigError, DataError
from ..persistence import Trained
from .arrays import feature_array, is_frame, plain_array, split_frame, target_array

IN_MEMORY = "arrays in memory"  # stands for the source of data that no file holds
FULL = 255  # the largest byte


def load_split(config: Config) -> tuple[Dataset, Split]:
    """The data set of a configuration out of its files, and its parts.

    Raises:
        DataError: data that are missing or damaged, or that were passed as arrays.
    """
    data = config.data
    dataset = _loaded(data.source, label=data.label, header=data.header, task=data.task)
    return dataset, parts(config, dataset)


def _loaded(source: str, **settings: Any) -> Dataset:
    """A data set out of its files; refuses what was never in one."""
    from ..datasets import load

    if source == IN_MEMORY:
        remedy = "Pass the same arrays in Python, or the path of a file that holds them"
        raise DataError(IN_MEMORY, "must be passed again, since no file holds them", "nothing", remedy)
    return load(source, **settings)


def parts(config: Config, dataset: Dataset) -> Split:
    """Training, validation and test part of a data set as configured."""
    data = config.data
    return split(dataset, validation=data.validation, test=data.test, seed=data.split_seed, order=data.split)


def evaluation_data(model: Trained, source: str | None, part: str) -> tuple[Dataset, np.ndarray]:
    """Data and sample numbers: a part of what the model was trained on, or all of another source.

    Raises:
        DataError: the data that it was trained on is not there or has changed, or has no such part.
    """
    about, settings = model.description, model.config.data
    dataset = _loaded(
        source or model.source,
        label=settings.label,
        header=settings.header,
        task="classification" if about.classes else "regression",
        classes=about.classes or None,
        vocabulary=about.vocabulary,
        length=about.features,
    )
    if tuple(dataset.input_shape) != about.input_shape:
        raise DataError(
            dataset.name, f"must have inputs of shape {about.input_shape}, as in training", dataset.input_shape
        )
    outputs = 0 if about.classes else dataset.y.shape[-1]
    if outputs != about.outputs:
        raise DataError(dataset.name, f"must have {about.outputs} targets per sample, as in training", outputs)
    if source is not None:
        return dataset, np.arange(len(dataset.x))
    if dataset.sha256 != about.sha256:
        remedy = "Pass the data to use"
        raise DataError(model.source, "must hold the data that the model was trained on", "other content", remedy)
    chosen: np.ndarray = getattr(parts(model.config, dataset), part)
    if not len(chosen):
        raise DataError(dataset.name, f"must have a {part} part", "none", "Choose another part")
    return dataset, chosen


def in_memory(
    config: Config,
    x: Any,
    y: Any = None,
    target: str | Sequence[str] | None = None,
    validation: Any = None,
    test: Any = None,
    hold_back: bool = True,
    loss: Any = None,
    weights: Any = None,
) -> tuple[Config, Dataset]:
    """A data set out of arrays, and the configuration that divides it so.

    A validation part that is passed by itself is put behind the rest, where ``data.split = "tail"`` finds it; so is a
    test part, which the data set fixes as files do.

    Args:
        config: what to train.
        x: features, see :func:`~gpunet.api.arrays.feature_array`.
        y: targets; None where the model needs none, or where ``target`` names them.
        target: column or columns of a table ``x`` that hold the targets.
        validation: features and targets of the validation part, or a table with the target column.
        test: likewise of the test part.
        hold_back: whether the configuration's test part is one that was asked for.
        loss: that was chosen beside the configuration.
        weights: how much each sample of x counts; samples of parts that are passed by themselves count 1.

    Raises:
        DataError: whatever is wrong with them, or a validation part that is passed by itself and a test part that is
            not.
    """
    sections = [_section(x, y, target, "x", "y")]
    names = sections[0][2]
    if validation is not None and test is None and hold_back and config.data.test:
        # Shares are taken from the end, where the validation part lies then: it would become the test part.
        remedy = "Pass test=(x, y) as well, or test=0 for no test part"
        raise DataError("test", "must be passed by itself where validation is", f"{config.data.test} of x", remedy)
    changes: dict[str, Any] = {"data.source": IN_MEMORY}
    if validation is not None:
        sections.append(_section(*_pair(validation, target, "validation"), names=names))
        changes |= {"data.validation": len(sections[-1][0]), "data.split": "tail"}
    if test is not None:
        sections.append(_section(*_pair(test, target, "test"), names=names))
    if test is not None or not hold_back:
        changes["data.test"] = 0
    for features, _, _ in sections[1:]:
        if features.shape[1:] != sections[0][0].shape[1:]:
            rule = f"must have samples of shape {sections[0][0].shape[1:]}, as x has"
            raise DataError("validation or test part", rule, features.shape[1:], "Prepare all parts alike")
    if sections[0][1] is not None:
        refuse_one_hot(sections[0][1], config.loss if loss is None else loss, config.data.task)
    features = np.concatenate([s[0] for s in sections])
    before_test = len(features) - (len(sections[-1][0]) if test is not None else 0)
    made = make_dataset(
        features, _joined([s[1] for s in sections]), names, config.data.task, before_test if test is not None else None
    )
    if weights is not None:
        made = replace(made, weights=_weights(weights, len(sections[0][0]), len(features)))
    return override(config, changes), made


def make_dataset(
    x: np.ndarray,
    y: np.ndarray | None,
    columns: tuple[str, ...] = (),
    task: str = "auto",
    test_from: int | None = None,
    name: str = "arrays",
) -> Dataset:
    """A checked data set.

    Bytes are taken for 8-bit images, whose full scale is 255, where images of them go beyond the half of it, and where
    rows of them reach it; other bytes are numbers like any others.
    """
    features = portable_features("x", x.astype(np.uint8) if x.dtype.kind == "b" else x)
    bright = FULL // 2 + 1 if features.ndim > 2 else FULL
    scale = float(FULL) if features.dtype == np.uint8 and int(features.max()) >= bright else 1.0
    classes: tuple[str, ...] = ()
    if y is None:
        targets, kind = np.zeros((len(x), 0), np.float32), "text"
    else:
        kind = label_type(y)
        targets, classes = encode_targets("y", y.astype(np.int64) if y.dtype.kind == "b" else y, task)
        if y.dtype.kind == "b" and classes:
            classes = tuple(str(bool(int(c))) for c in classes)
    if len(classes) == 1:
        raise DataError("y", "must hold at least two classes", f"only {classes[0]!r}", "Add samples of another one")
    return Dataset(name, features, targets, classes, columns, test_from, scale, label_type=kind)


def _weights(weights: Any, samples: int, total: int) -> np.ndarray:
    """Weights of the samples of x, and 1 for those behind them.

    >>> _weights([2, 0.5], 2, 3).tolist()
    [2.0, 0.5, 1.0]
    """
    given = plain_array(weights, "weights")
    if given.dtype.kind not in "biuf":
        rule, remedy = "must be numbers", "Give one number from 0 for each sample"
        raise DataError("weights", rule, f"an array of {given.dtype}", remedy)
    return np.concatenate([checked_weights(given.astype(np.float64), samples), np.ones(total - samples)])


def _section(
    x: Any, y: Any, target: Any, x_name: str, y_name: str, names: Sequence[str] = ()
) -> tuple[np.ndarray, Any, tuple[str, ...]]:
    """Features, targets or None, and the names of columns; ``names`` are those of the training part."""
    leave_out: tuple[str, ...] = ()
    if target is not None:
        if y is not None:
            raise DataError("target", "names a column of x and stands alone", f"{y_name} as well", "Leave one out")
        if not is_frame(x):
            raise DataError("target", "names a column of a data frame", type(x).__name__, f"Pass {y_name} instead")
        y, leave_out = split_frame(x, target, x_name)
    features, found = feature_array(x, columns=names, leave_out=leave_out, name=x_name)
    return features, None if y is None else target_array(y, len(features), y_name), found


def _pair(part: Any, target: Any, name: str) -> tuple[Any, Any, Any, str, str]:
    """Features and targets of a part that is passed by itself, the column that holds them, and their names."""
    if is_frame(part):
        return part, None, target, f"{name} x", f"{name} y"
    if not isinstance(part, tuple | list) or len(part) != 2:
        received = f"{len(part)} things" if isinstance(part, tuple | list) else type(part).__name__
        remedy = "Pass (x, y), or a data frame with the target column"
        raise DataError(name, "must be a pair of features and targets", received, remedy)
    x, y = part
    return x, y, target if y is None else None, f"{name} x", f"{name} y"


def share(part: Any, name: str) -> float | int | None:
    """A part that is a share or a number of samples of x; None where it is passed by itself, or left out.

    Raises:
        ConfigError: neither a fraction below 1 nor a number of samples.

    >>> share(0.2, "validation"), share(100, "validation"), share(None, "test")
    (0.2, 100, None)
    """
    if part is None or isinstance(part, tuple | list) or is_frame(part):
        return None
    value = part.item() if isinstance(part, np.generic) else part
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (whole or (isinstance(value, float) and 0 <= value < 1)):
        rule = "must be a fraction below 1, a number of samples, or a pair (x, y)"
        raise ConfigError(name, rule, repr(value), f"For example {name}=0.15")
    return value


def pair(part: Any) -> Any:
    """A part that is passed by itself, as (x, y) or a data frame, or None."""
    return part if isinstance(part, tuple | list) or is_frame(part) else None


def refuse_one_hot(y: Any, loss: Any, task: str) -> None:
    """Refuse rows of one 1 among zeros where nothing says that they are values, since classes were probably meant.

    Raises:
        DataError: they are.
    """
    if loss is not None or task != "auto" or y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "biuf":
        return
    if bool(((y == 0) | (y == 1)).all()) and bool((y.sum(axis=1) == 1).all()):
        remedy = 'Pass y.argmax(axis=1), or task="regression" where the numbers themselves are meant'
        raise DataError("y", "must be one class for each sample", f"one-hot rows of shape {y.shape}", remedy)


def _joined(targets: list[np.ndarray | None]) -> np.ndarray | None:
    if any(y is None for y in targets):
        if not all(y is None for y in targets):
            raise DataError("targets", "must be given for all parts or for none", "some", "Pass y with each part")
        return None
    kinds = {y.dtype.kind in "US" for y in targets if y is not None}
    if len(kinds) > 1:
        raise DataError("targets", "must be of one type in all parts", "numbers and texts", "Use one of them")
    return np.concatenate([y for y in targets if y is not None])


def is_path(thing: Any) -> bool:
    """Whether data are named by a path rather than passed."""
    return isinstance(thing, str | Path)
