"""Every exported loss: its gradient, its labels, its pairing, and its values by hand."""

import numpy as np
import pytest

from gpunet import losses
from gpunet.losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss, SquaredError
from gpunet.testing import compare, examples, make_context, numeric_gradient

ALL = list(examples(Loss, losses))
each = pytest.mark.parametrize("loss", ALL, ids=repr)


def dense_targets(rng, shape):
    target = rng.random(shape)
    return target / target.sum(axis=-1, keepdims=True)


@each
@pytest.mark.parametrize("shape", [(6, 4), (3, 6, 4)])
@pytest.mark.parametrize("labels", [True, False])
def test_gradient_is_that_of_central_differences(loss, shape, labels, device, rng):
    z = device.put(rng.normal(size=shape) * 3)
    target = device.put(rng.integers(0, 4, shape[:-1]) if labels else dense_targets(rng, shape))
    ctx = make_context(device)

    def total():
        ctx.arena.rewind()
        return float(device.get(loss(z, target, ctx)[0].sum()))

    numeric = numeric_gradient(total, z, device)
    per_sample, gradient = loss(z, target, ctx)
    assert per_sample.shape == shape[:-1]
    compare("z", device.get(gradient), numeric, 1e-7)


@each
def test_labels_mean_their_one_hot_code(loss, device, rng):
    z, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    ctx = make_context(device)
    by_label = loss(device.put(z), device.put(labels), ctx)
    by_code = loss(device.put(z), device.put(np.eye(4)[labels]), ctx)
    for a, b in zip(by_label, by_code):
        assert (device.get(a) == device.get(b)).all()


@each
def test_gradient_vanishes_where_the_prediction_is_the_target(loss, device, rng):
    z = device.put(rng.normal(size=(6, 4)))
    target = loss.predict(z, device.zeros((6, 4), np.float64))
    gradient = device.get(loss(z, target, make_context(device))[1])
    assert np.abs(gradient).max() < 1e-15


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), CategoricalCrossEntropy()], ids=repr)
def test_huge_logits_stay_finite_in_float32(loss, device):
    z = device.put([[1e4, -1e4, 0.0], [-1e4, 1e4, 3e4]], np.float32)
    value, gradient = loss(z, device.put([0, 0]), make_context(device))
    assert np.isfinite(device.get(value)).all()
    assert np.isfinite(device.get(gradient)).all()


def values(loss, z, target, device):
    return device.get(loss(device.put(np.array(z, float)), device.put(target), make_context(device))[0])


def test_values_by_hand(device):
    assert values(SquaredError(), [[1, 2], [0, 0]], np.array([[0.0, 0.0], [3.0, 4.0]]), device).tolist() == [5, 25]
    assert values(SquaredError(half=True), [[1, 2]], np.zeros((1, 2)), device).tolist() == [2.5]
    assert values(CategoricalCrossEntropy(), [[0, 0, 0, 0]], np.array([2]), device) == pytest.approx([np.log(4)])
    odds = np.log([[1, 2, 5]])
    assert values(CategoricalCrossEntropy(), odds, np.array([1]), device) == pytest.approx([np.log(4)])
    assert values(BinaryCrossEntropy(), [[np.log(3)]], np.array([0]), device) == pytest.approx([np.log(4)])
    assert values(BinaryCrossEntropy(), [[0, 0]], np.array([[1.0, 0.25]]), device) == pytest.approx([2 * np.log(2)])
