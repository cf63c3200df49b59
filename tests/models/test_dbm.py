"""Deep Boltzmann machines against enumeration of all their states."""

import numpy as np
import pytest

from deep_machines import BITS, Table, each, made
from gpunet.backend import Arena, Context
from gpunet.errors import ConfigError
from gpunet.inspection.sampling import Sampler
from gpunet.models import DBM, LabelledDBM, VariationalLearning
from gpunet.models.dbm import Sides, free_energy, settle
from gpunet.parameter import Parameters
from gpunet.rbm import (
    Bernoulli,
    Gaussian,
    NoisyReLU,
    Spin,
    ais_log_z,
    exact_log_z,
    model_samples,
    reverse_ais_log_z,
)
from gpunet.testing import make_context


@each
@pytest.mark.parametrize("first", [0, 1])
def test_as_a_restricted_machine_it_has_the_same_energies_and_the_same_normaliser(name, first, device):
    machine, parameters = made(name, device)
    table, sides, ctx = Table(machine, device), Sides(machine.levels, first), make_context(device)
    v, h = (sides.side([device.put(s) for s in table.states], side, ctx) for side in (0, 1))
    assert device.get(sides.energy(v, h, ctx)) == pytest.approx(table.energy)
    assert exact_log_z(sides, parameters).value == pytest.approx(table.log_z)
    block = device.get(sides.weight.value)
    assert device.get(sides.hidden_input(v, ctx)) == pytest.approx(
        device.get(v) @ block + device.get(sides.hidden_bias.value)
    )


@each
def test_log_probabilities_are_exact_and_the_bound_is_below_by_the_divergence(name, device):
    machine, _ = made(name, device)
    table, ctx = Table(machine, device), make_context(device)
    log_p, (v,) = table.log_p(0)
    assert device.get(machine.log_unnormalised(device.put(v), ctx)) - table.log_z == pytest.approx(log_p)
    found = machine.posterior(device.put(v), ctx)
    bound = device.get(machine.bound(device.put(v), ctx)) - table.log_z
    assert (bound < log_p).all()
    levels = machine.levels
    for row in range(len(v)):
        chosen = table.rows[:, 0] == row
        log_true = -table.energy[chosen] - np.logaddexp.reduce(-table.energy[chosen])
        log_q = np.zeros(chosen.sum())
        for level, x, s in zip(levels[1:], found.inputs[1:], table.states[1:]):
            one = device.get(x)[row]
            each_state = level.units.states()
            log_norm = np.logaddexp.reduce(level.units.log_base(each_state, ctx) + each_state @ one)
            log_q += level.units.log_base(s[chosen], ctx) + s[chosen] @ one - log_norm
        divergence = (np.exp(log_q) * (log_q - log_true)).sum()
        assert bound[row] == pytest.approx(log_p[row] - divergence)


def test_either_way_of_summing_over_hidden_layers_is_the_same(device):
    wide, narrow = ([Bernoulli(3), Bernoulli(a), Spin(b), Bernoulli(2)] for a, b in ((5, 2), (2, 5)))
    for units in (wide, narrow):
        machine = DBM(units)
        parameters = Parameters(machine, [1, 2], device, np.float64)
        device.copy_into(parameters.values, np.random.default_rng(1).normal(size=parameters.values.shape))
        v, ctx = device.put(Bernoulli(3).states()), make_context(device)
        total = np.logaddexp.reduce(device.get(machine.log_unnormalised(v, ctx)), axis=-1)
        assert total == pytest.approx(exact_log_z(machine.undirected, parameters).value)
    with pytest.raises(ConfigError, match=r"needs every other hidden layer to have at most 2\^25 states"):
        DBM([Bernoulli(2), Bernoulli(30), Bernoulli(30)]).log_unnormalised(v[:, :2], ctx)


@each
@pytest.mark.parametrize("damping", [0.0, 0.6])
def test_no_sweep_raises_the_free_energy_and_the_end_is_a_fixed_point(name, damping, device):
    machine, _ = made(name, device, spread=1.5)
    levels, ctx = machine.levels, make_context(device)
    v = device.put(levels[0].units.states())
    before = np.inf
    for sweeps in range(8):
        found = settle(levels, v, ctx, sweeps, damping=damping)
        now = device.get(free_energy(levels, found, ctx))
        assert (now <= before + 1e-9).all()
        before = now
    found = settle(levels, v, ctx, 2000, 1e-12, damping, early=True)
    for number in range(1, len(levels)):
        total = found.states[number - 1] @ levels[number].weight.value + levels[number].bias.value
        if number + 1 < len(levels):
            total = total + found.states[number + 1] @ levels[number + 1].weight.value.T
        assert device.get(levels[number].units.mean(total, ctx)) == pytest.approx(
            device.get(found.states[number]), abs=1e-9
        )


def test_samples_stop_by_themselves_whatever_lies_beside_them(device):
    machine, _ = made("three", device, spread=2.0)
    v, ctx = device.put(Bernoulli(3).states()), make_context(device)
    fixed, early = (settle(machine.levels, v, ctx, 60, 1e-3, early=early) for early in (False, True))
    loose = settle(machine.levels, v, ctx, 60, 0.0)
    for a, b, c in zip(fixed.states[1:], early.states[1:], loose.states[1:]):
        assert np.array_equal(device.get(a), device.get(b))
        assert 0 < np.abs(device.get(a) - device.get(c)).max() < 0.05
    for row in range(8):
        alone = settle(machine.levels, v[row : row + 1], ctx, 60, 1e-3, early=True)
        assert device.get(alone.states[1])[0] == pytest.approx(device.get(fixed.states[1])[row], abs=1e-12)


@pytest.mark.parametrize("name", ["three", "mixed units", "labels"])
def test_the_input_of_a_layer_is_the_mean_of_those_of_its_machines(name, device):
    machine, _ = made(name, device)
    rng, ctx, levels = np.random.default_rng(1), make_context(device), machine.levels
    states = [device.put(rng.random((4, level.units.n))) for level in levels]
    machines = machine.greedy
    for number in range(1, machine.depth):
        below, above = machines[number - 1], machines[number]
        heard = [below.hidden_input(states[number - 1], ctx), above.visible_input(states[number + 1], ctx)]
        mean = sum(device.get(x)[..., : levels[number].units.n] for x in heard) / 2
        total = states[number - 1] @ levels[number].weight.value + levels[number].bias.value
        total = total + states[number + 1] @ levels[number + 1].weight.value.T
        assert device.get(total) == pytest.approx(mean)
    # Nothing is doubled towards the data, nor towards the highest layer.
    h = device.put(rng.random((4, levels[1].units.n)))
    plain_input = device.get(h) @ device.get(levels[1].weight.value).T + device.get(levels[0].bias.value)
    assert device.get(machines[0].visible_input(h, ctx)) == pytest.approx(plain_input)
    top, last = levels[machine.depth], machines[-1]
    seen = states[machine.depth - 1]
    expected = device.get(seen) @ device.get(top.weight.value) + device.get(top.bias.value)
    if machine.classes:
        seen = np.concatenate([device.get(seen), device.get(states[-1])], axis=1)
        expected = expected + device.get(states[-1]) @ device.get(levels[-1].weight.value).T
    assert device.get(last.hidden_input(device.put(seen), ctx)) == pytest.approx(expected)


def test_annealing_brackets_the_normaliser(device):
    machine, parameters = made("three", device, spread=1.2)
    sides, exact = machine.undirected, Table(machine, device).log_z
    base = np.full(sides.visible.n, 0.4)
    up = ais_log_z(sides, parameters, base, runs=200, betas=np.linspace(0, 1, 60))
    start = machine.rise(device.put(np.repeat(Bernoulli(3).states(), 25, axis=0)), make_context(device), draw=True)
    samples = model_samples(sides, parameters, start, steps=60, temperatures=3)
    found = up.bracket(reverse_ais_log_z(sides, parameters, base, samples, betas=np.linspace(0, 1, 60)))
    assert found.low[0] < exact < found.high[0]
    assert found.high[0] - found.low[0] < 0.6
    assert found.value[0] == pytest.approx(exact, abs=0.1)


@pytest.mark.parametrize("name", ["two hidden layers", "three"])
def test_samples_follow_the_model_from_rest_and_from_data(name, device):
    machine, parameters = made(name, device)
    table = Table(machine, device)
    expected = table.p @ table.states[0]
    for start in (None, device.put(np.ones((2_500, 3)))):
        sampler = Sampler(machine, parameters, 2_500, seed=1, start=start)
        sampler.run(40)
        assert sampler.data().mean(axis=0) == pytest.approx(expected, abs=0.05)
        assert device.get(sampler.drawn()).mean(axis=0) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("hidden", [(2, 3), (2, 2, 2)])
def test_samples_with_a_class_held_follow_the_model_given_it(hidden, device):
    model = LabelledDBM([Bernoulli(3), *(Bernoulli(n) for n in hidden)], 2)
    parameters = Parameters(model, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape))
    table = Table(model.machine, device)
    for label in (0, 1):
        sampler = Sampler(model, parameters, 2_500, seed=2, labels=np.full(2_500, label))
        sampler.run(40)
        chosen = table.states[-1][:, label] == 1
        expected = table.p[chosen] @ table.states[0][chosen] / table.p[chosen].sum()
        assert sampler.data().mean(axis=0) == pytest.approx(expected, abs=0.05)


def test_logits_are_the_inputs_of_the_settled_classes_and_lead_back_to_the_features(device):
    model = LabelledDBM([Bernoulli(4), Bernoulli(3), Bernoulli(2), Bernoulli(3)], 3, sweeps=4)
    parameters = Parameters(model, [0, 1], device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape))
    x, ctx = np.random.default_rng(1).random((5, 4)), make_context(device)
    z, backward = model.forward(device.put(x), ctx)
    found = settle(model.machine.levels, device.put(x), ctx, 4)
    assert device.get(found.inputs[-1]) == pytest.approx(device.get(z))
    dz = np.random.default_rng(2).normal(size=z.shape)
    gradient = device.get(backward(device.put(dz)))
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += 1e-6
        moved[1][place] -= 1e-6
        up, down = (device.get(model.forward(device.put(each), ctx)[0]) for each in moved)
        slope = ((up - down) * dz).sum(axis=(1, 2)) / 2e-6
        assert gradient[(slice(None), *place)] == pytest.approx(slope, abs=1e-6)


def test_what_makes_no_deep_machine_is_refused():
    with pytest.raises(ConfigError, match="must have at least two layers in a deep machine"):
        DBM(BITS[:2])
    with pytest.raises(ConfigError, match="must not learn numbers of their own in a deep machine"):
        VariationalLearning(DBM([Bernoulli(3), Gaussian(2, learn_variance=True), Bernoulli(2)]))
    with pytest.raises(ConfigError, match="must be bernoulli in a deep machine that classifies"):
        LabelledDBM([Bernoulli(3), NoisyReLU(2), Bernoulli(2)], 2)


@pytest.mark.parametrize("units", [[Gaussian(3, learn_variance=True), NoisyReLU(2), Bernoulli(3)]], ids=str)
def test_units_without_a_table_of_states_keep_the_bound_below(units, device):
    machine = DBM(units)
    parameters = Parameters(machine, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape) * 0.4)
    v, ctx = device.put(np.random.default_rng(1).normal(size=(20, 3))), make_context(device)
    gap = device.get(machine.log_unnormalised(v, ctx)) - device.get(machine.bound(v, ctx))
    assert (gap > 0).all()
    assert gap.max() < 0.5
    context = Context(False, Arena(device))
    found = settle(machine.levels, v, context, 200, 1e-12)
    assert -device.get(free_energy(machine.levels, found, context)) == pytest.approx(
        device.get(machine.bound(v, ctx)), abs=1e-6
    )
