"""Samples that count more or less than others, through the front door."""

import numpy as np
import pytest

import gpunet
from gpunet.layers import Dense, Sequential, Tanh
from gpunet.optimizers import SGD

WHOLE = {"preprocess": "none", "epochs": 6, "seed": 3, "device": "cpu"}


def samples():
    rng = np.random.default_rng(0)
    x = rng.random((24, 4)).astype(np.float32)
    return x, (x[:, 0] > x[:, 1]).astype(int), rng.integers(0, 3, 24)


def close(a, b):
    assert list(a.weights) == list(b.weights)
    for name in a.weights:
        np.testing.assert_allclose(a.weights[name], b.weights[name], rtol=1e-4, atol=1e-6)


def test_a_weight_counts_as_so_many_samples():
    x, y, weights = samples()
    weighted = gpunet.train("linear", x, y, weights=weights, validation=0, batch_size=24, **WHOLE)
    again = np.repeat(np.arange(24), weights)
    repeated = gpunet.train("linear", x[again], y[again], validation=0, batch_size=len(again), **WHOLE)
    close(weighted, repeated)
    plain = gpunet.train("linear", x, y, validation=0, batch_size=24, **WHOLE)
    assert not np.allclose(plain.weights["000_dense/weight"], weighted.weights["000_dense/weight"], atol=1e-4)


def test_layers_by_hand_take_weights_too():
    x, y, weights = samples()
    again = np.repeat(np.arange(24), weights)
    nets = [
        gpunet.fit(
            Sequential([Dense(3), Tanh(), Dense(2)]),
            *data,
            optimizer=SGD(0.3),
            batch_size=len(data[0]),
            **extra,
            **WHOLE,
        )
        for data, extra in (((x, y), {"weights": weights}), ((x[again], y[again]), {}))
    ]
    close(*nets)


def test_a_validation_part_that_is_passed_by_itself_counts_alike():
    x, y, weights = samples()
    net = gpunet.train("linear", x, y, weights=weights, validation=(x[:8], y[:8]), batch_size=24, **WHOLE)
    found = net.evaluate(x[:8], y[:8])
    best = net.history["validation_loss"][int(np.argmax(net.history["validation_accuracy"]))]
    assert found["loss"] == pytest.approx(best, rel=1e-5)


def test_a_weighted_run_goes_on_with_its_weights(tmp_path):
    x, y, weights = samples()
    rest = {"validation": 0, "batch_size": 5, **WHOLE}
    whole = gpunet.train("linear", x, y, weights=weights, **rest)
    gpunet.train("linear", x, y, weights=weights, run=tmp_path / "run", **rest | {"epochs": 2})
    with pytest.raises(gpunet.GpunetError, match="must hold the data that the run was trained on"):
        gpunet.resume(tmp_path / "run", x, y, epochs=6, device="cpu")
    resumed = gpunet.resume(tmp_path / "run", x, y, weights=weights, epochs=6, device="cpu")
    for name in whole.weights:
        assert np.array_equal(whole.weights[name], resumed.weights[name])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), r"weights: must be one for each of the 24 samples, got shape \(5,\)\. Give one number"),
        (np.full(24, -1.0), r"weights: must be finite and not negative, got -1.0 for sample 0\. Give one number"),
        (np.full(24, np.nan), r"weights: must be finite and not negative, got nan for sample 0\. Give"),
        (np.zeros(24), r"weights: must not all be 0, got 24 zeros\. Give"),
        (["a"] * 24, r"weights: must be numbers, got an array of <U1\. Give"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    x, y, _ = samples()
    with pytest.raises(gpunet.GpunetError, match=message):
        gpunet.train("linear", x, y, weights=weights, device="cpu")


def test_weights_beside_files_are_refused():
    with pytest.raises(gpunet.GpunetError, match="data: stands for files and stands alone, got arrays as well"):
        gpunet.train("linear", data="digits", weights=np.ones(1797), device="cpu")
