"""How deep Boltzmann machines learn: the gradient, what chains give it, and steps that can be captured."""

import copy

import numpy as np
import pytest

from deep_machines import MACHINES, Table, each, made
from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.models import DBM, LabelledDBM, LabelledLearning, VariationalLearning
from gpunet.models.dbm import free_energy, settle
from gpunet.optimizers import SGD, Optimization
from gpunet.parameter import Parameters
from gpunet.rbm import (
    Bernoulli,
    FastPersistent,
    FromData,
    Persistent,
    Sparsity,
    Tempered,
    exact_log_z,
)
from gpunet.testing import LOG, TracedDevice, make_context, plain
from gpunet.training import Trainer


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
