"""How a network was right and wrong on the test part: curves over all thresholds, calibration, predicted values.

Kept with the last checkpoint of a run, so that a report can draw them without data.  All of it is of the first member.
"""

import numpy as np

from ..checkpoint import Group, NamedArray, Scalar
from ..experiment import Run
from ..metrics import Outcome
from ..metrics.curves import counted
from ..metrics.probabilities import bin_counts

CURVES = 10  # classes or labels at most; the ones with the smallest area where there are more
POINTS = 200  # of a curve
BINS = 15  # as of the calibration error
SHOWN = 2000  # samples whose predicted values are kept


def judgement(run: Run) -> Group:
    """Groups ``roc``, ``precision_recall`` and ``calibration`` of a classifier, or ``values`` of a regression.

    Empty where there is no test part, or where targets have no figures.
    """
    found = run.outcomes("test")
    if not found:
        return Group()
    outcome = found[0]
    inner = {"values": values(outcome)} if outcome.task == "regression" else ranked(outcome)
    if outcome.probability and outcome.task != "regression":
        inner["calibration"] = calibration(outcome)
    attrs: dict[str, Scalar] = {"volatile": True, "part": "test", "samples": outcome.samples, "task": outcome.task}
    return Group(attrs, {name: group for name, group in inner.items() if group.children})


def ranked(outcome: Outcome) -> dict[str, Group]:
    """Both curves of each class against the rest, or of each label; of two classes those of the second alone.

    >>> o = Outcome("classification", np.array([[0.9], [0.2], [0.8], [0.1]]), np.array([1, 0, 1, 0]))
    >>> found = ranked(o)["roc"]
    >>> found["x"].data[0, :3].tolist(), found["y"].data[0, :3].tolist(), found["area"].data.tolist()
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0])
    """
    count = outcome.columns.shape[1]
    chosen = [1] if outcome.task == "classification" and count == 2 else range(count)
    rows = []
    for number in chosen:
        score, positive = outcome.columns[:, number], outcome.coded[:, number]
        tp, fp = counted(score, positive, outcome.weights, outcome.orders[number])
        if len(tp) and tp[-1] > 0 and fp[-1] > 0:
            x, y = np.append(0, fp) / fp[-1], np.append(0, tp) / tp[-1]
            rows.append((float(np.trapezoid(y, x)), number, x, y, tp / tp[-1], tp / (tp + fp), tp[-1] / (tp + fp)[-1]))
    rows = sorted(sorted(rows, key=lambda row: row[0])[:CURVES], key=lambda row: row[1])
    if not rows:
        return {}
    numbers = NamedArray(np.array([row[1] for row in rows], np.int64), {"description": "class or label of each curve"})
    area = NamedArray(np.array([row[0] for row in rows]))
    average = [float((np.diff(row[4], prepend=0) * row[5]).sum()) for row in rows]
    return {
        "roc": Group({"x_is": "false positive rate", "y_is": "true positive rate"}, {
            "x": _stacked([row[2] for row in rows], [row[3] for row in rows], 0),
            "y": _stacked([row[2] for row in rows], [row[3] for row in rows], 1),
            "numbers": numbers, "area": area,
        }),
        "precision_recall": Group({"x_is": "recall", "y_is": "precision"}, {
            "x": _stacked([row[4] for row in rows], [row[5] for row in rows], 0),
            "y": _stacked([row[4] for row in rows], [row[5] for row in rows], 1),
            "numbers": numbers, "area": NamedArray(np.array(average)),
            "share": NamedArray(np.array([row[6] for row in rows]), {"description": "precision of guessing"}),
        }),
    }  # fmt: skip


def calibration(outcome: Outcome) -> Group:
    """In bins of the probability of the predicted class, or of each label: how often it came true.

    >>> o = Outcome("classification", np.array([[0.9], [0.8], [0.1]]), np.array([1, 0, 0]))
    >>> found = calibration(o)
    >>> found["weight"].data.sum().item(), found["right"].data[-3:].round(2).tolist()
    (3.0, [0.0, 1.0, 0.0])
    """
    if outcome.task == "multilabel":
        p, true = outcome.columns.ravel(), outcome.coded.ravel()
        weight = np.repeat(outcome.weights, outcome.columns.shape[1])
    else:
        p = outcome.columns[np.arange(outcome.samples), outcome.predicted]
        true, weight = outcome.predicted == outcome.target, outcome.weights
    total, sure, right = bin_counts(p, true, weight, BINS)
    share = np.divide(1, total, out=np.zeros(BINS), where=total > 0)
    found = {"weight": total, "probability": sure * share, "right": right * share}
    return Group({"bins": BINS}, {name: NamedArray(values) for name, values in found.items()})


def values(outcome: Outcome) -> Group:
    """Predicted and true values of at most :data:`SHOWN` samples, (samples, targets)."""
    rows = np.unique(np.linspace(0, outcome.samples - 1, min(SHOWN, outcome.samples)).astype(int))
    found = {"predicted": outcome.outputs[rows], "true": outcome.target[rows].astype(np.float64)}
    return Group({}, {name: NamedArray(np.ascontiguousarray(array)) for name, array in found.items()})


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve by :data:`POINTS` points: its corners, evenly left out where there are more, the last one repeated.

    >>> x, y = thinned(np.array([0, 0.1, 0.2, 0.2, 1.0]), np.array([0, 0.5, 1.0, 1.0, 1.0]))
    >>> x[:4].tolist(), len(y)
    ([0.0, 0.2, 1.0, 1.0], 200)
    """
    dx, dy = np.diff(x), np.diff(y)
    moves = np.append(True, (dx != 0) | (dy != 0))
    x, y = x[moves], y[moves]
    dx, dy = np.diff(x), np.diff(y)
    turns = np.ones(len(x), bool)
    turns[1:-1] = np.abs(dx[1:] * dy[:-1] - dx[:-1] * dy[1:]) > 1e-12
    x, y = x[turns], y[turns]
    chosen = np.linspace(0, len(x) - 1, POINTS).round().astype(int) if len(x) > POINTS else np.arange(len(x))
    rest = (0, POINTS - len(chosen))
    return np.pad(x[chosen], rest, "edge"), np.pad(y[chosen], rest, "edge")


def _stacked(x: list[np.ndarray], y: list[np.ndarray], axis: int) -> NamedArray:
    """One coordinate of all curves, (curves, points)."""
    return NamedArray(np.stack([thinned(a, b)[axis] for a, b in zip(x, y)]).astype(np.float32))
