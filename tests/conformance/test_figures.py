"""Figures equal scikit-learn's, with and without weights; their intervals hold what they promise."""

import numpy as np
import pytest
from sklearn import metrics as peer

from gpunet import metrics as room
from gpunet.metrics import (
    F1,
    MAE,
    R2,
    RMSE,
    Accuracy,
    AveragePrecision,
    BalancedAccuracy,
    Brier,
    CalibrationError,
    Error,
    LogLoss,
    MedianError,
    Metric,
    Outcome,
    Precision,
    Recall,
    RocAuc,
    SubsetAccuracy,
    TopK,
    confusion,
    constant_prediction,
    estimate,
    estimates,
    fitted_threshold,
    usual_metrics,
)
from gpunet.testing import examples

ALL = list(examples(Metric, room))
WEIGHTS = pytest.mark.parametrize("weighted", [False, True])
NEAR = {"rel": 1e-12, "abs": 1e-12}


def classified(rng, classes, n=300, weighted=False, ties=False):
    z = rng.normal(size=(n, classes)) * 2
    z = np.round(z) if ties else z
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return Outcome("classification", p, y, rng.integers(0, 4, n).astype(float) if weighted else None)


def labelled(rng, labels=3, n=300, weighted=False):
    p = rng.random((n, labels))
    y = (rng.random((n, labels)) < p * [0.9, 0.5, 0.2]).astype(np.float32)
    return Outcome("multilabel", p, y, rng.random(n) * 3 if weighted else None)


def numbers(rng, targets=2, n=301, weighted=False):
    y = rng.normal(size=(n, targets)) * [1, 50]
    return Outcome(
        "regression", y + rng.normal(size=y.shape), y, rng.integers(0, 3, n).astype(float) if weighted else None
    )


@WEIGHTS
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_figures_of_classes_are_those_of_scikit_learn(classes, weighted, rng):
    o = classified(rng, classes, weighted=weighted)
    y, p, said, w = o.target, o.outputs, o.outputs.argmax(axis=1), o.weight
    kept = {"sample_weight": w}
    macro = kept | {"average": "macro", "zero_division": 0}
    alone = kept | {"average": None, "zero_division": 0}
    assert Accuracy().value(o) == pytest.approx(peer.accuracy_score(y, said, **kept), **NEAR)
    assert Error().value(o) == pytest.approx(peer.zero_one_loss(y, said, **kept), **NEAR)
    assert BalancedAccuracy().value(o) == pytest.approx(peer.balanced_accuracy_score(y, said, **kept), **NEAR)
    for metric, theirs in ((Precision(), peer.precision_score), (Recall(), peer.recall_score), (F1(), peer.f1_score)):
        assert metric.value(o) == pytest.approx(theirs(y, said, **macro), **NEAR)
        assert metric.by_class(o) == pytest.approx(theirs(y, said, **alone), **NEAR)
    assert np.array_equal(confusion(o), peer.confusion_matrix(y, said, **kept))
    assert LogLoss().value(o) == pytest.approx(peer.log_loss(y, p, **kept), **NEAR)
    labels = list(range(classes))
    assert Brier().value(o) == pytest.approx(peer.brier_score_loss(y, p, labels=labels, **kept), **NEAR)
    code = np.eye(classes)[y]
    if classes == 2:
        assert RocAuc().value(o) == pytest.approx(peer.roc_auc_score(y, p[:, 1], **kept), **NEAR)
        assert AveragePrecision().value(o) == pytest.approx(peer.average_precision_score(y, p[:, 1], **kept), **NEAR)
    else:
        assert RocAuc().value(o) == pytest.approx(peer.roc_auc_score(y, p, multi_class="ovr", **kept), **NEAR)
        assert AveragePrecision().value(o) == pytest.approx(peer.average_precision_score(code, p, **kept), **NEAR)
        for k in (1, 2):
            assert TopK(k).value(o) == pytest.approx(peer.top_k_accuracy_score(y, p, k=k, **kept), **NEAR)


@WEIGHTS
def test_ties_count_as_they_do_in_scikit_learn(weighted, rng):
    o = classified(rng, 2, weighted=weighted)
    o = Outcome("classification", np.round(o.outputs, 1)[:, 1:], o.target, o.weight)
    p, kept = o.outputs[:, 0], {"sample_weight": o.weight}
    assert RocAuc().value(o) == pytest.approx(peer.roc_auc_score(o.target, p, **kept), **NEAR)
    assert AveragePrecision().value(o) == pytest.approx(peer.average_precision_score(o.target, p, **kept), **NEAR)


@WEIGHTS
def test_one_output_means_what_two_mean(weighted, rng):
    two = classified(rng, 2, weighted=weighted)
    one = Outcome("classification", two.outputs[:, 1:], two.target, two.weight)
    for metric in ALL:
        if metric.measures(two):
            assert metric.value(one) == pytest.approx(metric.value(two), **NEAR), metric


@WEIGHTS
def test_figures_of_labels_are_those_of_scikit_learn(weighted, rng):
    o = labelled(rng, weighted=weighted)
    y, p, said, kept = o.target.astype(int), o.outputs, (o.outputs > 0.5).astype(int), {"sample_weight": o.weight}
    assert Error().value(o) == pytest.approx(peer.hamming_loss(y, said, **kept), **NEAR)
    assert SubsetAccuracy().value(o) == pytest.approx(peer.accuracy_score(y, said, **kept), **NEAR)
    macro = kept | {"average": "macro", "zero_division": 0}
    for metric, theirs in ((Precision(), peer.precision_score), (Recall(), peer.recall_score), (F1(), peer.f1_score)):
        assert metric.value(o) == pytest.approx(theirs(y, said, **macro), **NEAR)
        each = theirs(y, said, **kept, average=None, zero_division=0)
        assert metric.by_class(o) == pytest.approx(each, **NEAR)
    assert RocAuc().value(o) == pytest.approx(peer.roc_auc_score(y, p, **kept), **NEAR)
    assert RocAuc().by_class(o) == pytest.approx(peer.roc_auc_score(y, p, average=None, **kept), **NEAR)
    assert AveragePrecision().value(o) == pytest.approx(peer.average_precision_score(y, p, **kept), **NEAR)
    each = [peer.log_loss(y[:, k], p[:, k], **kept) for k in range(3)]
    assert LogLoss().value(o) == pytest.approx(np.mean(each), **NEAR)
    each = [peer.brier_score_loss(y[:, k], p[:, k], **kept) for k in range(3)]
    assert Brier().value(o) == pytest.approx(np.mean(each), **NEAR)


@WEIGHTS
@pytest.mark.parametrize("n", [300, 301])
def test_figures_of_numbers_are_those_of_scikit_learn(n, weighted, rng):
    o = numbers(rng, n=n, weighted=weighted)
    pair, kept = (o.target, o.outputs), {"sample_weight": o.weight}
    for metric, theirs in (
        (RMSE(), peer.root_mean_squared_error),
        (MAE(), peer.mean_absolute_error),
        (R2(), peer.r2_score),
        (MedianError(), peer.median_absolute_error),
    ):
        assert metric.value(o) == pytest.approx(theirs(*pair, **kept), **NEAR), metric
        assert metric.by_class(o) == pytest.approx(theirs(*pair, **kept, multioutput="raw_values"), **NEAR), metric


def test_r2_of_a_target_that_does_not_vary(rng):
    y = np.ones((5, 1))
    assert R2().value(Outcome("regression", y, y)) == 1 == peer.r2_score(y, y)
    assert R2().value(Outcome("regression", y + 1, y)) == 0 == peer.r2_score(y, y + 1)


def test_calibration_is_the_mean_gap_of_bins(rng):
    o = classified(rng, 3, n=2000, weighted=True)
    sure, right = o.outputs.max(axis=1), o.outputs.argmax(axis=1) == o.target
    total = 0.0
    for low, high in zip(np.arange(10) / 10, np.arange(1, 11) / 10):
        inside = (sure >= low) & (sure < high) & (o.weight > 0)
        if inside.any():
            total += abs((o.weight * (right - 1.0 * sure))[inside].sum())
    assert CalibrationError(10).value(o) == pytest.approx(total / o.weight.sum(), **NEAR)
    fair = Outcome("classification", o.outputs[:, [0, 1, 2]], o.target)
    assert CalibrationError().value(fair) < 0.05, "classes drawn from the very probabilities"


def test_figures_by_hand():
    o = Outcome("classification", np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.9, 0.1]]), np.array([0, 0, 1, 1]))
    assert (Accuracy().value(o), Error().value(o)) == (0.5, 0.5)
    assert RocAuc().value(o) == 0.5
    assert LogLoss().value(o) == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.1]).mean())
    assert Brier().value(o) == pytest.approx(np.mean([0.04, 0.36, 0.09, 0.81]))


@pytest.mark.parametrize("metric", ALL, ids=repr)
def test_a_sample_of_weight_2_is_that_sample_twice_and_one_of_weight_0_is_absent(metric, rng):
    for make in (lambda: classified(rng, 4), lambda: labelled(rng), lambda: numbers(rng)):
        o, counts = make(), rng.integers(0, 3, 301)
        if not metric.measures(o):
            continue
        counts = counts[: o.samples]
        rows = np.repeat(np.arange(o.samples), counts)
        weighted = Outcome(o.task, o.outputs, o.target, counts.astype(float))
        assert metric.value(weighted) == pytest.approx(metric.value(o.part(rows)), rel=1e-10, abs=1e-12)


def test_every_metric_is_shown_and_measures_something(rng):
    usual = usual_metrics()
    assert {type(m) for m in usual} == {type(m) for m in ALL}
    assert len({m.name for m in usual}) == len(usual)
    outcomes = classified(rng, 7), labelled(rng), numbers(rng)
    for metric in usual:
        assert any(metric.measures(o) for o in outcomes), metric


def test_scores_that_are_no_probabilities_have_figures_of_decisions_and_order_alone(rng):
    o = Outcome("classification", rng.normal(size=(50, 1)), rng.integers(0, 2, 50), probability=False)
    names = {e.name for e in estimates(usual_metrics(), o)}
    assert "roc_auc" in names
    assert not names & {"log_loss", "brier", "calibration_error"}
    assert Accuracy().value(o) == np.mean((o.outputs[:, 0] > 0) == o.target)


def test_a_class_that_never_occurs_has_no_figure_and_spoils_none(rng):
    o = classified(rng, 3)
    o = Outcome("classification", np.concatenate([o.outputs, np.zeros((300, 1))], axis=1), o.target)
    for metric in (Precision(), Recall(), F1(), RocAuc()):
        assert np.isnan(metric.by_class(o)[3])
        assert metric.value(o) == pytest.approx(metric.by_class(o)[:3].mean())
    single = Outcome("classification", o.outputs, np.zeros(300, int))
    assert np.isnan(RocAuc().value(single))
    found = estimate(RocAuc(), single)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_the_baseline_says_the_same_of_all_samples(rng):
    y = np.array([0] * 30 + [1] * 70)
    o = Outcome("classification", rng.random((100, 1)), y)
    constant = constant_prediction(o)
    assert constant.tolist() == [0.7]
    found = {e.name: e.baseline for e in estimates(usual_metrics(), o, constant)}
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))
    assert (found["accuracy"], found["error"], found["balanced_accuracy"], found["roc_auc"]) == (0.7, 0.3, 0.5, 0.5)
    assert found["average_precision"] == pytest.approx(0.7)
    assert found["log_loss"] == pytest.approx(entropy)
    n = numbers(rng)
    found = {e.name: e.baseline for e in estimates(usual_metrics(), n, constant_prediction(n))}
    assert found["r2"] == pytest.approx(0, abs=1e-12)
    assert found["rmse"] == pytest.approx(n.target.std(axis=0).mean())


@pytest.mark.parametrize("metric", [Accuracy(), LogLoss(), RocAuc(), F1()], ids=repr)
def test_intervals_hold_the_figure_of_all_samples_as_often_as_they_say(metric):
    rng = np.random.default_rng(3)
    everything = classified(rng, 2, n=100_000)
    truth, inside = metric.value(everything), 0
    for _ in range(100):
        found = estimate(metric, everything.part(rng.integers(0, 100_000, 150)))
        inside += found.low <= truth <= found.high
    assert 88 <= inside <= 99


@pytest.mark.parametrize("samples", [12, 40, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_interval_of_a_median_error_holds_the_median_of_all_samples(samples, weighted):
    rng, truth, inside = np.random.default_rng(4), np.log(2), 0  # the median of an exponential distribution
    for _ in range(400):
        weight = rng.integers(1, 3, samples).astype(float) if weighted else None
        o = Outcome("regression", rng.exponential(size=(samples, 1)), np.zeros((samples, 1)), weight)
        found = estimate(MedianError(), o)
        assert found.low <= found.value <= found.high
        inside += found.low <= truth <= found.high
    assert 360 <= inside <= 396


def test_a_share_of_all_samples_leaves_room_for_more(rng):
    y = rng.integers(0, 2, 20)
    o = Outcome("classification", np.eye(2)[y], y)
    found = estimate(Accuracy(), o)
    assert found.high == 1
    assert found.low == pytest.approx(20 / (20 + 1.959964**2), abs=1e-6), "Wilson"


def test_a_fitted_threshold_is_better_on_what_it_was_fitted_to(rng):
    p = rng.random(400)
    y = (rng.random(400) < p * 0.3).astype(int)
    o = Outcome("classification", p[:, None], y)
    for metric in (F1(), BalancedAccuracy()):
        limit = fitted_threshold(metric, o)
        moved = Outcome("classification", p[:, None], y, threshold=limit)
        assert metric.value(moved) > metric.value(o)
    assert fitted_threshold(F1(), Outcome("classification", np.full((4, 1), 0.2), np.array([0, 1, 0, 1]))) == 0.5


def test_where_leaving_samples_out_changes_nothing_there_is_no_interval(rng):
    y = rng.integers(0, 2, 60)
    found = {e.name: e for e in estimates(usual_metrics(), Outcome("classification", np.eye(2)[y], y))}
    assert found["balanced_accuracy"].value == found["roc_auc"].value == 1
    assert np.isnan([found[name].low for name in ("balanced_accuracy", "f1", "roc_auc")]).all()
    assert found["accuracy"].low < 1, "Wilson's says something"


def test_a_baseline_that_is_calibrated_has_an_error_of_exactly_0():
    y = np.array([0] * 174 + [1] * 226)
    o = Outcome("classification", np.full((400, 1), 0.2), y)
    assert estimate(CalibrationError(), o, constant_prediction(o)).baseline == 0
