"""scikit-learn's own checks of what an estimator must do, on every estimator."""

import warnings

import pytest
from sklearn.utils.estimator_checks import check_estimator

import gpunet.sklearn as estimators

DRAWN = {
    "check_sample_weight_equivalence_on_dense_data": "machines learn from states that are drawn for each row: "
    "a row of weight 2 draws once, two rows draw twice, so only the expected gradient is the same"
}
BRIEF = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.1, "max_iter": 12}
CHECKED = {
    "AutoencoderTransformer": ({"n_components": 3, "hidden_layer_sizes": (8,), "max_iter": 5}, {}),
    "BernoulliRBM": ({"n_components": 8, "n_iter": 3}, {}),
    "DBNClassifier": (
        {**BRIEF, "solver": "adam", "batch_size": 100, "pretraining_iter": 2, "pretraining_batch": 100},
        DRAWN,
    ),
    "DBNTransformer": ({"hidden_layer_sizes": (8, 4), "n_iter": 3}, DRAWN),
    "MLPClassifier": (BRIEF, {}),
    "MLPRegressor": (BRIEF, {}),
    "RBMTransformer": ({"n_components": 8, "n_iter": 3}, DRAWN),
}


def test_every_estimator_is_checked():
    assert set(CHECKED) == set(estimators.__all__)


@pytest.mark.parametrize("name", CHECKED)
def test_scikit_learns_own_checks_pass(name):
    settings, exceptions = CHECKED[name]
    estimator = getattr(estimators, name)(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks train too briefly, and on purpose on odd data
        results = check_estimator(estimator, expected_failed_checks=exceptions, on_skip=None, on_fail=None)
    failed = {found["check_name"]: found["exception"] for found in results if found["status"] == "failed"}
    assert not failed
    assert len(results) > 40
    assert set(exceptions) <= {found["check_name"] for found in results}
