"""Deep Boltzmann machines against enumeration of all their states."""

import copy
import itertools

import numpy as np
import pytest

from gpunet.backend import Arena, Context, Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import ConfigError
from gpunet.inspection.sampling import Sampler
from gpunet.models import DBM, LabelledDBM, LabelledLearning, VariationalLearning
from gpunet.models.dbm import Sides, free_energy, settle
from gpunet.optimizers import SGD, Optimization
from gpunet.parameter import Parameters
from gpunet.rbm import (
    Bernoulli,
    Binomial,
    FastPersistent,
    FromData,
    Gaussian,
    NoisyReLU,
    Persistent,
    Softmax,
    Sparsity,
    Spin,
    Tempered,
    Trajectory,
    ais_log_z,
    exact_log_z,
    model_samples,
    reverse_ais_log_z,
)
from gpunet.testing import LOG, TracedDevice, make_context, plain
from gpunet.training import Trainer

BITS = [Bernoulli(3), Bernoulli(2), Bernoulli(3)]
MACHINES = {
    "two hidden layers": (BITS, 0),
    "three": ([Bernoulli(3), Bernoulli(2), Bernoulli(2), Bernoulli(3)], 0),
    "mixed units": ([Binomial(2), Spin(3), Softmax(4, group=2), Bernoulli(2)], 0),
    "labels": (BITS, 3),
    "three and labels": ([Spin(2), Bernoulli(2), Bernoulli(2), Bernoulli(1)], 2),
}
each = pytest.mark.parametrize("name", MACHINES)


def made(name, device, seeds=0, spread=0.8):
    units, classes = MACHINES[name]
    machine = DBM(units, classes)
    parameters = Parameters(machine, seeds, device, np.float64)
    values = np.random.default_rng(3).normal(size=parameters.values.shape) * spread
    device.copy_into(parameters.values, values)
    return machine, parameters


class Table:
    """All states of a machine with their energies, computed from the formula alone."""

    def __init__(self, machine, device):
        self.levels, self.ctx = machine.levels, make_context(device)
        self.value = lambda parameter: device.get(parameter.value)
        each = [level.units.states() for level in self.levels]
        self.rows = np.array(list(itertools.product(*(range(len(states)) for states in each))))
        self.states = [states[self.rows[:, number]] for number, states in enumerate(each)]
        self.energy = self.energies(self.states)
        self.log_z = np.logaddexp.reduce(-self.energy)
        self.p = np.exp(-self.energy - self.log_z)

    def energies(self, states):
        """``-log_base - bias s`` of each level, and ``-s W s`` between neighbours."""
        total = 0.0
        for level, s in zip(self.levels, states):
            total = total - level.units.log_base(s, self.ctx) - s @ self.value(level.bias)
        for lower, level, below, s in zip(self.levels, self.levels[1:], states, states[1:]):
            assert lower.units.n == below.shape[-1]
            total = total - np.einsum("ni,ij,nj->n", below, self.value(level.weight), s)
        return total

    def log_p(self, *numbers):
        """Log-probabilities of the states of some levels, in order, with those states."""
        keys, found = self.rows[:, numbers], {}
        for key, log_p in zip(map(tuple, keys), -self.energy - self.log_z):
            found.setdefault(key, []).append(log_p)
        states = [self.levels[number].units.states() for number in numbers]
        ordered = list(itertools.product(*(range(len(s)) for s in states)))
        logs = np.array([np.logaddexp.reduce(found[key]) for key in ordered])
        return logs, [s[[key[place] for key in ordered]] for place, s in enumerate(states)]


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


def learning(name, machine, **settings):
    objective = VariationalLearning(machine, **settings)
    if MACHINES[name][1]:
        classes, climb = machine.classes, objective._climb
        objective.learn = lambda x, target, weight, ctx: climb(x, np.eye(classes)[target], weight, ctx)
    return objective


@each
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_bound_with_the_mean_field_held(name, center, weighted, device, monkeypatch):
    machine, parameters = made(name, device)
    table, levels, ctx = Table(machine, device), machine.levels, make_context(device)
    chains = Persistent(count=1)
    objective = learning(name, machine, chains=chains, center=center, sweeps=30)
    objective.start(device, (), np.float64)
    even = objective.sides.side([device.put(s) for s in table.states], 0, ctx)
    # All states of the machine, with their probabilities, in the place of chains.
    monkeypatch.setattr(chains, "draw", lambda rbm, given, k, ctx: (even, rbm.hidden_input(even, ctx)))
    monkeypatch.setattr(objective.together, "_model_share", lambda share, states: device.put(table.p))
    v = levels[0].units.states()[[0, 3, 1, 1]]
    target = np.array([1, 0, 1, 1])
    weight = np.array([2.0, 1.0, 0.0, 3.0]) if weighted else None
    share = np.full(4, 0.25) if weight is None else weight / weight.sum()
    parameters.zero_grad()
    objective.learn(device.put(v), device.put(target), None if weight is None else device.put(weight), ctx)
    parameters.finish_grad()
    label = np.eye(machine.classes)[target] if machine.classes else None
    found = settle(levels, device.put(v), ctx, 30, objective.tolerance, label=label)

    def minus_bound():
        free = device.get(free_energy(levels, found, ctx))
        return float(share @ free + exact_log_z(machine.undirected, parameters).value[0])

    def slope(parameter):
        value, found = parameter.value, np.zeros(parameter.shape)
        for place in np.ndindex(found.shape):
            old, ends = float(value[place]), []
            for step in (1e-5, -1e-5):
                value[place] = old + step
                ends.append(minus_bound())
            value[place] = old
            found[place] = (ends[0] - ends[1]) / 2e-5
        return found

    biases, weights = [slope(level.bias) for level in levels], [slope(level.weight) for level in levels[1:]]
    if center:  # what Melchior, Fischer, Wiskott (2016) make of it, in the parameters of the plain energy
        means, plain_biases = [device.get(level.offset.value) for level in levels], list(biases)
        for number in range(len(weights)):
            below, above = (plain_biases[number], means[number]), (plain_biases[number + 1], means[number + 1])
            weights[number] -= np.outer(below[1], above[0]) + np.outer(below[0], above[1])
        for number in range(len(weights)):
            biases[number] = biases[number] - weights[number] @ means[number + 1]
            biases[number + 1] = biases[number + 1] - means[number] @ weights[number]
    for level, bias in zip(levels, biases):
        assert device.get(level.bias.grad) == pytest.approx(bias, abs=1e-7)
    for level, weight in zip(levels[1:], weights):
        assert device.get(level.weight.grad) == pytest.approx(weight, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "chains"),
    [
        ("three", Persistent(count=4_000)),
        ("mixed units", Persistent(count=4_000)),
        ("three and labels", Persistent(count=4_000)),
        ("two hidden layers", Tempered(count=4_000, temperatures=3)),
        ("two hidden layers", FromData()),
    ],
    ids=repr,
)
def test_chains_give_the_expectations_of_the_model(name, chains, device):
    machine, _ = made(name, device)
    table, ctx, sides = Table(machine, device), make_context(device), machine.undirected
    chains.start(sides, device, (), np.float64)
    begin = device.put(np.zeros((4_000, sides.hidden.n)))
    for _ in range(3):
        v, x = chains.draw(sides, begin, 8, ctx)
    h = device.get(sides.hidden.mean(x, ctx))
    even, odd = (np.concatenate([table.states[n] for n in side], axis=1) for side in sides.numbers)
    expected = np.einsum("n,ni,nj->ij", table.p, even, odd)
    assert device.get(v).T @ h / len(h) == pytest.approx(expected, abs=0.08)


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


SETTINGS = {
    "joint": {},
    "greedy": {"greedy": 2},
    "fast": {"chains": FastPersistent(count=5)},
    "tempered": {"chains": Tempered(count=4, temperatures=3), "damping": 0.3},
    "sparse": {"sparsity": Sparsity(0.2, 0.1), "chains": FromData(), "tolerance": 0.0, "center": False},
}


@pytest.mark.parametrize("seeds", [0, [1, 2]])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("name", SETTINGS)
def test_an_update_can_be_captured(name, labels, seeds, rng):
    x, y = rng.integers(0, 256, (40, 5)).astype(np.uint8), rng.integers(0, 3, 40).astype(np.int32)
    trainers = []
    for device in (TracedDevice(), Device()):
        members = () if np.ndim(seeds) == 0 else (len(seeds),)
        feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), members)
        units = [Bernoulli(5), Bernoulli(4), Bernoulli(3)]
        settings = {"k": 2, "sweeps": 3, "binarise": True, "chains": Persistent(count=6)} | copy.deepcopy(
            SETTINGS[name]
        )
        objective = (
            LabelledLearning(LabelledDBM(units, 3), **settings)
            if labels
            else VariationalLearning(DBM(units), **settings)
        )
        made = Trainer(
            objective,
            optimization=Optimization(SGD(0.05, momentum=0.5)),
            seeds=seeds,
            feed=feed,
            batch_size=8,
            device=device,
        )
        made.begin_epoch(0, 5)
        trainers.append(made)
    recorded, real = trainers
    LOG.clear()
    recorded.step(8)
    LOG.replay()
    LOG.replay()
    for _ in range(3):
        real.step(8)
    assert np.array_equal(plain(recorded.parameters.values), real.parameters.values)
    for a, b in zip(recorded.objective.state().values(), real.objective.state().values()):
        assert np.array_equal(plain(a), b)


def test_layers_learn_one_after_the_other_and_then_together(device, rng):
    model = LabelledDBM([Bernoulli(5), Bernoulli(4), Bernoulli(3)], 2)
    parameters = Parameters(model, 0, device, np.float64)
    objective = LabelledLearning(model, greedy=2, k=1)
    objective.start(device, (), np.float64)
    x, labels = device.put(rng.random((6, 5))), device.put(rng.integers(0, 2, 6))
    weights = [level.weight for level in model.machine.levels[1:]]
    for epoch, learns in enumerate([(1, 0, 0)] * 2 + [(0, 1, 1)] * 2 + [(1, 1, 1)]):
        objective.begin_epoch(epoch)
        parameters.zero_grad()
        objective.learn(x, labels, None, make_context(device))
        parameters.finish_grad()
        assert tuple(int(np.abs(device.get(w.grad)).max() > 0) for w in weights) == learns


def test_what_makes_no_deep_machine_is_refused():
    with pytest.raises(ConfigError, match="must have at least two layers in a deep machine"):
        DBM(BITS[:2])
    with pytest.raises(ConfigError, match="must not learn numbers of their own in a deep machine"):
        VariationalLearning(DBM([Bernoulli(3), Gaussian(2, learn_variance=True), Bernoulli(2)]))
    with pytest.raises(ConfigError, match="chains: must be persistent, fast_persistent, tempered or from_data"):
        VariationalLearning(DBM(BITS), chains=Trajectory())
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
