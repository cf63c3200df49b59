"""What layers and units say about their range, and what units say about data, is what they do."""

import numpy as np
import pytest

from gpunet import layers
from gpunet import rbm as room
from gpunet.data import fit_preprocessing
from gpunet.data.preparations import Scale, Standardise
from gpunet.errors import DataError
from gpunet.layers import Layer
from gpunet.parameter import Parameters
from gpunet.rbm import Bernoulli, Binomial, Gaussian, NoisyReLU, Softmax, Units
from gpunet.rbm.joint import Joint
from gpunet.testing import examples, make_context

LAYERS = [layer for layer in examples(Layer, layers) if layer.range is not None]
UNITS = list(examples(Units, room))
AS_THEY_ARE = fit_preprocessing([], np.zeros((2, 4)), 1.0)
STANDARDISED = fit_preprocessing([Standardise()], np.arange(8.0).reshape(2, 4), 1.0)
EXTREMES = np.array([[-60.0, -9.0, 9.0, 60.0], [60.0, 9.0, -9.0, -60.0]])


def reaches(values, ends):
    """Whether values stay between the ends and come near to both."""
    low, high = ends
    inside = low <= values.min() and values.max() <= high
    return inside and values.min() < low + 1e-3 * (high - low) and values.max() > high - 1e-3 * (high - low)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_outputs_reach_both_ends_of_their_range_and_go_no_further(layer, device):
    y, _ = layer.forward(device.put(EXTREMES), make_context(device))
    assert reaches(device.get(y), layer.range)


def test_bounded_activations_say_so():
    assert {type(layer) for layer in LAYERS} == {layers.Sigmoid, layers.Softmax, layers.Tanh}


@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_means_reach_both_ends_of_their_range_or_there_is_none(unit, device):
    Parameters(unit, 0, device, np.float64)
    means = device.get(unit.mean(device.put(EXTREMES), make_context(device)))
    if unit.range is None:
        assert isinstance(unit, Gaussian | NoisyReLU)
        assert means.max() > 50
    else:
        assert reaches(means, unit.range)


@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_units_that_are_bits_have_a_mean_with_the_slope_of_a_sigmoid(unit, device):
    """``m (1 - m)`` is the derivative of the mean by central differences exactly where units are bits."""
    Parameters(unit, 0, device, np.float64)
    x, ctx = np.array([[-1.5, 0.2, 0.9, 2.0]]), make_context(device)
    up, mean, down = (device.get(unit.mean(device.put(x + d), ctx)) for d in (1e-5, 0, -1e-5))
    assert np.allclose((up - down) / 2e-5, mean * (1 - mean), atol=1e-8) == unit.bits


@pytest.mark.parametrize(
    ("unit", "data", "rule"),
    [
        (
            Bernoulli(4),
            [[0, 1, 1.5, 0]],
            "must lie between 0 and 1 for Bernoulli visible units, got 0 to 1.5.",
        ),
        (Binomial(4, trials=3), [[0, 3.5, 1, 0]], "must lie between 0 and 3 for Binomial visible units, got 0 to 3.5."),
        (NoisyReLU(4), [[0, -0.5, 1, 9]], "must not be negative for NoisyReLU visible units, got -0.5 to 9. Set"),
        (Gaussian(4), [[0, 1, 2, 3]], "must be standardised for Gaussian visible units, whose variance starts at 1"),
        (Softmax(4), [[1, 0, 1, 1]], "must hold exactly one 1 in each group of 2 for Softmax visible units, got other"),
        (Softmax(4), [[1, 0, 0.5, 0.5]], "must hold exactly one 1 in each group of 2"),
        (Joint.of(Bernoulli(2), Softmax(2)), [[1, 0, 1, 1]], "must hold exactly one 1 in each group of 2"),
        (Joint.of(Bernoulli(2), Softmax(2)), [[2, 0, 1, 0]], "must lie between 0 and 1 for Bernoulli visible units"),
    ],
)
def test_units_refuse_data_that_are_none_of_their_states(unit, data, rule):
    with pytest.raises(DataError) as caught:
        unit.check(np.array(data, np.float32), AS_THEY_ARE)
    assert str(caught.value).startswith(f"training part: {rule}")


def test_units_take_states_and_means_of_states():
    Bernoulli(4).check(np.array([[0, 1, 0.5, 0]]), AS_THEY_ARE)
    Binomial(4, trials=3).check(np.array([[0, 3, 2.5, 0]]), AS_THEY_ARE)
    NoisyReLU(4).check(np.array([[0, 1, 2.5, 900]]), AS_THEY_ARE)
    Softmax(4).check(np.array([[0, 1, 1, 0]]), AS_THEY_ARE)
    Gaussian(4).check(np.array([[0, -1, 1, 0]]), STANDARDISED)
    scaled = fit_preprocessing([Scale()], np.ones((2, 4)), 1.0)
    with pytest.raises(DataError, match=r"got preprocess=scale. Set preprocess=standardise"):
        Gaussian(4).check(np.array([[0, -1, 1, 0]]), scaled)
