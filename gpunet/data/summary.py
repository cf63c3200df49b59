"""What is said about data before a training: target and task, classes, features, what is left out, scale, baseline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .codes import CategoryCode, ImageCode, NumberCode, WordsCode
from .dataset import Dataset
from .letters import name_of
from .passes import extent
from .splitting import Split
from .streamed import Streamed
from .suspicions import suspicious
from .target_scale import TargetScale

SHOWN = 10  # classes or columns on a line
FEW = 10  # samples of a class that training should have at least
SIGNIFICANT = 4


@dataclass(frozen=True)
class Summary:
    """Lines for the user, and the numbers behind them.

    Attributes:
        lines: pairs of a word and what there is to say about it.
        warnings: what should be looked at.
        document: the same as plain data.
    """

    lines: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    document: dict[str, Any]


def summarise(
    dataset: Dataset,
    split: Split,
    target_scale: TargetScale | None = None,
    prepared: str = "",
    learns: bool = True,
    weighed: bool = False,
) -> Summary:
    """Say what a data set is taken for.

    Args:
        dataset: to be trained on.
        split: its parts.
        target_scale: by what targets are standardised, where they are.
        prepared: what is done to the features, in words.
        learns: whether the targets are learned from.
        weighed: whether rare classes weigh more already, so that nobody need be told that they can.
    """
    lines: list[tuple[str, str]] = []
    document: dict[str, Any] = {}
    warnings = list(dataset.warnings)
    if dataset.task == "none":
        lines.append(("target", "none: features alone"))
    else:
        words = [_target(dataset)] + ([] if learns else ["which is not learned from"])
        lines.append(("target", ", ".join(words)))
    document |= {"task": dataset.task, "reason": dataset.why, "target": list(dataset.targets)}
    if dataset.classes:
        counts = _counts(dataset, np.arange(len(dataset.y)))
        document["classes"] = counts
        lines.append(("classes", _listed(f"{name} {count:,}" for name, count in counts.items())))
        if dataset.partly:
            document["unlabelled"] = len(dataset.y) - len(dataset.labelled(np.arange(len(dataset.y))))
            lines.append(("no label", f"{document['unlabelled']:,} samples, which all train"))
        warnings += _scarce(dataset, split, advise=learns and not weighed)
    elif dataset.task == "multilabel":
        names = dataset.targets or tuple(f"label {i}" for i in range(dataset.y.shape[1]))
        counts = dict(zip(names, dataset.y.sum(axis=0).astype(int).tolist()))
        document["labels"] = counts
        lines.append(("labels", _listed(f"{name} {count:,}" for name, count in counts.items())))
    elif dataset.task == "regression":
        y = dataset.y.astype(np.float64)
        document["targets"] = {"low": y.min(axis=0).tolist(), "high": y.max(axis=0).tolist()}
        lines[0] = ("target", f"{lines[0][1]}; {_number(y.min())} to {_number(y.max())}")
    lines.append(("features", _features(dataset)))
    document["features"] = [{"column": name, "kind": kind} for name, kind in dataset.kinds]
    document["ignored"] = [{"column": name, "reason": why} for name, why in dataset.ignored]
    if dataset.ignored:
        lines.append(("left out", _listed(f"{name.removeprefix('column ')} ({why})" for name, why in dataset.ignored)))
    scale = _scale(target_scale, prepared)
    if scale:
        lines.append(("scale", scale))
    warnings += suspicious(dataset)
    if learns and dataset.task != "none":
        said, number = baseline(dataset, split)
        lines.append(("baseline", said))
        document["baseline"] = number
    document["warnings"] = warnings
    return Summary(tuple(lines), tuple(warnings), document)


def baseline(dataset: Dataset, split: Split) -> tuple[str, dict[str, Any]]:
    """What predicting the same for every sample gives, learned on the training part and measured on the test part.

    Where there is no test part it is measured on the validation part, or on the training part.
    """
    part, rows = next(
        (name, rows)
        for name, rows in (("test", split.test), ("validation", split.validation), ("training", split.train))
        if len(rows) or name == "training"
    )
    rows = dataset.labelled(rows)
    train, y = dataset.y[dataset.labelled(split.train)], dataset.y[rows].astype(np.float64)
    where = f"on the {part} part"
    if dataset.classes:
        common = int(np.bincount(train, minlength=len(dataset.classes)).argmax())
        accuracy = float((dataset.y[rows] == common).mean())
        said = f"always saying {dataset.classes[common]} is right for {100 * accuracy:.2f} % {where}"
        return said, {"part": part, "class": dataset.classes[common], "accuracy": accuracy}
    if dataset.task == "multilabel":
        common_bits = train.mean(axis=0) > 0.5
        accuracy = float((y == common_bits).mean())
        return f"the commonest value of each label is right for {100 * accuracy:.2f} % {where}", {
            "part": part,
            "accuracy": accuracy,
        }
    mean = train.astype(np.float64).mean(axis=0)
    error = float(((y - mean) ** 2).sum(axis=1).mean())
    shown = _listed(_number(value) for value in mean)
    said = f"predicting the mean {shown} has a squared error of {_number(error)} {where}"
    return said, {"part": part, "mean": mean.tolist(), "squared_error": error, "rmse": error**0.5}


def duplicates(dataset: Dataset, split: Split) -> int:
    """How many samples of the validation and test parts are in the training part as well, feature for feature.

    Samples that are streamed are not compared, which would need all of them at once.
    """
    if isinstance(dataset.x, Streamed):
        return 0
    flat = np.ascontiguousarray(dataset.x.reshape(len(dataset.x), -1))
    rows = flat.view(np.dtype((np.void, flat.dtype.itemsize * flat.shape[1]))).ravel()
    others = np.concatenate([split.validation, split.test])
    return int(np.isin(rows[others], rows[split.train]).sum()) if len(others) else 0


def _target(dataset: Dataset) -> str:
    task = {"multilabel": "several labels"}.get(dataset.task, dataset.task)
    where, _, why = dataset.why.rpartition(": ")
    return f"{where}, {task} ({why})" if where else f"{task} ({why})" if why else task


def _counts(dataset: Dataset, rows: np.ndarray) -> dict[str, int]:
    known = dataset.y[dataset.labelled(rows)]
    return dict(zip(dataset.classes, np.bincount(known, minlength=len(dataset.classes)).tolist()))


def _scarce(dataset: Dataset, split: Split, advise: bool) -> list[str]:
    """Classes that training can hardly learn."""
    found = []
    counts = _counts(dataset, split.train)
    if none := [name for name, count in counts.items() if not count]:
        found.append(f"no sample of the training part is of the {_classes(none)}")
    if single := [name for name, count in counts.items() if count == 1]:
        found.append(f"only one sample of the training part is of the {_classes(single)}; a header or a mistake?")
    largest = max(counts.values())
    rare = [name for name, count in counts.items() if 1 < count < max(FEW, largest / 20)]
    if rare and not single and largest > 10 * min(counts[name] for name in rare):
        advice = "; class_weight=balanced lets all classes weigh alike" if advise else ""
        found.append(f"few samples of the training part are of the {_classes(rare)}: compare with the baseline{advice}")
    return found


def _classes(names: Sequence[str]) -> str:
    return f"class{'es' if len(names) > 1 else ''} {_listed(names)}"


def _features(dataset: Dataset) -> str:
    if dataset.vocabulary:
        return f"texts of {len(dataset.vocabulary):,} different words"
    if dataset.alphabet:
        return f"{dataset.x.shape[1]:,} sites of {len(dataset.alphabet)} states, {name_of(dataset.alphabet)}"
    contract = dataset.contract
    if contract is None or not contract.codes:
        x = dataset.x
        shape, found = "x".join(map(str, x.shape[1:])), extent(x)
        return f"{x.dtype} of shape {shape}, {_number(found.low)} to {_number(found.high)}"
    numbers = [code for code in contract.codes if isinstance(code, NumberCode)]
    categories = [code for code in contract.codes if isinstance(code, CategoryCode)]
    parts = []
    if numbers:
        spans = (f"{_number(code.low)} to {_number(code.high)}{_missing(code)}" for code in numbers)
        shown = _listed(f"{_called(code)} {span}" for code, span in zip(numbers, spans))
        parts.append(f"{len(numbers)} of numbers: {shown}")
    if categories:
        shown = _listed(f"{_called(code)} with {len(code.levels)}{_missing(code)}" for code in categories)
        parts.append(f"{len(categories)} of categories: {shown}")
    if words := [code for code in contract.codes if isinstance(code, WordsCode)]:
        shown = _listed(f"{_called(code)} with {len(code.words):,} words" for code in words)
        parts.append(f"{len(words)} of texts: {shown}")
    if images := [code for code in contract.codes if isinstance(code, ImageCode)]:
        shown = _listed(f"{_called(code)} of {'x'.join(map(str, code.shape))}" for code in images)
        parts.append(f"{len(images)} of images: {shown}")
    width = dataset.x[0].size
    parts += [f"{width} inputs"] if width != len(contract.codes) else []
    return "; ".join(parts)


def _called(code: NumberCode | CategoryCode | WordsCode | ImageCode) -> str:
    return code.column or str(code.place + 1)


def _missing(code: NumberCode | CategoryCode) -> str:
    return f" ({100 * code.missing:.2g} % missing)" if code.missing else ""


def _scale(target_scale: TargetScale | None, prepared: str) -> str:
    parts = [f"features: {prepared}"] if prepared else []
    if target_scale is not None:
        means, deviations = (_listed(map(_number, values)) for values in (target_scale.mean, target_scale.deviation))
        parts.append(f"target: minus {means}, divided by {deviations}")
    return "; ".join(parts)


def _listed(items: Iterable[str]) -> str:
    held = list(items)
    more = f" and {len(held) - SHOWN:,} more" if len(held) > SHOWN else ""
    return ", ".join(held[:SHOWN]) + more


def _number(value: Any) -> str:
    value = float(value)
    if value == int(value) and abs(value) < 1e7:
        return f"{int(value):,}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.{SIGNIFICANT}g}"
