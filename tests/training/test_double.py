"""Training in double precision: everything is float64, random numbers are the same, and training goes on exactly."""

import numpy as np
import pytest

import gpunet
from gpunet.checkpoint import NamedArray
from gpunet.errors import ConfigError

RNG = np.random.default_rng(3)
X = RNG.random((60, 12))
Y = (X[:, :6].sum(axis=1) > X[:, 6:].sum(axis=1)).astype(int)
IMAGES = RNG.random((40, 6, 6))
FIRST = IMAGES[:, 0, 0] > 0.5
FAMILIES = {
    "mlp": (X, Y, {"hidden": [7], "dropout": 0.2, "batch_norm": True, "optimizer": "adam", "l2": 0.01}),
    "autoencoder": (X, None, {"hidden": [7], "code": 3}),
    "rbm": (X, None, {"hidden": 7, "chains": 10, "preprocess": "none"}),
    "dbn": (X, None, {"hidden": [7, 5], "preprocess": "none"}),
    "dbm": (X, None, {"hidden": [7, 5], "preprocess": "none"}),
    "classrbm": (X, Y, {"hidden": 7, "preprocess": "none"}),
    "convnet": (IMAGES, FIRST, {}),
}


def trained(family, precision, **more):
    x, y, settings = FAMILIES[family]
    own = ("hidden", "code", "chains")
    model = {"name": family} | {k: v for k, v in settings.items() if k in own}
    rest = {k: v for k, v in settings.items() if k not in model}
    given = {"model": model, "training": {"epochs": 2, "batch_size": 10}}
    return gpunet.train(given, x, y, rest | {"precision": precision} | more, validation=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_of_a_training_is_float64_with_the_random_numbers_of_float32(family):
    single, double = trained(family, "float32"), trained(family, "float64")
    for name, array in double.weights.items():
        assert array.dtype == np.float64
        assert single.weights[name].dtype == np.float32
        np.testing.assert_allclose(array, single.weights[name], atol=2e-3)
        assert not np.array_equal(array, single.weights[name]) or not array.any() or (array == 1).all()


def test_a_run_goes_on_exactly_and_in_its_precision(tmp_path):
    x, y = X, Y
    settings = {"hidden": [7], "dropout": 0.3, "batch_size": 10, "precision": "float64", "validation": 0}
    whole = gpunet.train("mlp", x, y, epochs=5, run=tmp_path / "whole", **settings)
    gpunet.train("mlp", x, y, epochs=2, run=tmp_path / "parts", **settings)
    root = gpunet.checkpoint.read(tmp_path / "parts/last.h5").root
    kinds = {
        path.partition("/")[0]: node.data.dtype
        for path, node in root.walk()
        if isinstance(node, NamedArray) and path.partition("/")[0] in ("model", "optimizer")
    }
    assert set(kinds.values()) == {np.dtype(np.float64)}
    with pytest.raises(ConfigError, match="precision: must stay float64 when a run goes on, got float32"):
        gpunet.resume(tmp_path / "parts", x, y, epochs=5, precision="float32")
    parts = gpunet.resume(tmp_path / "parts", x, y, epochs=5)
    for name, array in whole.weights.items():
        assert np.array_equal(array, parts.weights[name])
    again = gpunet.load(tmp_path / "parts")
    assert np.array_equal(again.outputs(x), parts.outputs(x))
    assert again.parameters.dtype == np.float64


def test_features_and_targets_keep_their_digits(tmp_path):
    x, y = X, X @ np.arange(12.0) + 1
    np.savez(tmp_path / "data.npz", x=x, y=y)
    rows = [",".join(map(repr, [*map(float, row), float(target)])) for row, target in zip(x, y)]
    table = "\n".join([",".join([*(f"c{i}" for i in range(12)), "y"]), *rows])
    (tmp_path / "data.csv").write_text(table)
    given = {"hidden": [5], "epochs": 2, "batch_size": 10, "precision": "float64", "preprocess": "none"}
    parts = {"validation": 0, "test": 0}
    arrays = gpunet.train("mlp", x, y, **given, **parts)
    files = [gpunet.train("mlp", tmp_path / name, **given, **parts) for name in ("data.npz", "data.csv")]
    single = gpunet.train("mlp", x.astype("f4"), y, **given, **parts)
    for net in files:
        assert all(np.array_equal(a, arrays.weights[name]) for name, a in net.weights.items())
        assert np.array_equal(net.outputs(tmp_path / "data.csv"), arrays.outputs(x))
    assert not all(np.array_equal(a, arrays.weights[name]) for name, a in single.weights.items())
    assert not np.array_equal(arrays.outputs(x), arrays.outputs(x + 1e-12))


def test_a_sample_of_weight_two_is_two_samples_to_the_last_digits():
    counts = RNG.integers(4, size=len(X))
    given = {"hidden": [9], "epochs": 30, "precision": "float64", "preprocess": "none"}
    weighted = gpunet.train({}, X, Y, weights=counts, batch_size=len(X), validation=0, **given)
    repeated = gpunet.train(
        {}, X.repeat(counts, axis=0), Y.repeat(counts), batch_size=int(counts.sum()), validation=0, **given
    )
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-10)
