"""gpunet.fit: networks that are put together from objects."""

import inspect

import numpy as np
import pytest

import gpunet
from convolving import Convolution
from gpunet import initializers, optimizers, schedules
from gpunet.data import PCA, Augmentation, Preparation
from gpunet.interruption import Stop
from gpunet.layers import Dense, Dropout, Flatten, ReLU, Sequential, Tanh
from gpunet.losses import BinaryCrossEntropy, CategoricalCrossEntropy
from gpunet.optimizers import SGD, Adam
from gpunet.vocabulary import AUGMENTATIONS, target, word_of, words


@pytest.fixture
def plan():
    """Layers that know no input yet."""
    return Sequential([Dense(8), ReLU(), Dropout(0.2), Dense(2)])


def test_objects_train_as_the_same_words_bit_for_bit(table, plan, equal, tmp_path):
    x, y = table
    fitted = gpunet.fit(plan, x, y, CategoricalCrossEntropy(), Adam(0.01), epochs=3, validation=0.1, device="cpu")
    listed = [
        {"name": "dense", "n_out": 8},
        "relu",
        {"name": "dropout", "rate": 0.2},
        {"name": "dense", "n_out": 2},
    ]
    config = {
        "model": {"name": "layers", "layers": listed, "output": False},
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "loss": "categorical_cross_entropy",
    }
    trained = gpunet.train(config, x, y, epochs=3, validation=0.1, batch_size=32, device="cpu")
    assert equal(fitted, trained)
    np.testing.assert_array_equal(fitted.history["validation_loss"], trained.history["validation_loss"])
    assert equal(gpunet.load(fitted.save(tmp_path / "fitted.h5")), fitted)


def test_the_layers_that_are_passed_stay_as_they_are(table, plan, equal):
    x, y = table
    one, other = (gpunet.fit(plan, x, y, epochs=1, device="cpu") for _ in range(2))
    assert equal(one, other)
    assert plan.layers[0].n_in is None
    assert gpunet.fit(plan, x[:, :3], y, epochs=1, device="cpu").weights["000_dense/weight"].shape == (3, 8)
    own = Sequential([Convolution(2), Flatten(), Dense(2)])
    images = np.random.default_rng(0).random((200, 4, 4))
    one, other = (gpunet.fit(own, images, y, epochs=1, device="cpu") for _ in range(2))
    assert equal(one, other)
    assert own.layers[0].n_in is None


def test_lists_names_and_single_layers_will_do(table, plan, equal):
    x, y = table
    whole = gpunet.fit(plan, x, y, CategoricalCrossEntropy(), SGD(), epochs=1, device="cpu")
    assert equal(gpunet.fit(plan.layers, x, y, "categorical_cross_entropy", "sgd", epochs=1, device="cpu"), whole)
    assert gpunet.fit(Dense(1), x, x[:, 0], epochs=1, device="cpu").predict(x).shape == (200,)
    assert gpunet.fit(Dense(2), x[:9], y[:9], epochs=1, device="cpu").config.training.batch_size == 2


def test_one_output_of_two_classes_is_the_probability_of_the_second(table):
    x, y = table
    net = gpunet.fit(Dense(1), x, y, BinaryCrossEntropy(), Adam(0.05), epochs=40, device="cpu")
    p = net.outputs(x)
    np.testing.assert_allclose(net.predict_proba(x), np.hstack([1 - p, p]))
    np.testing.assert_array_equal(net.predict(x), (p[:, 0] > 0.5).astype(int))
    assert net.score(x, y) > 0.9


def test_a_layer_of_ones_own_sees_images_and_tells_members_apart(table, tmp_path):
    y = table[1]
    images = np.random.default_rng(2).integers(0, 256, (200, 5, 5, 3)).astype(np.uint8)
    plan = Sequential([Convolution(2), ReLU(), Flatten(), Dense(2)])
    net = gpunet.fit(plan, images, y, epochs=2, seeds=2, device="cpu")
    assert net.weights["000_convolution/weight"].shape == (2, 3, 3, 3, 2)
    alone = gpunet.fit(plan, images, y, epochs=2, seed=1, device="cpu")
    np.testing.assert_array_equal(net.members[1].outputs(images), alone.outputs(images))
    np.testing.assert_array_equal(alone.outputs(images), alone.outputs(images.reshape(200, -1)))
    for action in (lambda: net.save(tmp_path / "net.h5"), lambda: gpunet.fit(plan, images, y, run=tmp_path / "run")):
        with pytest.raises(gpunet.GpunetError, match=r"Convolution.*families="):
            action()
    assert not list(tmp_path.iterdir())


def test_stopping_a_network_that_no_file_can_describe_leaves_its_best_weights(table):
    images = np.random.default_rng(2).random((200, 4, 4))
    plan = Sequential([Convolution(2), Flatten(), Dense(2)])
    settings = {"validation": 0.2, "lr": 0.05, "device": "cpu"}
    stop, seen = Stop(), []

    def end(record):
        seen.append(record.numbers["validation_accuracy"][0])
        if max(seen) > seen[-1]:  # the last epoch is not the best
            stop.request("enough")

    net = gpunet.fit(plan, images, table[1], epochs=50, stop=stop, on_epoch=end, **settings)
    assert net.stopped == "enough"
    best = gpunet.fit(plan, images, table[1], epochs=int(np.argmax(seen)) + 1, **settings)
    np.testing.assert_array_equal(net.outputs(images), best.outputs(images))


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (Dense(3), {}, "model: must end in the 2 outputs .* got 3. Use n_out=2"),
        (Dense(2, n_in=5), {}, "dense.n_in: must be the width of the layer before, 6, got 5"),
        (Sequential([Convolution(2), Dense(2)]), {}, "needs images of height x width x channels, got 6"),
        (Dense, {}, "model: must be a layer, or a list of them, got the class Dense"),
        ("mlp", {}, "model: must be a layer"),
        (Dense(2), {"hidden": [3]}, r"model.hidden: is said by the layers themselves, got \[3\]"),
        (Dense(2), {"loss": CategoricalCrossEntropy}, "loss: must be an object .* got the class"),
        (Dense(2), {"loss": "crossentropy"}, "loss: is no known choice"),
        (Dense(2), {"optimizer": Adam}, r"optimizer: must be a value or an object, got the class Adam. Pass .*Adam\("),
        (Dense(2), {"optimizer": object()}, "optimizer: must be something that a configuration can name, got object"),
        (Dense(2), {"on_epoch": [3]}, "on_epoch: must be a function, or several, got 3"),
    ],
)
def test_what_does_not_fit_together_is_refused_by_name(model, settings, expected, table):
    with pytest.raises(gpunet.GpunetError, match=expected):
        gpunet.fit(model, *table, device="cpu", epochs=1, **settings)


def test_outputs_that_still_have_positions_are_told_to_be_flattened(table):
    images = np.random.default_rng(2).random((200, 5, 5))
    with pytest.raises(gpunet.GpunetError, match=r"got 5x5x2. Put Flatten\(\)"):
        gpunet.fit(Sequential([Convolution(2)]), images, table[1], device="cpu")


def samples_of(cls):
    """Objects of a class: its examples, or one with its defaults and numbers where it needs some."""
    needed = {
        "Piecewise": {"values": (0.1, 0.2), "boundaries": (3.0,)},
        "Join": {"schedules": (schedules.Constant(0.1), schedules.Step(0.2)), "epochs": (3.0,)},
        "WarmUp": {"then": schedules.Exponential(0.1)},
    }
    if hasattr(cls, "examples"):
        return cls.examples()
    if cls.__name__ in needed:
        return [cls(**needed[cls.__name__])]
    empty = [n for n, p in inspect.signature(cls).parameters.items() if p.default is inspect.Parameter.empty]
    return [cls(**dict.fromkeys(empty, 4))]


WORDS = sorted(words(), key=lambda word: (target(word).__module__, target(word).__name__))
# Units know their number from the machine that they are in, see vocabulary.WIDTHS.
WIDTH = {"n": 12}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: target(word).__name__)
def test_a_word_is_the_inverse_of_building_it(word):
    cls = target(word)
    for thing in samples_of(cls):
        said = word_of(thing)
        built = word.model_validate(said).build(**(WIDTH if hasattr(thing, "n") else {}))
        assert type(built) is cls
        assert word_of(built) == said


def test_words_keep_what_was_set():
    layer = Dense(3, initializer=initializers.He(), with_bias=False, max_norm=2.0)
    said = word_of(Sequential([layer, Tanh()]))
    assert said["layers"][0]["initializer"]["name"] == "he"
    assert said["layers"][0]["with_bias"] is False
    assert said["layers"][0]["max_norm"] == 2.0
    assert word_of(optimizers.SGD(schedules.Step(0.1, every=3)))["learning_rate"]["every"] == 3
    assert word_of(PCA(2))["components"] == 2
    assert issubclass(PCA, Preparation)
    assert all(issubclass(target(word), Augmentation) for word in AUGMENTATIONS.values())
