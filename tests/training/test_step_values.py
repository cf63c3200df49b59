"""Numbers of a step and of an evaluation: the scale of gradients, weights of samples, batches, starting variances."""

from dataclasses import replace

import numpy as np
import pytest

from gpunet import losses
from gpunet.backend import Device
from gpunet.config import load_config
from gpunet.data import Dataset, Feed, Standardise, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run
from gpunet.initializers import LSUV
from gpunet.layers import Dense, Sequential, Tanh
from gpunet.losses import CategoricalCrossEntropy, Loss, SquaredError
from gpunet.objectives import Reconstruction, Supervised
from gpunet.parameter import Parameters
from gpunet.testing import examples, make_context
from gpunet.training import Evaluator


def feed_of(device, x, y, members=(), **options):
    return Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float64), members, **options)


@pytest.mark.parametrize("samples", [1, 2, 3, 7, 10])
@pytest.mark.parametrize("members", [0, 2])
def test_the_gradient_of_a_step_is_the_mean_over_the_samples(samples, members, device, rng):
    """Of squared error on a linear layer, written out; so it does not depend on the number of samples."""
    seeds = list(range(members)) if members else 0
    layer = Dense(2, n_in=3)
    parameters = Parameters(layer, seeds, device, np.float64)
    x, y = rng.normal(size=(samples, 3)), rng.normal(size=(samples, 2))
    shape = (members, samples) if members else (samples,)
    parameters.zero_grad()
    placed = [device.put(np.broadcast_to(a, (*shape, a.shape[-1])).copy()) for a in (x, y)]
    (loss,) = Supervised(layer, SquaredError(), ()).learn(*placed, None, make_context(device, seeds))
    weight = np.atleast_3d(device.get(layer.weight.value).reshape(-1, 3, 2))
    for member, w in enumerate(weight):
        error = x @ w - y
        assert device.get(loss).reshape(-1, samples)[member] == pytest.approx((error**2).sum(axis=1))
        assert device.get(layer.weight.grad).reshape(-1, 3, 2)[member] == pytest.approx(2 * x.T @ error / samples)
        assert device.get(layer.bias.grad).reshape(-1, 2)[member] == pytest.approx(2 * error.mean(axis=0))


@pytest.mark.parametrize("samples", [1, 3, 7])
def test_the_gradient_of_a_reconstruction_is_the_mean_over_the_samples(samples, device, rng):
    layer = Dense(3, n_in=3)
    parameters = Parameters(layer, 0, device, np.float64)
    x = rng.normal(size=(samples, 3))
    parameters.zero_grad()
    loss, square = Reconstruction(layer, SquaredError()).learn(device.put(x), None, None, make_context(device))
    error = x @ device.get(layer.weight.value) - x
    assert device.get(loss) == pytest.approx((error**2).sum(axis=1))
    assert device.get(square) == pytest.approx((error**2).sum(axis=1))
    assert device.get(layer.weight.grad) == pytest.approx(2 * x.T @ error / samples)


@pytest.mark.parametrize("loss", list(examples(Loss, losses)), ids=repr)
def test_a_loss_of_a_batch_of_any_size_is_that_of_each_sample_alone(loss, device, rng):
    z = rng.normal(size=(7, 4))
    target = np.abs(rng.normal(size=(7, 4))) + 0.1
    target /= target.sum(axis=1, keepdims=True)
    if type(loss).__name__.endswith("Hinge"):
        target = np.sign(rng.normal(size=(7, 4)))
    ctx = make_context(device)
    value, gradient = (device.get(a).copy() for a in loss(device.put(z), device.put(target), ctx))
    for size in (1, 2, 3, 5):
        part = loss(device.put(z[:size]), device.put(target[:size]), make_context(device))
        assert device.get(part[0]) == pytest.approx(value[:size], rel=1e-12)
        assert device.get(part[1]) == pytest.approx(gradient[:size], rel=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 5, 6, 10, 11, 12, 100])
def test_an_evaluation_is_the_mean_over_all_samples_whatever_the_last_batch_is(batch, device, rng):
    """The last sample fills up the last batch; it is wild here, so that a padding that counted would be seen."""
    x, y = rng.normal(size=(11, 3)), rng.integers(0, 2, 11).astype(np.int32)
    x[-1] *= 1e3
    layer = Dense(2, n_in=3)
    Parameters(layer, 0, device, np.float64)
    z = x @ device.get(layer.weight.value)
    top = z.max(axis=1)
    loss = top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - z[np.arange(11), y]
    evaluator = Evaluator(Supervised(layer, CategoricalCrossEntropy()), feed_of(device, x, y), 1, device, batch)
    for _ in range(2):  # again gives the same: nothing is left over from before
        scores = evaluator.scores()
        assert scores["loss"][0] == pytest.approx(loss.mean(), rel=1e-12)
        assert scores["accuracy"][0] == pytest.approx((z.argmax(axis=1) == y).mean(), rel=1e-12)


@pytest.mark.parametrize("size", [4, 5, 11, 20])
def test_padded_batches_hold_each_sample_once_with_weight_one(size, device):
    x = np.arange(22, dtype=np.float64).reshape(11, 2)
    feed, seen = feed_of(device, x, np.arange(11, dtype=np.int32)), []
    for number in range(-(-11 // size)):
        batch = feed.padded(make_context(device), device.put([number], np.int64), size)
        features, targets, weights = (device.get(a) for a in batch)
        assert (len(features), len(targets), len(weights)) == (size, size, size)
        assert set(weights.tolist()) <= {0.0, 1.0}
        seen += targets[weights == 1].tolist()
        assert np.array_equal(features[weights == 1], x[targets[weights == 1]])
    assert seen == list(range(11))


@pytest.mark.parametrize("members", [(), (2,)])
def test_training_batches_are_the_order_cut_in_pieces_and_a_remainder(members, device):
    x = np.arange(22, dtype=np.float64).reshape(11, 2)
    feed = feed_of(device, x, np.arange(11, dtype=np.int32), members)
    feed.shuffle((3, 4)[: members[0] if members else 1], 5)
    order = device.get(feed.order)
    for number, (rows, expected) in enumerate(((4, order[..., :4]), (4, order[..., 4:8]), (3, order[..., 8:]))):
        found, y, weight = feed.batch(make_context(device), device.put([number], np.int64), 4, rows)
        assert weight is None
        assert np.array_equal(device.get(y), expected)
        assert np.array_equal(device.get(found), x[expected])


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_layers_that_start_by_lsuv_have_outputs_of_the_deviation_asked_for(gain, seed, device):
    members = 1 if seed == 0 else 2
    model = {"name": "mlp", "hidden": [30, 20], "initializer": {"name": "lsuv", "gain": gain}, "activation": "tanh"}
    dataset = load("digits")
    config = load_config("mlp", {"model": model, "members": members}, {})
    run = Run(Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), device))
    some = run.inputs.some("train", 500)
    layers = [layer for layer in run.objective.model.layers if isinstance(layer, Dense)]
    assert [isinstance(layer.initializer, LSUV) for layer in layers] == [True, True, False]
    x = np.broadcast_to(some, (members, *some.shape)).astype(np.float64)
    for layer in layers[:2]:
        weight = device.get(layer.weight.value).astype(np.float64).reshape(members, *layer.weight.shape)
        z = x @ weight
        assert z.std(axis=(1, 2)) == pytest.approx(gain, rel=1e-3)
        x = np.tanh(z)


@pytest.mark.parametrize("size", [1e4, -3e3, 1.0, 1e-3])
def test_a_feature_that_only_rounding_moves_is_constant(size, rng):
    """Sums of float32 numbers differ in the last place; standardising that would make noise of variance one."""
    x = rng.normal(size=(200, 4)).astype(np.float32)
    x[:, 1] = np.float32(size)
    x[::3, 1] = np.nextafter(np.float32(size), np.float32(np.inf))
    x[:, 2] = size
    x[:, 3] = size * (1 + 1e-2 * rng.normal(size=200))
    arrays = Standardise().fit(x, 1.0)
    assert (arrays["factor"] == 0).tolist() == [False, True, True, False]
    assert arrays["factor"][[0, 3]] == pytest.approx(1 / x[:, [0, 3]].std(axis=0, dtype=float), rel=1e-5)
    fitted = fit_preprocessing("standardise", x, 1.0)
    assert any("2 of 4 features are constant" in note for note in fitted.notes)


def test_a_split_has_the_sizes_of_its_fractions_in_each_class():
    """Sixty, thirty and ten samples: a fifth of each for each part, and the order of the file plays no role."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [60, 30, 10])).astype(np.int32)
    dataset = Dataset("d", np.arange(100, dtype=np.float32)[:, None], y, ("a", "b", "c"))
    for seed in range(3):
        parts = split(dataset, validation=0.2, test=0.2, seed=seed)
        for part, expected in ((parts.validation, [12, 6, 2]), (parts.test, [12, 6, 2]), (parts.train, [36, 18, 6])):
            assert np.bincount(y[part]).tolist() == expected
            assert (np.diff(part) > 0).all()
    regression = replace(dataset, y=y[:, None].astype(np.float32), classes=())
    parts = split(regression, validation=7, test=0.1, seed=0)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (83, 7, 10)


def test_measures_of_an_epoch_are_means_over_its_samples_remainder_included():
    """Two batches of 40 and one of 20: with a rate of 0 the mean of an epoch is that of an evaluation."""
    whole = load("digits")
    dataset = replace(whole, x=whole.x[:140], y=whole.y[:140])
    options = {"model.hidden": [5], "training.batch_size": 40, "training.drop_last": False, "training.epochs": 1}
    config = load_config("mlp", options | {"model.dropout": 0.0, "model.input_dropout": 0.0}, {})
    config = config.model_copy(update={"optimizer": SGD_STILL})
    run = Run(Experiment(config, dataset, split(dataset, validation=20, test=20, seed=0), Device()))
    expected = Evaluator(run.objective, run.inputs.feed("train"), 1, Device()).scores()
    run.train()
    for name in ("loss", "accuracy"):
        assert run.history[0].numbers[f"train_{name}"][0] == pytest.approx(expected[name][0], rel=1e-6)


SGD_STILL = load_config("mlp", {"optimizer": {"name": "sgd", "learning_rate": 0.0}}, {}).optimizer


def test_a_network_of_layers_passes_gradients_of_odd_batches(device, rng):
    """Two tanh layers and three samples: the whole gradient by hand."""
    first, second = Dense(4, n_in=3), Dense(2, n_in=4)
    parameters = Parameters(Sequential([first, Tanh(), second]), 0, device, np.float64)
    model = Sequential([first, Tanh(), second])
    x, y = rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    parameters.zero_grad()
    Supervised(model, SquaredError(half=True), ()).learn(device.put(x), device.put(y), None, make_context(device))
    w, v = device.get(first.weight.value), device.get(second.weight.value)
    hidden = np.tanh(x @ w)
    slope = (hidden @ v - y) / 3
    assert device.get(second.weight.grad) == pytest.approx(hidden.T @ slope)
    inner = (slope @ v.T) * (1 - hidden**2)
    assert device.get(first.weight.grad) == pytest.approx(x.T @ inner)
    assert device.get(first.bias.grad) == pytest.approx(inner.sum(axis=0))
