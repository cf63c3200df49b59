"""Chains of deep machines: features that are held, and states exchanged with earlier versions of the machine."""

import numpy as np
import pytest

from deep_machines import Table, each, made
from gpunet.data import Feed, fit_preprocessing
from gpunet.inspection.sampling import Sampler
from gpunet.models import DBM, LabelledDBM, VariationalLearning
from gpunet.models.dbm import Sides
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters, place
from gpunet.rbm import Bernoulli, Trajectory, exact_log_z
from gpunet.testing import make_context
from gpunet.training import Trainer


@pytest.mark.parametrize("name", ["two hidden layers", "three", "mixed units"])
def test_free_features_follow_the_model_given_those_that_are_held(name, device):
    machine, parameters = made(name, device)
    table = Table(machine, device)
    v, n = table.states[0], machine.visible.n
    given = {}
    for value in (v[:, 0].min(), v[:, 0].max()):
        chosen = v[:, 0] == value
        given[float(value)] = table.p[chosen] @ v[chosen] / table.p[chosen].sum()
    value = max(given, key=lambda one: np.abs(given[one] - table.p @ v).max())
    expected = given[value]
    assert np.abs(expected - table.p @ v)[1:].max() > 0.01, "otherwise holding does nothing"
    held = np.zeros((1, n), bool)
    held[0, 0] = True
    sampler = Sampler(machine, parameters, 3000, seed=1, clamp=(np.full((1, n), value), held))
    sampler.run(40)
    assert sampler.data().mean(axis=0) == pytest.approx(expected, abs=0.05)
    drawn = device.get(sampler.drawn())
    assert (drawn[:, 0] == value).all()
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("hidden", [(2, 3), (2, 2, 2)])
def test_features_are_held_beside_a_class_on_whichever_side_the_data_are(hidden, device):
    model = LabelledDBM([Bernoulli(3), *(Bernoulli(n) for n in hidden)], 2)
    parameters = Parameters(model, 0, device, np.float64)
    device.copy_into(parameters.values, np.random.default_rng(3).normal(size=parameters.values.shape) * 1.5)
    table = Table(model.machine, device)
    clamp = np.array([[0.0, 1.0, 0.0]]), np.array([[False, True, True]])
    sampler = Sampler(model, parameters, 3000, seed=2, labels=np.ones(3000, np.int64), clamp=clamp)
    sampler.run(60)
    v = table.states[0]
    chosen = (table.states[-1][:, 1] == 1) & (v[:, 1] == 1) & (v[:, 2] == 0)
    expected = table.p[chosen] @ v[chosen] / table.p[chosen].sum()
    assert sampler.data().mean(axis=0) == pytest.approx(expected, abs=0.05)


@each
@pytest.mark.parametrize("first", [0, 1])
def test_the_machine_alone_has_the_same_energies_and_takes_values_back(name, first, device):
    machine, _ = made(name, device, seeds=[4, 5])
    sides = Sides(machine.levels, first)
    alone, ctx = sides.alone(), make_context(device)
    kept = [sides.values((2,), member) for member in (0, 1)]
    Parameters(alone, 0, device, np.float64)
    rng = np.random.default_rng(0)
    v = device.put(sides.visible.states()[rng.integers(0, int(sides.visible.state_count), 5)])
    for member in (0, 1):
        place(alone, kept[member])
        assert device.get(alone.free_energy(v, ctx)) == pytest.approx(device.get(sides.free_energy(v, ctx))[member])
    sides.take(kept[1], (2,), 0)
    for level in machine.levels:
        for parameter in (level.bias, level.offset, *([level.weight] if level.below else [])):
            both = device.get(parameter.value)
            assert np.array_equal(both[0], both[1])


def bits(n=400):
    """Two opposite patterns with flipped bits, one three times as often as the other."""
    rng = np.random.default_rng(0)
    return ((rng.random((n, 1)) < 0.25) ^ (rng.random((n, 10)) < 0.1)).astype(np.float32)


def test_log_z_of_every_frozen_version_of_a_deep_machine_is_right(device):
    x = bits()
    machine = DBM([Bernoulli(10), Bernoulli(4), Bernoulli(3)])
    chains = Trajectory(count=50, reservoir=300, freeze=0.7, every=2)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    objective = VariationalLearning(machine, k=1, chains=chains, greedy=1)
    trainer = Trainer(objective, optimization=SGD(0.2), seeds=0, feed=feed, batch_size=50, device=device)
    steps = trainer.steps_per_epoch(True)
    for epoch in range(30):
        trainer.begin_epoch(epoch, steps)
        for number in range(steps):
            trainer.train_batch(number)
        trainer.end_epoch()
        if epoch < 2:
            assert not chains.ladders, "while layers learn alone no chains run"
    numbers = chains.numbers()
    (ladder,) = chains.ladders
    assert numbers["versions"][0] == len(ladder) > 3
    log_z = device.get(chains.log_z[0])[0]
    for number, found in enumerate(log_z):
        alone = objective.sides.alone()
        parameters = Parameters(alone, 0, device, np.float64)
        alone.take({name: array.astype(np.float64) for name, array in ladder.version(number).items()})
        assert found == pytest.approx(exact_log_z(alone, parameters).value[0], abs=0.15)
    states = device.get(chains.states)[:, :10]
    share = float((states.mean(axis=1) > 0.5).mean())
    assert 0.1 < share < 0.45, "both patterns are among the chains"
