"""Layers by their values: what noise does to each entry, what is kept of a batch, what inference computes."""

import math

import numpy as np
import pytest

from gpunet.backend import NUMERICS, Arena, Context
from gpunet.backend.events import decide
from gpunet.layers import BatchNorm, Dropout, GaussianNoise, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from gpunet.optimizers import SGD, Optimizer
from gpunet.parameter import Parameters
from gpunet.testing import make_context

WORDS = np.arange(65536, dtype=np.uint16)


class Given:
    """Random streams that hand out words that the test chose, in the order of the calls."""

    def __init__(self, device, *words):
        self.device, self.words = device, list(words)

    def next(self, shape, arena):
        array = arena.empty(shape, self.words[0].dtype)
        array[...] = self.device.put(self.words.pop(0).reshape(shape))
        return array

    bits16 = bits32 = next

    def decide(self, out, bits, expected):
        keys, clock = self.device.put([[3, 2]], np.uint64), self.device.put([0], np.uint64)
        decide(out, bits, expected, keys, clock, 0)


def given(device, *words, training=True, numerics=NUMERICS):
    return Context(training, Arena(device), Given(device, *words), numerics=numerics)


@pytest.mark.parametrize("mode", ["inverted", "classic"])
@pytest.mark.parametrize("rate", [0.5, 0.3, 1 / 3, 0.999, 1e-5])
def test_dropout_drops_exactly_its_share_of_all_words(rate, mode, device):
    """Each of the 65,536 words once: as many zeros as the rounded rate says, and what is kept has the exact scale."""
    dropped = round(rate * 65536)
    x = device.put(np.full(65536, 3.0))
    y, backward = Dropout(rate, mode).forward(x, given(device, WORDS, numerics=1))
    scale = 65536 / (65536 - dropped) if mode == "inverted" else 1.0
    expected = np.where(dropped > WORDS, 0.0, scale)
    found = device.get(y)
    assert (found == 0).sum() == dropped
    assert found == pytest.approx(3 * expected, rel=1e-15, abs=0)
    if mode == "inverted":
        assert found.mean() == pytest.approx(3, rel=1e-12), "the expectation is that without dropout"
    assert device.get(backward(device.put(np.full(65536, 2.0)))) == pytest.approx(2 * expected, rel=1e-15, abs=0)


@pytest.mark.parametrize("mode", ["inverted", "classic"])
@pytest.mark.parametrize("rate", [0.5, 0.3, 1 / 3, 0.999, 1e-5, 1e-7])
def test_dropout_meets_its_rate_where_further_bits_decide_a_tie(rate, mode, device):
    """Of all words once, those below the rate are dropped, those above are kept, and one at most is open."""
    y, _ = Dropout(rate, mode).forward(device.put(np.ones(65536)), given(device, WORDS))
    scale, found = 1 / (1 - rate) if mode == "inverted" else 1.0, device.get(y)
    sure = int(rate * 65536)
    assert (found[:sure] == 0).all()
    assert found[sure + (rate * 65536 > sure) :] == pytest.approx(scale, rel=1e-15)


def test_dropout_of_a_rate_next_to_one_keeps_the_highest_word(device):
    y, _ = Dropout(1 - 1e-9).forward(device.put(np.ones(65536)), given(device, WORDS, numerics=1))
    assert device.get(y).tolist() == [0] * 65535 + [65536]


@pytest.mark.parametrize("rate", [0.3, 0.5])
def test_dropout_at_inference_is_the_mean_of_training(rate, device, rng):
    kept = 1 - rate
    x, dy = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    for mode, scale in (("inverted", 1.0), ("classic", kept)):
        y, backward = Dropout(rate, mode).forward(device.put(x), Context(False, Arena(device)))
        assert device.get(y) == pytest.approx(scale * x, rel=1e-15)
        assert device.get(backward(device.put(dy))) == pytest.approx(scale * dy, rel=1e-15)


@pytest.mark.parametrize("mode", ["inverted", "classic"])
@pytest.mark.parametrize("rate", [0.0, 1e-6])
def test_dropout_of_no_word_changes_nothing(rate, mode, device, rng):
    x = device.put(rng.normal(size=(3, 4)))
    for training in (True, False):
        assert Dropout(rate, mode).forward(x, given(device, training=training, numerics=1))[0] is x
    assert (Dropout(rate, mode).forward(x, given(device, training=False))[0] is x) == (rate == 0 or mode == "inverted")


def test_each_entry_of_a_population_is_dropped_by_a_word_of_its_own(device, rng):
    words = rng.integers(0, 65536, (2, 3, 4)).astype(np.uint16)
    y, _ = Dropout(0.5).forward(device.put(np.ones((2, 3, 4))), given(device, words))
    assert np.array_equal(device.get(y) > 0, words >= 32768)


def test_noise_is_the_deviation_times_box_and_mullers_normal(device, rng):
    """One word of 32 bits for the length and one for the angle, of which 23 bits count."""
    radius, angle = (rng.integers(0, 2**32, (5, 6)).astype(np.uint32) for _ in range(2))
    x = rng.normal(size=(5, 6))
    y, backward = GaussianNoise(0.25).forward(device.put(x), given(device, radius, angle))
    u, a = ((words // 512 + 0.5) / 2**23 for words in (radius, angle))
    expected = x + 0.25 * np.sqrt(-2 * np.log(u)) * np.cos(2 * math.pi * a)
    assert device.get(y) == pytest.approx(expected, rel=1e-12)
    assert device.get(backward(device.put(np.full((5, 6), 7.0)))).tolist() == [[7.0] * 6] * 5


def test_noise_of_deviation_0_and_noise_at_inference_change_nothing(device, rng):
    x = device.put(rng.normal(size=(3, 4)))
    assert GaussianNoise(0.0).forward(x, given(device))[0] is x
    assert GaussianNoise(2.0).forward(x, given(device, training=False))[0] is x


POINTS = np.array([[-3.0, -0.5, 0.0, 0.5, 3.0]])


@pytest.mark.parametrize(
    ("layer", "value", "slope"),
    [
        (LeakyReLU(0.2), [-0.6, -0.1, 0, 0.5, 3], [0.2, 0.2, 0.2, 1, 1]),
        (LeakyReLU(), [-0.03, -0.005, 0, 0.5, 3], [0.01, 0.01, 0.01, 1, 1]),
        (ReLU(), [0, 0, 0, 0.5, 3], [0, 0, 0, 1, 1]),
        (ReLU(0.5), [0, 0, 0, 0.5, 3], [0, 0, 0.5, 1, 1]),
        (ReLU(0.25), [0, 0, 0, 0.5, 3], [0, 0, 0.25, 1, 1]),
        (ReLU(1), [0, 0, 0, 0.5, 3], [0, 0, 1, 1, 1]),
        (Softplus(), np.log(1 + np.exp(POINTS[0])), 1 / (1 + np.exp(-POINTS[0]))),
        (Sigmoid(), 1 / (1 + np.exp(-POINTS[0])), np.exp(POINTS[0]) / (1 + np.exp(POINTS[0])) ** 2),
        (Tanh(), np.tanh(POINTS[0]), 1 / np.cosh(POINTS[0]) ** 2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("training", [True, False])
def test_activations_and_their_slopes_by_their_formulas(layer, value, slope, training, device):
    y, backward = layer.forward(device.put(POINTS), make_context(device, training=training))
    assert device.get(y)[0] == pytest.approx(value, rel=1e-12, abs=1e-15)
    assert device.get(backward(device.put(np.full((1, 5), 2.0))))[0] == pytest.approx(2 * np.array(slope), rel=1e-12)


def test_far_from_zero_activations_are_their_limits_in_float32(device):
    x = device.put(np.array([[-1e4, -100.0, 100.0, 1e4]]), np.float32)
    ctx = make_context(device)
    assert device.get(Softplus().forward(x, ctx)[0])[0] == pytest.approx([0, 0, 100, 1e4], abs=1e-30)
    assert device.get(Sigmoid().forward(x, ctx)[0])[0].tolist() == [0, 0, 1, 1]
    assert device.get(Softmax().forward(x, ctx)[0])[0].tolist() == [0, 0, 0, 1]


def test_softmax_by_hand(device):
    y, _ = Softmax().forward(device.put(np.log([[1.0, 2.0, 5.0]])), make_context(device))
    assert device.get(y)[0] == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def batch_norm(device, seeds=0, **settings):
    layer = BatchNorm(4, **settings)
    return layer, Parameters(layer, seeds, device, np.float64)


@pytest.mark.parametrize("members", [0, 2])
@pytest.mark.parametrize("samples", [2, 3, 10])
def test_batch_norm_observes_the_mean_and_the_unbiased_variance(samples, members, device, rng):
    layer, _ = batch_norm(device, list(range(members)) if members else 0)
    x = rng.normal(size=(members, samples, 4) if members else (samples, 4)) * [1, 2, 3, 4] + 5
    layer.forward(device.put(x), make_context(device, list(range(members)) if members else 0))
    assert device.get(layer.mean.grad) == pytest.approx(x.mean(axis=-2), rel=1e-12)
    assert device.get(layer.variance.grad) == pytest.approx(x.var(axis=-2, ddof=1), rel=1e-12)


def test_running_statistics_move_by_their_share_at_each_step(device, rng):
    """From mean 0 and variance 1: new = old + momentum (observed - old), whatever the learning rate."""
    layer, parameters = batch_norm(device, momentum=0.25)
    engine, cursor = Optimizer(SGD(0.5), parameters), device.zeros((1,), np.int64)
    engine.plan(np.zeros(1), cursor)
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(3):
        x = rng.normal(size=(6, 4)) * 3 + 2
        parameters.zero_grad()
        _, backward = layer.forward(device.put(x), make_context(device))
        backward(device.put(rng.normal(size=(6, 4))))
        parameters.finish_grad()
        engine.step(device.put(True))
        mean += 0.25 * (x.mean(axis=0) - mean)
        variance += 0.25 * (x.var(axis=0, ddof=1) - variance)
        assert device.get(layer.mean.value) == pytest.approx(mean, rel=1e-12)
        assert device.get(layer.variance.value) == pytest.approx(variance, rel=1e-12)


def test_the_running_statistics_move_by_a_tenth_unless_told_otherwise():
    layer = BatchNorm(4)
    assert (layer.mean.momentum, layer.variance.momentum, layer.epsilon) == (0.1, 0.1, 1e-5)


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_batch_norm_is_its_formula_in_training_and_at_inference(epsilon, device, rng):
    """Epsilon stands inside the root; training divides by the biased variance, inference by the running one."""
    layer, _ = batch_norm(device, epsilon=epsilon)
    scale, shift, mean, variance = rng.normal(size=4), rng.normal(size=4), rng.normal(size=4), rng.random(4) + 0.1
    for parameter, value in zip((layer.scale, layer.shift, layer.mean, layer.variance), (scale, shift, mean, variance)):
        device.copy_into(parameter.value, value)
    x = rng.normal(size=(6, 4)) * 3 + 2
    for training, m, v in ((True, x.mean(axis=0), x.var(axis=0)), (False, mean, variance)):
        y, _ = layer.forward(device.put(x), make_context(device, training=training))
        assert device.get(y) == pytest.approx(scale * (x - m) / np.sqrt(v + epsilon) + shift, rel=1e-12)


def test_inference_observes_nothing_and_treats_each_sample_alone(device, rng):
    layer, parameters = batch_norm(device)
    x = rng.normal(size=(6, 4))
    parameters.zero_grad()
    together = device.get(layer.forward(device.put(x), make_context(device, training=False))[0])
    parameters.finish_grad()
    assert {"mean", "variance"} <= set(parameters.idle)
    alone = [device.get(layer.forward(device.put(row[None]), make_context(device, training=False))[0]) for row in x]
    assert np.array_equal(together, np.concatenate(alone))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_unit_interval_holds_neither_end_for_any_of_the_extreme_words(dtype, device):
    """All words next to 0 and to the largest: nothing that a logarithm would make infinite."""
    words = np.concatenate([np.arange(4096), np.arange(2**32 - 4096, 2**32)]).astype(np.uint32)
    found = device.get(given(device, words).uniform(words.shape, dtype)).astype(np.float64)
    assert found.min() == 2.0**-24
    assert found.max() == 1 - 2.0**-24
    assert found == pytest.approx((words // 512 + 0.5) / 2**23, rel=0, abs=0)


def test_every_one_of_the_numbers_of_the_unit_interval_is_reached_once(device):
    words = (np.arange(2**23, dtype=np.uint64) * 512).astype(np.uint32)
    found = device.get(given(device, words).uniform(words.shape, np.float32))
    assert (np.diff(found) > 0).all()
    assert found[0] > 0
    assert found[-1] < 1


def test_normal_numbers_are_finite_for_the_extreme_words(device):
    extreme = np.array([0, 1, 511, 2**32 - 512, 2**32 - 1], np.uint32)
    radius, angle = (grid.ravel() for grid in np.meshgrid(extreme, extreme))
    found = device.get(given(device, radius, angle).normal(radius.shape, np.float32))
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 6


@pytest.mark.parametrize(("kind", "lowest", "rounding"), [(np.float32, -87, 3e-7), (np.float64, -700, 1e-15)])
def test_small_means_keep_their_digits(kind, lowest, rounding, device):
    x = np.linspace(lowest, 20, 500).astype(kind)
    exact = np.exp(x.astype(np.longdouble)) / (1 + np.exp(x.astype(np.longdouble)))
    found = device.get(Sigmoid().forward(device.put(x[None]), make_context(device))[0])[0]
    assert (np.abs(found / exact - 1) < rounding).all()
    older = Context(False, Arena(device), numerics=1)
    assert device.get(Sigmoid().forward(device.put(x[None]), older)[0])[0, 0] == 0, "older rules lose them"
