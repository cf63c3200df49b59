"""Memory that is given back inside a step: less of it, at the same places in every step, and never too early."""

from contextlib import nullcontext

import numpy as np
import pytest

from convolving import Convolution
from gpunet.backend import Arena
from gpunet.backend.arena import CHUNK, _Region
from gpunet.backend.arrays import address
from gpunet.layers import BatchNorm, Dense, Dropout, Flatten, GaussianNoise, ReLU, Residual, Sequential, Softplus, Tanh
from gpunet.parameter import Parameters
from gpunet.testing import make_context


def one_step(arena):
    """Requests of a step with scratch inside scratch: the arrays in the order in which they are asked for."""
    arena.rewind()
    found = [arena.empty((10,), "f4")]
    with arena.scratch():
        found.append(arena.empty((300,), "f8"))
        with arena.scratch():
            found.append(arena.empty((7,), "f4"))
        found.append(arena.empty((7,), "i4"))
    found.append(arena.empty((300,), "f8"))
    return found


def test_scratch_is_given_back_at_its_end_and_not_before(device):
    kept, outer, inner, after_inner, after_outer = one_step(Arena(device))
    assert address(after_inner) == address(inner)
    assert address(after_outer) == address(outer)
    assert address(outer) >= address(kept) + kept.nbytes
    assert address(inner) >= address(outer) + outer.nbytes


def test_every_step_gets_the_same_arrays(device):
    arena = Arena(device)
    first = one_step(arena)
    held = arena.nbytes
    for _ in range(3):
        assert all(now is before for now, before in zip(one_step(arena), first))
    assert arena.nbytes == held


def test_a_step_of_another_kind_between_leaves_the_places_as_they_were(device):
    """A captured graph goes on using the addresses that it was recorded with."""
    arena = Arena(device)
    places = [address(array) for array in one_step(arena)]
    arena.rewind()
    with arena.scratch():
        large = arena.empty((CHUNK,), "f4")
    arena.empty((10,), "f4")
    assert [address(array) for array in one_step(arena)] == places
    assert not any(address(large) <= place < address(large) + large.nbytes for place in places)


def test_the_same_requests_outside_of_scratch_do_not_get_its_memory(device):
    arena = Arena(device)
    with arena.scratch():
        arena.empty((10,), "f4")
    again = arena.empty((20,), "f4")
    arena.rewind()
    first, second = arena.empty((10,), "f4"), arena.empty((20,), "f4")
    assert address(second) >= address(first) + first.nbytes
    assert second is not again


def test_scratch_ends_where_an_error_leaves_it(device):
    arena = Arena(device)
    with pytest.raises(ZeroDivisionError), arena.scratch():
        lost = arena.empty((10,), "f4")
        _ = 1 / 0
    assert address(arena.empty((10,), "f4")) == address(lost)


def test_a_relay_keeps_what_the_next_reads_and_what_the_caller_gets(device):
    """Each function doubles what it was given in memory of its own, or in place, and spoils memory beside it."""
    arena = Arena(device)

    def fresh(x):
        y = arena.empty(x.shape, x.dtype)
        y[...] = 2 * x
        arena.empty(x.shape, x.dtype).fill(np.nan)
        return y

    def in_place(x):
        arena.empty(x.shape, x.dtype).fill(np.nan)
        x *= 2
        return x

    def inside(x):
        first = arena.relay([fresh, fresh, in_place], x)
        second = arena.relay([in_place, fresh, fresh, in_place], first.copy())
        first += second
        return first

    for steps in ([fresh], [in_place], [fresh, in_place], [in_place, fresh] * 3, [fresh, fresh, in_place, in_place],
                  [inside, fresh, inside], [fresh, inside, in_place]):  # fmt: skip
        arena.rewind()
        start = arena.empty((100,), "f8")
        start.fill(1)
        found = arena.relay(steps, start)
        arena.empty((100,), "f8").fill(np.nan)
        arena.relay([fresh, fresh, fresh], arena.empty((100,), "f8"))
        factor = np.prod([2.0**3 + 2.0**7 if step is inside else 2.0 for step in steps])
        assert (device.get(found) == factor).all()


def block(width):
    return Residual(
        Sequential([BatchNorm(), ReLU(), Dense(width), Dropout(0.3), Dense(width), Softplus()]),
        Sequential([Tanh(), Dense(width)]),
    )


NETWORKS = {
    "nested": lambda: Sequential([Dense(8), block(8), Sequential([ReLU(), block(6)]), Tanh(), Dense(3)]),
    "plain": lambda: Sequential([Dense(9), Tanh(), Dropout(0.5), Dense(8), ReLU(), GaussianNoise(0.1), Dense(3)]),
    "images": lambda: Sequential(
        [Convolution(4), BatchNorm(), ReLU(), Residual(Sequential([ReLU(), Convolution(4)])), Flatten(), Dense(3)]
    ),
}


def learned(model, x, device, seeds):
    """Gradients of two steps, with that of the input, and the memory that they took."""
    model.build(x.shape[2:] if np.ndim(seeds) else x.shape[1:])
    parameters, ctx, found = Parameters(model, seeds, device), make_context(device, seeds), []
    for _ in range(2):
        ctx.arena.rewind()
        ctx.streams.rewind()
        parameters.zero_grad()
        y, backward = model.forward(device.put(x, np.float32), ctx)
        dx = backward(device.put(np.cos(np.arange(y.size)).reshape(y.shape), np.float32))
        parameters.finish_grad()
        found += [device.get(parameters.grads), device.get(dx)]
    return found, ctx.arena.nbytes


@pytest.fixture
def hoarding(monkeypatch):
    """Nothing is given back before the step ends, as long as this is in use."""

    def hoard():
        monkeypatch.setattr(Arena, "scratch", lambda self: nullcontext())
        monkeypatch.setattr(Arena, "relay", relay)

    def relay(self, steps, value):
        for step in steps:
            value = step(value)
        return value

    return hoard


@pytest.mark.parametrize("seeds", [0, [1, 2]], ids=["one", "members"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_a_step_that_gives_nothing_back(name, seeds, device, rng, hoarding, monkeypatch):
    shape = (6, 4, 3, 2) if name == "images" else (6, 5)
    x = rng.normal(size=(2, *shape) if np.ndim(seeds) else shape)
    with monkeypatch.context() as patch:  # whatever is handed out is spoilt first: nobody may still need it
        empty = _Region.empty

        def spoilt(self, shape, dtype):
            array = empty(self, shape, dtype)
            array.fill(np.nan if array.dtype.kind == "f" else 1)
            return array

        patch.setattr(_Region, "empty", spoilt)
        found, _ = learned(NETWORKS[name](), x, device, seeds)
    hoarding()
    expected, _ = learned(NETWORKS[name](), x, device, seeds)
    for a, b in zip(found, expected):
        assert np.array_equal(a, b)
    assert all(np.isfinite(a).all() and np.abs(a).max() > 0 for a in found)


def deep(layers):
    return Sequential([layer for _ in range(layers) for layer in (Dense(512), Tanh())])


def test_the_way_back_through_a_deep_network_takes_no_more_than_that_through_a_shallow_one(device, rng, hoarding):
    x = rng.normal(size=(2048, 512))
    array = x.size * 4  # bytes of what one layer gives, 4 MiB
    (_, shallow), (_, whole) = (learned(deep(layers), x, device, 0) for layers in (4, 8))
    assert whole - shallow == 4 * 2 * array, "what dense and tanh give on the way up, and nothing else"
    assert whole <= (8 * 2 + 2 + 2) * array, "and two arrays in each of two regions"
    hoarding()
    _, all_kept = learned(deep(8), x, device, 0)
    assert all_kept >= (8 * 2 + 8 * 2) * array


def test_columns_of_a_convolution_are_held_once_and_not_for_every_layer(device, rng, hoarding):
    x = rng.normal(size=(64, 16, 16, 16))
    array = x.size * 4  # 1 MiB; the columns of a layer are nine times as large

    def network(layers):
        return Sequential([layer for _ in range(layers) for layer in (Convolution(16), ReLU())])

    (_, shallow), (gradients, found) = (learned(network(layers), x, device, 0) for layers in (3, 6))
    assert found - shallow <= (3 * 2 + 9) * array, "what the layers give on the way up, and the end of a chunk"
    hoarding()
    expected, all_kept = learned(network(6), x, device, 0)
    assert all_kept - found >= 2 * 5 * 9 * array, "columns of all layers but one, up and down"
    assert all(np.array_equal(a, b) for a, b in zip(gradients, expected))
