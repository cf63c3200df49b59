"""Samples may have weights: one of weight 2 counts as two of them, one of weight 0 as none, in every objective."""

import numpy as np
import pytest

from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import DataError
from gpunet.layers import Dense, Sequential, Tanh
from gpunet.losses import BinaryCrossEntropy, CategoricalCrossEntropy, SquaredError
from gpunet.models import LabelledDBN, UpDown
from gpunet.objectives import Reconstruction, Supervised
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    ContrastiveDivergence,
    Denoising,
    FromData,
    Gaussian,
    HybridLearning,
    Persistent,
    Sparsity,
    SupervisedGreedy,
    WithOutput,
)
from gpunet.testing import make_context
from gpunet.training import Evaluator, Trainer

PLAIN = fit_preprocessing("none", np.zeros((1, 1)), 1.0)
MEMBERS = [0, [3, 4]]


class Certain(Bernoulli):
    """Units that are in their mean state: what is learned is then the same however often a sample comes."""

    def sample(self, x, ctx):
        return self.mean(x, ctx)


class CertainGaussian(Gaussian):
    def sample(self, x, ctx):
        return self.mean(x, ctx)


class WithoutNoise(Denoising):
    def __init__(self, model):
        super().__init__(model, corruption=0.0)


def network(width):
    model = Sequential([Dense(4), Tanh(), Dense(width)])
    model.build((5,))
    return model


def machine():
    return RBM(Certain(5), Certain(4))


def hybrid():
    model = ClassRBM(Certain(5), Certain(4), 3)
    return HybridLearning(model, ContrastiveDivergence(model.joint, chains=FromData(mean_field=True)), 0.7, 0.3)


def certain_dbn():
    # A lower layer draws states at random unless its inputs are large.
    return UpDown(LabelledDBN(Certain(5), (4, 3), 3))


OBJECTIVES = {
    "supervised": lambda: Supervised(network(3), CategoricalCrossEntropy()),
    "regression": lambda: Supervised(network(2), SquaredError(), []),
    "reconstruction": lambda: Reconstruction(network(5), BinaryCrossEntropy()),
    "contrastive divergence": lambda: ContrastiveDivergence(machine()),
    "plain gradient": lambda: ContrastiveDivergence(machine(), center=False, sparsity=Sparsity(0.1, 0.5)),
    "learned variance": lambda: ContrastiveDivergence(RBM(CertainGaussian(5, learn_variance=True), Certain(4))),
    "persistent chains": lambda: ContrastiveDivergence(machine(), chains=Persistent(3)),
    "hybrid": hybrid,
    "denoising": lambda: WithoutNoise(machine()),
    "greedy": lambda: SupervisedGreedy(WithOutput(machine(), 3)),
    "up and down": certain_dbn,
}
each = pytest.mark.parametrize("name", OBJECTIVES)


def drawn(shape):
    """Features and values of four samples, and numbers of all parameters, statistics among them."""
    rng = np.random.default_rng(0)
    return rng.random((4, 5)), rng.normal(size=(4, 2)), rng.normal(size=shape)


def learned(name, rows, weight, device, seeds=0, greatest=1.0):
    """Gradient of a batch of some samples, and its measures."""
    objective = OBJECTIVES[name]()
    parameters = Parameters(objective.model, seeds, device, np.float64)
    x, numbers, values = drawn(parameters.values.shape)
    labels = np.array([0, 1, 2, 1])
    device.copy_into(parameters.values, values * greatest)
    objective.start(device, parameters.members, np.float64)
    objective.begin_epoch(0)
    y = numbers if name == "regression" else labels

    def batch(array):
        return device.put(np.broadcast_to(array, (*parameters.members, *array.shape)).copy())

    given = None if weight is None else batch(np.asarray(weight, np.float64))
    measures = objective.learn(batch(x[rows]), batch(y[rows]), given, make_context(device, seeds))
    parameters.finish_grad()
    return device.get(parameters.grads), [device.get(measure) for measure in measures]


# States of hidden layers that an objective draws itself; inputs as large as these leave nothing to chance.
SPREAD = {"up and down": 1e5}


@each
@pytest.mark.parametrize("seeds", MEMBERS, ids=["one", "members"])
def test_weight_2_is_the_sample_twice(name, seeds, device):
    spread = SPREAD.get(name, 1.0)
    weighted, measures = learned(name, [0, 1, 2, 3], [1, 2, 1, 3], device, seeds, spread)
    repeated, _ = learned(name, [0, 1, 1, 2, 3, 3, 3], None, device, seeds, spread)
    assert np.abs(weighted).max() > 1e-3
    assert weighted == pytest.approx(repeated, rel=1e-9, abs=1e-12 * max(1, np.abs(repeated).max()))
    plain = learned(name, [0, 1, 2, 3], None, device, seeds, spread)
    assert np.abs(plain[0] - weighted).max() > 1e-3, "weights make a difference"
    for found, expected in zip(measures, plain[1]):
        assert found == pytest.approx(expected), "measures are of each sample alone"


@each
@pytest.mark.parametrize("seeds", MEMBERS, ids=["one", "members"])
def test_weight_0_is_no_sample(name, seeds, device):
    spread = SPREAD.get(name, 1.0)
    weighted, _ = learned(name, [0, 1, 2, 3], [1, 1, 1, 0], device, seeds, spread)
    without, _ = learned(name, [0, 1, 2], None, device, seeds, spread)
    assert weighted == pytest.approx(without, rel=1e-9, abs=1e-12 * max(1, np.abs(without).max()))


@each
def test_equal_weights_are_none(name, device):
    spread = SPREAD.get(name, 1.0)
    plain, _ = learned(name, [0, 1, 2, 3], None, device, 0, spread)
    equal, _ = learned(name, [0, 1, 2, 3], [0.5] * 4, device, 0, spread)
    assert equal == pytest.approx(plain, rel=1e-9, abs=1e-12 * max(1, np.abs(plain).max()))


@each
@pytest.mark.parametrize("seeds", MEMBERS, ids=["one", "members"])
def test_a_batch_of_no_weight_at_all_teaches_nothing(name, seeds, device):
    """Gradients are 0, and running statistics observe what they are already."""
    gradient, _ = learned(name, [0, 1, 2, 3], [0] * 4, device, seeds)
    objective = OBJECTIVES[name]()
    parameters = Parameters(objective.model, seeds, device, np.float64)
    values = drawn(parameters.values.shape)[-1]
    for path, parameter in parameters.named.items():
        own = parameters.segments[path]
        expected = 0 if parameter.trainable else values[..., own]
        assert (gradient[..., own] == expected).all(), path


def trained(device, x, y, weights=None, batch=4, seeds=0, **options):
    feed = Feed(device, x, y, PLAIN, np.dtype("f8"), () if seeds == 0 else (2,), weights=weights, **options)
    objective = Supervised(Sequential([Dense(4), Tanh(), Dense(3)]), CategoricalCrossEntropy())
    trainer = Trainer(
        objective, optimization=SGD(0.1), seeds=seeds, feed=feed, batch_size=batch, device=device, dtype=np.float64
    )
    trainer.begin_epoch(0, len(x) // batch)
    for step in range(feed.samples // batch):
        trainer.train_batch(step)
    return trainer


def test_the_trainer_learns_from_weighted_samples_and_averages_their_measures(device, rng):
    x, y, weights = rng.normal(size=(8, 5)), rng.integers(0, 3, 8).astype(np.int32), np.array([0, 2, 1, 0, 3, 1, 1, 0])
    found = trained(device, x, y, weights, batch=8)
    kept = np.repeat(np.arange(8), weights)
    expected = trained(device, x[kept], y[kept], batch=8)
    assert device.get(found.parameters.values) == pytest.approx(device.get(expected.parameters.values), rel=1e-12)
    for name, value in expected.averages().items():
        assert found.averages()[name] == pytest.approx(value, rel=1e-12)


def test_weights_follow_their_samples_through_order_members_and_repetition(device, rng):
    x, weights = rng.normal(size=(8, 5)), rng.random(8)
    rows = np.array([[5, 1, 1, 7], [0, 2, 3, 3]], np.int32)
    feed = Feed(device, x, weights[:, None], PLAIN, np.dtype("f8"), (2,), rows=rows, weights=weights)
    feed.shuffle((3, 4), epoch=1)
    _, target, weight = feed.batch(make_context(device, [3, 4]), device.zeros((1,), np.int64), 4, 4)
    assert np.array_equal(device.get(weight), device.get(target)[..., 0])
    assert sorted(device.get(weight)[1]) == sorted(weights[rows[1]])


def test_evaluation_is_a_weighted_mean(device, rng):
    x, y, weights = rng.normal(size=(11, 5)), rng.integers(0, 3, 11).astype(np.int32), rng.integers(0, 4, 11)
    trainer = trained(device, x, y, batch=11)
    kept = np.repeat(np.arange(11), weights)
    scores = [
        Evaluator(trainer.objective, Feed(device, *part, PLAIN, np.dtype("f8"), weights=w), 1, device, 4).scores()
        for part, w in (((x, y), weights), ((x[kept], y[kept]), None))
    ]
    for name in scores[0]:
        assert scores[0][name] == pytest.approx(scores[1][name], rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1.0, -1.0, 2.0], r"weights: must be finite and not negative, got -1.0 for sample 1"),
        ([1.0, 1.0, np.nan], r"must be finite and not negative, got nan for sample 2"),
        ([1.0, 1.0], r"must be one for each of the 3 samples, got shape \(2,\)"),
        ([0.0, 0.0, 0.0], r"must not all be 0"),
    ],
)
def test_what_is_no_weight_is_refused(weights, expected, device):
    with pytest.raises(DataError, match=expected):
        Feed(device, np.ones((3, 2)), np.zeros(3, np.int32), PLAIN, np.dtype("f4"), weights=np.array(weights))
