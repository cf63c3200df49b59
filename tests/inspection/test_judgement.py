"""What a checkpoint keeps of how right a network is, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as reference

from gpunet.inspection.judgement import CURVES, calibration, ranked, thinned, values
from gpunet.metrics import CalibrationError, Outcome


def outcome(rng, classes, samples=300, weighted=False):
    y = rng.integers(0, classes, samples)
    logits = rng.normal(size=(samples, classes)) + 2 * np.eye(classes)[y]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weight = rng.integers(1, 4, samples).astype(float) if weighted else None
    return Outcome("classification", p[:, 1:] if classes == 2 else p, y, weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_curves_and_areas_are_those_of_scikit_learn(rng, classes, weighted):
    found = outcome(rng, classes, weighted=weighted)
    curves = ranked(found)
    for k, number in enumerate(curves["roc"]["numbers"].data):
        true, score = found.target == number, found.columns[:, number]
        weight = {"sample_weight": found.weight}
        assert curves["roc"]["area"].data[k] == pytest.approx(reference.roc_auc_score(true, score, **weight), abs=1e-12)
        average = reference.average_precision_score(true, score, **weight)
        assert curves["precision_recall"]["area"].data[k] == pytest.approx(average, abs=1e-12)
        x, y = (curves["roc"][axis].data[k].astype(float) for axis in "xy")
        assert np.trapezoid(y, x) == pytest.approx(curves["roc"]["area"].data[k], abs=1e-5)
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


def test_of_many_classes_the_worst_are_kept(rng):
    found = outcome(rng, 20, 2000)
    kept = ranked(found)["roc"]
    areas = [reference.roc_auc_score(found.target == k, found.columns[:, k]) for k in range(20)]
    assert kept["numbers"].data.tolist() == sorted(np.argsort(areas)[:CURVES].tolist())


def test_bins_give_the_calibration_error(rng):
    found = outcome(rng, 4)
    bins = {name: array.data for name, array in calibration(found).children.items()}
    gap = (bins["weight"] * np.abs(bins["probability"] - bins["right"])).sum() / bins["weight"].sum()
    assert gap == pytest.approx(CalibrationError().value(found), abs=1e-12)


def test_long_curves_keep_their_ends_and_their_area(rng):
    y = rng.integers(0, 2, 20_000)
    score = y + rng.normal(size=len(y))
    fpr, tpr, _ = reference.roc_curve(y, score)
    a, b = thinned(fpr, tpr)
    assert (a[0], b[0], a[-1], b[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(b, a) == pytest.approx(np.trapezoid(tpr, fpr), abs=2e-3)


def test_values_are_of_the_same_samples(rng):
    true = rng.normal(size=(5000, 2))
    kept = values(Outcome("regression", 3 * true, true))
    assert len(kept["true"].data) == 2000
    np.testing.assert_array_equal(kept["predicted"].data, 3 * kept["true"].data)
