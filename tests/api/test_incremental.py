"""Training that goes on with other samples."""

import numpy as np
import pytest

import gpunet
from gpunet.errors import CheckpointError, ConfigError, DataError, GpunetError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
Y = np.array(["a", "b", "c"])[RNG.integers(3, size=60)]
WHOLE = {
    "model": {"name": "mlp", "hidden": [8]},
    "optimizer": {"name": "adam", "learning_rate": 0.03},
    "training": {"batch_size": 60},
    "data": {"validation": 0},
}


def grown(parts, **settings):
    net = None
    for epochs in parts:
        net = gpunet.train(WHOLE, X, Y, epochs=epochs, start=net, incremental=True, **settings)
    return net


def test_two_trainings_are_one_of_their_lengths():
    # Batches are the whole data, so that the order of the samples makes no difference but of rounding.
    once, twice = grown([7]), grown([3, 4])
    np.testing.assert_allclose(once.predict_proba(X), twice.predict_proba(X), atol=1e-5)
    weights_alone = gpunet.train(WHOLE, X, Y, epochs=4, start=grown([3]), monitor="last")
    assert np.abs(weights_alone.predict_proba(X) - once.predict_proba(X)).max() > 1e-3


def test_features_and_targets_stay_on_the_scale_of_the_first_samples():
    y = X[:, 0] * 40 + 1000
    first = gpunet.train(WHOLE, X, y, epochs=5, incremental=True, preprocess="standardise")
    then = gpunet.train(
        WHOLE, X[:30] + 5, y[:30] - 300, epochs=1, batch_size=30, start=first, incremental=True,
        preprocess="standardise",
    )  # fmt: skip
    assert then.description.target_scale == first.description.target_scale
    np.testing.assert_array_equal(then.trained.preprocessing.on_host(X), first.trained.preprocessing.on_host(X))
    contract = then.description.contract
    assert np.allclose(contract.lows, X.min(axis=0))
    assert np.allclose(contract.highs, np.maximum(X.max(axis=0), X[:30].max(axis=0) + 5))


def test_classes_that_some_samples_lack_are_told():
    some = Y != "b"
    net = gpunet.train(WHOLE, X[some], Y[some], batch_size=10, epochs=1, classes=["c", "b", "a"])
    assert net.classes.tolist() == ["c", "b", "a"]
    assert net.predict_proba(X).shape == (60, 3)
    on = grown([1])
    one = Y == "c"
    on = gpunet.train(WHOLE, X[one], Y[one], epochs=1, batch_size=5, start=on, incremental=True)
    assert on.classes.tolist() == ["a", "b", "c"]
    with pytest.raises(DataError, match="must hold classes that the model knows, got 'b'"):
        gpunet.train(WHOLE, X, Y, epochs=1, classes=["a", "c"])
    with pytest.raises(DataError, match="classes: must name each class once"):
        gpunet.train(WHOLE, X, Y, epochs=1, classes=["a", "a"])


def test_chains_of_a_machine_go_on():
    bits = (X > 0).astype(np.uint8)
    config = {"model": {"name": "rbm", "hidden": 5, "chains": 7}, "training": {"batch_size": 60}, "data": WHOLE["data"]}
    first = gpunet.train(config, bits, epochs=2, incremental=True)
    chains = first.checkpoint.root["loop/chains/states"].data
    then = gpunet.train(config, bits, epochs=1, start=first, incremental=True)
    assert not np.array_equal(chains, then.checkpoint.root["loop/chains/states"].data)
    assert int(then.checkpoint.root["loop/step"].data[0]) == 3


@pytest.mark.parametrize(
    ("start", "settings", "said"),
    [
        (lambda: gpunet.train(WHOLE, X, Y, epochs=1), {}, "must hold the state of its training"),
        (lambda: grown([1]), {"optimizer": "sgd"}, "must hold exactly the state"),
        (lambda: grown([1]), {"hidden": [9]}, "must hold exactly the state"),
        (lambda: grown([1]), {"grafts": [("000_dense", "000_dense")]}, "goes on with all of a start"),
    ],
)
def test_what_cannot_go_on_says_why(start, settings, said):
    with pytest.raises((ConfigError, CheckpointError), match=said):
        gpunet.train(WHOLE, X, Y, epochs=1, start=start(), incremental=True, **settings)


def test_stacks_and_samples_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match="incremental: needs a model that is trained as a whole, got dbn"):
        gpunet.train("dbn", (X > 0).astype(np.uint8), hidden=[4], epochs=1, incremental=True)
    with pytest.raises(DataError, match="must have samples of shape 4, as before"):
        gpunet.train(WHOLE, X[:, :3], Y, epochs=1, start=grown([1]), incremental=True)


def test_errors_of_configuration_and_data_are_value_errors():
    for wrong in (
        {"epochs": 0},
        {"lr": -1.0},
        {"optimizer": {"name": "adam", "learning_rate": [0.1, 0.2], "beta1": [0.5, 0.6, 0.7]}},
    ):
        with pytest.raises(ValueError, match=r"must|go together") as found:
            gpunet.train(WHOLE, X, Y, **wrong)
        assert isinstance(found.value, GpunetError)
    with pytest.raises(ValueError, match="must hold finite numbers"):
        gpunet.train(WHOLE, X * np.nan, Y, epochs=1)
