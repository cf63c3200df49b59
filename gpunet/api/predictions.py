"""Predictions as a table: the names of the samples, what was predicted, and how sure that is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..ensembles import SHARES
from .ensemble import Ensemble
from .memory import with_memory
from .reading import features_for

DIGITS = {"float32": 7, "float64": 15}  # that a prediction has by the precision of its network
PROBABLE = 6  # digits of a probability


@dataclass(frozen=True)
class Predictions:
    """What networks say about the samples of some data.

    Attributes:
        columns: by name, a value for each sample: where it came from, its number, its ids or file, and the prediction.
        notes: what the user should know about the data.
    """

    columns: dict[str, list[object]]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """How many samples."""
        return len(next(iter(self.columns.values())))


def predictions(
    networks: Ensemble, source: str, every: bool = False, held: bytes | None = None, memory: float | None = None
) -> Predictions:
    """Predict the samples of files, each network reading them by its own contract.

    The predicted class, label or value stands under the name of the target, or ``class`` and ``value`` where that has
    no name; ids and names of files are carried along.  Of several labels each has a column of 0 and 1 and one of its
    probability.

    Args:
        networks: one or several, whose outputs are averaged.
        source: path of files as in training; labels in them are left out.
        every: give the probability, score or share of the votes of every class.
        held: the text of a table that was read already; ``source`` is then its name.
        memory: megabytes that features may take, which stream where they take more; as in training where None.

    Raises:
        DataError: what does not fulfil the contract of a network.
    """
    first = networks.networks[0]
    given = features_for(with_memory([network.trained for network in networks.networks], memory), source, held)
    outputs = networks.combined(networks.member_outputs([found.x for found in given]))
    targets = [str(name) if isinstance(name, str) else "" for name in first.description.targets]
    if first.description.classes:
        said = of_classes(outputs, networks.class_numbers(outputs), first.description.classes, networks.meaning, every)
        said = renamed(said, {"class": targets[0]} if targets and targets[0] else {})
    elif first.predicts_labels:
        said = of_labels(
            outputs, networks.labels(outputs), names_of(targets, outputs.shape[1], "label"), networks.meaning
        )
    else:
        scale = first.description.target_scale
        spread = scale.deviation if scale is not None else [np.inf] * outputs.shape[1]
        digits = min(DIGITS[network.parameters.dtype.name] for network in networks.networks)
        said = of_values(outputs, names_of(targets, outputs.shape[1], "value"), spread, digits)
    known = {**given[0].ids, **said}
    columns: dict[str, list[object]] = {
        unused("input", known): [source] * len(outputs),
        unused("sample", known): list(range(len(outputs))),
    }
    columns |= {name: list(texts) for name, texts in given[0].ids.items()}
    columns |= {unused(name, given[0].ids): values for name, values in said.items()}
    return Predictions(columns, tuple(dict.fromkeys(note for one in given for note in one.notes)))


def of_classes(
    outputs: np.ndarray, numbers: np.ndarray, classes: Sequence[str], meaning: str, every: bool
) -> dict[str, list[object]]:
    """The predicted class with its probability, score or share of the votes, and where asked for those of all classes.

    >>> of_classes(np.array([[0.25]]), np.array([0]), ("no", "yes"), "probability", False)
    {'class': ['no'], 'probability': [0.75]}
    >>> of_classes(np.array([[0.5, -2.0]]), np.array([0]), ("no", "yes"), "score", True)
    {'class': ['no'], 'score': [0.5], 'score(no)': [0.5], 'score(yes)': [-2.0]}
    """
    if outputs.shape[1] == 1 and len(classes) == 2:  # that of the second of two classes
        outputs = np.hstack([1 - outputs if meaning in SHARES else -outputs, outputs])
    found: dict[str, list[object]] = {"class": [classes[number] for number in numbers]}
    found[meaning] = _rounded(outputs[np.arange(len(outputs)), numbers])
    if every:
        short = "p" if meaning == "probability" else meaning
        found |= {f"{short}({name})": _rounded(column) for name, column in zip(classes, outputs.T)}
    return found


def of_labels(
    outputs: np.ndarray, there: np.ndarray, names: Sequence[str], meaning: str = "probability"
) -> dict[str, list[object]]:
    """For each label whether it is predicted, and its probability, score or share of the votes.

    >>> of_labels(np.array([[0.25, 0.9]]), np.array([[0, 1]]), ["red", "round"])
    {'red': [0], 'round': [1], 'p(red)': [0.25], 'p(round)': [0.9]}
    """
    short = "p" if meaning == "probability" else meaning
    found: dict[str, list[object]] = {name: column.tolist() for name, column in zip(names, there.T)}
    return found | {f"{short}({name})": _rounded(column) for name, column in zip(names, outputs.T)}


def of_values(
    outputs: np.ndarray, names: Sequence[str], spread: Sequence[float], digits: int = 7
) -> dict[str, list[object]]:
    """Predicted values, in as many digits as they have.

    Args:
        outputs: (samples, targets).
        names: of the targets.
        spread: of each target in training, of which so many digits are known: these may be more digits of a value that
            lies far from zero.
        digits: that the precision of the network holds, about seven in single precision.

    >>> of_values(np.array([[1700000123.456789, 2 / 3]]), ["time", "share"], [1000.0, np.inf])
    {'time': [1700000123.457], 'share': [0.6666667]}
    """
    found: dict[str, list[object]] = {}
    for name, column, deviation in zip(names, outputs.T.tolist(), spread):
        found[name] = [_significant(value, min(digits + _places_above(value, deviation), 17)) for value in column]
    return found


def renamed(columns: dict[str, list[object]], names: dict[str, str]) -> dict[str, list[object]]:
    """Columns of which some have another name, unless that is taken."""
    return {(names.get(name, name) if names.get(name) not in columns else name): v for name, v in columns.items()}


def names_of(given: Sequence[str], count: int, usual: str) -> list[str]:
    """A name for each target.

    >>> names_of(["price"], 1, "value"), names_of([], 1, "value"), names_of([], 2, "value")
    (['price'], ['value'], ['value_0', 'value_1'])
    """
    if len(given) == count and all(given):
        return list(given)
    return [usual] if count == 1 else [f"{usual}_{number}" for number in range(count)]


def unused(name: str, taken: Iterable[str]) -> str:
    """A name that the data do not have themselves.

    >>> unused("sample", ["id"]), unused("sample", ["sample"])
    ('sample', 'sample_')
    """
    held = set(taken)
    while name in held:
        name += "_"
    return name


def _rounded(values: np.ndarray) -> list[object]:
    return [_significant(value, PROBABLE) for value in values.tolist()]


def _significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _places_above(value: float, spread: float) -> int:
    """How many digits a value has before those of its spread begin."""
    if not (np.isfinite(spread) and np.isfinite(value) and value and spread > 0):
        return 0
    return int(np.clip(np.floor(np.log10(abs(value))) - np.floor(np.log10(spread)), 0, 8))
