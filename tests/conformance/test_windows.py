"""Layers that move windows over images: values against sums written out, gradients for every way to lay windows."""

import itertools

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.errors import ConfigError
from gpunet.layers import AveragePool2D, Conv2D, GlobalAveragePool, GroupNorm, LayerNorm, MaxPool2D, ReLU, Sequential
from gpunet.ops import windows
from gpunet.parameter import Parameters
from gpunet.testing import check_gradients, make_context

STRIDES = [1, 2, (2, 1), 3]
PADDINGS = ["same", "valid", 1, (2, 0)]
DILATIONS = [1, 2, (1, 3)]
GROUPS = [1, 2, "depthwise"]
SIZES = [1, 2, 3, (3, 1)]
IMAGES = [(7, 6), (5, 9)]


def both(value):
    return (value, value) if isinstance(value, int) else value


def geometry(image, size, stride, padding, dilation):
    """Windows below each other or beside each other, and what is added before, for each axis, from the definitions."""
    found = []
    for axis in (0, 1):
        n, k, s, d = image[axis], both(size)[axis], both(stride)[axis], both(dilation)[axis]
        span = (k - 1) * d + 1
        if padding == "same":
            count = -(-n // s)
            added = max((count - 1) * s + span - n, 0)
            found.append((count, added // 2))
            continue
        p = 0 if padding == "valid" else both(padding)[axis]
        count = (n + 2 * p - span) // s + 1
        if count < 1:
            return None
        # no pixel of the image may be left over at the end, but for gaps that a stride larger than the span makes
        last = (count - 1) * s + span - p
        if n - last > max(s - span, 0):
            return None
        found.append((count, p))
    return found


def literal(x, kernel, bias, size, stride, padding, dilation, groups):
    """A convolution as four sums: sample, position, pixel of the window, channel."""
    (down, top), (across, left) = geometry(x.shape[1:3], size, stride, padding, dilation)
    (sr, sc), (dr, dc) = both(stride), both(dilation)
    n_in, n_out = x.shape[-1], kernel.shape[-1]
    y = np.zeros((len(x), down, across, n_out))
    for n, i, j, o in np.ndindex(y.shape):
        group, total = o // (n_out // groups), bias[o]
        for a, b in np.ndindex(kernel.shape[:2]):
            row, column = i * sr + a * dr - top, j * sc + b * dc - left
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                channels = slice(group * (n_in // groups), (group + 1) * (n_in // groups))
                total += x[n, row, column, channels] @ kernel[a, b, :, o]
        y[n, i, j, o] = total
    return y


def ways():
    """Every size, stride, padding, dilation and group at least once with every other."""
    every = itertools.product(SIZES, STRIDES, PADDINGS, DILATIONS, GROUPS)
    for number, (size, stride, padding, dilation, groups) in enumerate(every):
        image = IMAGES[number % 2]
        if geometry(image, size, stride, padding, dilation):
            yield image, {"size": size, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


WAYS = list(ways())


def value_of(layer, x, seeds=0, training=True, device=None):
    device = device or Device()
    layer.build(x.shape[-3:])
    parameters = Parameters(layer, seeds, device, np.float64)
    return device.get(layer.forward(device.put(x), make_context(device, seeds, training))[0]), parameters


def test_a_convolution_is_its_sum_however_windows_lie(device, rng):
    assert len(WAYS) > 300
    for image, how in WAYS:
        x = rng.normal(size=(1, *image, 4))
        layer = Conv2D(4, **how)
        found, _ = value_of(layer, x, device=device)
        groups = 4 if how["groups"] == "depthwise" else how["groups"]
        kernel, bias = (device.get(p.value) for p in (layer.weight, layer.bias))
        wanted = literal(x, kernel, bias, **how | {"groups": groups})
        assert found.shape[1:] == layer.output_shape((*image, 4))
        assert found == pytest.approx(wanted, abs=1e-12), how


@pytest.mark.parametrize("part", range(6))
def test_gradients_are_those_of_differences_however_windows_lie(part, device, rng):
    """Each way with one of the three ways to have members: none, an input each, one input for all."""
    for number, (image, how) in enumerate(WAYS[part::6]):
        small = tuple(n - 2 if geometry((image[0] - 2, image[1] - 2), *list(how.values())[:4]) else n for n in image)
        kind = number % 3
        x = rng.normal(size=((2,) if kind == 1 else ()) + (1, *small, 2))
        layer = Conv2D(2, **how)
        check_gradients_along(layer, x, [0, 1] if kind else 0, device, shared=kind == 2)


def check_gradients_along(layer, x, seeds, device, shared):
    """Central differences along three directions of all parameters and of the input, in float64."""
    layer.build(x.shape[-3:])
    parameters = Parameters(layer, seeds, device, np.float64)
    rng = np.random.default_rng(7)
    device.copy_into(parameters.values, rng.normal(size=parameters.values.shape))
    ctx, placed = make_context(device, seeds), device.put(x)
    y, backward = layer.forward(placed, ctx)
    weights = rng.normal(size=y.shape)
    dx = device.get(backward(device.put(weights)))
    parameters.finish_grad()
    if shared:
        dx = dx.sum(axis=0)
    grads, origin = device.get(parameters.grads), device.get(parameters.values)

    def at(values, images):
        device.copy_into(parameters.values, values)
        ctx.arena.rewind()
        return float((device.get(layer.forward(device.put(images), ctx)[0]) * weights).sum())

    for _ in range(3):
        dp, di = rng.normal(size=origin.shape), rng.normal(size=x.shape)
        slope = (at(origin + 1e-5 * dp, x + 1e-5 * di) - at(origin - 1e-5 * dp, x - 1e-5 * di)) / 2e-5
        assert (grads * dp).sum() + (dx * di).sum() == pytest.approx(slope, rel=1e-6, abs=1e-6), layer


@pytest.mark.parametrize("layer", [MaxPool2D, AveragePool2D])
def test_pools_are_the_largest_and_the_mean_of_what_is_in_the_image(layer, device, rng):
    ways = itertools.product([2, 3, (2, 3)], [None, 1, 2], ["same", "valid", 1], [(6, 6), (5, 7)])
    seen = 0
    for size, stride, padding, image in ways:
        found = geometry(image, size, size if stride is None else stride, padding, 1)
        if found is None:
            continue
        seen += 1
        x = rng.normal(size=(2, *image, 3))
        (down, top), (across, left) = found
        steps = both(size if stride is None else stride)
        wanted = np.zeros((2, down, across, 3))
        for i, j in np.ndindex(down, across):
            row, column = i * steps[0] - top, j * steps[1] - left
            part = x[:, max(row, 0) : row + both(size)[0], max(column, 0) : column + both(size)[1]]
            wanted[:, i, j] = part.max(axis=(1, 2)) if layer is MaxPool2D else part.mean(axis=(1, 2))
        made = layer(size, stride, padding)
        assert value_of(made, x, device=device)[0] == pytest.approx(wanted, abs=1e-12)
        check_gradients(layer(size, stride, padding), x[:1, :, :, :1], device=device)
        pair = Sequential([layer(size, stride, padding), Conv2D(2, size=1)])
        check_gradients_along(pair, x[:1, :, :, :2], [0, 1], device, shared=True)
    assert seen > 15


def test_of_equal_numbers_the_first_takes_the_gradient_and_what_is_no_number_stays_none(device):
    layer = MaxPool2D(2)
    layer.build((2, 4, 1))
    x = np.array([[0, 0, 1, np.nan], [0, 0, 2, 3]])[None, :, :, None]
    y, backward = layer.forward(device.put(x), make_context(device))
    assert device.get(y).ravel()[0] == 0
    assert np.isnan(device.get(y).ravel()[1])
    dx = device.get(backward(device.put(np.ones((1, 1, 2, 1)))))
    assert dx[0, :, :2, 0].tolist() == [[1, 0], [0, 0]]


def test_a_global_average_is_the_mean_of_each_channel(device, rng):
    x = rng.normal(size=(3, 5, 4, 2))
    assert value_of(GlobalAveragePool(), x, device=device)[0] == pytest.approx(x.mean(axis=(1, 2)))


def test_group_and_layer_norm_are_standard_scores_of_what_goes_together(device, rng):
    x = 3 * rng.normal(size=(2, 4, 3, 6)) + 1
    found, _ = value_of(GroupNorm(groups=3, epsilon=1e-9), x, device=device)
    for n, g in np.ndindex(2, 3):
        part = x[n, :, :, 2 * g : 2 * g + 2]
        assert found[n, :, :, 2 * g : 2 * g + 2] == pytest.approx((part - part.mean()) / part.std())
    found, _ = value_of(LayerNorm(epsilon=1e-9), x, device=device)
    assert found == pytest.approx((x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True))


@pytest.mark.parametrize("how", [{}, {"stride": 2, "padding": 1}, {"groups": 2}, {"groups": "depthwise"}, {"size": 1}])
@pytest.mark.parametrize("members", [0, 2])
def test_blocks_of_samples_change_nothing(how, members, device, rng, monkeypatch):
    """All samples at once, and one after the other: outputs bit for bit, sums over samples within rounding."""
    x = rng.normal(size=((members,) if members else ()) + (5, 7, 7, 4))
    results = []
    for nbytes in (1, 1 << 30):
        monkeypatch.setattr(windows, "BLOCK", {"numpy": nbytes, "cupy": nbytes})
        layer = Sequential([Conv2D(4, **how), ReLU(), MaxPool2D(2, padding="same"), AveragePool2D(2, padding="same")])
        seeds = list(range(members)) if members else 0
        layer.build(x.shape[-3:])
        parameters = Parameters(layer, seeds, device, np.float64)
        y, backward = layer.forward(device.put(x), make_context(device, seeds))
        dx = backward(device.put(np.ones(y.shape)))
        results.append([device.get(a) for a in (y, dx, parameters.grads)])
    for one, other in zip(*results):
        assert one == pytest.approx(other, abs=1e-12)


def test_a_member_of_a_convolving_population_is_the_network_of_its_seed_bit_for_bit(device, rng, monkeypatch):
    monkeypatch.setattr(windows, "BLOCK", {"numpy": 20_000, "cupy": 20_000})
    x = rng.normal(size=(9, 8, 8, 3)).astype("f4")

    def pass_through(seeds, images):
        model = Sequential([Conv2D(8), ReLU(), Conv2D(8, stride=2, padding=1), Conv2D(groups="depthwise")])
        model.build((8, 8, 3))
        parameters = Parameters(model, seeds, device)
        y, backward = model.forward(device.put(images), make_context(device, seeds))
        dx = backward(device.put(np.ones(y.shape, "f4")))
        return [device.get(a) for a in (y, dx, parameters.grads)]

    together = pass_through([3, 4], np.stack([x, x]))
    for member, seed in enumerate((3, 4)):
        for ours, alone in zip(together, pass_through(seed, x)):
            assert np.array_equal(ours[member], alone)


BAD = [
    (Conv2D(4), (64,), "conv2d: needs images of height x width x channels, got 64 features. Use data of images"),
    (
        Conv2D(4, size=9, padding="valid"),
        (8, 8, 1),
        "must see no more than the image and its padding, got 9x9 pixels of",
    ),
    (Conv2D(4, size=3, dilation=4, padding="valid"), (8, 8, 1), "got 9x9 pixels of 8x8"),
    (
        Conv2D(6, groups=4),
        (8, 8, 8),
        r"conv2d.groups: must divide the channels, n_in = 8 and n_out = 6, got 4. Use n_out=4",
    ),
    (Conv2D(4, groups=2), (8, 8, 3), r"conv2d.groups: must divide the channels, n_in = 3 .* Use n_in=2 or groups=1"),
    (Conv2D(4, stride=2, padding="valid"), (8, 8, 1), r"does not divide into windows 2x2 apart, got 8x8 with 1 rows"),
    (MaxPool2D(2), (7, 8, 1), r'max_pool2d.stride: .*got 7x8 with 1 rows and 0 columns left over. Use padding="same"'),
    (AveragePool2D((2, 3)), (8, 8, 1), r"average_pool2d.stride: .*0 rows and 2 columns left over"),
    (GlobalAveragePool(), (64,), "global_average_pool: needs images"),
    (Conv2D(4, n_in=1), (8, 8, 3), "conv2d.n_in: must be the width of the layer before, 3, got 1. Leave it out"),
    (GroupNorm(groups=4), (8, 8, 6), r"group_norm.groups: must divide the 6 channels, got 4. Use groups=3"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), BAD, ids=[message[:40] for _, _, message in BAD])
def test_what_does_not_fit_is_refused_with_the_remedy(layer, shape, message):
    with pytest.raises(ConfigError, match=message) as raised:
        layer.build(shape)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [(1, 2, 3), "3", (1, "2")])
def test_a_size_is_a_number_or_two(size):
    with pytest.raises(ConfigError, match="must be a whole number, or one for rows and one for columns"):
        Conv2D(4, size=size).build((8, 8, 1))
    with pytest.raises(ConfigError, match=r"Conv2D.size: must be >= 1"):
        Conv2D(4, size=(3, 0))
