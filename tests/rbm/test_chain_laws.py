"""Chains by their states, gradients written out literally, and estimates that stand in the order they promise."""

import math

import numpy as np
import pytest

from gpunet.parameter import Parameters
from gpunet.rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    FastPersistent,
    FromData,
    Monitors,
    Persistent,
    Tempered,
    ais_log_z,
    exact_log_z,
    log_likelihood,
    raise_log_likelihoods,
    reverse_ais_log_z,
)
from gpunet.testing import make_context


def machine(device, visible=4, hidden=3, seeds=0, spread=0.7):
    rbm = RBM(Bernoulli(visible), Bernoulli(hidden))
    parameters = Parameters(rbm, seeds, device, np.float64)
    drawn = np.random.default_rng(5).normal(size=parameters.values.shape) * spread
    device.copy_into(parameters.values, drawn)
    for number, offset in enumerate((rbm.visible_offset, rbm.hidden_offset)):
        device.copy_into(offset.value, np.random.default_rng(number).uniform(0.2, 0.8, offset.value.shape))
    return rbm, parameters


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def host(rbm, device):
    return [device.get(p.value) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)]


SAMPLES = np.random.default_rng(1).integers(0, 2, (12, 4)).astype(float)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("chains", [7, 12, 20])
@pytest.mark.parametrize("kind", [Persistent, FastPersistent])
def test_the_gradient_is_written_out_from_samples_and_chains_of_any_number(kind, chains, center, device):
    """A mean over the samples for the data, a mean over the chains for the model, whatever their numbers are."""
    rbm, parameters = machine(device)
    objective = ContrastiveDivergence(rbm, k=3, chains=kind(count=chains), center=center)
    objective.start(device, (), np.float64)
    parameters.zero_grad()
    objective.learn(device.put(SAMPLES), None, None, make_context(device))
    model = device.get(objective.chains.states)
    assert model.shape == (chains, 4)
    w, _, c = host(rbm, device)
    mu, nu = (device.get(p.value) if center else 0.0 for p in (rbm.visible_offset, rbm.hidden_offset))
    h, h_model = sigmoid(c + SAMPLES @ w), sigmoid(c + model @ w)
    weight = (model - mu).T @ (h_model - nu) / chains - (SAMPLES - mu).T @ (h - nu) / 12
    visible, hidden = model.mean(axis=0) - SAMPLES.mean(axis=0), h_model.mean(axis=0) - h.mean(axis=0)
    if center:
        visible, hidden = visible - weight @ nu, hidden - mu @ weight
    assert device.get(rbm.weight.grad) == pytest.approx(weight, rel=1e-12, abs=1e-14)
    assert device.get(rbm.visible_bias.grad) == pytest.approx(visible, rel=1e-12, abs=1e-14)
    assert device.get(rbm.hidden_bias.grad) == pytest.approx(hidden, rel=1e-12, abs=1e-14)
    assert device.get(rbm.visible_offset.grad) == pytest.approx(SAMPLES.mean(axis=0), rel=1e-12)
    assert device.get(rbm.hidden_offset.grad) == pytest.approx(h.mean(axis=0), rel=1e-12)


@pytest.mark.parametrize("kind", [FromData, Persistent, Tempered])
def test_the_hidden_input_of_the_chains_is_that_of_their_states(kind, device):
    rbm, _ = machine(device)
    chains = kind() if kind is FromData else kind(count=6)
    chains.start(rbm, device, (), np.float64)
    ctx = make_context(device)
    v, hidden_input = chains.draw(rbm, rbm.hidden_input(device.put(SAMPLES), ctx), 2, ctx)
    w, _, c = host(rbm, device)
    assert device.get(hidden_input) == pytest.approx(c + device.get(v) @ w)
    assert set(np.unique(device.get(v))) <= {0.0, 1.0}


def copying(device):
    """A machine whose chains can only stay: a strong weight makes each unit the copy of its partner."""
    rbm = RBM(Bernoulli(5), Bernoulli(5))
    Parameters(rbm, 0, device, np.float64)
    device.copy_into(rbm.weight.value, np.eye(5) * 200)
    device.copy_into(rbm.hidden_bias.value, np.full(5, -100.0))
    device.copy_into(rbm.visible_bias.value, np.full(5, -100.0))
    return rbm


@pytest.mark.parametrize("kind", [Persistent, FastPersistent])
def test_persistent_chains_begin_at_zero_and_go_on_from_where_they_were(kind, device, rng):
    """Where each step is certain, what comes out is what the states were."""
    chains = kind(count=6)
    rbm = copying(device)
    chains.start(rbm, device, (), np.float64)
    assert not device.get(chains.states).any()
    states = rng.integers(0, 2, (6, 5)).astype(float)
    device.copy_into(chains.states, states)
    for step in range(3):
        v, _ = chains.draw(rbm, None, 2, make_context(device, step=step))
        assert np.array_equal(device.get(v), states)
        assert np.array_equal(device.get(chains.states), states)


@pytest.mark.parametrize("kind", [Persistent, FastPersistent, Tempered])
def test_the_states_that_are_kept_are_those_that_were_returned(kind, device):
    rbm, _ = machine(device)
    chains, seen = kind(count=40), []
    chains.start(rbm, device, (), np.float64)
    for step in range(4):
        v, _ = chains.draw(rbm, None, 1, make_context(device, step=step))
        assert np.array_equal(device.get(v), device.get(chains.states)[:40])
        seen.append(device.get(chains.states).copy())
        assert np.array_equal(device.get(chains.state()["states"]), seen[-1])
    assert all(not np.array_equal(a, b) for a, b in zip(seen, seen[1:])), "they advance"


def test_persistent_chains_are_the_literal_gibbs_chain(device):
    """k steps of h given v and v given h, with the numbers of the step's streams, from the last states."""
    rbm, _ = machine(device)
    chains = Persistent(count=6)
    chains.start(rbm, device, (), np.float64)
    states = np.zeros((6, 4))
    for step in range(3):
        chains.draw(rbm, None, 2, make_context(device, step=step))
        ctx = make_context(device, step=step)
        v = device.put(states)
        for _ in range(2):
            v = rbm.visible.sample(rbm.visible_input(rbm.hidden.sample(rbm.hidden_input(v, ctx), ctx), ctx), ctx)
        states = device.get(v).copy()
        assert np.array_equal(device.get(chains.states), states)


def test_chains_reach_the_machines_distribution_over_many_steps(device):
    """Two visible units, two thousand chains, thirty steps of one Gibbs step each: chains that stand still fail."""
    rbm, parameters = machine(device, visible=2, hidden=2, spread=1.5)
    chains = Persistent(count=4000)
    chains.start(rbm, device, (), np.float64)
    for step in range(30):
        chains.draw(rbm, None, 1, make_context(device, step=step))
    states = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    log_p = log_likelihood(rbm, exact_log_z(rbm, parameters), device.put(states), make_context(device))[0]
    found = (device.get(chains.states)[:, None] == states).all(axis=-1).mean(axis=0)
    assert found == pytest.approx(np.exp(log_p), abs=6 * 0.5 / math.sqrt(4000))


def numbered(device, count, temperatures, members=()):
    """A machine without weights and tempered chains whose states number themselves; every exchange is accepted."""
    rbm = RBM(Bernoulli(16), Bernoulli(2))
    parameters = Parameters(rbm, [0] * members[0] if members else 0, device, np.float64)
    parameters.values.fill(0)
    chains = Tempered(count=count, temperatures=temperatures)
    chains.start(rbm, device, members, np.float64)
    return rbm, chains


@pytest.mark.parametrize("members", [(), (2,)])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("clock", "order"), [(0, [1, 0, 3, 2, 4]), (1, [0, 2, 1, 4, 3]), (2, [1, 0, 3, 2, 4])])
def test_even_pairs_exchange_in_even_steps_and_odd_pairs_in_odd_ones(clock, order, count, members, device):
    """Seen from outside: states before the exchange are those of the same draw with pairs that never accept."""
    seeds = list(range(members[0])) if members else 0
    rbm, chains = numbered(device, count, 5, members)
    chains.draw(rbm, None, 1, make_context(device, seeds, step=clock))
    after = device.get(chains.states).reshape(*members, 5, count, 16)
    ctx = make_context(device, seeds, step=clock)
    h = rbm.hidden.sample(device.zeros((*members, 5 * count, 2), np.float64), ctx)
    v = rbm.visible.sample(device.zeros((*members, 5 * count, 16), np.float64), ctx)
    assert h.shape[-1] == 2
    before = device.get(v).reshape(*members, 5, count, 16)
    assert np.array_equal(after, before[..., order, :, :])


def test_exchanges_are_accepted_by_the_metropolis_rule(device):
    """Written out with the numbers of the same streams: Gibbs step at each temperature, then log u < gain."""
    rbm, _ = machine(device, spread=1.5)
    betas, count = (1.0, 0.6, 0.2, 0.0), 200
    chains = Tempered(count=count, temperatures=betas, adaptive=False)
    chains.start(rbm, device, (), np.float64)
    w, b, c = host(rbm, device)
    rows, states = np.repeat(betas, count)[:, None], np.zeros((4 * count, 4))
    accepted = np.zeros(3)
    for step in range(4):
        chains.draw(rbm, None, 1, make_context(device, step=step))
        ctx = make_context(device, step=step)
        h = device.get(rbm.hidden.sample(device.put(rows * (c + states @ w)), ctx))
        v = device.get(rbm.visible.sample(device.put(rows * (b + h @ w.T)), ctx)).reshape(4, count, 4)
        u = device.get(ctx.uniform((3, count), np.float64))

        def log_f(v, beta):
            return beta * (v @ b) + np.log1p(np.exp(beta * (c + v @ w))).sum(axis=-1)

        states = v.copy()
        for pair, (cold, hot) in enumerate(zip(betas, betas[1:])):
            one, two = v[pair], v[pair + 1]
            gain = log_f(one, hot) + log_f(two, cold) - log_f(one, cold) - log_f(two, hot)
            swap = np.log(u[pair]) < gain
            accepted[pair] += swap.mean() / 4
            if (pair + step) % 2 == 0:
                states[pair][swap], states[pair + 1][swap] = two[swap], one[swap]
        assert np.array_equal(device.get(chains.states), states.reshape(-1, 4))
        states = states.reshape(-1, 4)
    assert chains.swap_rates() == pytest.approx(accepted)
    assert (accepted > 0.2).all()
    assert (accepted < 0.99).all()


MEAN = np.array([0.3, 0.5, 0.6, 0.4])


def fair_samples(rbm, parameters, device, count):
    """States drawn from the machine itself, by enumeration."""
    states = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(float)
    log_p = log_likelihood(rbm, exact_log_z(rbm, parameters), device.put(states), make_context(device))[0]
    p = np.exp(log_p)
    return states[np.random.default_rng(0).choice(16, size=count, p=p / p.sum())], states, log_p


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0])
def test_both_ends_of_both_intervals_lie_on_their_own_sides(spread, device):
    rbm, parameters = machine(device, spread=spread)
    samples, _, _ = fair_samples(rbm, parameters, device, 200)
    betas = np.linspace(0, 1, 11)
    up = ais_log_z(rbm, parameters, MEAN, runs=200, betas=betas)
    down = reverse_ais_log_z(rbm, parameters, MEAN, device.put(samples), betas=betas)
    exact = exact_log_z(rbm, parameters)
    for estimate in (up, down):
        assert estimate.low[0] < estimate.value[0] < estimate.high[0]
        assert estimate.low[0] - 0.02 < exact.value[0] < estimate.high[0] + 0.02
    assert exact.low[0] == exact.value[0] == exact.high[0]
    assert (up.method, down.method, exact.method) == ("ais", "reverse ais", "exact")
    both = up.bracket(down)
    assert (both.low[0], both.high[0]) == (min(up.low[0], down.low[0]), max(up.high[0], down.high[0]))
    assert both.value[0] == pytest.approx((up.value[0] + down.value[0]) / 2)
    assert both.effective_samples[0] == min(up.effective_samples[0], down.effective_samples[0])


def test_the_interval_is_three_standard_errors_of_the_mean_weight_either_way(device):
    """With one step of temperature the weights of AIS are known: f at 1 over f at 0 of samples of the base."""
    rbm, parameters = machine(device)
    found = ais_log_z(rbm, parameters, MEAN, runs=50, betas=np.array([0.0, 1.0]), seed=3)
    w, b, c = host(rbm, device)
    base = np.log(MEAN / (1 - MEAN))
    # The effective samples and the ends say the mean and the error of the weights; both must belong together.
    log_base_z = np.log1p(np.exp(base)).sum() + 3 * np.log(2)
    mean, high, low = (np.exp(x[0] - log_base_z) for x in (found.value, found.high, found.low))
    error = (high - mean) / 3
    assert mean - low == pytest.approx(3 * error)
    # Kish: (sum w)^2 / sum w^2, with the variance of the sample in terms of the error.
    squares = 50 * mean**2 + 49 * 50 * error**2
    assert found.effective_samples[0] == pytest.approx((50 * mean) ** 2 / squares)
    states = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(float)
    log_w = states @ (b - base) + np.log1p(np.exp(c + states @ w)).sum(axis=1) - 3 * np.log(2)
    assert np.log(mean) < log_w.max()
    assert np.log(mean) > log_w.min()


def test_bounds_from_walking_down_lie_below_the_exact_value_and_close_in(device):
    """RAISE: low on average for few steps and few walks, and within a hundredth of a nat for many."""
    rbm, parameters = machine(device, spread=1.5)
    _, states, log_p = fair_samples(rbm, parameters, device, 1)
    p = np.exp(log_p)
    gaps = []
    for steps, runs in ((2, 2), (10, 20), (200, 200)):
        found = raise_log_likelihoods(
            rbm, parameters, MEAN, device.put(states), runs=runs, betas=np.linspace(0, 1, steps + 1)
        )[0]
        gaps.append((p * (log_p - found)).sum())
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[0] > 0.05
    assert gaps[2] < 0.02


@pytest.mark.parametrize("members", [0, 2])
def test_a_unit_that_is_on_for_one_sample_of_forty_is_not_dead(members, device):
    data = np.zeros((40, 6))
    data[17, 0] = 1
    rbm = RBM(Bernoulli(6), Bernoulli(5))
    objective = ContrastiveDivergence(rbm)
    parameters = Parameters(rbm, list(range(members)) if members else 0, device, np.float64)
    objective.start(device, parameters.members, np.float64)
    parameters.values.fill(0)
    monitors = Monitors(objective, parameters, device.put(data), device.put(data))
    rbm.hidden_bias.value[...] = -9.0
    assert monitors.numbers()["dead_units"].tolist() == [1.0] * (members or 1)
    rbm.weight.value[..., 0, 0] = 18.0
    assert monitors.numbers()["dead_units"].tolist() == [0.8] * (members or 1)


@pytest.mark.parametrize("members", [0, 2])
def test_a_unit_that_is_off_for_one_sample_of_forty_is_not_saturated(members, device):
    data = np.zeros((40, 6))
    data[17, 0] = 1
    rbm = RBM(Bernoulli(6), Bernoulli(5))
    objective = ContrastiveDivergence(rbm)
    parameters = Parameters(rbm, list(range(members)) if members else 0, device, np.float64)
    objective.start(device, parameters.members, np.float64)
    parameters.values.fill(0)
    monitors = Monitors(objective, parameters, device.put(data), device.put(data))
    rbm.hidden_bias.value[...] = 9.0
    assert monitors.numbers()["saturated_units"].tolist() == [1.0] * (members or 1)
    rbm.weight.value[..., 0, 0] = -18.0
    assert monitors.numbers()["saturated_units"].tolist() == [0.8] * (members or 1)


def test_the_limits_of_dead_and_saturated_are_a_tenth_from_either_end(device):
    rbm = RBM(Bernoulli(6), Bernoulli(5))
    objective = ContrastiveDivergence(rbm)
    parameters = Parameters(rbm, 0, device, np.float64)
    objective.start(device, (), np.float64)
    parameters.values.fill(0)
    means = np.array([0.09, 0.11, 0.5, 0.89, 0.91])
    device.copy_into(rbm.hidden_bias.value, np.log(means / (1 - means)))
    found = Monitors(objective, parameters, device.put(SAMPLES[:, [0] * 6]), None).numbers()
    assert (found["dead_units"], found["saturated_units"]) == ([0.2], [0.2])
