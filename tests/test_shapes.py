"""Layers learn the shape of a sample from the data, and work at every position of an image."""

import numpy as np
import pytest

from gpunet.errors import ConfigError
from gpunet.layers import BatchNorm, Dense, Identity, ReLU, Residual, Sequential, Sigmoid
from gpunet.parameter import Parameters, find_parameters
from gpunet.testing import check_gradients, make_context

IMAGE = (3, 4, 2)


def forward(layer, x, device, seeds=0, training=True):
    layer.build(x.shape[1:] if np.ndim(seeds) == 0 or x.ndim == 4 else x.shape[2:])
    parameters = Parameters(layer, seeds, device, np.float64)
    return device.get(layer.forward(device.put(x), make_context(device, seeds, training))[0]), parameters


def test_widths_follow_from_the_data():
    model = Sequential([Dense(6), BatchNorm(), Residual(Dense(3), Dense(3, with_bias=False)), Dense(2)])
    model.build((5,))
    found = {name: parameter.shape for name, parameter in find_parameters(model)}
    assert found["000_dense/weight"] == (5, 6)
    assert found["001_batch_norm/scale"] == (6,)
    assert (found["002_residual/body/weight"], found["002_residual/shortcut/weight"]) == ((6, 3), (6, 3))
    assert found["003_dense/weight"] == (3, 2)
    assert model.output_shape((5,)) == (2,)


def test_two_numbers_without_names_are_refused_since_they_meant_something_else():
    with pytest.raises(ConfigError, match=r"takes n_out alone without a name, got 4, 8. Write Dense\(8, n_in=4\)"):
        Dense(4, 8)


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm(), Sequential([Dense(3)])], ids=["dense", "norm", "sequential"])
def test_a_layer_that_was_never_built_says_so(layer, device):
    with pytest.raises(ConfigError, match=r"must know its n(_in)? before it is used. Call build\(shape of a sample\)"):
        layer.forward(device.zeros((6, 5), np.float64), make_context(device))


def test_a_width_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"dense.n_in: must be the width of the layer before, 6, got 5. Leave it out"):
        Sequential([Dense(6), Dense(2, n_in=5)]).build((4,))
    with pytest.raises(ConfigError, match=r"batch_norm.n: must be the width of the layer before, 6, got 5"):
        Sequential([Dense(6), BatchNorm(5)]).build((4,))


def test_branches_that_end_differently_are_refused():
    with pytest.raises(ConfigError, match="body and shortcut must end in the same width, got 4 and 5"):
        Residual(Dense(4)).build((5,))


def test_nothing_below_the_lowest_layer_that_learns_is_gone_through_backwards(device):
    # Built only after the sequence was made, as layers whose width follows from the data always are.
    called = []

    class Watched(Identity):
        def forward(self, x, ctx):
            return x, lambda dy: called.append(self) or dy

    below, above = Watched(), Watched()
    model = Sequential([below, Dense(3), above, Dense(2)])
    model.build((5,))
    Parameters(model, 0, device, np.float64)
    ctx = make_context(device).with_input_gradient(False)
    _, backward = model.forward(device.zeros((6, 5), np.float64), ctx)
    backward(device.zeros((6, 2), np.float64))
    assert called == [above]


def on_images():
    return [
        Dense(3),
        BatchNorm(),
        Sequential([Dense(3), BatchNorm(), Sigmoid(), Dense(2)]),
        Residual(Sequential([BatchNorm(), ReLU(), Dense(3)]), Dense(3, with_bias=False)),
    ]


each = pytest.mark.parametrize("number", range(len(on_images())))


@each
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("members", [0, 2])
def test_gradients_at_positions_are_those_of_central_differences(number, training, members, device, rng):
    x = rng.normal(size=(members, 5, *IMAGE) if members else (5, *IMAGE))
    check_gradients(on_images()[number], x, list(range(members)) if members else 0, device, training)


@pytest.mark.parametrize("layer", [Dense(3), Sequential([Dense(3), Sigmoid(), Dense(2)])], ids=["dense", "two"])
def test_one_batch_of_images_serves_all_members(layer, device, rng):
    """The gradient of the parameters of each member; that of what all share is not asked for."""
    x = rng.normal(size=(5, *IMAGE))
    layer.build(IMAGE)
    parameters = Parameters(layer, [11, 12], device, np.float64)
    ctx = make_context(device, [11, 12]).with_input_gradient(False)

    def learned(batch):
        parameters.zero_grad()
        y, backward = layer.forward(device.put(batch), ctx)
        backward(device.put(np.cos(np.arange(y.size)).reshape(y.shape)))
        return device.get(y), device.get(parameters.grads)

    for shared, separate in zip(learned(x), learned(np.stack([x, x]))):
        assert shared == pytest.approx(separate, rel=1e-13)


@each
def test_one_batch_of_images_serves_all_members_at_inference(number, device, rng):
    x = rng.normal(size=(5, *IMAGE))
    shared, _ = forward(on_images()[number], x, device, [11, 12], training=False)
    separate, _ = forward(on_images()[number], np.stack([x, x]), device, [11, 12], training=False)
    assert shared.shape == separate.shape
    assert np.array_equal(shared, separate)


def test_dense_on_positions_is_the_product_at_each_of_them(device, rng):
    x = rng.normal(size=(5, *IMAGE))
    y, parameters = forward(Dense(3), x, device)
    weight = device.get(parameters.named["weight"].value)
    assert y == pytest.approx(np.einsum("nhwi,io->nhwo", x, weight), rel=1e-12)


def test_batch_norm_on_positions_has_one_mean_and_variance_for_each_channel(device, rng):
    x = rng.normal(size=(5, *IMAGE)) * [1, 10] + [3, -2]
    y, parameters = forward(BatchNorm(), x, device)
    assert y.mean(axis=(0, 1, 2)) == pytest.approx([0, 0], abs=1e-12)
    assert y.std(axis=(0, 1, 2)) == pytest.approx([1, 1], abs=1e-4)
    seen = {name: device.get(parameters.named[name].grad) for name in ("mean", "variance")}
    assert seen["mean"] == pytest.approx(x.mean(axis=(0, 1, 2)), rel=1e-12)
    assert seen["variance"] == pytest.approx(x.var(axis=(0, 1, 2), ddof=1), rel=1e-12)
