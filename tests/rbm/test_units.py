"""Every unit type keeps the laws of its exponential family, and every pair makes a machine."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from gpunet import rbm as room
from gpunet.backend import Device
from gpunet.errors import ConfigError
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, Binomial, Gaussian, NoisyReLU, Softmax, Units, exact_log_z, log_likelihood
from gpunet.testing import compare, examples, make_context, numeric_gradient

ALL = list(examples(Units, room))
each = pytest.mark.parametrize("unit", ALL, ids=repr)
DISCRETE = [u for u in ALL if np.isfinite(u.state_count)]


def give_memory(unit, device):
    """Memory and values for units that learn numbers of their own."""
    parameters = Parameters(unit, 0, device, np.float64)
    for parameter in parameters.named.values():
        device.copy_into(parameter.value, np.random.default_rng(4).normal(size=parameter.shape) * 0.5)


def one_by_one(unit, inputs, device):
    """``log of the sum or integral over the states of each unit``, unit by unit, on a fine grid where it is one."""
    if isinstance(unit, NoisyReLU):
        grid, measure = np.arange(60.0), 1.0
    else:
        grid, measure = np.linspace(-30, 30, 60_001), 1e-3
    ctx, total = make_context(device), 0.0
    for number, x in enumerate(inputs):
        states = np.zeros((len(grid), unit.n))
        states[:, number] = grid
        zero = device.get(unit.log_base(device.put(np.zeros((1, unit.n))), ctx))
        alone = device.get(unit.log_base(device.put(states), ctx)) - zero
        total += log_sum_exp(alone + grid * x) + np.log(measure)
    return total + zero[0]


def log_sum_exp(x):
    return np.log(np.exp(x - x.max()).sum()) + x.max()


@each
def test_mean_is_the_derivative_of_the_log_partition(unit, device, rng):
    give_memory(unit, device)
    x, ctx = device.put(rng.normal(size=(3, 4)) * 2), make_context(device)

    def total():
        ctx.arena.rewind()
        return float(device.get(unit.log_partition(x, ctx).sum()))

    compare("x", device.get(unit.mean(x, ctx)), numeric_gradient(total, x, device), 1e-7)


@pytest.mark.parametrize("unit", DISCRETE, ids=repr)
def test_log_partition_is_the_sum_over_all_states(unit, device, rng):
    x, ctx = rng.normal(size=4) * 2, make_context(device)
    states = np.array(list(unit.states()))
    assert len(states) == unit.state_count == len({tuple(s) for s in states})
    log_p = device.get(unit.log_base(device.put(states), ctx)) + states @ x
    assert device.get(unit.log_partition(device.put(x[None]), ctx))[0] == pytest.approx(log_sum_exp(log_p), rel=1e-12)
    p = np.exp(log_p - log_sum_exp(log_p))
    assert device.get(unit.mean(device.put(x[None]), ctx))[0] == pytest.approx(p @ states, rel=1e-9)


@pytest.mark.parametrize("unit", [u for u in ALL if not np.isfinite(u.state_count)], ids=repr)
def test_log_partition_is_the_integral_over_all_states(unit, device):
    """For rectified linear units the sum over all counts of active copies; see their docstring for the tolerance."""
    give_memory(unit, device)
    inputs = np.array([-1.5, 0.0, 0.7, 4.0])
    found = device.get(unit.log_partition(device.put(inputs[None]), make_context(device)))[0]
    assert found == pytest.approx(one_by_one(unit, inputs, device), abs=1e-9 if isinstance(unit, Gaussian) else 5e-4)


INPUTS = np.array([-12.0, -3.0, -1.0, 0.0, 0.5, 1.0, 3.7, 25.0])
COPIES = 1 / (1 + np.exp(-(INPUTS[:, None] - np.arange(1, 80) + 0.5)))


def test_rectified_units_are_the_sum_of_shifted_copies(device):
    """Nair and Hinton (2010): normaliser, mean and samples are those of endlessly many Bernoulli copies."""
    unit, ctx, n = NoisyReLU(8), make_context(device), 40_000
    total = np.logaddexp(0, INPUTS[:, None] - np.arange(1, 80) + 0.5).sum()
    assert device.get(unit.log_partition(device.put(INPUTS[None]), ctx))[0] == pytest.approx(total, abs=2e-6)
    assert device.get(unit.mean(device.put(INPUTS[None]), ctx))[0] == pytest.approx(COPIES.sum(axis=1), abs=2e-6)
    for kind in (np.float32, np.float64):
        drawn = device.get(unit.sample(device.put(np.tile(INPUTS, (n, 1)), kind), ctx)).astype(float)
        assert (drawn == np.floor(drawn)).all()
        variance = (COPIES * (1 - COPIES)).sum(axis=1)
        assert (np.abs(drawn.mean(axis=0) - COPIES.sum(axis=1)) < 5 * np.sqrt(variance / n)).all()
        # The chance of each count, from the copies one by one.
        for number, copies in enumerate(COPIES):
            chance = np.ones(1)
            for p in copies:
                chance = np.convolve(chance, [1 - p, p])
            found = np.bincount(drawn[:, number].astype(int), minlength=len(chance))
            usual = chance * n > 5
            spread = np.sqrt(n * chance[usual] * (1 - chance[usual])) + 1e-9
            assert (np.abs(found[usual] - n * chance[usual]) / spread < 5).all()


def test_the_rectified_sampler_is_the_normal_number_of_the_paper(device):
    unit, ctx = NoisyReLU(3, sampler="rectified"), make_context(device)
    x = np.array([[-2.0, 0.5, 6.0]])
    copies = 1 / (1 + np.exp(-(x[..., None] - np.arange(1, 60) + 0.5)))
    assert device.get(unit.mean(device.put(x), ctx)) == pytest.approx(copies.sum(axis=-1), abs=2e-4)
    drawn = device.get(unit.sample(device.put(np.tile(x, (40_000, 1))), ctx))
    assert (drawn >= 0).all()
    assert not np.isin(drawn, [0, 1]).all(), "a published mistake: rectified units sampled as Bernoulli ones"
    assert drawn[:, 2].mean() == pytest.approx(6, abs=0.03)
    assert drawn[:, 2].var() == pytest.approx(1, rel=0.05)
    # In general a rectified normal: x Phi(x / s) + s phi(x / s) with s^2 = sigmoid(x).
    s = math.sqrt(1 / (1 + math.exp(-0.5)))
    expected = 0.5 * 0.5 * (1 + math.erf(0.5 / s / math.sqrt(2))) + s * math.exp(-0.125 / s**2) / math.sqrt(2 * math.pi)
    assert drawn[:, 1].mean() == pytest.approx(expected, abs=0.02)
    assert (unit.draws_exactly, NoisyReLU(3).draws_exactly, Bernoulli(3).draws_exactly) == (False, True, True)


@each
def test_the_input_for_a_mean_gives_that_mean(unit, device):
    if isinstance(unit, Gaussian) and unit.learn_variance:
        Parameters(unit, 0, device, np.float64)
    mean = np.full(4, 1 / unit.group) if isinstance(unit, Softmax) else np.array([0.1, 0.4, 0.5, 0.9])
    x = device.put(unit.input_for(mean)[None])
    assert device.get(unit.mean(x, make_context(device)))[0] == pytest.approx(mean, abs=0.011)


@pytest.mark.parametrize("unit", [u for u in ALL if u.draws_exactly], ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_have_the_mean_and_the_variance_of_their_distribution(unit, dtype, device, rng):
    n = 40_000
    give_memory(unit, device)
    x, ctx = rng.normal(size=4), make_context(device)
    tiled = device.put(np.tile(x, (n, 1)), dtype)
    drawn = device.get(unit.sample(tiled, ctx)).astype(float)
    step = 1e-4
    means = [device.get(unit.mean(device.put(x[None] + d), ctx))[0] for d in (-step, 0, step)]
    # The variance is the derivative of the mean, unit by unit; inputs of one softmax group act on each other.
    if isinstance(unit, Softmax):
        variance = means[1] * (1 - means[1])
    else:
        variance = (means[2] - means[0]) / (2 * step)
    assert np.abs(drawn.mean(axis=0) - means[1]).max() < 5 * np.sqrt(variance.max() / n)
    assert drawn.var(axis=0) == pytest.approx(variance, rel=0.06, abs=0.01)
    if np.isfinite(unit.state_count):
        assert {tuple(s) for s in drawn} <= {tuple(s) for s in unit.states()}


def test_certain_units_stay_certain(device):
    x = device.put(np.array([[-60.0, 60.0]] * 5000), np.float32)
    assert device.get(Bernoulli(2).sample(x, make_context(device))).mean(axis=0).tolist() == [0, 1]


def machine(visible, hidden, device, seeds=0):
    rbm = RBM(replace(visible), replace(hidden))
    parameters = Parameters(rbm, seeds, device, np.float64)
    noise = np.random.default_rng(3).normal(size=parameters.values.shape) * 0.5
    device.copy_into(parameters.values, noise)
    return rbm, parameters


PAIRS = list(itertools.product(ALL, ALL))
each_pair = pytest.mark.parametrize(("visible", "hidden"), PAIRS, ids=[f"{v}-{h}" for v, h in PAIRS])


@each_pair
def test_free_energy_sums_the_hidden_units_out(visible, hidden, device, rng):
    """Against the energy of every joint state; a side without finitely many is integrated unit by unit."""
    rbm, _ = machine(visible, hidden, device)
    visible, hidden, ctx = rbm.visible, rbm.hidden, make_context(device)
    v = device.get(visible.sample(device.put(rng.normal(size=(3, 4))), ctx))
    free = device.get(rbm.free_energy(device.put(v), ctx))
    for row, expected in zip(v, free):
        if not np.isfinite(hidden.state_count):
            x = device.get(rbm.hidden_input(device.put(row[None]), ctx))[0]
            own = device.get(visible.log_base(device.put(row[None]), ctx))[0]
            own += row @ device.get(rbm.visible_bias.value)
            assert expected == pytest.approx(-own - one_by_one(hidden, x, device), abs=1e-3)
            continue
        states = np.array(list(hidden.states()))
        energies = device.get(rbm.energy(device.put(np.tile(row, (len(states), 1))), device.put(states), ctx))
        assert expected == pytest.approx(-log_sum_exp(-energies))
        p = np.exp(-energies + expected)
        mean = device.get(hidden.mean(rbm.hidden_input(device.put(row[None]), ctx), ctx))[0]
        assert mean == pytest.approx(p @ states, rel=1e-6, abs=1e-9)


@each_pair
def test_free_energy_gradient_is_that_of_the_data_term(visible, hidden, device, rng):
    """d F / d W = - v E[h|v], which contrastive divergence relies on."""
    rbm, _ = machine(visible, hidden, device)
    visible, hidden, ctx = rbm.visible, rbm.hidden, make_context(device)
    v = device.put(device.get(visible.sample(device.put(rng.normal(size=(3, 4))), ctx)))

    def total():
        ctx.arena.rewind()
        return float(device.get(rbm.free_energy(v, ctx).sum()))

    numeric = numeric_gradient(total, rbm.weight.value, device)
    h = device.get(hidden.mean(rbm.hidden_input(v, ctx), ctx))
    compare("weight", -device.get(v).T @ h, numeric, 1e-6)


@pytest.mark.parametrize("visible", DISCRETE, ids=repr)
@pytest.mark.parametrize("hidden", ALL, ids=repr)
def test_exact_log_z_makes_probabilities_that_sum_to_one(visible, hidden, device):
    rbm, parameters = machine(visible, hidden, device)
    log_z = exact_log_z(rbm, parameters)
    states = np.array(list(visible.states()))
    total = np.exp(log_likelihood(rbm, log_z, device.put(states), make_context(device))).sum()
    assert total == pytest.approx(1, rel=1e-9)


def test_exact_log_z_of_members_and_from_either_side(device):
    rbm, parameters = machine(Bernoulli(4), Bernoulli(6), device, [1, 2])
    both = exact_log_z(rbm, parameters).value
    for member in range(2):
        alone, own = machine(Bernoulli(4), Bernoulli(6), device)
        device.copy_into(own.values, device.get(parameters.values)[member])
        assert exact_log_z(alone, own).value[0] == pytest.approx(both[member], rel=1e-12)
        turned, other = machine(Bernoulli(6), Bernoulli(4), device)
        device.copy_into(turned.weight.value, device.get(alone.weight.value).T)
        device.copy_into(turned.visible_bias.value, device.get(alone.hidden_bias.value))
        device.copy_into(turned.hidden_bias.value, device.get(alone.visible_bias.value))
        assert exact_log_z(turned, other).value[0] == pytest.approx(both[member], rel=1e-12)


def test_exact_log_z_refuses_what_is_too_large():
    rbm, parameters = machine(Bernoulli(30), Bernoulli(30), Device())
    with pytest.raises(ConfigError, match=r"at most 2\^25 states, got 1.07e\+09. Use AIS instead"):
        exact_log_z(rbm, parameters)
    rbm, parameters = machine(Gaussian(3), Gaussian(3), Device())
    with pytest.raises(ConfigError, match="at most"):
        exact_log_z(rbm, parameters)


def test_groups_must_fill_the_side():
    with pytest.raises(ConfigError, match="must divide the 4 units, got 3"):
        Softmax(4, group=3)


@pytest.mark.parametrize("unit", [Bernoulli(2000), Binomial(2000), Softmax(4000)], ids=repr)
def test_more_states_than_any_float_are_infinitely_many(unit):
    assert unit.state_count == math.inf
    rbm = RBM(unit, Bernoulli(2))
    parameters = Parameters(rbm, 0, Device(), np.float64)
    assert exact_log_z(rbm, parameters).method == "exact"
    with pytest.raises(ConfigError, match=r"needs a side with at most 2\^25 states, got inf"):
        exact_log_z(RBM(unit, unit), parameters)


@pytest.mark.parametrize("number", range(len(ALL)), ids=lambda number: repr(ALL[number]))
def test_one_batch_serves_all_members_of_a_machine(number, device, rng):
    """As evaluation has it: states without an axis of members, parameters with one."""
    fresh = list(examples(Units, room))[number]
    rbm = RBM(fresh, Bernoulli(3))
    parameters = Parameters(rbm, [1, 2], device, np.float64)
    device.copy_into(parameters.values, rng.normal(size=parameters.values.shape))
    v, ctx = rng.integers(0, 2, (5, 4)).astype(np.float64), make_context(device, [1, 2])
    shared = device.get(rbm.free_energy(device.put(v), ctx))
    assert shared.shape == (2, 5)
    assert shared == pytest.approx(device.get(rbm.free_energy(device.put(np.stack([v, v])), ctx)), rel=1e-12)
