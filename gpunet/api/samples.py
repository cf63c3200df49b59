"""Data sets from what a Python user passes: arrays and frames, or the path of files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config, override
from ..data import (
    Contract,
    Dataset,
    Sequences,
    Table,
    Targets,
    after,
    byte_scale,
    checked_weights,
    fulfil,
    known_dataset,
    near_zero,
    number_column,
    oriented,
    portable_features,
    stacked,
    understand,
)
from ..data.letters import places_of
from ..errors import ConfigError, DataError
from ..persistence import Trained
from .arrays import feature_array, plain_array
from .frames import check_order, is_frame, table_of
from .reading import IN_MEMORY, after_those_of, table_dataset, with_features_of
from .targets import Known, column_of, known_targets, split_frame, target_array
from .weighing import weighted


def in_memory(
    config: Config,
    x: Any,
    y: Any = None,
    target: str | Sequence[str] | None = None,
    validation: Any = None,
    test: Any = None,
    hold_back: bool = True,
    weights: Any = None,
    known: Trained | None = None,
    features_of: Trained | None = None,
    classes: tuple[str, ...] | None = None,
    incremental: bool = False,
) -> tuple[Config, Dataset]:
    """A data set out of arrays, and the configuration that divides it so.

    A validation part that is passed by itself is put behind the rest, where ``data.split = "tail"`` finds it; so is a
    test part, which the data set fixes as files do.

    Args:
        config: what to train.
        x: features: an array of numbers, a data frame, whose columns get roles and kinds as those of files do, or
            sequences.
        y: targets; None where the model needs none, or where ``target`` names them.
        target: column or columns of a table ``x`` that hold the targets.
        validation: features and targets of the validation part, or a table with the target column.
        test: likewise of the test part.
        hold_back: whether the configuration's test part is one that was asked for.
        weights: how much each sample of x counts; samples of parts that are passed by themselves count 1.
        known: the model that was trained on them, whose contract they fulfil; None for a new one.
        features_of: a model whose layers are taken over, so that features must be those of its training.
        classes: names of all classes, in the order of the outputs; those of the targets by default.
        incremental: whether the samples come after those of ``features_of``, so that they may lie elsewhere.

    Raises:
        DataError: whatever is wrong with them, or a validation part that is passed by itself and a test part that is
            not.
    """
    sections = [_section(x, y, target, "x", "y")]
    if validation is not None and test is None and hold_back and config.data.test:
        # Shares are taken from the end, where the validation part lies then: it would become the test part.
        remedy = "Pass test=(x, y) as well, or test=0 for no test part"
        raise DataError("test", "must be passed by itself where validation is", f"{config.data.test} of x", remedy)
    changes: dict[str, Any] = {"data.source": IN_MEMORY}
    first = sections[0][0]
    if validation is not None:
        sections.append(_section(*_pair(validation, target, "validation")))
        changes |= {"data.validation": len(sections[-1][1]), "data.split": "tail"}
    if test is not None:
        sections.append(_section(*_pair(test, target, "test")))
    if test is not None or not hold_back:
        changes["data.test"] = 0
    count = sum(len(rows) for _, rows, _, _ in sections)
    test_from = count - len(sections[-1][1]) if test is not None else None
    names = sections[0][3]
    wide = config.dtype == np.float64
    partly = config.model.learns_unlabelled
    given = _joined([y for _, _, y, _ in sections], partly)
    targets = _understood(given, config.data.task, names, classes, wide)
    changed = override(config, changes)
    if isinstance(first, Table):
        tables = [features if isinstance(features, Table) else _like(first, features) for features, _, _, _ in sections]
        whole = replace(stacked(tables, "arrays"), test_from=test_from)
        made = table_dataset(changed, whole, targets) if known is None else _known(known, whole, targets)
        made = made if features_of is None else with_features_of(made, features_of, whole)
    else:
        for features, _, _, _ in sections[1:]:
            features = _plain(features) if isinstance(features, Table) else features
            if features.shape[1:] != first.shape[1:]:
                rule = f"must have samples of shape {first.shape[1:]}, as x has"
                raise DataError("validation or test part", rule, features.shape[1:], "Prepare all parts alike")
        arrays = [_plain(features) if isinstance(features, Table) else features for features, _, _, _ in sections]
        before = features_of.description.contract if features_of is not None and incremental else None
        made = make_dataset(
            np.concatenate(arrays), targets, test_from, channels=config.data.channels,
            transposed=config.data.transposed, before=before, wide=wide,
        )  # fmt: skip
        if known is not None:
            about = known.description
            fulfilled = fulfil(about, np.concatenate(arrays), "x")
            made = replace(made, x=fulfilled.x, scale=about.scale, contract=about.contract)
        elif features_of is not None and incremental:
            made = after_those_of(made, features_of)
        elif features_of is not None:
            made = with_features_of(made, features_of, made)
    letters = known.description.alphabet if known is not None else x.alphabet if isinstance(x, Sequences) else ""
    if letters:
        x_letters = places_of(made.x[:], letters, "x")
        made = replace(made, x=x_letters, alphabet=letters, contract=None, scale=1.0)
    if weights is not None:
        made = replace(made, weights=_weights(weights, len(sections[0][1]), len(made.x)))
    return changed, weighted(made, None, changed.data.identity)


def _known(known: Trained, table: Table, targets: Targets | None) -> Dataset:
    """The data set that a model was trained on, passed again."""
    made = known_dataset(
        fulfil(known.description, table, "x"), known.description, table, known.config.data.split_column
    )
    return made if targets is None else replace(made, y=targets.y, classes=targets.classes, partly=targets.partly)


def make_dataset(
    x: np.ndarray,
    targets: Targets | None,
    test_from: int | None = None,
    name: str = "arrays",
    channels: str | None = None,
    transposed: bool | None = None,
    before: Contract | None = None,
    wide: bool = False,
) -> Dataset:
    """A checked data set of arrays.

    Where float32 would lose what tells the values of a feature apart, a number near their mean is subtracted in float64
    before; the contract keeps it.  Samples that come after others, whose contract is ``before``, are treated as those.
    With ``wide`` features that are no bytes are float64.
    """
    x, turned = oriented(x.astype(np.uint8) if x.dtype.kind == "b" else x, channels, transposed)
    if before is None:
        x, contract, moved = near_zero(x)
    else:
        x, contract, moved = after(x, before)
    notes = (*turned, *moved)
    features = portable_features("x", x, wide)
    scale = byte_scale(features)
    if targets is None:
        return Dataset(name, features, np.zeros((len(x), 0), np.float32), scale=scale, contract=contract, notes=notes)
    classes = targets.classes
    if len(classes) == 1:
        raise DataError("y", "must hold at least two classes", f"only {classes[0]!r}", "Add samples of another one")
    return Dataset(
        name, features, targets.y, classes, (), test_from, scale, notes=notes, label_type=targets.label_type,
        task=targets.task, why=targets.why, targets=targets.names, contract=contract, partly=targets.partly,
    )  # fmt: skip


def class_names(classes: Any) -> tuple[str, ...]:
    """Names of classes that are given as targets would be: texts, whole numbers or truth values.

    Raises:
        DataError: something else, or a class that is there twice.

    >>> class_names([2, 0, 10]), class_names(["no", "yes"])
    (('2', '0', '10'), ('no', 'yes'))
    """
    given = target_array(classes, name="classes")
    whole = given.dtype.kind != "f" or bool((given == np.floor(given)).all())
    if given.ndim != 1 or not whole:
        rule = "must be a list of texts or whole numbers"
        raise DataError("classes", rule, f"{given.dtype} of shape {given.shape}", "Pass each class once")
    texts = given if given.dtype.kind in "USb" else given.astype(np.int64)
    names = tuple(map(str, texts.tolist()))
    if len(set(names)) < len(names):
        raise DataError("classes", "must name each class once", ", ".join(names[:20]), "Leave out what is there twice")
    return names


def _understood(
    given: Known | None, task: str, names: tuple[str, ...], classes: tuple[str, ...] | None, wide: bool
) -> Targets | None:
    """Targets that were passed; truth values name their classes False and True.

    Raises:
        DataError: missing ones that are no labels of classes.
    """
    if given is None:
        return None
    y = given.values
    if classes is not None and y.dtype.kind == "b":
        classes = tuple({"False": "0", "True": "1"}.get(name, name) for name in classes)
    found = understand("y", y, task, classes, names, wide=wide)
    if y.dtype.kind == "b" and found.classes:
        found = replace(found, classes=tuple(str(bool(int(c))) for c in found.classes))
    if given.whole:
        return found
    if not found.classes:
        given.complete()
    return found.among(given.count, given.rows)


def _plain(table: Table) -> np.ndarray:
    """The columns of a table of numbers as an array."""
    for number, column in enumerate(table.columns):
        if column.numbers is None:
            raise DataError(f"{table.name}: {table.called(number)}", "must be numeric, as x is", "texts", "Convert it")
    return np.stack([column.numbers for column in table.columns], axis=1)  # type: ignore[misc]


def _like(first: Table, x: np.ndarray) -> Table:
    """An array as a table with the columns of another."""
    if x.ndim != 2 or x.shape[1] != len(first.columns):
        rule = f"must have samples of shape {(len(first.columns),)}, as x has"
        raise DataError("validation or test part", rule, x.shape[1:], "Prepare all parts alike")
    columns = [number_column(column.name, x[:, i]) for i, column in enumerate(first.columns)]
    return Table("x", tuple(columns), True, lambda row: f"x row {row}", missing_given=True)


def _weights(weights: Any, samples: int, total: int) -> np.ndarray:
    """Weights of the samples of x, and 1 for those behind them.

    >>> _weights([2, 0.5], 2, 3).tolist()
    [2.0, 0.5, 1.0]
    """
    return np.concatenate([weights_of(weights, samples), np.ones(total - samples)])


def weights_of(weights: Any, samples: int) -> np.ndarray:
    """Weights that were passed for so many samples, (samples,), float64.

    Raises:
        DataError: no numbers, another number of them, negative or not finite ones, or all 0.
    """
    given = plain_array(weights, "weights")
    if given.dtype.kind not in "biuf":
        rule, remedy = "must be numbers", "Give one number from 0 for each sample"
        raise DataError("weights", rule, f"an array of {given.dtype}", remedy)
    return checked_weights(given.astype(np.float64), samples)


def _section(
    x: Any, y: Any, target: Any, x_name: str, y_name: str
) -> tuple[Table | np.ndarray, range, Known | None, tuple[str, ...]]:
    """Features, the numbers of the samples, targets or None, and the names of the target columns."""
    leave_out: tuple[str, ...] = ()
    if target is not None:
        if y is not None:
            raise DataError("target", "names a column of x and stands alone", f"{y_name} as well", "Leave one out")
        if not is_frame(x):
            raise DataError("target", "names a column of a data frame", type(x).__name__, f"Pass {y_name} instead")
        y, leave_out = split_frame(x, target, x_name)
        y_name = column_of(x_name, leave_out)
    features: Table | np.ndarray
    if is_frame(x):
        check_order(x, y, x_name, y_name)
        features = table_of(x, x_name, leave_out)
        samples = features.rows
    else:
        features = feature_array(x, x_name)
        samples = len(features)
    return features, range(samples), None if y is None else known_targets(y, samples, y_name), leave_out


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


def _joined(targets: list[Known | None], partly: bool) -> Known | None:
    """The targets of all parts below each other.

    Args:
        targets: of each part; the first is the training part, or all.
        partly: whether some of the first may be missing; nothing could be measured on such samples of other parts.

    Raises:
        DataError: missing ones, parts without any, or parts of different types.
    """
    given = [y for y in targets if y is not None]
    if len(given) < len(targets):
        if given:
            raise DataError("targets", "must be given for all parts or for none", "some", "Pass y with each part")
        return None
    first, *others = given
    for one in others if partly and len(first.values) and first.values.size == len(first.values) else given:
        one.complete()
    if len({y.values.dtype.kind in "US" for y in given}) > 1:
        raise DataError("targets", "must be of one type in all parts", "numbers and texts", "Use one of them")
    count = sum(y.count for y in given)
    rows = np.concatenate([first.rows, np.arange(first.count, count)])
    return Known(np.concatenate([y.values for y in given]), rows, count, first.name)


def is_path(thing: Any) -> bool:
    """Whether data are named by a path rather than passed."""
    return isinstance(thing, str | Path)
