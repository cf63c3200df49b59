"""What would silently go wrong is refused or stays right: lone samples, huge gradients, ranges, idle settings."""

import numpy as np
import pytest

from driving import CURVATURE, drive
from gpunet.backend import Arena, Context, Device
from gpunet.config import check
from gpunet.data import Dataset, Standardise, split
from gpunet.errors import ConfigError, DivergedError
from gpunet.experiment import Experiment, Run
from gpunet.layers import BatchNorm
from gpunet.optimizers import SGD, Clipping
from gpunet.parameter import Parameters
from gpunet.schedules import Step
from gpunet.stages import Stack
from gpunet.testing import make_context


def data(shape=(40, 6), kind=np.float32, classes=2):
    rng = np.random.default_rng(0)
    x = rng.random(shape, np.float32).astype(kind)
    return Dataset("d", x, (rng.random(len(x)) * classes).astype(np.int32), tuple("abcdefgh"[:classes]))


def make_run(settings, dataset=None, build=Run):
    dataset = dataset or data()
    parts = split(dataset, validation=0.2, test=0.0, seed=0)
    return build(Experiment(check(settings), dataset, parts, Device()))


VARIANCE = {"name": "gaussian", "learn_variance": True}
BN = {"name": "mlp", "hidden": [4], "batch_norm": "before"}


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"batch_size": 1}, "batch_size: must give batch norm at least two samples in every step, got 1"),
        (
            {"batch_size": 31, "drop_last": False},
            "got 31, which leaves one of 32 samples over. Set batch_size=30",
        ),
    ],
)
def test_a_lone_sample_is_refused_before_batch_norm(training, message):
    with pytest.raises(ConfigError) as caught:
        make_run({"model": BN, "training": training})
    assert message in str(caught.value)
    make_run({"model": BN, "training": training, "numerics": 1})  # as runs of before go on
    make_run({"model": {"name": "mlp", "hidden": [4]}, "training": training})
    make_run({"model": BN, "training": {"batch_size": 31, "drop_last": True}})


def test_a_lone_sample_with_positions_is_enough_for_channels():
    layers = ["batch_norm", "flatten"]
    make_run({"model": {"name": "layers", "layers": layers}, "training": {"batch_size": 1}}, data((40, 4, 4)))
    with pytest.raises(ConfigError, match="at least two samples"):
        make_run({"model": {"name": "layers", "layers": layers}, "training": {"batch_size": 1}}, data((40, 1, 1, 4)))


def batch_norm(device, **settings):
    layer = BatchNorm(3, **settings)
    Parameters(layer, 0, device, np.float64)
    return layer


def test_the_layer_itself_refuses_a_lone_sample_in_training(device):
    layer, x = batch_norm(device), device.put(np.ones((1, 3)))
    with pytest.raises(ConfigError, match="batch_norm: must see at least two values of each feature"):
        layer.forward(x, make_context(device))
    layer.forward(x, make_context(device, training=False))
    layer.forward(x, Context(True, Arena(device), numerics=1))


def test_unbiased_batch_norm_divides_by_the_unbiased_deviation(device, rng):
    x = rng.normal(size=(5, 3)) * 4 + 1
    layer = batch_norm(device, unbiased=True, epsilon=1e-12, momentum=1.0)
    y, _ = layer.forward(device.put(x), make_context(device))
    assert device.get(y) == pytest.approx((x - x.mean(axis=0)) / x.std(axis=0, ddof=1), rel=1e-9)
    assert device.get(layer.variance.grad) == pytest.approx(x.var(axis=0, ddof=1))


@pytest.mark.parametrize("size", [1e3, 1e19, 1e37])
def test_clipping_keeps_the_direction_of_any_finite_gradient(size, device):
    direction = np.array([[0.6, -0.8, 0.0], [0.0, 0.0, 1.0]])
    g = device.put(direction * size, np.float32)
    Clipping(norm=2.0).apply(g)
    assert device.get(g) == pytest.approx(2 * direction, rel=1e-6)
    small = device.put(direction, np.float32)
    Clipping(norm=2.0).apply(small)
    assert np.array_equal(device.get(small), direction.astype(np.float32)), "a short gradient is left alone"


def test_training_goes_on_through_a_gradient_that_is_clipped():
    settings = {
        "loss": "squared_error",
        "model": {"name": "mlp", "hidden": []},
        "data": {"preprocess": "none", "scale_target": False},
    }
    settings |= {"optimizer": {"name": "sgd", "learning_rate": 1e-3}, "training": {"epochs": 2, "batch_size": 8}}
    rng = np.random.default_rng(0)
    dataset = Dataset("d", rng.random((40, 3), np.float32) * 100, (rng.random((40, 1)) * 3e18).astype(np.float32))
    settings["training"]["clip_norm"] = 1.0
    run = make_run(settings, dataset)
    trainer = run.trainer
    trainer.begin_epoch(0, 4)
    for step in range(4):
        trainer.train_batch(step)
    assert trainer.averages()["loss"][0] > 1e36
    settings["training"]["clip_norm"] = None
    run = make_run(settings, dataset)
    run.trainer.begin_epoch(0, 4)
    with np.errstate(over="ignore"):
        run.trainer.train_batch(0)
    with pytest.raises(DivergedError):
        run.trainer.check()


@pytest.mark.parametrize("nesterov", [False, True])
def test_a_rate_inside_the_velocity_is_that_of_its_own_time(nesterov, device):
    rate = Step(value=0.05, factor=0.1, every=1)
    path = drive(SGD(rate, momentum=0.9, nesterov=nesterov, rate_inside=True), device)
    w, v = path[0].copy(), np.zeros(5)
    for step in range(50):
        lr = 0.05 * 0.1 ** (step // 10)
        v = 0.9 * v + lr * CURVATURE * w
        w = w - (0.9 * v + lr * CURVATURE * w if nesterov else v)
        assert path[step + 1] == pytest.approx(w, rel=1e-9, abs=1e-12)
    outside = drive(SGD(rate, momentum=0.9, nesterov=nesterov), device)
    assert np.abs(outside[10] - path[10]).max() < 1e-12, "the same while the rate is constant"
    assert np.abs(outside[-1] - path[-1]).max() > 1e-2


def test_float_images_stay_in_their_range_when_they_are_augmented():
    settings = {"augmentation": {"noise": {"std": 0.5}}, "training": {"batch_size": 16}}
    for numerics, inside in ((2, True), (1, False)):
        run = make_run({**settings, "numerics": numerics, "data": {"preprocess": "none"}}, data((40, 5, 5)))
        feed = run.trainer.feed
        feed.shuffle((0,), 0)
        x, _, _ = feed.batch(Context(True, Arena(Device())), run.trainer.cursor, 16, 16)
        assert bool(x.min() >= 0 and x.max() <= 1) is inside
        assert x.std() > 0.2


def test_rows_of_a_table_have_no_range_to_stay_in():
    run = make_run({"augmentation": {"noise": {"std": 0.5}}, "training": {"batch_size": 16}})
    assert run.trainer.feed.augmenter.bounds is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"name": "rbm", "hidden_units": "gaussian", "sparsity": {"target": 0.1}},
            "sparsity: needs hidden units whose means lie between 0 and 1, got gaussian",
        ),
        ({"name": "rbm", "hidden_units": {"name": "binomial", "trials": 3}, "sparsity": {}}, "got binomial"),
        (
            {"name": "dbn", "hidden": [4, 3], "top_units": "noisy_relu", "sparsity": {}},
            "sparsity: needs hidden units whose means lie between 0 and 1, got noisy_relu",
        ),
        (
            {
                "name": "dbn",
                "hidden": [4],
                "method": "denoising",
                "visible_units": {"name": "gaussian", "learn_variance": True},
            },
            "method: denoising needs visible units of a fixed variance",
        ),
    ],
    ids=str,
)
def test_settings_that_would_do_nothing_or_harm_are_refused(model, message):
    build = Stack if model["name"] == "dbn" else Run
    settings = {"model": model, "training": {"batch_size": 8}}
    if "visible_units" in model:
        settings["data"] = {"preprocess": "standardise"}
    with pytest.raises(ConfigError) as caught:
        make_run(settings, build=build)
    assert message in str(caught.value)
    make_run(settings | {"numerics": 1}, build=build)


def test_a_feature_is_constant_only_where_float32_holds_nothing_else(rng):
    pressure = (101325 + rng.normal(size=500) * 0.09).astype(np.float32)
    x = np.stack([pressure, np.full(500, 101325, np.float32)], axis=1)
    assert (Standardise().fit(x, 1.0)["factor"] > 0).tolist() == [True, False]
    with pytest.raises(Exception, match="needs a feature that varies"):
        Standardise(flat=1e-6).fit(x, 1.0)
