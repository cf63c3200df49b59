"""Deep Boltzmann machines from Python, in files, and what starts from them."""

import numpy as np
import pytest

import gpunet
from deep_machines import Table
from gpunet.backend import Arena, Context
from gpunet.errors import CheckpointError, ConfigError
from gpunet.models.dbm import settle
from gpunet.rbm import exact_log_z


@pytest.fixture(scope="module")
def bits():
    rng = np.random.default_rng(0)
    x = (rng.random((150, 8)) < 0.3).astype(np.uint8)
    x[:, 4:] = x[:, :4]
    return x, x[:, 0] * 2 + x[:, 1]


@pytest.fixture(scope="module")
def deep(bits):
    layers = {"hidden": [5, 4], "greedy": 6, "epochs": 36, "batch_size": 10, "lr": 0.5, "k": 2, "sweeps": 5}
    return gpunet.train("dbm", bits[0], device="cpu", **layers)


def test_a_deep_machine_learns_what_goes_together_and_answers_like_other_machines(bits, deep, tmp_path):
    x, _ = bits
    again = gpunet.load(deep.save(tmp_path / "m.h5"), device="cpu")
    assert str(again) == str(deep) == "Machine(dbm(8-5-4), 77 parameters)"
    for name in ("encode", "reconstruct"):
        np.testing.assert_array_equal(getattr(again, name)(x), getattr(deep, name)(x))
    assert deep.encode(x).shape == (150, 4)
    assert deep.encode(x, layers=1).shape == (150, 5)
    assert deep.decode(deep.encode(x)).shape == (150, 8)
    found = deep.log_likelihood(x)
    assert (found.method, found.bound, found.trusted) == ("exact", False, True)
    apart = np.log([max(share, 1e-9) ** v * (1 - share) ** (1 - v) for v, share in zip(x.T, x.mean(axis=0))])
    assert float(found) > apart.sum(axis=0).mean() + 0.5
    drawn = deep.sampler(500, start=x).step(20)
    assert np.corrcoef(drawn[:, 0], drawn[:, 4])[0, 1] > 0.4
    assert deep.sample(5, steps=3).shape == (5, 8)
    at_once, divided = deep.sampler(20, seed=1), deep.sampler(20, seed=1)
    divided.step(2)
    np.testing.assert_array_equal(at_once.step(5), divided.step(3))
    for call in (lambda: deep.energy(x), lambda: deep.free_energy(x), lambda: deep.couplings()):
        with pytest.raises(ConfigError, match="needs a single machine"):
            call()
    with pytest.raises(ConfigError, match="must be at most the 2 there are"):
        deep.encode(x, layers=3)


def test_the_likelihood_of_a_machine_that_can_be_summed_is_exact(bits):
    m = gpunet.train("dbm", bits[0][:, [0, 1, 4, 5]], hidden=[3, 2], epochs=30, lr=1.0, batch_size=10, device="cpu")
    held = m._in_float64()
    log_p, (v,) = Table(held.dbn, m.device).log_p(0)
    found = m.log_likelihood(v)
    assert float(found) == pytest.approx(log_p.mean())
    assert repr(found).startswith("log-likelihood ")
    bound = m.device.get(held.dbn.bound(m.device.put(v), Context(False, Arena(m.device)))).mean()
    assert float(found) > bound - held_log_z(held) + 1e-4


def held_log_z(held):
    return exact_log_z(held.dbn.top, held.parameters).value[0]


def test_chains_exchange_states_with_versions_and_go_on_exactly(bits, tmp_path):
    words = {"hidden": [5, 4], "batch_size": 15, "greedy": 1, "lr": 0.3, "k": 1, "device": "cpu", "progress": False}
    words["settings"] = {"model.chains": {"name": "trajectory", "count": 20, "reservoir": 60}}
    gpunet.train("dbm", bits[0], epochs=12, run=tmp_path / "whole", **words)
    m = gpunet.load(tmp_path / "whole", device="cpu")
    found, exact = m.log_likelihood(bits[0], trajectory=True, runs=60, mixing=100), m.log_likelihood(bits[0])
    assert found.method == "trajectory"
    assert float(found) == pytest.approx(float(exact), abs=0.3)
    assert found.low - 0.1 <= float(exact) <= found.high + 0.1
    assert m.sample(7, steps=4, trajectory=True).shape == (7, 8)
    gpunet.train("dbm", bits[0], epochs=7, run=tmp_path / "parts", **words)
    again = gpunet.resume(tmp_path / "parts", bits[0], epochs=12, device="cpu", progress=False)
    for name, array in m.weights.items():
        np.testing.assert_array_equal(array, again.weights[name])
    for name in COLUMNS:
        np.testing.assert_array_equal(m.history[name], again.history[name])


COLUMNS = ("versions", "refused_versions", "exchange_rate", "log_z", "gibbs_steps")


@pytest.mark.parametrize(("model", "members"), [("dbm", 1), ("classdbm", 2), ("classrbm", 2)])
def test_what_chains_along_a_trajectory_tell_is_in_the_history(bits, model, members):
    """Also of machines whose chains are a part of how they learn; before these begin, log Z is that of no weights."""
    x, y = bits
    words = {"batch_size": 15, "lr": 0.2, "k": 1, "device": "cpu", "epochs": 4, "seeds": members, "progress": False}
    words |= {"hidden": 5, "generative": 1.0} if model == "classrbm" else {"hidden": [5, 4], "greedy": 1}
    words["settings"] = {"model.chains": {"name": "trajectory", "count": 20, "reservoir": 60, "every": 2}}
    m = gpunet.train(model, x, None if model == "dbm" else y, **words)
    shape = (4, members) if members > 1 else (4,)
    assert {name: m.history[name].shape for name in COLUMNS} == dict.fromkeys(COLUMNS, shape)
    versions, log_z = (m.history[name].reshape(4, members) for name in ("versions", "log_z"))
    if model == "classrbm":
        assert (versions >= 2).all()
        return
    assert (versions[:2] == 0).all(), "each of two layers learns alone for an epoch"
    assert (versions[2:] >= 2).all()
    assert (np.abs(log_z[2:] - log_z[:2]) > 1e-3).all()


def test_log_z_of_no_weights_is_exact(bits):
    words = {"hidden": [5, 4], "greedy": 1, "batch_size": 15, "device": "cpu", "epochs": 2, "progress": False}
    m = gpunet.train("dbm", bits[0], settings={"model.chains": {"name": "trajectory", "count": 5}}, **words)
    means = np.concatenate([m.weights[f"00{level}_level/offset"] for level in (0, 2)]).astype(np.float64)
    alone = 5 * np.log(2) - np.log1p(-means).sum()  # bits between at rest, and those beside them with their means
    assert m.history["log_z"][-1] == pytest.approx(alone, rel=1e-5)
    assert m.history["gibbs_steps"].tolist() == [0, 0]


def test_the_bound_of_a_larger_machine_lies_in_a_bracket(bits):
    x, _ = bits
    wide = gpunet.train("dbm", x, hidden=[22, 30], epochs=2, greedy=0, batch_size=10, device="cpu", members=2)
    found = wide.log_likelihood(x[:20], runs=30, steps=60, mixing=10)
    assert found.method == "bracket"
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()
    assert found.trusted


def test_classes_at_the_top_are_learned_with_the_features(bits, tmp_path):
    x, y = bits
    layers = {"hidden": [20, 20], "greedy": 6, "epochs": 60, "batch_size": 10, "k": 5, "sweeps": 5}
    rate = {"name": "ramp", "start": 0.5, "stop": 0.005, "epochs": 60}
    net = gpunet.train("classdbm", x, y, device="cpu", lr=rate, **layers)
    assert net.score(x, y) > 0.8, "no better than the largest class, which half of them are"
    drawn = net.sample(200, steps=30, label=3)
    assert drawn[:, [0, 1]].mean() > 0.5, "where without the class it is 0.3"
    again = gpunet.load(net.save(tmp_path / "net.h5"), device="cpu")
    np.testing.assert_array_equal(again.outputs(x), net.outputs(x))


@pytest.mark.parametrize("kind", ["dbm", "classdbm"])
def test_a_network_begins_as_the_machine_and_leaves_its_copy_as_it_is(kind, bits, deep):
    x, y = bits
    layers = {"hidden": [5, 4, 3], "epochs": 3, "greedy": 0, "batch_size": 10, "device": "cpu", "members": 2, "lr": 0.1}
    start = gpunet.train(kind, x, y, **layers) if kind == "classdbm" else gpunet.train(kind, x, **layers)
    net = gpunet.train(
        "dbm-finetune", x, y, start=start, hidden=[5, 4, 3], epochs=1, updates=1, lr=1e-9, members=2, device="cpu"
    )
    machine, model = net._held.model.machine, net._held.model
    prefix = "machine/" if kind == "classdbm" else ""
    for name, parameter in net.parameters.named.items():
        if name.startswith("machine/"):
            np.testing.assert_array_equal(
                parameter.value, start.parameters.named[prefix + name.removeprefix("machine/")].value
            )
    v, ctx = x.astype(np.float32), Context(False, Arena(net.device))
    found = settle(machine.levels, v, ctx, 400)
    h = np.broadcast_to(v, (2, *v.shape))
    for number, layer in enumerate(model.hidden, 1):
        above = [found.states[number + 1]] if number < 3 else []
        h, _ = layer.forward(np.concatenate([h, *above], axis=-1), ctx)
        np.testing.assert_allclose(h, found.states[number], atol=1e-3)


def test_what_fits_no_network_is_refused(bits, deep):
    x, y = bits
    once = {"epochs": 1, "device": "cpu"}
    with pytest.raises(ConfigError, match=r"hidden: must be \[5, 4\], as in"):
        gpunet.train("dbm-finetune", x, y, start=deep, hidden=[5, 3], **once)
    rbm = gpunet.train("rbm", x, hidden=4, **once)
    with pytest.raises(CheckpointError, match="must hold a deep Boltzmann machine"):
        gpunet.train("dbm-finetune", x, y, start=rbm, hidden=[4, 4], **once)
    spins = gpunet.train("dbm", x, hidden=[5, 4], hidden_units="spin", **once)
    with pytest.raises(CheckpointError, match="must hold a machine of bernoulli hidden units"):
        gpunet.train("dbm-finetune", x, y, start=spins, hidden=[5, 4], **once)
    with pytest.raises(ConfigError, match="must have at least two layers in a deep machine"):
        gpunet.train("dbm", x, hidden=[5], **once)
    with pytest.raises(ConfigError, match="needs hidden units whose means lie between 0 and 1"):
        gpunet.train("dbm", x, hidden=[5, 4], hidden_units="spin", sparsity={"target": 0.1}, **once)


def test_plain_layers_start_from_a_deep_machine_as_well(bits, deep):
    x, y = bits
    net = gpunet.train("finetune", x, y, start=deep, hidden=[5, 4], epochs=1, updates=1, lr=1e-9, device="cpu")
    np.testing.assert_allclose(
        net.parameters.named["000_dense/weight"].value, deep.parameters.named["001_level/weight"].value, atol=1e-6
    )
