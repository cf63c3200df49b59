"""Every figure, in every circumstance, is scikit-learn's to 1e-12; where scikit-learn has none, the rule is stated.

A row is a metric, a column a kind of targets with a circumstance: weights, ties, a class or label that is absent, a
single class, weights that leave no sample of a class, probabilities of exactly 0 and 1, one sample.
"""

import warnings
from functools import cache

import numpy as np
import pytest
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning

from gpunet import metrics as room
from gpunet.metrics import F1, CalibrationError, Metric, Outcome, Precision, Recall, TopK, confusion
from gpunet.testing import examples

KINDS = ("one output", "two outputs", "classes", "labels", "one number", "numbers")
CIRCUMSTANCES = (
    "plain", "weights", "ties", "ties and weights", "absent", "absent by weight", "single", "sure", "one sample",
)  # fmt: skip


@cache
def outcome_of(kind, circumstance):
    rng = np.random.default_rng([KINDS.index(kind), CIRCUMSTANCES.index(circumstance)])
    n = 1 if circumstance == "one sample" else 211
    make = numbers if "number" in kind else labels if kind == "labels" else classes
    outputs, target = make(kind, rng, n, circumstance)
    weight = None
    if circumstance in ("weights", "ties and weights"):
        weight = rng.random(n) * 3
        weight[::7] = 0
    elif circumstance == "absent by weight":
        first = target if target.ndim == 1 else target[:, 0]
        weight = np.where(first == first.max(), 0.0, rng.random(n))
    task = {"labels": "multilabel", "one number": "regression", "numbers": "regression"}.get(kind, "classification")
    return Outcome(task, outputs, target, weight)


def classes(kind, rng, n, circumstance):
    count = 5 if kind == "classes" else 2
    z = rng.normal(size=(n, count)) * 2
    z = np.round(z) if "ties" in circumstance else z
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    if circumstance == "absent":
        y = np.where(y == count - 1, 0, y)
    elif circumstance == "single":
        y = np.full(n, count - 1)
    elif circumstance == "sure":
        p = np.eye(count)[np.where(rng.random(n) < 0.8, y, rng.integers(0, count, n))]
    return (p[:, 1:] if kind == "one output" else p), y


def labels(kind, rng, n, circumstance):
    p = rng.random((n, 3))
    y = (rng.random((n, 3)) < p * [0.9, 0.5, 0.2]).astype(np.int64)
    if "ties" in circumstance:
        p = np.round(p, 1)
    if circumstance == "absent":
        y[:, 1], p[:, 1] = 0, p[:, 1] * 0.4
    elif circumstance == "single":
        y[:] = 1
    elif circumstance == "sure":
        p = np.where(rng.random((n, 3)) < 0.8, y, 1 - y).astype(np.float64)
    return p, y


def numbers(kind, rng, n, circumstance):
    y = rng.normal(size=(n, 1 if kind == "one number" else 3)) * ([40] if kind == "one number" else [1e-3, 1, 1e5])
    outputs = y + rng.normal(size=y.shape)
    if "ties" in circumstance:
        y, outputs = np.round(y), np.round(outputs)
    if circumstance == "absent":
        y[:, 0] = 1
    elif circumstance == "single":
        y[:] = 0.25
    elif circumstance == "sure":
        outputs = y.copy()
    return outputs, y


class Peer:
    """What scikit-learn says of an outcome, label by label where it has no rule for all; samples of weight 0 are left
    out, as it counts them when it looks which classes there are."""

    def __init__(self, o):
        kept = np.ones(o.samples, bool) if o.weight is None else o.weight > 0
        self.task, self.y = o.task, o.target[kept]
        self.p = o.outputs[kept]
        if o.task == "classification" and self.p.shape[1] == 1:
            self.p = np.concatenate([1 - self.p, self.p], axis=1)
        self.kept = {"sample_weight": None if o.weight is None else o.weight[kept]}
        self.labels = list(range(self.p.shape[1]))
        self.said = self.p.argmax(axis=1) if o.task == "classification" else (self.p > 0.5).astype(int)
        self.code = (self.y[:, None] == self.labels).astype(int) if o.task == "classification" else self.y

    def accuracy(self):
        """Of labels: the share that is right."""
        return 1 - self.error()

    def error(self):
        """Of labels: Hamming's."""
        wrong = peer.zero_one_loss if self.task == "classification" else peer.hamming_loss
        return wrong(self.y, self.said, **self.kept)

    def subset_accuracy(self):
        """All labels."""
        return peer.accuracy_score(self.y, self.said, **self.kept)

    def balanced_accuracy(self):
        """Classes that are there."""
        return peer.balanced_accuracy_score(self.y, self.said, **self.kept)

    def decided(self, score, average):
        """Of a score of decisions."""
        every = {"labels": self.labels} if average is None else {}
        return score(self.y, self.said, average=average, zero_division=0, **every, **self.kept)

    def precision(self):
        """Macro."""
        return self.decided(peer.precision_score, "macro")

    def recall(self):
        """Macro."""
        return self.decided(peer.recall_score, "macro")

    def f1(self):
        """Macro."""
        return self.decided(peer.f1_score, "macro")

    def ranked(self, score):
        """Of each class or label that has a positive, NaN for the others."""
        return [score(y, p, **self.kept) if y.any() else np.nan for y, p in zip(self.code.T, self.p.T)]

    def roc_auc(self):
        """The mean of those that are defined."""
        return mean_of_known(self.ranked(peer.roc_auc_score))

    def average_precision(self):
        """Of the second of two, or the mean of those that are defined."""
        each = self.ranked(peer.average_precision_score)
        return each[1] if self.task == "classification" and len(each) == 2 else mean_of_known(each)

    def log_loss(self):
        """Nats."""
        if self.task == "classification":
            return peer.log_loss(self.y, self.p, labels=self.labels, **self.kept)
        both = [peer.log_loss(y, p, labels=[0, 1], **self.kept) for y, p in zip(self.y.T, self.p.T)]
        return np.mean(both)

    def brier(self):
        """Halved for two classes."""
        if self.task == "classification":
            return peer.brier_score_loss(self.y, self.p, labels=self.labels, **self.kept)
        both = [peer.brier_score_loss(y, p, labels=[0, 1], **self.kept) for y, p in zip(self.y.T, self.p.T)]
        return np.mean(both)

    def rmse(self):
        """Mean over targets."""
        return peer.root_mean_squared_error(self.y, self.p, **self.kept)

    def mae(self):
        """Mean over targets."""
        return peer.mean_absolute_error(self.y, self.p, **self.kept)

    def r2(self):
        """Mean over targets."""
        return peer.r2_score(self.y, self.p, **self.kept)

    def median_error(self):
        """Mean over targets."""
        return peer.median_absolute_error(self.y, self.p, **self.kept)


def mean_of_known(each):
    known = [x for x in each if not np.isnan(x)]
    return np.mean(known) if known else np.nan


def quiet(function, *args):
    with warnings.catch_warnings():  # that a figure is undefined, or that a class is only predicted
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.simplefilter("ignore", UserWarning)
        return function(*args)


WITH_A_PEER = [m for m in examples(Metric, room) if not isinstance(m, TopK | CalibrationError)]
CELLS = [
    pytest.param(metric, kind, circumstance, id=f"{metric.name}-{kind}-{circumstance}")
    for metric in WITH_A_PEER
    for kind in KINDS
    for circumstance in CIRCUMSTANCES
    if metric.measures(outcome_of(kind, circumstance))
]


def test_the_table_has_every_metric():
    assert {cell.values[0].name for cell in CELLS} == {m.name for m in WITH_A_PEER}
    assert len(CELLS) > 400


@pytest.mark.parametrize(("metric", "kind", "circumstance"), CELLS)
def test_a_figure_is_that_of_scikit_learn(metric, kind, circumstance):
    o = outcome_of(kind, circumstance)
    expected = quiet(getattr(Peer(o), metric.name))
    assert metric.value(o) == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_figures_of_each_class_label_or_target_are_those_of_scikit_learn(kind, circumstance):
    o = outcome_of(kind, circumstance)
    theirs = Peer(o)
    near = {"rel": 1e-12, "abs": 1e-12, "nan_ok": True}
    if o.task == "regression":
        for metric, score in (
            (room.RMSE(), peer.root_mean_squared_error),
            (room.MAE(), peer.mean_absolute_error),
            (room.R2(), peer.r2_score),
            (room.MedianError(), peer.median_absolute_error),
        ):
            each = quiet(lambda s=score: [s(y, p, **theirs.kept) for y, p in zip(theirs.y.T, theirs.p.T)])
            assert metric.by_class(o) == pytest.approx(np.array(each), **near), metric
        return
    for metric, score in ((Precision(), peer.precision_score), (Recall(), peer.recall_score), (F1(), peer.f1_score)):
        each, found = quiet(theirs.decided, score, None), metric.by_class(o)
        known = ~np.isnan(found)
        assert found[known] == pytest.approx(each[known], **near), metric
        seen = np.unique(np.concatenate([theirs.y, theirs.said])) if o.task == "classification" else theirs.labels
        assert np.flatnonzero(known).tolist() == list(seen), "a class that neither was there nor was predicted has none"
    for metric, score in ((room.RocAuc(), peer.roc_auc_score), (room.AveragePrecision(), peer.average_precision_score)):
        assert metric.by_class(o) == pytest.approx(np.array(quiet(theirs.ranked, score)), **near), metric
    if o.task == "classification":
        table = peer.confusion_matrix(theirs.y, theirs.said, labels=theirs.labels, **theirs.kept)
        assert confusion(o) == pytest.approx(table, **near)


@pytest.mark.parametrize("circumstance", CIRCUMSTANCES)
@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_first_k_are_those_of_scikit_learn_where_no_outputs_are_equal(k, circumstance):
    """Of equal outputs the first counts as larger here, as it does for the accuracy; there it is the last."""
    o = outcome_of("classes", circumstance)
    theirs = Peer(o)
    if "ties" in circumstance or circumstance == "sure":
        theirs.p = theirs.p - np.arange(5) * 1e-9
    expected = peer.top_k_accuracy_score(theirs.y, theirs.p, k=k, labels=theirs.labels, **theirs.kept)
    assert TopK(k).value(o) == pytest.approx(expected, rel=1e-12)
    assert TopK(1).value(o) == pytest.approx(room.Accuracy().value(o), rel=1e-12)


@pytest.mark.parametrize("circumstance", [c for c in CIRCUMSTANCES if "weight" not in c])
@pytest.mark.parametrize("kind", ["one output", "two outputs", "labels"])
def test_calibration_agrees_with_the_curve_of_scikit_learn(kind, circumstance):
    o = outcome_of(kind, circumstance)
    theirs, bins = Peer(o), 10
    for number, (y, p) in enumerate(zip(theirs.code.T, theirs.p.T)):
        inside = np.abs(p * bins - np.round(p * bins)) > 1e-9  # which bin an edge is of is not the same there
        p, y = p[inside], y[inside]
        if not len(p):
            continue
        true, sure = calibration_curve(y, p, n_bins=bins)
        counts = np.bincount((p * bins).astype(int), minlength=bins)
        expected = (counts[counts > 0] * np.abs(true - sure)).sum() / len(p)
        found = CalibrationError(bins).by_class(Outcome("multilabel", p[:, None], y[:, None]))
        assert found[0] == pytest.approx(expected, rel=1e-12, abs=1e-12), number


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e5 + 0.1])
def test_a_target_that_does_not_vary_has_no_spread_from_rounding(constant):
    """The mean of seven times 0.1 is not 0.1: scikit-learn's R2 is then -5e31."""
    y = np.full((7, 1), constant)
    assert room.R2().value(Outcome("regression", y, y)) == 1
    assert room.R2().value(Outcome("regression", y + 1, y)) == 0
    weight = np.array([0.3, 0.1, 0, 2, 1, 1, 1])
    changed = y + (np.arange(7) == 2)[:, None]
    assert room.R2().value(Outcome("regression", changed + 1, changed, weight)) == 0
