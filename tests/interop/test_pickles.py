"""Estimators in pickles: weights as the bytes of a checkpoint."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import InconsistentVersionWarning

import gpunet.interop.base as base
from gpunet.errors import CheckpointError
from gpunet.sklearn import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)


@pytest.fixture
def fitted():
    return MLPClassifier((8,), max_iter=5, random_state=0).fit(X, Y)


def test_a_pickle_holds_a_checkpoint_and_gives_the_same_bits(fitted, tmp_path):
    content = pickle.dumps(fitted)
    assert b"gpunet-checkpoint 1" in content
    again = pickle.loads(content)  # noqa: S301 - our own
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.get_params() == fitted.get_params()
    copied = copy.deepcopy(fitted)
    assert np.array_equal(copied.partial_fit(X, Y).predict_proba(X), again.partial_fit(X, Y).predict_proba(X))
    assert not np.array_equal(copied.predict_proba(X), fitted.predict_proba(X))
    never = pickle.loads(pickle.dumps(MLPClassifier(alpha=0.5)))  # noqa: S301
    assert never.alpha == 0.5
    assert not hasattr(never, "model_")


def test_a_pickle_of_another_version_is_read_with_a_warning(fitted, monkeypatch):
    monkeypatch.setattr(base, "__version__", "0.0.1")
    content = pickle.dumps(fitted)
    monkeypatch.undo()
    with pytest.warns(InconsistentVersionWarning, match=r"MLPClassifier: should be unpickled .* 0\.0\.1"):
        again = pickle.loads(content)  # noqa: S301
    assert np.array_equal(again.predict(X), fitted.predict(X))


def test_parameters_that_the_version_of_a_pickle_did_not_have_get_their_defaults(fitted):
    state = fitted.__getstate__()
    del state["dropout"]
    again = MLPClassifier.__new__(MLPClassifier)
    again.__setstate__(state)
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c.replace(b"checkpoint 1", b"checkpoint 9", 1)])
def test_weights_that_cannot_be_read_say_what_to_do(fitted, damage):
    state = fitted.__getstate__()
    state["model_"] = base.Stored(damage(state["model_"].content), "")
    again = MLPClassifier.__new__(MLPClassifier)
    with pytest.raises(CheckpointError, match=r"the pickled estimator MLPClassifier: .*[Ff]it it again"):
        again.__setstate__(state)


def test_what_was_trained_on_a_device_that_is_gone_says_where_it_is(fitted):
    state = fitted.__getstate__() | {"device": "cuda:77"}
    again = MLPClassifier.__new__(MLPClassifier)
    with pytest.warns(UserWarning, match="was trained on cuda:77 and is on"):
        again.__setstate__(state)
    assert np.array_equal(again.predict(X), fitted.predict(X))
