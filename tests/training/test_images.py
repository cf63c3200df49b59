"""Images keep their shape from the data to the layers that work on them."""

from types import SimpleNamespace

import numpy as np
import pytest

from convolving import Convolution
from gpunet.backend import Arena, Context
from gpunet.config import load_config
from gpunet.data import Feed, Inputs, MinMax, Preprocessing, Scale, Standardise, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.errors import ConfigError
from gpunet.experiment import Experiment, Run
from gpunet.layers import BatchNorm, Dense, Flatten, ReLU, Residual, Sequential, Tanh
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.testing import check_gradients, make_context
from gpunet.training import Evaluator, Predictor, Trainer

PLAIN = fit_preprocessing("none", np.zeros((1, 1)), 1.0)


def feed_of(x, device, members=(), preprocessing=PLAIN, **options):
    y = np.arange(len(x), dtype=np.int32) % 2
    return Feed(device, x, y, preprocessing, np.dtype("f4"), members, **options)


def first_batch(feed, device, size):
    ctx = Context(True, Arena(device))
    return device.get(feed.batch(ctx, device.zeros((1,), np.int64), size, size)[0])


def network():
    return Sequential([Convolution(4), Tanh(), BatchNorm(), Residual(Convolution(4)), Dense(3), Flatten(), Dense(2)])


def test_a_batch_of_images_is_no_population(device, rng):
    x = rng.random((6, 8, 8, 3)).astype(np.float32)
    feed = feed_of(x, device)
    assert (feed.shape, feed.own) == ((8, 8, 3), None)
    assert np.array_equal(first_batch(feed, device, 4), x[:4])
    alone = first_batch(feed_of(x, device, (2,)), device, 4)
    assert np.array_equal(alone, np.stack([x[:4], x[:4]])), "each member in its own order, which is that of the file"


def test_members_with_features_of_their_own_say_so(device, rng):
    x = rng.random((6, 2, 3, 4, 5)).astype(np.float32)  # samples, members, height, width, channels
    feed = feed_of(x, device, (2,), members_own=True)
    assert feed.shape == (3, 4, 5)
    assert np.array_equal(first_batch(feed, device, 4), x[:4].swapaxes(0, 1))
    padded, _, weights = feed.padded(Context(False, Arena(device)), device.zeros((1,), np.int64), 8)
    assert np.array_equal(device.get(padded)[:, :6], x.swapaxes(0, 1))
    assert device.get(weights).tolist() == [1] * 6 + [0] * 2


def test_inputs_keep_the_shape_unless_a_preparation_mixes_the_pixels(device, rng):
    x, y = rng.random((40, 4, 3, 2)).astype(np.float32), np.arange(40, dtype=np.int32) % 2
    parts = SimpleNamespace(train=np.arange(30), validation=np.arange(30, 40), test=np.arange(0))
    kept = Inputs(x, y, parts, fit_preprocessing("standardise", x[:30], 1.0), device)
    assert (kept.shape, kept.features, kept.feed("train").shape) == ((4, 3, 2), 24, (4, 3, 2))
    assert next(kept.training_blocks()) == pytest.approx((x[:30] - x[:30].mean(axis=0)) / x[:30].std(axis=0), abs=1e-5)
    assert kept.some("validation", 4).shape == (4, 4, 3, 2)
    mixed = Inputs(x, y, parts, fit_preprocessing("pca", x[:30], 1.0), device)
    assert mixed.shape == (24,)
    assert mixed.some("train", 4).shape == (4, 24)


def test_what_members_see_is_encoded_member_by_member(device, rng):
    x, y = rng.random((40, 4, 3, 2)).astype(np.float32), np.arange(40, dtype=np.int32) % 2
    parts = SimpleNamespace(train=np.arange(30), validation=np.arange(30, 40), test=np.arange(0))
    inputs = Inputs(x, y, parts, Preprocessing(), device)

    def twice(v, ctx):
        assert v.shape[1:] == (4, 3, 2)
        return np.stack([v.sum(axis=(2, 3)), -v.sum(axis=(2, 3))])

    once = inputs.encoded(twice, members_own=True)
    assert (once.shape, once.x.shape, once.feed("train", (2,)).shape) == ((4,), (40, 2, 4), (4,))
    assert once.some("train", 5).shape == (2, 5, 4)
    assert next(once.training_blocks()).shape == (30, 2, 4)
    again = once.encoded(lambda v, ctx: 2 * v, members_own=True)
    assert np.array_equal(again.x, 2 * once.x)
    assert np.array_equal(again.x[:, 1], -again.x[:, 0])


@pytest.mark.parametrize("preparation", [Standardise, MinMax, Scale])
def test_statistics_of_a_channel_are_those_of_all_its_pixels(preparation, rng):
    x = (rng.normal(size=(50, 4, 3, 2)) * [1, 20] + [0, 100]).astype(np.float32)
    fitted = fit_preprocessing([preparation(per="channel")], x, 255.0)
    z = fitted.on_host(x.reshape(50, -1)).reshape(x.shape)
    low, high, mean, std = (f(x, axis=(0, 1, 2)) for f in (np.min, np.max, np.mean, np.std))
    expected = {Standardise: (x - mean) / std, MinMax: (x - low) / (high - low), Scale: x / 255}[preparation]
    assert z == pytest.approx(expected, abs=1e-4)
    assert fitted.shape((4, 3, 2)) == (4, 3, 2)
    assert fitted.undo(z.reshape(50, -1)) == pytest.approx(x.reshape(50, -1), abs=1e-3)


def test_a_table_has_no_channels(rng):
    with pytest.raises(ConfigError, match=r"standardise.per: channel needs images, got samples of 6 features"):
        fit_preprocessing([Standardise(per="channel")], rng.random((9, 6)), 1.0)
    with pytest.raises(ConfigError, match="channel needs images, got samples of 2 features"):
        chain = fit_preprocessing("pca", rng.random((9, 2, 2, 1)), 1.0).steps[0].preparation
        fit_preprocessing([type(chain)(components=2), MinMax(per="channel")], rng.random((9, 2, 2, 1)), 1.0)


@pytest.mark.parametrize("layer", [lambda: Convolution(3), network], ids=["convolution", "network"])
@pytest.mark.parametrize("members", [0, 2])
def test_a_convolution_has_the_gradient_of_central_differences(layer, members, device, rng):
    shape = (3, 4, 3, 2) if not members else (members, 3, 4, 3, 2)
    check_gradients(layer(), rng.normal(size=shape), list(range(members)) if members else 0, device)


def test_one_batch_of_images_serves_a_population_at_inference(device, rng):
    x, found = rng.normal(size=(3, 4, 3, 2)), []
    for batch in (x, np.stack([x, x])):
        model = network()
        model.build((4, 3, 2))
        Parameters(model, [11, 12], device, np.float64)
        found.append(device.get(model.forward(device.put(batch), make_context(device, [11, 12], training=False))[0]))
    assert found[0].shape == (2, 3, 2)
    assert np.array_equal(*found)
    assert not np.array_equal(found[0][0], found[0][1])


def train(device, rng, seeds, steps=20, **settings):
    """A network that is to tell images with a bright upper half from those with a bright lower half."""
    y = np.arange(80, dtype=np.int32) % 2
    x = rng.random((80, 6, 5, 2)).astype(np.float32)
    x[y == 0, :3] += 0.5
    x[y == 1, 3:] += 0.5
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    feed = Feed(device, x, y, fit_preprocessing([Standardise(per="channel")], x, 1.0), np.dtype("f4"), members)
    model = Sequential([Convolution(4, **settings), BatchNorm(), ReLU(), Flatten(), Dense(2)])
    objective = Supervised(model, CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=SGD(0.1), seeds=seeds, feed=feed, batch_size=20, device=device)
    for epoch in range(steps // 4):
        trainer.begin_epoch(epoch, 4)
        for batch in range(4):
            trainer.train_batch(batch)
    return trainer, Feed(device, x, y, feed.preprocessing, np.dtype("f4"))


def test_a_convolutional_network_learns_images(device):
    trainer, feed = train(device, np.random.default_rng(0), 3)
    assert trainer.averages()["accuracy"][0] == 1
    assert trainer.parameters.named["000_convolution/weight"].shape == (3, 3, 2, 4)
    assert trainer.parameters.named["004_dense/weight"].shape == (6 * 5 * 4, 2)
    assert Evaluator(trainer.objective, feed, 1, device, 30).scores()["accuracy"][0] == 1
    predictor = Predictor(trainer.objective.model, trainer.objective.loss, feed, device, 30)
    assert np.concatenate(list(predictor.batches())).shape == (80, 2)


def test_a_member_of_a_convolutional_population_is_the_network_trained_alone(device):
    together, _ = train(device, np.random.default_rng(0), [3, 4])
    for member, seed in enumerate((3, 4)):
        alone, _ = train(device, np.random.default_rng(0), seed)
        for name, parameter in alone.parameters.named.items():
            found = device.get(together.parameters.named[name].value)[member]
            assert np.array_equal(found, device.get(parameter.value)), name


def test_a_network_of_layers_sees_images_only_where_a_layer_asks_for_them():
    def config(*layers):
        return load_config(None, {"model.name": "layers", "model.layers": list(layers)}, {}).model.sees_positions

    dense = {"name": "dense", "n_out": 3}
    assert not config(dense, "relu")
    assert config("batch_norm", dense, "flatten")
    assert config({"name": "residual", "body": [dense, "flatten", {"name": "dense", "n_out": 64}],
                                  "shortcut": "flatten"})  # fmt: skip
    assert not load_config(None, {}, {}).model.sees_positions


def test_a_configured_network_on_images_flattens_where_it_says(device):
    layers = [{"name": "dense", "n_out": 3}, "relu", "batch_norm", "flatten", {"name": "dense", "n_out": 20}, "tanh"]
    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    settings = {"model.name": "layers", "model.layers": layers, "training.epochs": 3, "optimizer": "adam"}
    run = Run(Experiment(load_config(None, settings, {}), dataset, parts, device))
    shapes = {name: p.shape for name, p in run.trainer.parameters.named.items() if p.role == "weight"}
    assert (dataset.input_shape, run.inputs.shape) == ((8, 8), (8, 8, 1))
    assert shapes == {"000_dense/weight": (1, 3), "004_dense/weight": (192, 20), "006_dense/weight": (20, 10)}
    run.train()
    assert run.test_scores["accuracy"][0] > 0.5


def test_an_output_that_is_still_an_image_is_refused(device):
    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    block = {"name": "residual", "body": ["flatten"], "shortcut": [{"name": "dense", "n_out": 2}]}
    config = load_config(None, {"model.name": "layers", "model.layers": [block]}, {})
    with pytest.raises(ConfigError, match="residual: body and shortcut must end in the same shape, got 64 and 8x8x2"):
        Run(Experiment(config, dataset, parts, device))
    feed = feed_of(np.random.default_rng(0).random((6, 4, 3, 2)).astype(np.float32), device)
    objective = Supervised(Sequential([Convolution(3)]), CategoricalCrossEntropy())
    with pytest.raises(ConfigError, match=r"must end in features for a loss, got 4x3x3. Add Flatten"):
        Trainer(objective, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=3, device=device)
