"""Outputs of several members as one, by values and laws."""

import numpy as np
import pytest

from gpunet.ensembles import Combination, aligned, log_odds, normalised, tempered, votes
from gpunet.errors import ConfigError


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(size=(4, 30, 3)) * 2


def test_the_mean_is_weighted(logits):
    p, w = softmax(logits), np.array([1.0, 0, 2, 1])
    expected = (p[0] + 2 * p[2] + p[3]) / 4
    np.testing.assert_allclose(Combination("mean", w)(p, "classification"), expected, rtol=1e-12)


@pytest.mark.parametrize("word", ["logits", "geometric"])
def test_the_mean_of_logits_is_the_normalised_geometric_mean(logits, word):
    p, w = softmax(logits), np.array([1.0, 0.5, 2, 1])
    by_logits = softmax(np.average(logits, axis=0, weights=w))
    product = np.prod(p ** (w / w.sum())[:, None, None], axis=0)
    found = Combination(word, w)(p, "classification")
    np.testing.assert_allclose(found, by_logits, rtol=1e-9)
    np.testing.assert_allclose(found, product / product.sum(axis=-1, keepdims=True), rtol=1e-9)


def test_one_column_of_two_classes_gives_what_two_columns_do(logits):
    p = softmax(logits[..., :2])
    for rule in ("mean", "geometric", "majority"):
        for temperature in (1.0, 2.5) if rule != "majority" else (1.0,):
            both = Combination(rule, temperature=temperature)(p, "classification")
            one = Combination(rule, temperature=temperature)(p[..., 1:], "classification")
            np.testing.assert_allclose(one, both[:, 1:], rtol=1e-9)


def test_labels_are_combined_one_by_one(logits):
    p = 1 / (1 + np.exp(-logits))
    found = Combination("geometric")(p, "multilabel")
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits.mean(axis=0))), rtol=1e-9)
    np.testing.assert_allclose(Combination("majority")(p, "multilabel"), (p > 0.5).mean(axis=0))


def test_a_majority_is_the_weighted_share_of_votes():
    p = np.array([[[0.6, 0.4, 0.0]], [[0.6, 0.3, 0.1]], [[0.0, 0.0, 1.0]]])
    np.testing.assert_allclose(Combination("majority")(p, "classification"), [[2 / 3, 0, 1 / 3]])
    np.testing.assert_allclose(Combination("majority", np.array([1.0, 1, 3]))(p, "classification"), [[0.4, 0, 0.6]])
    assert votes(p[..., 1:2], True, threshold=0.35).ravel().tolist() == [1, 0, 0]


def test_scores_of_a_hinge_are_averaged_and_voted_for():
    z = np.array([[[-1.0]], [[3.0]], [[0.25]]])  # a score votes from 0 on, a probability from one half
    np.testing.assert_allclose(Combination()(z, "classification", False), [[0.75]])
    np.testing.assert_allclose(Combination("majority")(z, "classification", False), [[2 / 3]])


def test_a_temperature_divides_the_logits(logits):
    np.testing.assert_allclose(tempered(softmax(logits), 3.0, True), softmax(logits / 3), rtol=1e-9)
    p = 1 / (1 + np.exp(-logits[..., :1]))
    np.testing.assert_allclose(tempered(p, 3.0, True), 1 / (1 + np.exp(-logits[..., :1] / 3)), rtol=1e-9)
    assert tempered(p, 1.0, True) is p


def test_certain_probabilities_stay_finite():
    p = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    np.testing.assert_allclose(Combination("geometric")(p, "classification"), [[0.5, 0.5]])
    assert np.isfinite(log_odds(np.array([[0.0], [1.0]]), False)).all()
    assert normalised(np.array([[800.0], [-800.0]]), False).ravel().tolist() == [1.0, 0.0]


def test_populations_of_one_and_of_two_outputs_stand_side_by_side():
    found = aligned([np.full((2, 5, 1), 0.25, np.float32), np.full((1, 5, 2), 0.5)], 2)
    assert found.shape == (3, 5, 2)
    np.testing.assert_allclose(found[0], [[0.75, 0.25]] * 5)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Combination("median"), "combine: must be mean, geometric, logits or majority, got 'median'"),
        (lambda: Combination(weights=[0, 0]), "not all 0"),
        (lambda: Combination(weights=[1, -1]), "not negative"),
        (lambda: Combination(weights=["a"]), "must be numbers"),
        (lambda: Combination(temperature=0), "temperature: must be a number above 0"),
        (lambda: Combination(weights=[1, 2]).check(3, "value"), "one for each of the 3 members, got 2"),
        (lambda: Combination("geometric").check(3, "value"), "needs probabilities of classes or labels, got predicted"),
        (lambda: Combination("majority").check(3, "value"), "Use mean"),
        (lambda: Combination("logits").check(3, "score"), "Use mean or majority"),
        (lambda: Combination(temperature=2.0).check(3, "value"), "temperature: needs probabilities"),
    ],
)
def test_what_cannot_be_combined_is_refused(make, expected):
    with pytest.raises(ConfigError, match=expected):
        make()
