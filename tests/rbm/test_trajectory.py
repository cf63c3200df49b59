"""Trajectory tempering against enumeration, on a machine with three modes that no plain chain leaves."""

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import ConfigError
from gpunet.inspection.tempering import Versions, tempered
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    ClassRBM,
    ContrastiveDivergence,
    HybridLearning,
    Persistent,
    Trajectory,
    exact_log_z,
    freezing,
    trajectory,
)
from gpunet.rbm.bennett import bennett, foreseen_acceptance, influences, one_sided, resampled
from gpunet.rbm.freezing import climb, freeze, is_losing, is_moving, reach, thin
from gpunet.rbm.ladder import Exchanges, Ladder
from gpunet.schedules import Exponential
from gpunet.testing import make_context
from gpunet.training import Trainer
from planted import data, exact_shares, machine_of, patterns, shares, trained


@pytest.fixture(scope="module", params=[freezing.HIGHEST, 2], ids=["", "most sweeps of two versions"])
def planted(request):
    """A machine trained with versions frozen on its way, its trainer and its chains."""
    device = Device()
    chains = Trajectory(count=50, reservoir=250)
    with pytest.MonkeyPatch.context() as patch:
        for module in (freezing, trajectory):
            patch.setattr(module, "HIGHEST", request.param)
        rbm, trainer = trained(chains, device, epochs=60, rate=Exponential(0.06, 0.96), x=data(1000), batch=50)
    return rbm, trainer, chains


def test_log_z_is_exact_to_a_tenth_of_a_nat_at_every_frozen_version(planted):
    _, trainer, chains = planted
    ladder, device = chains.ladders[0], trainer.device
    assert len(ladder) >= 4
    found = device.get(chains.log_z[0])
    exact = [exact_log_z(*machine_of(ladder.version(n), device)).value[0] for n in range(len(ladder))]
    np.testing.assert_allclose(found[0], exact, atol=0.1)
    assert (np.abs(found[0] - exact) < 4 * found[1] + 0.01).all()
    assert chains.numbers()["log_z"] == pytest.approx(exact[-1], abs=0.1)


@pytest.mark.parametrize("at_rest", [False, True], ids=["frozen anew", "at rest"])
def test_every_mode_has_its_share_where_plain_chains_miss_one(at_rest, planted):
    """Samples of the trained machine along its training, and plain chains that make as many Gibbs steps as one draw."""
    rbm, trainer, chains = planted
    frozen, device, parameters = chains.ladders[0], trainer.device, trainer.parameters
    expected = exact_shares(rbm, parameters)
    values = {name: parameter.value for name, parameter in parameters.named.items()}
    versions = [frozen.version(n) for n in range(not at_rest, len(frozen))]
    made = tempered(rbm, values, Versions(versions, frozen.states if at_rest else None), device, 150, seed=4)
    drawn, log_z = [], []
    for _ in range(8):
        log_z.append(made.measured(25)[1])
        drawn.append(shares(device.get(made.ladder.states[-1])))
    error = np.std(drawn, axis=0, ddof=1) / np.sqrt(8) + 0.003  # the expected ones have errors as well
    assert (np.abs(np.mean(drawn, axis=0) - expected) < 3 * error).all()
    exact = exact_log_z(*machine_of(values, device)).value[0]
    assert np.mean([z.value[0] for z in log_z]) == pytest.approx(exact, abs=0.1)
    assert sum(z.low[0] - 0.02 < exact < z.high[0] + 0.02 for z in log_z) >= 7
    assert log_z[-1].effective_samples[0] > 100
    plain = Persistent(count=150)
    plain.start(rbm, device, (), np.float32)
    steps, ctx = 25 * 2 * len(made.ladder), make_context(device)
    v, _ = plain.draw(rbm, None, steps, ctx)
    ratio = shares(device.get(v)) / expected
    assert (np.maximum(ratio, 1 / np.maximum(ratio, 1e-9)) > 2).any()


def test_the_machine_that_persistent_chains_learn_has_other_shares_than_they_say():
    """By as many Gibbs steps as the trajectory's: the chains are where the data are, the machine is not."""
    device = Device()
    chains = Persistent(count=100)
    rbm, trainer = trained(chains, device, epochs=40, k=5, rate=0.05)
    ratio = shares(device.get(chains.states)) / exact_shares(rbm, trainer.parameters)
    assert (np.maximum(ratio, 1 / ratio) > 2).any()


def test_gibbs_steps_are_counted(planted):
    _, trainer, chains = planted
    found, updates = chains.numbers()["gibbs_steps"][0], 60 * 20
    assert device_number(trainer, chains.gibbs_steps) == updates * 50
    assert found > updates * 50 + len(chains.ladders[0]) * 250 * 2


def device_number(trainer, array):
    return float(trainer.device.get(array).reshape(-1)[0])


def test_a_machine_that_moved_too_far_goes_back_and_learns_half_as_fast():
    device = Device()
    chains = Trajectory(count=50, reservoir=100)
    rbm, trainer = trained(chains, device, epochs=2, rate=10.0, x=data(600))
    assert chains.numbers()["refused_versions"][0] >= 1
    assert trainer.optimizer.rate_scale == 0.5 ** chains.numbers()["refused_versions"][0]
    trainer.begin_epoch(2, 6)
    rate = float(trainer.optimizer.current("learning_rate"))
    assert rate == 10.0 * trainer.optimizer.rate_scale
    rbm.weight.value[...] += np.random.default_rng(0).normal(size=rbm.weight.value.shape)
    back = chains._freeze(rbm, 0, 0.01)
    assert not back
    np.testing.assert_array_equal(rbm.weight.value, chains.ladders[0].version(-1)["weight"])


def test_a_machine_far_away_is_reached_over_machines_between():
    device = Device()
    chains = Trajectory(count=50, reservoir=250)
    rbm, _ = trained(chains, device, epochs=5, rate=0.02, x=data(600))
    ladder = chains.ladders[0]
    before, known = len(ladder), device.get(chains.log_z[0])[0, -1]
    rbm.weight.value[...] += np.random.default_rng(0).normal(size=rbm.weight.value.shape) * 0.6
    made = reach(ladder, rbm.values((), 0), 300)
    assert len(made) >= 2
    assert len(ladder) == before + len(made)
    assert not made[-1].refused
    error = np.sqrt(sum(one.error**2 for one in made)) + float(device.get(chains.log_z[0])[1, -1])
    found = known + sum(one.log_ratio for one in made)
    assert found == pytest.approx(exact_log_z(*machine_of(ladder.version(-1), device)).value[0], abs=4 * error + 0.02)


def test_versions_that_are_not_needed_are_left_out():
    device = Device()
    chains = Trajectory(count=50, reservoir=250)
    trained(chains, device, epochs=5, rate=0.02, x=data(600))
    ladder = chains.ladders[0]
    for _ in range(3):  # the same machine again
        assert not freeze(ladder, ladder.version(-1), 100).refused
    before, highest = len(ladder), device.get(ladder.version(-1)["weight"]).copy()
    thin(ladder)
    assert 2 <= len(ladder) <= before - 3
    assert not device.get(ladder.version(0)["weight"]).any()
    np.testing.assert_array_equal(ladder.version(-1)["weight"], highest)
    assert ladder.states.shape[0] == len(ladder)
    assert (ladder.run(100).acceptance > 0.2).all()


def small(device, seed=0, scale=1.0, visible=10):
    rng, rbm = np.random.default_rng(seed), RBM(Bernoulli(visible), Bernoulli(4))
    parameters = Parameters(rbm, 0, device, np.float64)
    rbm.weight.value[...] = device.put(rng.normal(size=(visible, 4)) * scale)
    rbm.visible_offset.value[...] = 0.5
    return rbm, {name: p.value for name, p in parameters.named.items()}, parameters


def test_climbing_leads_to_any_machine_and_log_z_is_exact(device):
    rbm, values, parameters = small(device, scale=2.0)
    ladder = Ladder(rbm, device, np.float64, 200, seed=1)
    log_z = ladder.begin(values)[0]
    made = [*climb(ladder, values, 200, "machine"), freeze(ladder, values, 200)]
    assert len(made) > 2
    assert not any(one.refused for one in made)
    error = np.sqrt(sum(one.error**2 for one in made))
    assert log_z + sum(one.log_ratio for one in made) == pytest.approx(
        exact_log_z(rbm, parameters).value[0], abs=4 * error
    )
    assert error < 0.05
    seen = ladder.run(100)
    ratios, columns = seen.ratios()
    error = np.sqrt((columns.sum(axis=0) ** 2).sum())
    assert log_z + ratios.sum() == pytest.approx(exact_log_z(rbm, parameters).value[0], abs=4 * error)
    assert (seen.acceptance > 0.2).all()
    assert ladder.arrivals.sum() > 100


def test_foreseen_acceptance_is_that_of_exchanges(device):
    rbm, values, _ = small(device, scale=0.7)
    ladder = Ladder(rbm, device, np.float64, 500, seed=1)
    ladder.begin(values)
    foreseen = foreseen_acceptance(ladder.difference(values))
    assert freeze(ladder, values, 100).acceptance == pytest.approx(foreseen, abs=0.05)


def test_bennett_is_exact_for_gaussians_where_one_side_is_not():
    rng, shift = np.random.default_rng(0), 1.5
    x, y = rng.normal(size=(1, 200, 50)), rng.normal(shift, 1, size=(1, 200, 50))
    lower, upper = (7 + (z - shift / 2) * shift for z in (x, y))  # the ratio of the normalisers is exp(7)
    found = bennett(lower.reshape(1, -1), upper.reshape(1, -1))
    error = np.sqrt((influences(lower, upper, found) ** 2).sum())
    assert found[0] == pytest.approx(7, abs=4 * error)
    assert error < 0.03
    below, above = one_sided(lower[:, 0, :5], upper[:, 0, :5])
    assert below[0] < above[0]


def test_resampling_repeats_rows_by_their_weights():
    difference = np.log([1.0, 3.0, 0.0 + 1e-300, 4.0])
    rows = resampled(np.repeat(difference, 100), 0.3)
    assert np.bincount(rows // 100, minlength=4).tolist() == [50, 150, 0, 200]


def seen_with(lower_share, upper_share, drift=0.0, columns=400, sweeps=40):
    """What two equal machines would show whose states have these shares on one side."""
    rng = np.random.default_rng(3)
    places = np.stack([rng.random((sweeps, columns, 1)) < s for s in (lower_share, upper_share)]).astype(float)
    flat = np.zeros((1, sweeps, columns))
    energy = rng.normal(size=(sweeps, columns)) + drift * np.linspace(0, 1, sweeps)[:, None]
    return Exchanges(flat, flat, energy, places - 0.5)


def test_a_lost_mode_and_a_drift_are_seen_and_rest_is_not_refused():
    assert not is_losing(seen_with(0.3, 0.3))
    assert is_losing(seen_with(0.3, 0.25))
    assert not is_moving(seen_with(0.3, 0.3))
    assert is_moving(seen_with(0.3, 0.3, drift=0.3))


def test_a_version_that_lost_a_mode_is_refused_though_exchanges_are_accepted(planted, monkeypatch):
    """All chains of the new version in one mode, of the old one in all: most exchanges are still accepted."""
    _, trainer, chains = planted
    ladder, device = chains.ladders[0], trainer.device
    values = ladder.version(-1)
    largest = np.flatnonzero(np.asarray(shares_of(ladder, device)) == 2)
    monkeypatch.setattr(freezing, "resampled", lambda difference, start: np.resize(largest, len(difference)))
    monkeypatch.setattr(Ladder, "_exchange", without_exchange(ladder))
    versions = len(ladder)
    made = freeze(ladder, values, 20)
    assert made.acceptance > 0.5
    assert "mass" in made.refused
    assert len(ladder) == versions


def shares_of(ladder, device):
    v = np.asarray(device.get(ladder.states[-1]))
    return np.abs(v[:, None] - patterns()).sum(axis=-1).argmin(axis=1)


def without_exchange(ladder):
    def stay(self, lowest, swap, partner, states, inputs):
        self.states[lowest:] = states[0]

    return stay


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"mean_field": True}, "mean_field: must be false where versions exchange"),
        ({"count": 50, "reservoir": 10}, "reservoir: must be at least the 50 chains, got 10"),
        ({"freeze": 0.2, "refuse": 0.2}, "refuse: must be below freeze, 0.2"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, text):
    with pytest.raises(ConfigError, match=text):
        Trajectory(**settings)


def test_a_machine_with_classes_learns_along_its_trajectory(device):
    """The class beside the features is a part of the states that are exchanged."""
    model = ClassRBM(Bernoulli(6), Bernoulli(4), 3)
    chains = Trajectory(count=10, reservoir=20, freeze=0.9, every=1, sweeps=20)
    learning = HybridLearning(model, ContrastiveDivergence(model.joint, chains=chains), generative=1.0, binarise=True)
    rng = np.random.default_rng(0)
    x, y = (rng.random((60, 6)) < 0.3).astype(np.float32), rng.integers(0, 3, 60).astype(np.int32)
    feed = Feed(device, x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    made = Trainer(learning, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=20, device=device)
    for epoch in range(5):
        made.begin_epoch(epoch, 3)
        for number in range(3):
            made.train_batch(number)
    made.check()
    assert len(chains.ladders[0]) >= 2
    classes = device.get(chains.ladders[0].states)[..., 6:]
    assert (classes.sum(axis=-1) == 1).all()
