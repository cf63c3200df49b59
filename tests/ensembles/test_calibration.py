"""Temperatures and calibration errors, beside other optimisers and hand-made bins."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gpunet.ensembles import (
    adaptive_calibration_error,
    at_temperature,
    calibration,
    equal_counts,
    fitted_temperature,
    reliability,
)
from gpunet.metrics import Brier, LogLoss, Outcome


def drawn(temperature, classes, weighted, seed=0):
    """Probabilities that are right at a temperature, with classes drawn from them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(4000, classes)) * 1.5
    true = np.exp(log_softmax(z, axis=1))
    y = (true.cumsum(axis=1) > rng.random((len(z), 1))).argmax(axis=1)
    p = np.exp(log_softmax(z * temperature, axis=1))
    return Outcome("classification", p, y, rng.random(len(z)) if weighted else None)


@pytest.mark.parametrize("temperature", [0.5, 1.7, 4.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_is_that_of_another_optimiser(temperature, weighted):
    outcome = drawn(temperature, 5, weighted)

    def loss(log_t):
        q = log_softmax(np.log(outcome.outputs) / np.exp(log_t), axis=1)
        return np.average(-q[np.arange(len(q)), outcome.target], weights=outcome.weight)

    found = fitted_temperature(outcome)
    other = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x)
    assert found.value == pytest.approx(other, rel=1e-5)
    assert found.value == pytest.approx(temperature, rel=0.1)
    assert found.samples == 4000
    assert LogLoss().value(at_temperature(outcome, found.value)) == pytest.approx(loss(np.log(other)))


def test_of_two_classes_one_column_gives_the_temperature_of_two():
    two = drawn(2.0, 2, False)
    one = replace(two, outputs=two.outputs[:, 1:])
    assert fitted_temperature(one).value == pytest.approx(fitted_temperature(two).value, rel=1e-9)
    assert LogLoss().value(at_temperature(one, 3.0)) == pytest.approx(LogLoss().value(at_temperature(two, 3.0)))


def test_labels_have_a_temperature_of_their_own():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(3000, 3)) * 2
    y = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.float32)
    found = fitted_temperature(Outcome("multilabel", 1 / (1 + np.exp(-z * 2)), y))
    assert found.value == pytest.approx(2.0, rel=0.1)


def test_a_threshold_moves_with_the_temperature_so_that_decisions_stay():
    outcome = replace(drawn(2.0, 2, False), threshold=0.3)
    np.testing.assert_array_equal(at_temperature(outcome, 2.5).predicted, outcome.predicted)


@pytest.mark.parametrize(("y", "why"), [([0, 1], "nearly all samples"), ([1, 0], "no better than by chance")])
def test_where_no_temperature_is_best_none_is_taken_and_it_says_why(y, why):
    found = fitted_temperature(Outcome("classification", np.array([[0.9, 0.1], [0.2, 0.8]]), np.array(y)))
    assert found.value == 1
    assert why in found.why_not
    empty = fitted_temperature(Outcome("classification", np.zeros((0, 2)), np.zeros(0, int)))
    assert (empty.value, empty.why_not) == (1.0, "no validation part")


def test_bins_of_equal_size_hold_equally_many():
    rng = np.random.default_rng(0)
    p, true = rng.random(300), rng.random(300) < 0.5
    order = np.argsort(p)
    parts = np.array_split(order, 15)
    expected = sum(abs(true[part].sum() - p[part].sum()) for part in parts) / 300
    total, sure, right = equal_counts(p, true, np.ones(300), 15)
    np.testing.assert_array_equal(total, 20)
    assert np.abs(right - sure).sum() / 300 == pytest.approx(expected)


def test_equal_probabilities_share_a_bin_so_that_order_does_not_matter():
    p = np.array([0.5] * 30 + [0.9] * 2)
    true = np.array([1, 0] * 16)
    total, _, _ = equal_counts(p, true, np.ones(32), 15)
    assert sorted(total[total > 0].tolist()) == [2, 30]


def test_the_adaptive_error_is_of_the_predicted_class():
    outcome = drawn(3.0, 4, False)
    sure = outcome.outputs.max(axis=1)
    right = outcome.outputs.argmax(axis=1) == outcome.target
    total, p, r = equal_counts(sure, right, np.ones(len(sure)), 15)
    assert adaptive_calibration_error(outcome) == pytest.approx(np.abs(p - r).sum() / total.sum())
    figures = calibration(outcome)
    assert figures["brier"] == Brier().value(outcome)
    assert calibration(at_temperature(outcome, 3.0))["calibration_error"] < 0.3 * figures["calibration_error"]


def test_a_reliability_diagram_has_a_place_for_every_bin():
    outcome = Outcome("classification", np.array([[0.95, 0.05], [0.55, 0.45], [0.56, 0.44]]), np.array([0, 0, 1]))
    found = reliability(outcome, 10)
    assert found["confidence"][9] == 0.95
    assert found["confidence"][0] is None
    assert found["confidence"][5] == pytest.approx(0.555)
    assert found["accuracy"][5] == 0.5
    assert sum(found["share"]) == pytest.approx(1)
