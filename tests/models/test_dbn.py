"""Deep belief networks against enumeration of tiny ones, and the autoencoder that unrolls them."""

import itertools

import numpy as np
import pytest

from gpunet.initializers import Glorot
from gpunet.layers import Dense, Identity, Sigmoid
from gpunet.models import DBN, autoencoder
from gpunet.models.dbn import log_probability
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, Gaussian
from gpunet.testing import make_context


def states(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def tiny(device, widths=(3, 2, 2), spread=1.5):
    machines = [RBM(Bernoulli(a), Bernoulli(b)) for a, b in zip(widths, widths[1:])]
    dbn = DBN(machines)
    parameters = Parameters(dbn, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(2).normal(size=parameters.values.shape) * spread)
    return dbn, parameters


def exact_log_probability(dbn, device):
    """``log p(v)`` of every visible state: the sum over all states of the first hidden layer."""
    below, top = dbn.machines
    ctx, hidden = make_context(device), states(2)
    log_top = -device.get(top.free_energy(device.put(hidden), ctx))
    log_top -= np.log(np.exp(log_top).sum())
    total = []
    for v in states(3):
        inputs = below.visible_input(device.put(hidden), ctx)
        given = device.get(log_probability(below, device.put(np.tile(v, (4, 1))), inputs, ctx, hidden=False))
        total.append(np.log(np.exp(given + log_top).sum()))
    return np.array(total)


def test_the_variational_bound_is_below_the_exact_likelihood(device):
    dbn, _ = tiny(device)
    exact = exact_log_probability(dbn, device)
    assert np.exp(exact).sum() == pytest.approx(1)
    top_ctx, n = make_context(device), 4000
    log_z = np.log(np.exp(-device.get(dbn.top.free_energy(device.put(states(2)), top_ctx))).sum())
    drawn = device.get(dbn.bound(device.put(np.repeat(states(3), n, axis=0)), make_context(device))).reshape(8, n)
    bound = drawn.mean(axis=1) - log_z
    error = drawn.std(axis=1) / np.sqrt(n)
    assert (bound < exact + 4 * error).all()
    # Against the literal expectation under the factorial upward pass.
    for v, found, noise in zip(states(3), bound, error):
        ctx = make_context(device)
        up = dbn.machines[0].hidden_input(device.put(v[None]), ctx)
        q = 1 / (1 + np.exp(-device.get(up)[0]))
        literal = 0.0
        for h in states(2):
            weight = np.prod(np.where(h == 1, q, 1 - q))
            inputs = dbn.machines[0].visible_input(device.put(h[None]), ctx)
            log_p = device.get(log_probability(dbn.machines[0], device.put(v[None]), inputs, ctx, hidden=False))[0]
            log_p += -device.get(dbn.top.free_energy(device.put(h[None]), ctx))[0] - log_z
            literal += weight * (log_p - np.log(weight))
        assert found == pytest.approx(literal, abs=5 * noise)


def test_a_stack_of_one_is_its_machine(device):
    dbn, _ = tiny(device, (3, 2))
    ctx = make_context(device)
    v = device.put(states(3))
    assert device.get(dbn.bound(v, ctx)) == pytest.approx(-device.get(dbn.top.free_energy(v, ctx)))
    assert device.get(dbn.encode(v, ctx)) == pytest.approx(device.get(dbn.top.encode(v, ctx)))


def test_the_way_down_samples_between_and_ends_in_means(device):
    dbn, _ = tiny(device, (3, 2, 2))
    ctx, n = make_context(device), 40_000
    start = device.put(np.tile([40.0, -40.0], (n, 1)))  # inputs that leave no doubt
    down = device.get(dbn.generate(start, ctx))
    expected = device.get(dbn.machines[0].decode(device.put([[1.0, 0.0]]), ctx))[0]
    assert down == pytest.approx(np.tile(expected, (n, 1)))
    deep, _ = tiny(device, (3, 2, 2, 2))
    down = device.get(deep.generate(start, make_context(device)))
    middle = device.get(deep.machines[1].decode(device.put([[1.0, 0.0]]), ctx))[0]
    expected = np.zeros(3)
    for h in states(2):
        weight = np.prod(np.where(h == 1, middle, 1 - middle))
        expected += weight * device.get(deep.machines[0].decode(device.put(h[None]), ctx))[0]
    assert down.mean(axis=0) == pytest.approx(expected, abs=0.02)


def test_an_autoencoder_with_mirrored_weights_is_the_stack_up_and_down(device):
    machines = [RBM(Bernoulli(4), Bernoulli(3)), RBM(Bernoulli(3), Gaussian(2))]
    dbn, ctx = DBN(machines), make_context(device)
    held = Parameters(dbn, 0, device, np.float64)
    device.copy_into(held.values, np.random.default_rng(2).normal(size=held.values.shape))
    model = autoencoder(4, [3], 2, Sigmoid, Identity, Glorot())
    Parameters(model, 0, device, np.float64)
    dense = [layer for layer in model.layers if isinstance(layer, Dense)]
    for number, machine in enumerate(machines):
        device.copy_into(dense[number].weight.value, device.get(machine.weight.value))
        device.copy_into(dense[number].bias.value, device.get(machine.hidden_bias.value))
        device.copy_into(dense[-1 - number].weight.value, device.get(machine.weight.value).T)
        device.copy_into(dense[-1 - number].bias.value, device.get(machine.visible_bias.value))
    v = device.put(states(4))
    z, _ = model.forward(v, ctx)
    there_and_back = device.get(dbn.decode(dbn.encode(v, ctx), ctx))
    assert 1 / (1 + np.exp(-device.get(z))) == pytest.approx(there_and_back)
