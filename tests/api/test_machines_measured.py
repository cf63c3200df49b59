"""Machines in the hands of physicists: energies, chains that go on, and numbers of their own, against enumeration."""

import itertools

import numpy as np
import pytest

import gpunet


@pytest.fixture(scope="module")
def rbm(bits):
    """Six visible and four hidden units, weights far from 0."""
    return gpunet.train("rbm", bits, hidden=4, epochs=20, lr=0.5, batch_size=20, chains=20, device="cpu")


def states(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def literal(rbm, v, h):
    w, a, b = (rbm.weights[name].astype(np.float64) for name in ("weight", "visible_bias", "hidden_bias"))
    return -((v @ w) * h).sum(axis=1) - v @ a - h @ b


def test_the_energy_of_every_pair_is_that_of_the_formula(rbm):
    pairs = np.array(list(itertools.product(range(64), range(16))))
    v, h = states(6)[pairs[:, 0]], states(4)[pairs[:, 1]]
    np.testing.assert_allclose(rbm.energy(v, h), literal(rbm, v, h), rtol=1e-4, atol=1e-4)
    summed = -np.logaddexp.reduce(-rbm.energy(v, h).reshape(64, 16), axis=1)
    np.testing.assert_allclose(rbm.free_energy(states(6)), summed, rtol=1e-4)


def test_without_hidden_states_the_energy_is_the_expected_one(rbm):
    v, h = states(6), states(4)
    energies = np.stack([literal(rbm, v, np.broadcast_to(row, (64, 4))) for row in h], axis=1)
    p = np.exp(-energies)
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.energy(v), (p * energies).sum(axis=1), rtol=1e-4, atol=1e-4)


def test_chains_go_on_where_they_are_and_have_the_energies_of_the_machine(rbm):
    whole, parts = rbm.sampler(4000, seed=3), rbm.sampler(4000, seed=3)
    last = whole.step(100)
    parts.step(60)
    np.testing.assert_array_equal(last, parts.step(40))
    np.testing.assert_array_equal(last, parts.states())
    assert whole.steps == parts.steps == 100
    assert set(np.unique(last)) == {0.0, 1.0}
    p = np.exp(-rbm.free_energy(states(6)) - rbm.log_z().value[0])
    counts = np.bincount(last.astype(int) @ (1 << np.arange(5, -1, -1)), minlength=64)
    expected = p * 4000
    chi2 = ((counts - expected) ** 2 / expected)[expected > 5].sum()
    assert chi2 < 63 + 5 * np.sqrt(2 * 63)


def test_chains_begin_at_samples_and_are_measured_on_the_way(rbm, bits):
    chains = rbm.sampler(5, start=bits[:5])
    np.testing.assert_array_equal(chains.step(0), bits[:5])
    seen = chains.run(25, {"mean": lambda v: v.mean(axis=0), "first": lambda v: v[0, 0]}, every=10)
    assert seen["step"].tolist() == [10, 20]
    assert seen["mean"].shape == (2, 6)
    assert chains.steps == 25
    again = rbm.sampler(5, start=bits[:5])
    np.testing.assert_allclose(seen["mean"][0], again.step(10).mean(axis=0))


def test_chains_of_a_stack_are_states_of_the_data(bits):
    dbn = gpunet.train("dbn", bits, hidden=[4, 3], epochs=5, batch_size=20, device="cpu")
    drawn = dbn.sampler(500, seed=1).step(50)
    assert drawn.shape == (500, 6)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), dbn.sample(500, steps=50, seed=2).mean(axis=0), atol=0.12)


def test_chains_of_pixels_are_in_the_units_of_the_data(bits):
    rbm = gpunet.train("rbm", (bits * 255).astype(np.uint8), hidden=4, epochs=1, device="cpu")
    assert set(np.unique(rbm.sampler(20).step(5)).round(3)) == {0.0, 255.0}


def test_members_have_chains_of_their_own(bits):
    both = gpunet.train("rbm", bits, hidden=4, epochs=2, batch_size=20, seeds=2, device="cpu")
    drawn = both.sampler(7, seed=4).step(3)
    assert drawn.shape == (2, 7, 6)
    np.testing.assert_array_equal(drawn[1], both.members[1].sampler(7, seed=5).step(3))
    assert both.energy(bits).shape == (2, 200)


def test_own_monitors_become_columns_of_the_history(bits, tmp_path):
    x, settings = bits.astype(float), {"hidden": 4, "batch_size": 20, "device": "cpu"}
    monitors = {"norm": lambda m: float(np.linalg.norm(m.weights["weight"])), "energy": lambda m: m.energy(bits).mean()}
    rbm = gpunet.train("rbm", x, epochs=3, monitors=monitors, run=tmp_path / "run", **settings)
    kept = gpunet.load(tmp_path / "run").history
    assert kept["norm"].shape == (3,)
    assert kept["norm"][-1] == pytest.approx(np.linalg.norm(rbm.weights["weight"]))
    assert kept["energy"][-1] == pytest.approx(rbm.energy(bits).mean(), rel=1e-6)
    alone = gpunet.train("rbm", x, epochs=3, **settings)
    np.testing.assert_array_equal(rbm.weights["weight"], alone.weights["weight"])
    more = gpunet.resume(tmp_path / "run", x, epochs=4, monitors=monitors, device="cpu")
    np.testing.assert_array_equal(more.history["norm"][:3], kept["norm"])
    without = gpunet.resume(tmp_path / "run", x, epochs=5, device="cpu")
    assert "norm" not in without.history
    assert len(without.history["train_free_energy"]) == 5


def test_monitors_of_a_population_give_one_number_or_one_for_each(bits):
    both = gpunet.train(
        "rbm", bits, hidden=4, epochs=2, batch_size=20, seeds=2, device="cpu",
        monitors={"each": lambda m: m.energy(bits).mean(axis=1), "all": lambda m: 7},
    )  # fmt: skip
    assert both.history["each"].shape == both.history["all"].shape == (2, 2)
    assert both.history["each"][-1, 0] != both.history["each"][-1, 1]


@pytest.mark.parametrize(
    ("monitors", "message"),
    [
        (3, "monitors: must be functions, got 3"),
        ({"a": 3}, "monitors: must be functions, got 3"),
        ([lambda m: 1], "monitors: must have names of letters, digits and _, got '<lambda>'"),
        ([np.mean, np.mean], "monitors: must have different names, got mean, mean"),
        ({"train_free_energy": lambda m: 1}, "train_free_energy: must not be a number of gpunet's own"),
        ({"odd": lambda m: "x"}, "monitors: odd: must give a finite number, got np.str_"),
        ({"odd": lambda m: np.nan}, "monitors: odd: must give a finite number, got np.float64.nan"),
        ({"odd": lambda m: [1, 2]}, r"monitors: odd: must give a finite number, got an array of shape \(2,\)"),
    ],
)
def test_monitors_that_measure_nothing_are_refused(monitors, message, bits):
    with pytest.raises(gpunet.GpunetError, match=message):
        gpunet.train("rbm", bits, hidden=4, epochs=1, device="cpu", monitors=monitors)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda m, x: m.energy(x, np.zeros((3, 4))), "h: must be as many states as the 200 samples of x, got 3"),
        (lambda m, x: m.energy(x, np.zeros((200, 3))), "h: must be states of the 4 hidden units"),
        (lambda m, x: m.sampler(0), "n: must be a whole number from 1 on, got 0"),
        (lambda m, x: m.sampler(2).step(-1), "k: must be a whole number from 0 on, got -1"),
        (lambda m, x: m.sampler(2).run(5, {}, every=6), "steps: must be a whole number from 6 on, got 5"),
        (lambda m, x: m.sampler(2).run(5, np.mean), "monitors: must be functions by name"),
    ],
)
def test_what_chains_and_energies_cannot_be_is_refused(action, message, rbm, bits):
    with pytest.raises(gpunet.GpunetError, match=message):
        action(rbm, bits)
