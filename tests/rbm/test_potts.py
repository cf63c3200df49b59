"""Machines of Potts variables: fields from frequencies, the zero-sum gauge, and a chain whose law is known."""

import itertools
import tracemalloc

import numpy as np
import pytest

import gpunet
from gpunet.data import ALPHABETS, Feed, OneHot, Sequences, fit_preprocessing
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, NoisyReLU, Softmax, Spin, zero_sum
from gpunet.testing import make_context

SITES, STATES = 6, 3


def test_letters_become_one_unit_each_and_come_back(device, rng):
    letters = rng.integers(0, 5, (40, 3)).astype(np.uint8)
    fitted = fit_preprocessing([OneHot(states=7)], letters, 1.0)
    coded = fitted.on_host(letters)
    assert (coded.reshape(40, 3, 7) == np.eye(7)[letters]).all()
    assert (fitted.undo(coded) == letters).all()
    assert fitted.undo(coded).dtype == np.uint8


@pytest.mark.parametrize("weights", [None, np.array([0.5, 2, 1, 0, 3])])
def test_fields_start_from_frequencies_with_a_pseudocount(weights, device):
    letters = np.array([[0, 1], [0, 1], [1, 1], [2, 1], [0, 2]], np.uint8)
    kept = np.ones(5) if weights is None else weights
    preprocessing = fit_preprocessing([OneHot(states=3)], letters, 1.0)
    feed = Feed(device, letters, np.zeros((5, 0)), preprocessing, np.dtype("f8"), weights=weights)
    objective = ContrastiveDivergence(RBM(Softmax(6, group=3, pseudocount=0.5), Bernoulli(2)))
    Parameters(objective.model, 0, device, np.float64)
    objective.start_from(feed)
    counts = np.array([[kept[letters[:, site] == state].sum() for state in range(3)] for site in range(2)])
    expected = (counts + 0.5 / 3) / (kept.sum() + 0.5)
    assert np.exp(device.get(objective.model.visible_bias.value)).reshape(2, 3) == pytest.approx(expected, rel=1e-6)
    assert device.get(objective.model.visible_offset.value).reshape(2, 3) == pytest.approx(counts / kept.sum())


@pytest.mark.parametrize("members", [None, [3, 4]])
@pytest.mark.parametrize("hidden", [Bernoulli(4), Spin(4), NoisyReLU(4), Softmax(4, group=2)], ids=repr)
def test_the_zero_sum_gauge_changes_no_free_energy(hidden, members, device, rng):
    rbm = RBM(Softmax(SITES * STATES, group=STATES), hidden)
    parameters = Parameters(rbm, 3 if members is None else members, device, np.float64)
    for parameter in (rbm.weight, rbm.visible_bias, rbm.hidden_bias):
        device.copy_into(parameter.value, rng.normal(size=parameter.value.shape) + 0.7)
    v = device.put(np.eye(STATES)[rng.integers(0, STATES, (50, SITES))].reshape(50, -1))
    before = device.get(rbm.free_energy(v, make_context(device))).copy()
    arrays = [device.get(p.value) for p in (rbm.weight, rbm.visible_bias, rbm.hidden_bias)]
    changed = zero_sum(*arrays, STATES)
    for parameter, array in zip((rbm.weight, rbm.visible_bias, rbm.hidden_bias), changed):
        device.copy_into(parameter.value, array)
    after = device.get(rbm.free_energy(v, make_context(device)))
    assert after == pytest.approx(before, abs=1e-6)
    assert parameters.count
    lead = () if members is None else (2,)
    sums = changed[0].reshape(*lead, SITES, STATES, 4).sum(axis=-2)
    assert np.abs(sums).max() < 1e-12
    fields = changed[1].reshape(*lead, SITES, STATES).sum(axis=-1)
    assert np.abs(fields - fields[..., :1]).max() < 1e-12
    assert np.abs(arrays[0] - changed[0]).max() > 0.1


def chain(rng):
    """Fields and couplings of a Potts chain, all its states, and their probabilities."""
    fields, couplings = rng.normal(size=(SITES, STATES)) * 0.3, rng.normal(size=(SITES - 1, STATES, STATES))
    states = np.array(list(itertools.product(range(STATES), repeat=SITES)))
    energy = sum(fields[i, states[:, i]] for i in range(SITES))
    energy = energy + sum(couplings[i, states[:, i], states[:, i + 1]] for i in range(SITES - 1))
    p = np.exp(energy - energy.max())
    return states.astype(np.uint8), p / p.sum()


def connected(states, p):
    """Connected correlations of all pairs of sites and states."""
    coded = np.eye(STATES)[states].reshape(len(states), -1)
    mean = p @ coded
    pairs = (coded * p[:, None]).T @ coded - np.outer(mean, mean)
    site = np.arange(SITES * STATES) // STATES
    return pairs[site[:, None] < site]


def test_a_chain_of_known_couplings_is_learned():
    rng = np.random.default_rng(5)
    states, truth = chain(rng)
    drawn = states[rng.choice(len(states), 4000, p=truth)]
    rbm = gpunet.train(
        "rbm", Sequences(drawn, "-AB"), hidden=16, epochs=40, identity="none", k=2, batch_size=100, validation=0,
        test=0, lr={"name": "cosine", "value": 0.3, "epochs": 40},
        settings={"model.chains": 100, "optimizer.name": "sgd"},
    )  # fmt: skip
    assert (rbm.config.model.visible_units.group, rbm.config.model.visible_units.pseudocount) == (3, 1.0)
    log_p = -rbm.free_energy(states).astype(np.float64) - float(rbm.log_z().value[0])
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-3)
    assert truth @ (np.log(truth) - log_p) / SITES < 0.02
    assert np.corrcoef(connected(states, truth), connected(states, np.exp(log_p)))[0, 1] > 0.95
    alone = np.log([np.bincount(drawn[:, i], minlength=3) / len(drawn) for i in range(SITES)])
    independent = sum(alone[i, states[:, i]] for i in range(SITES))
    assert truth @ (np.log(truth) - independent) / SITES > 0.05, "fields alone are not enough"


def test_sequences_never_become_one_array_of_ones_and_zeros():
    def peak(n):
        letters = np.random.default_rng(0).integers(0, 21, (n, 50)).astype(np.uint8)
        family = Sequences(letters, ALPHABETS["protein"])
        tracemalloc.start()
        rbm = gpunet.train("rbm", family, hidden=2, epochs=1, identity="none", test=0.1, batch_size=500)
        rbm.log_likelihood(family)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = 10_000, 25_000
    assert peak(many) - peak(few) < (many - few) * 50 * 21 / 2, "half a byte for each unit of each sequence"
