"""Machines of the front door against enumeration, on machines that are small enough to enumerate."""

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


def literal(rbm):
    """Weights and biases of a machine with the energy -v W h - a v - b h."""
    names = ("weight", "visible_bias", "hidden_bias")
    return [rbm.weights[name].astype(np.float64) for name in names]


def log_weights(rbm):
    """Minus the energy of every pair of states, (64, 16)."""
    w, a, b = literal(rbm)
    v, h = states(6), states(4)
    return v @ w @ h.T + (v @ a)[:, None] + (h @ b)[None]


def test_log_likelihood_and_normaliser_are_those_of_enumeration(rbm, bits):
    joint = log_weights(rbm)
    log_z = np.logaddexp.reduce(joint.ravel())
    numbers = bits @ (1 << np.arange(5, -1, -1))
    per_sample = (np.logaddexp.reduce(joint, axis=1) - log_z)[numbers]
    found = rbm.log_likelihood(bits)
    assert found.method == "exact"
    assert found.value == pytest.approx(per_sample.mean(), rel=1e-6)
    assert found.low == pytest.approx(found.value)
    assert found.standard_error == pytest.approx(per_sample.std() / np.sqrt(200), rel=1e-5)
    assert float(found) == rbm.score(bits) == found.value
    assert found.trusted
    assert repr(found).startswith("log-likelihood -")
    assert float(rbm.log_z().value[0]) == pytest.approx(log_z, rel=1e-6)


def test_free_energy_differs_from_that_of_enumeration_by_nothing(rbm):
    exact = -np.logaddexp.reduce(log_weights(rbm), axis=1)
    np.testing.assert_allclose(rbm.free_energy(states(6)), exact, rtol=1e-4)


def test_codes_and_reconstructions_are_the_conditional_means(rbm):
    joint = np.exp(log_weights(rbm))
    v = states(6)
    code = joint @ states(4) / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rbm.encode(v), code, rtol=1e-4)
    w, a, _ = literal(rbm)
    expected = 1 / (1 + np.exp(-(code @ w.T + a)))
    np.testing.assert_allclose(rbm.reconstruct(v), expected, rtol=1e-4)
    np.testing.assert_allclose(rbm.decode(code), expected, rtol=1e-4)


def test_samples_have_the_means_of_the_model(rbm):
    weight = np.exp(np.logaddexp.reduce(log_weights(rbm), axis=1))
    exact = weight @ states(6) / weight.sum()
    drawn = rbm.sample(4000, steps=100)
    assert drawn.shape == (4000, 6)
    np.testing.assert_allclose(drawn.mean(axis=0), exact, atol=0.05)
    np.testing.assert_array_equal(rbm.sample(3, steps=5, seed=1), rbm.sample(3, steps=5, seed=1))
    assert not np.array_equal(rbm.sample(3, steps=5, seed=1), rbm.sample(3, steps=5, seed=2))


def test_a_stack_gives_a_bound_that_no_exact_likelihood_falls_below(bits):
    dbn = gpunet.train("dbn", bits, hidden=[4, 3], epochs=5, batch_size=20, device="cpu")
    found = dbn.log_likelihood(bits)
    assert found.bound
    assert repr(found).startswith("lower bound")
    assert dbn.encode(bits).shape == (200, 3)
    assert dbn.encode(bits, layers=1).shape == (200, 4)
    assert dbn.reconstruct(bits).shape == (200, 6)
    # p(v) = sum over h of p(v|h) p(h), where p(h) is the marginal of the top machine
    w, a, b = (dbn.weights[f"001_rbm/{n}"].astype(float) for n in ("weight", "visible_bias", "hidden_bias"))
    h1, h2 = states(4), states(3)
    top = np.logaddexp.reduce(h1 @ w @ h2.T + (h1 @ a)[:, None] + h2 @ b, axis=1)
    prior = np.exp(top - np.logaddexp.reduce(top))
    mean = np.stack([_below(dbn, h) for h in states(4)])
    v = bits.astype(float)
    conditional = np.exp(v @ np.log(mean).T + (1 - v) @ np.log(1 - mean).T)
    exact = np.log(conditional @ prior).mean()
    assert found.value <= exact + 1e-4
    assert exact - found.value < 1


def _below(dbn, h):
    """The means of the visible units given states of the lowest hidden units."""
    w, a = (dbn.weights[f"000_rbm/{n}"].astype(float) for n in ("weight", "visible_bias"))
    return 1 / (1 + np.exp(-(w @ h + a)))


def test_populations_of_machines_are_asked_one_by_one(bits, equal):
    both = gpunet.train("rbm", bits, hidden=4, epochs=2, batch_size=20, seeds=2, device="cpu")
    alone = gpunet.train("rbm", bits, hidden=4, epochs=2, batch_size=20, seed=1, device="cpu")
    assert equal(both.members[1], alone)
    assert both.members[1].checkpoint.content_sha256 == alone.checkpoint.content_sha256
    np.testing.assert_array_equal(both.members[1].encode(bits), alone.encode(bits))
    assert both.log_likelihood(bits).value[1] == pytest.approx(alone.log_likelihood(bits).value)
    assert both.sample(3, steps=2).shape == (2, 3, 6)
    with pytest.raises(gpunet.GpunetError, match=r"population of 2. Use rbm.members\[0\].encode"):
        both.encode(bits)


def test_an_autoencoder_gives_samples_back_in_the_units_of_the_data(table):
    images = np.random.default_rng(3).integers(0, 256, (200, 4, 4)).astype(np.uint8)
    images[:, 0] = 255
    net = gpunet.train("autoencoder", images, hidden=[8], code=3, epochs=30, batch_size=20, lr=0.01, device="cpu")
    again = net.reconstruct(images)
    assert again.shape == (200, 4, 4)
    assert again[:, 0].mean() > 230
    assert net.encode(images).shape == (200, 3)
    prepared = images.reshape(200, -1) / 255
    missed = ((prepared - again.reshape(200, -1) / 255) ** 2).sum()
    r2 = 1 - missed / ((prepared - prepared.mean(axis=0)) ** 2).sum()
    assert net.score(images) == pytest.approx(r2, abs=1e-4)


def test_an_up_down_network_dreams_of_a_class(bits, table):
    net = gpunet.train("updown", bits, table[1], hidden=[8], epochs=1, device="cpu")
    assert net.sample(4, steps=3, label=1).shape == (4, 6)
    with pytest.raises(gpunet.GpunetError, match=r"label: must hold classes .* got 7\. The network knows 0, 1"):
        net.sample(4, steps=3, label=7)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (lambda m, x: m.sample(0), "n: must be a whole number from 1 on, got 0"),
        (lambda m, x: m.sample(2, steps=-1), "steps: must be a whole number from 0 on, got -1"),
        (lambda m, x: m.decode(np.zeros((2, 9))), r"h: must be states of the 4 hidden units .* got shape \(2, 9\)"),
        (lambda m, x: m.encode(x, layers=2), "layers: must be at most the 1 there are, got 2"),
        (lambda m, x: m.log_likelihood(x * 3.0), "x: must lie between 0 and 1 when prepared, .* got 0 to 3"),
        (lambda m, x: m.log_likelihood(x, runs=0), "runs: must be a whole number from 1 on, got 0"),
        (lambda m, x: m.encode(x[:, :3]), "x: must have samples of shape 6, as in training, got samples of shape 3"),
    ],
)
def test_what_a_machine_cannot_do_is_refused_by_name(action, expected, rbm, bits):
    with pytest.raises(gpunet.GpunetError, match=expected):
        action(rbm, bits)
