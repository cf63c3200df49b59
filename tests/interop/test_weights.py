"""How much samples count: one of weight 2 counts as two, one of weight 0 as none."""

import numpy as np
import pytest

import gpunet.sklearn as estimators

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def said(estimator, x):
    ways = ("predict_proba", "transform", "predict")
    return next(getattr(estimator, way) for way in ways if hasattr(estimator, way))(x)


@pytest.mark.parametrize("name", ["AutoencoderTransformer", "MLPClassifier", "MLPRegressor"])
def test_weights_are_numbers_of_samples(name):
    rng = np.random.default_rng(0)
    x, y, counts = rng.random((15, 8)), rng.integers(3, size=15), rng.integers(4, size=15)
    settings = {"hidden_layer_sizes": (16,), "max_iter": 40, "alpha": 0.3, "random_state": 0}
    weighted = getattr(estimators, name)(**settings).fit(x, y, counts)
    repeated = getattr(estimators, name)(**settings).fit(x.repeat(counts, axis=0), y.repeat(counts))
    ignored = getattr(estimators, name)(**settings).fit(x, y)
    np.testing.assert_allclose(said(weighted, x), said(repeated, x), rtol=1e-9)
    assert not np.allclose(said(weighted, x), said(ignored, x), rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "features", "settings", "wanted"),
    [
        ("f8", 8, {}, "f8"),
        ("f4", 8, {}, "f4"),
        ("f8", 6000, {}, "f4"),  # 6000 x 16 x 15 multiplications are no longer next to nothing
        ("f8", 6000, {"precision": "float64"}, "f8"),
        ("f8", 8, {"precision": "float32"}, "f4"),
    ],
)
def test_small_networks_learn_in_the_precision_of_the_features(kind, features, settings, wanted):
    x = np.random.default_rng(0).random((15, features)).astype(kind)
    net = estimators.MLPClassifier((16,), max_iter=1, settings=settings).fit(x, x[:, 0] > 0.5)
    assert net.coefs_[0].dtype == np.dtype(wanted)
    other = np.dtype("f4" if kind == "f8" else "f8")
    assert net.partial_fit(x.astype(other), x[:, 0] > 0.5).coefs_[0].dtype == np.dtype(wanted)
    assert net.predict_proba(x).dtype == np.float64
