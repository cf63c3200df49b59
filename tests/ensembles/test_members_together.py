"""Boosting, bagging, selection, diversity and uncertainty, by values, identities and other implementations."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from gpunet.ensembles import (
    Combination,
    ambiguity,
    bootstrap,
    disagreement,
    equivalent,
    error_correlation,
    greedy_selection,
    independent_curve,
    out_of_bag,
    rejection,
    samme,
    split_uncertainty,
)
from gpunet.errors import ConfigError
from gpunet.metrics import Brier, Error, LogLoss, Outcome


def test_samme_gives_the_weights_of_scikit_learn():
    x, y = load_iris(return_X_y=True)
    x = np.random.default_rng(0).normal(x, 1.5)
    theirs = AdaBoostClassifier(DecisionTreeClassifier(max_depth=1, random_state=0), n_estimators=12).fit(x, y)
    weights = np.ones(len(y))
    assert len(theirs.estimators_) > 5
    for tree, error, weight in zip(theirs.estimators_, theirs.estimator_errors_, theirs.estimator_weights_):
        boost = samme(weights, tree.predict(x) != y, 3)
        assert boost.error == pytest.approx(error, abs=1e-12)
        assert boost.weight == pytest.approx(weight, rel=1e-9)
        weights = boost.sample_weights
    said = np.stack([np.eye(3)[tree.predict(x)] for tree in theirs.estimators_])
    ours = Combination("majority", theirs.estimator_weights_[: len(said)])(said, "classification")
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.predict(x))


def test_boosting_ends_where_scikit_learn_ends():
    perfect = samme(np.ones(4), np.zeros(4, bool), 3)
    assert (perfect.weight, perfect.sample_weights) == (1.0, None)
    guessing = samme(np.ones(3), np.array([True, True, False]), 3)
    assert (guessing.weight, guessing.sample_weights) == (0.0, None)
    assert "guessing" in guessing.why


def test_a_bootstrap_draws_with_replacement_from_its_rows():
    rows = np.arange(100, 1100)
    drawn = bootstrap(rows, seed=3)
    assert len(drawn) == 1000
    assert set(drawn) <= set(rows)
    assert len(set(drawn)) == pytest.approx(632, abs=40)
    np.testing.assert_array_equal(drawn, bootstrap(rows, seed=3))
    assert (drawn != bootstrap(rows, seed=4)).any()
    assert len(bootstrap(rows, 0, share=0.3)) == 300
    counts = np.bincount(np.concatenate([bootstrap(np.arange(10), seed) for seed in range(500)]), minlength=10)
    assert abs(counts - 500).max() < 100


def test_out_of_bag_predictions_use_only_members_that_have_not_seen_a_sample():
    rng = np.random.default_rng(0)
    outputs, seen = rng.random((5, 40, 3)), rng.random((5, 40)) < 0.8
    seen[:, 0] = True
    mean, rows = out_of_bag(outputs, seen)
    assert 0 not in rows
    for row, values in zip(rows, mean):
        np.testing.assert_allclose(values, outputs[~seen[:, row], row].mean(axis=0))


LIBRARY = np.array(
    [
        [[0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.8, 0.2]],  # wrong on sample 0
        [[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.9, 0.1]],  # wrong on sample 2, and surer on the whole
        [[0.3, 0.7], [0.4, 0.6], [0.4, 0.6], [0.4, 0.6]],  # wrong on three
    ]
)
OF_LIBRARY = Outcome("classification", LIBRARY[0], np.array([0, 0, 1, 0]))


def by_hand(steps):
    """The same greedy choice, written out."""
    taken, path = [], []
    for _ in range(steps):
        options = []
        for number in range(len(LIBRARY)):
            said = replace(OF_LIBRARY, outputs=LIBRARY[[*taken, number]].mean(axis=0))
            options.append((round(Error().value(said), 12), LogLoss().value(said), number))
        taken.append(min(options)[2])
        path.append(min(options)[:2])
    return taken, path


def test_greedy_selection_on_a_library_made_by_hand():
    taken, path = by_hand(6)
    assert taken[:2] == [1, 0]  # equal errors: the log loss decides, not the place
    found = greedy_selection(LIBRARY, OF_LIBRARY, 6)
    best = path.index(min(path)) + 1
    assert found.step == best
    assert list(found.order) == taken[:best]
    assert found.counts.tolist() == np.bincount(taken[:best], minlength=3).tolist()
    assert found.counts[2] == 0
    np.testing.assert_allclose(list(zip(found.scores, found.ties)), path)
    together = Combination(weights=found.counts)(LIBRARY, "classification")
    assert Error().value(replace(OF_LIBRARY, outputs=together)) == min(path)[0] == 0


def test_the_best_step_is_kept_and_a_network_may_be_taken_twice():
    library = np.array([[[0.0]], [[3.0]]])
    found = greedy_selection(library, Outcome("regression", library[0], np.array([[1.0]])), 4)
    assert found.order == (0, 1, 0)  # the mean 1.0 is what was wanted
    assert found.counts.tolist() == [2, 1]
    assert found.scores[2] == 0


@pytest.mark.parametrize("rounds", [0, 1.5])
def test_selection_refuses_what_it_cannot_choose_from(rounds):
    with pytest.raises(ConfigError, match="at least one to select from"):
        greedy_selection(np.zeros((0, 4, 2)), OF_LIBRARY)
    with pytest.raises(ConfigError, match="rounds: must be a number of steps"):
        greedy_selection(LIBRARY, OF_LIBRARY, rounds)
    empty = Outcome("classification", np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ConfigError, match="needs a validation part"):
        greedy_selection(np.zeros((2, 0, 2)), empty)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 3, 0.5, 2])])
def test_the_squared_error_of_a_mean_is_that_of_its_members_less_their_ambiguity(weights):
    rng = np.random.default_rng(0)
    outputs, wanted, samples = rng.normal(size=(4, 50, 2)), rng.normal(size=(50, 2)), rng.random(50)
    found = ambiguity(outputs, wanted, weights, samples)
    assert found["members"] - found["ambiguity"] == pytest.approx(found["ensemble"], rel=1e-12)
    each = [np.average(((own - wanted) ** 2).sum(axis=1), weights=samples) for own in outputs]
    assert found["members"] == pytest.approx(np.average(each, weights=weights))


def test_for_classes_it_is_the_brier_score():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(3), (4, 60)), rng.integers(0, 3, 60)
    found = ambiguity(p, np.eye(3)[y])
    score = Brier().value(Outcome("classification", p.mean(axis=0), y))
    assert found["ensemble"] == pytest.approx(score, rel=1e-12)
    assert found["members"] - found["ambiguity"] == pytest.approx(score, rel=1e-12)


def test_disagreement_and_correlation_of_errors():
    y = np.array([0, 0, 1, 1])
    said = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    found = [Outcome("classification", np.eye(3)[row], y) for row in said]  # a third class changes nothing
    assert disagreement(found) == pytest.approx((1 + 1 + 2) / 3 / 4)
    wrong = (said != y).astype(float)
    expected = np.corrcoef(wrong[0], wrong[1])[0, 1]  # the third makes no errors
    assert error_correlation(wrong) == pytest.approx(expected)
    doubled = np.repeat(wrong[:2], [1, 2, 1, 1], axis=1)
    assert error_correlation(wrong[:2], np.array([1.0, 2, 1, 1])) == pytest.approx(np.corrcoef(doubled)[0, 1])
    assert np.isnan(disagreement(found[:1]))
    assert np.isnan(error_correlation(wrong[:1]))


def test_uncertainty_is_that_of_the_data_and_of_the_model():
    p = np.array([[[0.5, 0.5], [1, 0]], [[0.5, 0.5], [0, 1]]])
    found = split_uncertainty(p, True)
    np.testing.assert_allclose(found["total"], np.log([2, 2]))
    np.testing.assert_allclose(found["data"], [np.log(2), 0], atol=1e-12)
    np.testing.assert_allclose(found["model"], [0, np.log(2)], atol=1e-12)
    rng = np.random.default_rng(0)
    q = rng.dirichlet(np.ones(4), (5, 30))
    parts = split_uncertainty(q, True)
    kl = (q * np.log(q / q.mean(axis=0))).sum(axis=-1).mean(axis=0)
    np.testing.assert_allclose(parts["model"], kl, rtol=1e-9)
    one = split_uncertainty(p[..., 1:], True)
    np.testing.assert_allclose(one["total"], found["total"])


def test_rejection_keeps_the_surest():
    right = np.array([1.0] * 90 + [0.0] * 10)
    found = rejection(right, 1 - right + np.linspace(0, 0.1, 100), np.ones(100))
    assert found["accuracy"][0] == pytest.approx(0.9)
    assert found["accuracy"][2:] == [1.0] * 18
    assert found["accuracy"][1] == pytest.approx(90 / 95)


def test_equivalents_of_independent_networks_rise_and_are_found_again():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    z = np.eye(3)[y] + rng.normal(size=(6, 600, 3)) * 1.2
    p = np.exp(3 * z) / np.exp(3 * z).sum(axis=-1, keepdims=True)
    first, second = np.arange(300), np.arange(300, 600)
    outcomes = [Outcome("classification", p[0][rows], y[rows]) for rows in (first, second)]
    curve = independent_curve(p[:, first], p[:, second], *outcomes)
    assert len(curve) == 6
    assert all(low < high for low, high in zip(curve, curve[1:]))
    assert equivalent(curve, curve[3]) == (pytest.approx(4), "")
    assert equivalent(curve, curve[0] - 1) == (1.0, "<")
    assert equivalent(curve, curve[-1] + 1) == (6.0, ">")
