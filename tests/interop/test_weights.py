"""How much samples count: one of weight 2 counts as two, one of weight 0 as none."""

import numpy as np
import pytest

import gpunet.sklearn as estimators

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_weights_are_numbers_of_samples(name):
    rng = np.random.default_rng(0)
    x, y, counts = rng.random((15, 8)), rng.integers(3, size=15), rng.integers(4, size=15)
    settings = {"hidden_layer_sizes": (16,), "max_iter": 40, "alpha": 0.3, "random_state": 0}
    weighted = getattr(estimators, name)(**settings).fit(x, y, counts)
    repeated = getattr(estimators, name)(**settings).fit(x.repeat(counts, axis=0), y.repeat(counts))
    ignored = getattr(estimators, name)(**settings).fit(x, y)
    said = [getattr(net, "predict_proba", net.predict)(x) for net in (weighted, repeated, ignored)]
    np.testing.assert_allclose(said[0], said[1], rtol=2e-6)
    assert not np.allclose(said[0], said[2], rtol=1e-3)
