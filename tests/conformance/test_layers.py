"""Every exported layer keeps the contract, alone and with a members axis."""

import numpy as np
import pytest

from gpunet import layers
from gpunet.backend import Context
from gpunet.layers import Layer
from gpunet.parameter import Parameters
from gpunet.testing import check_gradients, examples, make_context

ALL = list(examples(Layer, layers))
each = pytest.mark.parametrize("number", range(len(ALL)), ids=[repr(layer)[:60] for layer in ALL])


def fresh(number):
    """A layer without memory: the examples are made anew for every test."""
    return list(examples(Layer, layers))[number]


def batch(rng, layer, *leading):
    """Samples of the shape that a layer's examples are for."""
    return rng.normal(size=(*leading, 6, *layer.example_shape))


def run(layer, x, device, seeds, training=True):
    layer.build(layer.example_shape)
    Parameters(layer, seeds, device, np.float64)
    return device.get(layer.forward(device.put(x), make_context(device, seeds, training))[0])


@each
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("members", [0, 3])
def test_gradients_are_those_of_central_differences(number, training, members, device, rng):
    layer = fresh(number)
    x = batch(rng, layer, *([members] if members else []))
    check_gradients(layer, x, list(range(members)) if members else 0, device, training)


@each
def test_a_member_computes_what_the_model_computes_alone(number, device, rng):
    x = batch(rng, fresh(number), 2)
    together = run(fresh(number), x, device, [11, 12])
    for member, seed in enumerate((11, 12)):
        assert (together[member] == run(fresh(number), x[member], device, seed)).all()


@each
def test_one_input_serves_all_members_at_inference(number, device, rng):
    x = batch(rng, fresh(number))
    shared = run(fresh(number), x, device, [11, 12], training=False)
    separate = run(fresh(number), np.stack([x, x]), device, [11, 12], training=False)
    assert np.array_equal(np.broadcast_to(shared, separate.shape), separate)


@each
def test_forward_leaves_its_input_alone_and_repeats(number, device, rng):
    layer = fresh(number)
    x = batch(rng, layer)
    layer.build(layer.example_shape)
    Parameters(layer, 0, device, np.float64)
    ctx, placed = make_context(device), device.put(x)
    first = device.get(layer.forward(placed, ctx)[0])
    assert (device.get(placed) == x).all()
    ctx.arena.rewind()
    ctx.streams.rewind()
    assert (device.get(layer.forward(placed, ctx)[0]) == first).all()


@each
def test_output_shape_is_what_forward_gives(number, device, rng):
    layer = fresh(number)
    assert run(layer, batch(rng, layer), device, 0).shape == (6, *layer.output_shape(layer.example_shape))


@each
def test_building_again_changes_nothing(number, device, rng):
    layer, shape = fresh(number), ALL[number].example_shape
    layer.build(shape)
    parameters = Parameters(layer, 0, device, np.float64)
    before = device.get(parameters.values)
    layer.build(shape)
    again = Parameters(layer, 0, device, np.float64)
    assert list(parameters.named.items()) == list(again.named.items()), "the same objects"
    assert (device.get(again.values) == before).all()


@each
def test_parameter_gradients_do_not_depend_on_whether_the_input_gradient_is_wanted(number, device, rng):
    x, found = batch(rng, fresh(number)), []
    for wanted in (True, False):
        layer = fresh(number)
        layer.build(layer.example_shape)
        parameters = Parameters(layer, 0, device, np.float64)
        ctx = make_context(device)
        y, backward = layer.forward(device.put(x), Context(True, ctx.arena, ctx.streams, wanted))
        backward(device.put(np.ones(y.shape)))
        parameters.finish_grad()
        found.append(device.get(parameters.grads))
    assert (found[0] == found[1]).all()
