"""Multilayer perceptrons as estimators."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import gpunet
from gpunet.optimizers import RMSProp
from gpunet.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x[:600] / 16, y[:600]


def quick(**settings):
    return MLPClassifier((24,), **{"learning_rate_init": 0.02, "max_iter": 12, "random_state": 0, **settings})


def test_it_learns_as_scikit_learn_does_with_the_same_numbers(digits):
    x, y = digits
    settings = {"max_iter": 40, "n_iter_no_change": 40, "random_state": 0, "alpha": 1.0, "batch_size": 100}
    ours, theirs = MLPClassifier((32,), **settings).fit(x, y), Theirs((32,), **settings).fit(x, y)
    assert ours.score(x, y) == pytest.approx(theirs.score(x, y), abs=0.02)
    # The same penalty leads to weights of the same size, whatever the initial ones were.
    norms = [sum(float((w**2).sum()) for w in net.coefs_) for net in (ours, theirs)]
    assert norms[0] == pytest.approx(norms[1], rel=0.25)
    assert [w.shape for w in ours.coefs_] == [w.shape for w in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    assert ours.n_layers_ == theirs.n_layers_ == 3


def test_it_is_the_network_of_the_front_door(digits, tmp_path):
    x, y = digits
    net = quick().fit(x, y)
    again = gpunet.load(net.model_.save(tmp_path / "net.h5"))
    assert np.array_equal(again.predict(x), net.predict(x))
    np.testing.assert_allclose(again.predict_proba(x), net.predict_proba(x), atol=1e-6)
    assert np.array_equal(net.predict_proba(x), quick().fit(x, y).predict_proba(x))
    assert not np.array_equal(net.predict_proba(x), quick(random_state=1).fit(x, y).predict_proba(x))


def test_searches_pipelines_cross_validation_and_calibration(digits):
    x, y = digits
    line = make_pipeline(MinMaxScaler(), quick())
    assert cross_val_score(line, x, y, cv=3).mean() > 0.85
    found = GridSearchCV(line, {"mlpclassifier__hidden_layer_sizes": [(2,), (24,)]}, cv=2).fit(x, y)
    assert found.best_params_ == {"mlpclassifier__hidden_layer_sizes": (24,)}
    calibrated = CalibratedClassifierCV(quick(), cv=2).fit(x, y)
    np.testing.assert_allclose(calibrated.predict_proba(x).sum(axis=1), 1)
    assert calibrated.score(x, y) > 0.85


@pytest.mark.parametrize("labels", [np.array(["no", "yes", "so"]), np.array([-1, 7, 30]), np.array([0.0, 1.0, 2.0])])
def test_labels_come_back_as_they_were(digits, labels):
    x, y = digits
    wanted = labels[y % 3]
    net = quick().fit(x, wanted)
    assert net.classes_.dtype == labels.dtype
    assert np.array_equal(net.classes_, np.unique(labels))
    assert net.predict(x).dtype == labels.dtype
    assert net.score(x, wanted) > 0.8
    assert quick().fit(x, wanted.astype(object) if labels.dtype.kind == "U" else wanted).score(x, wanted) > 0.8


def test_truth_values_and_two_classes(digits):
    x, y = digits
    net = quick().fit(x, y > 4)
    assert net.predict(x).dtype == bool
    assert net.predict_proba(x).shape == (600, 2)
    np.testing.assert_allclose(np.exp(net.predict_log_proba(x)), net.predict_proba(x))


def test_several_labels_of_a_sample(digits):
    x, y = digits
    several = np.stack([y > 4, y % 2], axis=1).astype(int)
    net = quick(max_iter=30).fit(x, several)
    assert net.predict(x).shape == net.predict_proba(x).shape == several.shape
    assert np.array_equal(net.predict(x), net.predict_proba(x) > 0.5)
    assert (net.predict(x) == several).mean() > 0.9
    parts = quick()
    for _ in range(30):
        parts.partial_fit(x, several, classes=[0, 1])
    assert (parts.predict(x) == several).mean() > 0.9


def test_training_ends_where_the_loss_no_longer_falls_and_says_where_it_still_does(digits):
    x, y = digits
    net = quick(max_iter=300, tol=0.01, n_iter_no_change=3).fit(x, y)
    curve = np.array(net.loss_curve_)
    assert net.n_iter_ == len(curve) < 300
    assert net.loss_ == curve[-1]
    best, waited = np.inf, 0
    for loss in curve:  # scikit-learn's rule, spelled out
        waited = waited + 1 if loss > best - 0.01 else 0
        best = min(best, loss)
    assert waited == 4
    with pytest.warns(ConvergenceWarning, match="max_iter of 2 was reached"):
        quick(max_iter=2, n_iter_no_change=1).fit(x, y)


def test_early_stopping_keeps_the_best_epoch_of_a_part_that_is_held_out(digits):
    x, y = digits
    net = quick(early_stopping=True, max_iter=60, n_iter_no_change=4).fit(x, y)
    assert net.n_iter_ == len(net.validation_scores_)
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert net.model_.description.parts == (540, 60, 0)
    with pytest.raises(ValueError, match="early_stopping: must be False for partial_fit"):
        net.partial_fit(x, y)
    with pytest.raises(ValueError, match="validation_fraction: must be a fraction"):
        quick(early_stopping=True, validation_fraction=2.0).fit(x, y)


def test_parts_of_the_data_train_one_network_with_one_optimizer(digits):
    x, y = digits
    net = quick()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        net.partial_fit(x, y)
    order = np.argsort(y, kind="stable")  # the first parts lack most classes
    for _ in range(6):
        for part in np.array_split(order, 6):
            net.partial_fit(x[part], y[part], classes=np.arange(10))
    assert net.model_.checkpoint.root["optimizer/updates"].data.item() == 36 == net.n_iter_
    assert set(net.predict(x)) > {0, 9}
    with pytest.raises(ValueError, match="classes"):
        net.partial_fit(x, y + 5)


def test_a_fit_can_begin_where_the_last_one_ended(digits):
    x, y = digits
    anew, on = quick(max_iter=3).fit(x, y), quick(max_iter=3, warm_start=True).fit(x, y)
    first = on.loss_
    assert on.fit(x, y).loss_curve_[0] < first == anew.loss_
    assert anew.fit(x, y).loss_ == first
    with pytest.raises(ValueError, match="must hold the classes of before"):
        on.fit(x, y % 3)


def test_rules_schedules_and_all_other_keys_can_be_set(digits):
    x, y = digits
    net = quick(solver=RMSProp(0.005), settings={"clip_norm": 1.0, "batch_norm": "before"}).fit(x, y)
    assert (net.model_.config.optimizer.name, net.model_.config.optimizer.learning_rate) == ("rmsprop", 0.005)
    assert net.model_.config.training.clip_norm == 1.0
    assert "batch_norm" in net.model_.summary
    assert quick(solver="nadam").fit(x, y).score(x, y) > 0.8


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hidden_layer_sizes": (0,)}, "MLPClassifier: hidden_layer_sizes: must be whole numbers from 1"),
        ({"activation": "swoosh"}, "MLPClassifier: activation: is no known choice, got 'swoosh'"),
        ({"solver": "lbfgs"}, "MLPClassifier: solver: is no known choice, got 'lbfgs'"),
        ({"alpha": -1.0}, "MLPClassifier: alpha: must be"),
        ({"learning_rate_init": "fast"}, "MLPClassifier: learning_rate_init: must be a number"),
        ({"max_iter": 0}, "MLPClassifier: max_iter: must be"),
        ({"batch_size": 0}, "MLPClassifier: batch_size: must be"),
        ({"beta_1": 1.5}, "MLPClassifier: beta_1: must be"),
        ({"dropout": 1.0}, "MLPClassifier: dropout: must be"),
        ({"settings": {"clip_nrm": 1.0}}, "clip_nrm"),
        ({"settings": [1]}, "MLPClassifier: settings: must map keys"),
        ({"random_state": "x"}, "x"),
    ],
)
def test_a_wrong_parameter_is_a_value_error_that_names_it(digits, wrong, said):
    x, y = digits
    with pytest.raises(ValueError, match=r"must|is no|cannot") as found:
        quick().set_params(**wrong).fit(x, y)
    assert said in str(found.value)


def test_bad_data_get_the_errors_that_users_of_scikit_learn_expect(digits):
    import pandas
    import scipy.sparse

    x, y = digits
    frame = pandas.DataFrame(x[:, :3], columns=["a", "b", "c"])
    net = quick().fit(frame, y)
    assert list(net.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(frame.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="in the same order"):
        net.predict(frame[["b", "a", "c"]])
    with pytest.raises(TypeError, match=r"dense data is required\. Use '\.toarray\(\)' to convert"):
        quick().fit(scipy.sparse.csr_matrix(x), y)
    with pytest.raises(ValueError, match="must hold labels of one type, got int and str"):
        quick().fit(x, np.array([1, "a"] * 300, object))
    with pytest.raises(ValueError, match="must hold at least two classes, got one class"):
        quick().fit(x, np.zeros(600))
    with pytest.raises(ValueError, match="Unknown label type"):
        quick().fit(x, y + 0.5)


def test_numbers_far_from_those_of_the_training_are_predicted_as_scikit_learn_does(digits):
    x, y = digits
    assert quick().fit(x, y).predict(1000 * x).shape == y.shape
    moved = x + 1e7  # float32 alone would lose the digits
    assert quick(settings={"preprocess": "standardise"}).fit(moved, y).score(moved, y) > 0.85


def test_regression_in_the_units_of_the_targets():
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    net = MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=80, random_state=0).fit(x, y)
    assert net.predict(x).shape == y.shape
    assert net.score(x, y) > 0.5
    assert cross_val_score(clone(net), x, y, cv=3).mean() > 0.3
    both = MLPRegressor(hidden_layer_sizes=16, learning_rate_init=0.01, max_iter=80, random_state=0)
    assert both.fit(x, np.stack([y, -1000 * y], axis=1)).score(x, np.stack([y, -1000 * y], axis=1)) > 0.5
    robust = MLPRegressor("huber", hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=80, random_state=0)
    assert robust.fit(x, y).score(x, y) > 0.4
    with pytest.raises(ValueError, match="MLPRegressor: loss: is no known choice"):
        MLPRegressor("hubber").fit(x, y)


def test_parts_of_the_data_are_learned_on_the_scale_of_the_first():
    x, y = load_diabetes(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    net = MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.01, batch_size=50, random_state=0)
    for number in range(60):
        part = slice(200) if number % 2 else slice(200, None)
        net.partial_fit(x[part], y[part])
    assert net.model_.description.target_scale.mean == pytest.approx((y[200:].mean(),))
    assert net.score(x, y) > 0.5
    with pytest.raises(ValueError, match="must hold 1 numbers for each sample, as before"):
        net.partial_fit(x, np.stack([y, y], axis=1))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"validation_fraction": 2}, "validation_fraction: must be a fraction between 0 and 1, such as 0.1, got 2"),
        ({"solver": "adam", "momentum": 2.0}, "momentum: must be a number from 0 to 1, got 2.0"),
        ({"solver": "sgd", "beta_1": 1.0}, "beta_1: must be a number from 0 to below 1, got 1.0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change: must be a number of epochs, from 1 on, or infinity, got 0"),
        ({"early_stopping": "yes"}, "early_stopping: must be True or False, got 'yes'"),
        ({"alpha": -1}, "alpha: must be a number from 0 on, got -1"),
        ({"alpha": np.float64("nan")}, "alpha: must be a number from 0 on, got nan"),
        ({"device": "tpu"}, "device: must be auto, cpu or cuda[:N], got 'tpu'"),
        ({"max_iter": 2.5}, "max_iter: must be a number of epochs, from 1 on, got 2.5"),
    ],
)
def test_parameters_are_checked_whether_or_not_they_play_a_part(parameters, said):
    x = np.random.default_rng(0).random((20, 3))
    with pytest.raises(ValueError, match=re.escape(f"MLPClassifier: {said}")):
        MLPClassifier((4,), **parameters).fit(x, x[:, 0] > 0.5)


def test_attributes_that_tools_for_scikit_learn_look_at():
    x = np.random.default_rng(0).random((20, 3))
    y = (x[:, 0] > 0.5).astype(int)
    classes = MLPClassifier((4,), max_iter=2, n_iter_no_change=5, random_state=0).fit(x, y)
    assert (classes.out_activation_, classes.n_outputs_, classes.t_) == ("softmax", 2, 40)
    assert classes.partial_fit(x, y).t_ == 60
    labels = MLPClassifier((4,), max_iter=1, n_iter_no_change=5, random_state=0).fit(x, np.c_[y, 1 - y, y])
    assert (labels.out_activation_, labels.n_outputs_) == ("logistic", 3)
    values = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, n_iter_no_change=5, random_state=0).fit(x, x[:, 0])
    assert (values.out_activation_, values.n_outputs_) == ("identity", 1)
    held = MLPClassifier((4,), max_iter=2, early_stopping=True, validation_fraction=0.25, random_state=0).fit(x, y)
    assert held.t_ == 30


def test_one_class_is_named_as_python_has_it():
    with pytest.raises(ValueError, match=r"must hold at least two classes, got one class, 0\.0"):
        MLPClassifier((4,)).fit(np.ones((5, 2)), np.zeros(5))
