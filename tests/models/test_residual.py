"""Residual and convolutional networks: layers as the papers count them, blocks that begin as shortcuts, gradients."""

import numpy as np
import pytest

from gpunet.backend import Arena, Context, Device
from gpunet.errors import ConfigError, DataError
from gpunet.families import ConvNetConfig, LayersConfig, ResMLPConfig, ResNetConfig
from gpunet.layers import BatchNorm, Conv2D, Dense, Identity, Layer, PadChannels, Residual, Sequential, StochasticDepth
from gpunet.models import convnet, depthwise_separable, residual_block, resmlp, resnet
from gpunet.parameter import Parameters, children
from gpunet.testing import check_gradients, check_parameters, make_context


def inside(layer):
    """All layers in a layer, itself included."""
    yield layer
    for _, child in children(layer):
        if isinstance(child, Layer):
            yield from inside(child)


def weighted(model, shortcuts=False):
    """Layers with weights on the way through the bodies."""
    sides = {id(part) for r in inside(model) if isinstance(r, Residual) for part in inside(r.shortcut)}
    return [part for part in inside(model) if isinstance(part, Conv2D | Dense) and (id(part) in sides) == shortcuts]


@pytest.mark.parametrize(("depth", "million"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_depths_and_sizes_are_those_of_the_paper(depth, million):
    model = resnet((32, 32, 3), 10, depth, shortcut="zeros")
    assert len(weighted(model)) == depth
    assert not weighted(model, shortcuts=True)
    assert sum(isinstance(part, PadChannels) for part in inside(model)) == 2
    count = sum(
        int(np.prod(p.shape)) for part in inside(model) for _, p in children(part) if getattr(p, "trainable", False)
    )
    assert count / 1e6 == pytest.approx(million, abs=0.04)


def test_a_projection_is_where_shapes_differ_and_nowhere_else():
    model = resnet((32, 32, 3), 10, 20)
    sides = [r.shortcut for r in inside(model) if isinstance(r, Residual)]
    assert [isinstance(side, Identity) for side in sides] == [True, True, True, False, True, True, False, True, True]
    assert [c.weight.shape for c in weighted(model, shortcuts=True)] == [(1, 1, 16, 32), (1, 1, 32, 64)]
    assert model.layers[-2].output_shape((8, 8, 64)) == (64,)


def test_a_plain_network_has_the_same_layers_without_shortcuts():
    plain = resnet((16, 16, 3), 10, 20, shortcut="none")
    assert not any(isinstance(part, Residual) for part in inside(plain))
    residual = resnet((16, 16, 3), 10, 20)
    assert [part.weight.shape for part in weighted(plain)] == [part.weight.shape for part in weighted(residual)]
    assert not any(isinstance(part, Residual) for part in inside(resmlp(5, 2, 8, 3, shortcut=False)))


WAYS = [
    (block, order, norm)
    for block in ("basic", "bottleneck")
    for order in ("post", "pre")
    for norm in ("batch", "group", "none")
]


@pytest.mark.parametrize(("block", "order", "norm"), WAYS)
def test_a_block_begins_as_its_shortcut(block, order, norm, device, rng):
    n_in = 8
    layers = residual_block(n_in, 8 if block == "basic" else 2, 1, block, order, norm=norm)
    model = Sequential(layers)
    model.build((4, 4, n_in))
    Parameters(model, 0, device, np.float64)
    x = np.abs(rng.normal(size=(3, 4, 4, n_in)))  # which an activation behind the sum leaves alone
    y, _ = model.forward(device.put(x), make_context(device))
    assert np.array_equal(device.get(y), x)
    started = Sequential(
        residual_block(n_in, 8 if block == "basic" else 2, 1, block, order, norm=norm, zero_start=False)
    )
    started.build((4, 4, n_in))
    Parameters(started, 0, device, np.float64)
    assert not np.array_equal(device.get(started.forward(device.put(x), make_context(device))[0]), x)


@pytest.mark.parametrize(("block", "order", "norm"), WAYS)
@pytest.mark.parametrize("shortcut", ["projection", "zeros"])
def test_gradients_of_blocks_are_those_of_differences(block, order, norm, shortcut, device, rng):
    """At an odd size, with fewer pixels and more channels behind the block."""
    model = Sequential([Conv2D(4, 1), *residual_block(4, 4, 2, block, order, shortcut, norm, zero_start=False)])
    model.build((5, 3, 2))
    parameters = Parameters(model, [0, 1], device, np.float64)
    x = device.put(rng.normal(size=(2, 3, 5, 3, 2)))
    ctx = make_context(device, [0, 1])
    weights = rng.normal(size=model.forward(x, ctx)[0].shape)

    def loss():
        ctx.arena.rewind()
        return float((device.get(model.forward(x, ctx)[0]) * weights).sum())

    def gradient():
        ctx.arena.rewind()
        parameters.zero_grad()
        model.forward(x, ctx)[1](device.put(weights))
        parameters.finish_grad()

    found = list(check_parameters(parameters, gradient, loss, directions=1, spots=4))
    assert [f.name for f in found if not f.holds] == []
    assert len(found) > 4


def test_separable_blocks_and_stages_have_the_gradients_of_differences(device, rng):
    check_gradients(
        Sequential(depthwise_separable(3, 4, activation=Identity)), rng.normal(size=(4, 4, 3, 3)), 0, device, tol=1e-6
    )
    model = convnet((5, 7, 1), 3, (2, 4), 1, 3, (6,), "none", activation=Identity)
    check_gradients(model, rng.normal(size=(3, 5, 7, 1)), 0, device)
    model = convnet((8, 8, 1), 3, (4, 8), 2, separable=True)
    assert [part.weight.shape[:3] for part in model.layers if isinstance(part, Conv2D)] == [
        (3, 3, 1), (3, 3, 1), (1, 1, 4), (3, 3, 1), (1, 1, 4), (3, 3, 1), (1, 1, 8)
    ]  # fmt: skip


class Words:
    """Streams that hand out the words of a test."""

    def __init__(self, device, words):
        self.device, self.words = device, words

    def bits16(self, shape, arena):
        return self.device.put(np.asarray(self.words, np.uint16).reshape(shape))

    def decide(self, out, bits, expected):
        out[...] = bits < expected


def test_stochastic_depth_leaves_a_sample_to_its_shortcut(device, rng):
    block = Residual(Sequential([Conv2D(2, 1, with_bias=False), StochasticDepth(0.25)]))
    block.build((3, 3, 2))
    Parameters(block, 0, device, np.float64)
    x = rng.normal(size=(3, 3, 3, 2))
    ctx = Context(True, Arena(device), Words(device, [0, 65535, 16384]))
    found = device.get(block.forward(device.put(x), ctx)[0])
    body = x @ device.get(block.body.layers[0].weight.value)[0, 0]
    assert np.array_equal(found[0], x[0])
    assert found[1:] == pytest.approx(x[1:] + body[1:] / 0.75)
    still = device.get(block.forward(device.put(x), Context(False, Arena(device)))[0])
    assert still == pytest.approx(x + body)


def test_the_chance_to_be_left_out_grows_with_depth():
    model = resnet((8, 8, 1), 10, 14, (8, 8, 8), stochastic_depth=0.6)
    rates = [part.rate for part in inside(model) if isinstance(part, StochasticDepth)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])


def test_batch_norm_on_images_is_that_of_all_positions_as_rows(device, rng):
    """Wide rows and sums by products give what plain sums give, in training and at inference, with members."""
    x, dy = (rng.normal(2, 3, size=(2, 5, 4, 3, 6)) for _ in range(2))
    found, wanted = [], []
    for shape, out in (((4, 3, 6), found), ((6,), wanted)):
        layer = BatchNorm()
        layer.build(shape)
        parameters = Parameters(layer, [0, 1], device, np.float64)
        for training in (True, False):
            parameters.zero_grad()
            y, backward = layer.forward(device.put(x.reshape(2, -1, *shape)), make_context(device, [0, 1], training))
            dx = backward(device.put(dy.reshape(2, -1, *shape)))
            out += [device.get(y).ravel(), device.get(dx).ravel(), device.get(parameters.grads).ravel()]
    for one, other in zip(found, wanted):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


BAD = [
    (ResNetConfig(depth=21), (8, 8, 1), ConfigError, r"depth: must be 2 more than a multiple of 6, .* got 21. Use 20"),
    (ResNetConfig(depth=3, block="bottleneck"), (8, 8, 1), ConfigError, r"got 3. Use 11"),
    (ResNetConfig(), (64,), ConfigError, "needs images of height x width x channels, got 64 features"),
    (ConvNetConfig(), (64,), ConfigError, "needs images of height x width x channels, got 64 features"),
    (ConvNetConfig(), (3, 32, 32), DataError, r"must have channels last, got 3x32x32, .*np.moveaxis\(x, 1, -1\)"),
    (ResNetConfig(), (1, 28, 28), DataError, "must have channels last, got 1x28x28"),
]


@pytest.mark.parametrize(("family", "shape", "error", "message"), BAD, ids=[m[:30] for *_, m in BAD])
def test_what_does_not_fit_is_refused_before_any_training(family, shape, error, message):
    with pytest.raises(error, match=message) as raised:
        family.network(shape, 3)
    assert "\n" not in str(raised.value)


def layers_of(*layers):
    return LayersConfig.model_validate({"name": "layers", "layers": layers})


SPELLED = [
    ((8, 8, 1), [{"name": "conv2d", "n_out": 4}], "must end in features, which the loss takes, got 8x8x4. Add flatten"),
    (
        (8, 8, 1),
        ["flatten", {"name": "conv2d", "n_out": 4}],
        "conv2d: needs images of height x width x channels, got 64 f",
    ),
    ((7, 7, 1), [{"name": "max_pool2d"}, "flatten"], 'got 7x7 with 1 rows and 1 columns left over. Use padding="same"'),
    ((8, 8, 1), [{"name": "conv2d", "n_out": 4, "size": 11, "padding": "valid"}, "flatten"], "got 11x11 pixels of 8x8"),
    ((8, 8, 3), [{"name": "conv2d", "n_out": 4, "groups": 2}, "flatten"], "groups: must divide the channels, n_in = 3"),
    ((3, 32, 32), [{"name": "conv2d", "n_out": 4}, "flatten"], "must have channels last, got 3x32x32"),
    (
        (8, 8, 1),
        [{"name": "residual", "body": [{"name": "conv2d", "n_out": 4, "stride": 2}]}, "flatten"],
        "must end in the same shape, got 4x4x4 and 8x8x1. Add shortcut = .*conv2d.*n_out = 4, size = 1, stride = 2",
    ),
    (
        (8, 8, 8),
        [{"name": "residual", "body": ["relu"], "shortcut": [{"name": "pad_channels", "n_out": 4}]}, "flatten"],
        "pad_channels.n_out: must be at least the 8 channels, got 4. Use a conv2d of size 1",
    ),
]


@pytest.mark.parametrize(("shape", "layers", "message"), SPELLED, ids=[m[:30] for *_, m in SPELLED])
def test_layers_that_are_spelled_out_are_refused_likewise(shape, layers, message):
    with pytest.raises((ConfigError, DataError), match=message) as raised:
        layers_of(*layers).network(shape, 3)
    assert "\n" not in str(raised.value)


def test_a_convnet_can_be_spelled_in_layers():
    conv = [{"name": "conv2d", "n_out": n, "with_bias": False, "initializer": "he"} for n in (32, 64)]
    stages = [layer for c in conv for layer in (c, "batch_norm", "relu", {"name": "max_pool2d", "padding": "same"})]
    spelled = layers_of(*stages, "flatten", {"name": "dense", "n_out": 128, "initializer": "he"}, "relu")
    one, other = (Parameters(f.network((9, 7, 3), 10), 0, Device()) for f in (spelled, ConvNetConfig()))
    assert np.array_equal(one.values, other.values)


def test_the_features_of_a_residual_mlp_pass_unchanged_at_first(device, rng):
    model = ResMLPConfig(width=6, blocks=3).network((5,), 2)
    Parameters(model, 0, device, np.float64)
    x, ctx = device.put(rng.normal(size=(4, 5))), make_context(device, training=False)
    h, _ = model.layers[0].forward(x, ctx)
    first = device.get(h)
    for layer in model.layers[1:4]:
        h, _ = layer.forward(h, ctx)
    assert np.array_equal(device.get(h), first)
