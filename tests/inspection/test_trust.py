"""Samples that are judged: held-out rows, copies, a class that is missing; chains whose times are known."""

import json

import numpy as np
import pytest

import gpunet
from gpunet.datasets import load
from gpunet.inspection.neighbours import nearest
from gpunet.inspection.trust import Correlations, adversarial_accuracy, compared, trust
from gpunet.rbm.autocorrelation import exponential_time, integrated_time
from shell import gpunet as command


@pytest.fixture(scope="module")
def digits():
    """Rows in chance order with their classes, between 0 and 1: training rows, held-out rows, rows to be judged."""
    data = load("digits")
    order = np.random.default_rng(0).permutation(len(data.x))
    x, y = data.x.reshape(len(data.x), -1)[order] / 16.0, data.y[order]
    return x[:800], y[:800], x[800:1300], x[1300:], y[1300:]


def verdicts(found):
    return {verdict.name: verdict.passed for verdict in found.verdicts}


@pytest.mark.parametrize("known", [True, False])
def test_rows_that_were_held_out_pass(known, digits):
    train, y, held_out, rest, _ = digits
    found = trust(rest, train, held_out, y if known else None, [str(c) for c in range(10)] if known else ())
    assert found.passed, found
    assert found.adversarial["held_out"] == pytest.approx((0.5, 0.5), abs=0.06)
    assert [one.order for one in found.correlations] == [1, 2, 3]
    assert all(one.slope == pytest.approx(1, abs=0.25) for one in found.correlations)
    assert found.shares["samples"].sum() == pytest.approx(1)


def test_copies_of_training_rows_are_called_memorised_and_so_are_near_copies(digits):
    train, _, held_out, _, _ = digits
    copies = train[:400]
    assert verdicts(trust(copies, train, held_out))["memorised"] is False
    near = np.clip(copies + np.random.default_rng(1).normal(0, 0.02, copies.shape), 0, 1)
    found = trust(near, train, held_out)
    assert verdicts(found)["memorised"] is False
    assert found.copies["samples"] == 0
    mixed = np.concatenate([digits[3][:400], copies[:40]])
    found = trust(mixed, train, held_out)
    assert verdicts(found)["memorised"] is False
    assert found.copies["samples"] == pytest.approx(40 / 440)


@pytest.mark.parametrize("known", [True, False])
def test_a_class_that_is_missing_is_found(known, digits):
    train, y, held_out, rest, classes = digits
    names = [f"digit {c}" for c in range(10)]
    found = trust(rest[classes != 3], train, held_out, y if known else None, names if known else ())
    assert "parts missing" in verdicts(found)
    text = next(verdict.text for verdict in found.verdicts if verdict.name == "parts missing")
    assert not known or text.startswith("digit 3 has ")


def test_noise_with_the_right_means_is_told_apart(digits):
    train, _, held_out, _, _ = digits
    rng = np.random.default_rng(0)
    found = trust(np.stack([rng.permutation(column) for column in train.T], axis=1), train, held_out)
    judged = verdicts(found)
    assert judged["unlike the data"] is False
    assert judged["means"]
    assert not judged["correlations of two"]
    assert not judged["correlations of three"]


def test_correlations_of_three_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    x = rng.exponential(size=(500, 3))
    found = compared(3, 2 * x, x, x, np.random.default_rng(0))
    centred = x - x.mean(axis=0)
    literal = np.mean(centred[:, 0] * centred[:, 1] * centred[:, 2])
    assert isinstance(found, Correlations)
    np.testing.assert_allclose(found.shown[0], literal)
    np.testing.assert_allclose(found.shown[1], 8 * literal)


def test_neighbours_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 5)), rng.normal(size=(40, 5))
    distance = np.linalg.norm(a[:, None] - b, axis=-1)
    found, which = nearest(a, b)
    np.testing.assert_allclose(found, distance.min(axis=1))
    np.testing.assert_array_equal(which, distance.argmin(axis=1))
    own = np.linalg.norm(a[:, None] - a, axis=-1) + np.where(np.eye(30) > 0, np.inf, 0)
    np.testing.assert_allclose(nearest(a, a, itself=True)[0], own.min(axis=1))
    assert adversarial_accuracy(a, a + 50) == (1.0, 1.0)


@pytest.mark.parametrize("persistence", [0.5, 0.9, 0.97])
def test_times_of_a_chain_with_a_known_gap_are_known_within_a_tenth(persistence):
    """Of an autoregressive chain the integrated time is ``(1 + a) / (1 - a)``, the exponential ``-1 / log a``."""
    rng, series = np.random.default_rng(0), [np.zeros(100)]
    noise = rng.normal(size=(20_000, 100)) * np.sqrt(1 - persistence**2)
    series[0] = rng.normal(size=100)
    for step in noise:
        series.append(persistence * series[-1] + step)
    found = np.array(series)
    assert integrated_time(found) == pytest.approx((1 + persistence) / (1 - persistence), rel=0.1)
    assert exponential_time(found) == pytest.approx(-1 / np.log(persistence), rel=0.1)


def machine_of(weight, visible, hidden):
    """A machine with these numbers."""
    from gpunet.api.couplings import machine_of as made
    from gpunet.rbm import Couplings

    # spins with h and J: states -1 and +1
    return made(Couplings(visible, hidden, weight))


def test_a_machine_whose_gap_is_known_has_its_times_within_a_tenth():
    """The slowest eigenvalue of the Gibbs step of visible states, by enumeration of both sides."""
    rng = np.random.default_rng(2)
    weight, visible, hidden = rng.normal(0, 0.1, (5, 3)) + 0.45, rng.normal(0, 0.05, 5), rng.normal(0, 0.05, 3)
    v, h = (np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1).T for n in (5, 3))
    joint = np.exp(v @ visible[:, None] + (h @ hidden)[None] + v @ weight @ h.T)
    up, down = joint / joint.sum(axis=1, keepdims=True), joint / joint.sum(axis=0)
    eigenvalues = np.sort(np.abs(np.linalg.eigvals(up @ down.T)))
    expected = -1 / np.log(eigenvalues[-2])
    assert expected > 8
    machine = machine_of(weight, visible, hidden)
    p = joint.sum(axis=1) / joint.sum()
    data = v[rng.choice(len(v), 500, p=p)]
    found = machine.equilibrium(data, steps=2000, chains=100)
    assert found.exponential == pytest.approx(expected, rel=0.1)
    assert found.measured
    assert found.mixing is not None
    assert found.mixing < 30 * expected
    assert found.trusted


def test_samples_that_pass_the_data_by_are_flagged_and_those_of_the_right_machine_are_not():
    """Chains too short to leave a mode do not learn how much each weighs: here the data have both alike."""
    weight, none = np.full((5, 3), 0.45), np.zeros(3)
    even, uneven = machine_of(weight, np.zeros(5), none), machine_of(weight, np.full(5, 0.3), none)
    data = even.sampler(600, seed=3).step(300)
    assert abs(data.mean()) < 0.15
    found = uneven.equilibrium(data, steps=300, chains=200)
    assert found.rises_then_falls
    assert not found.trusted
    assert found.looks[int(found.distance.argmin())] < 30
    right = even.equilibrium(data, steps=300, chains=200)
    assert not right.rises_then_falls
    assert right.trusted


def modes(samples=600, share=0.5):
    """Two opposite patterns with flipped bits."""
    rng = np.random.default_rng(0)
    return ((rng.random((samples, 1)) < share) ^ (rng.random((samples, 16)) < 0.1)).astype(np.uint8)


ONCE = {"hidden": 6, "batch_size": 50, "device": "cpu", "validation": 0, "test": 0, "optimizer": "sgd"}


@pytest.mark.parametrize(
    ("chains", "flagged"),
    [("from_data", True), ({"name": "trajectory", "count": 50, "reservoir": 100}, False)],
    ids=["CD-1", "trajectory"],
)
def test_a_machine_of_cd_1_is_flagged_and_one_of_trajectory_tempering_is_not(chains, flagged):
    """Chains of one step never tell how much a mode weighs, so that it drifts; a quarter of the data are in one."""
    x = modes(share=0.25)
    machine = gpunet.train("rbm", x, epochs=100, lr=0.3, k=1, settings={"model.chains": chains}, **ONCE)
    weight, b, c = (machine.weights[name].astype(float) for name in ("weight", "visible_bias", "hidden_bias"))
    h = np.array(np.meshgrid(*[[0, 1]] * 6)).reshape(6, -1).T
    log_p = h @ c + np.logaddexp(0, b + h @ weight.T).sum(axis=1)
    means = (1 / (1 + np.exp(-(b + h @ weight.T)))).mean(axis=1)
    share = np.exp(log_p - np.logaddexp.reduce(log_p))[means > 0.5].sum()
    assert (abs(share - 0.25) > 0.3) == flagged, "whether the machine itself is wrong, by all of its states"
    found = machine.equilibrium(x, steps=1000)
    assert found.rises_then_falls == flagged
    assert found.trusted != flagged
    assert found.distance.min() < 1.5, "both come near to the data"


def test_the_command_judges_a_file_and_new_samples_and_draws_them(tmp_path):
    words = ("model.hidden=20", "epochs=3", "--device", "cpu", "-q")
    command("pretrain", "rbm", *words, "--run", "run", cwd=tmp_path)
    data = load("digits")
    np.savez(tmp_path / "copies.npz", x=data.x[:300])
    common = ("--device", "cpu", "--steps", 30)
    found = json.loads(command("evaluate", "run", "--samples", "copies.npz", *common, "--json", cwd=tmp_path).stdout)
    assert found["verdicts"][0]["name"] == "memorised"
    assert found["equilibrium"]["steps"] == 30
    text = command("evaluate", "run", "-n", 200, *common, cwd=tmp_path).stdout
    assert "200 samples after 30 Gibbs steps" in text
    assert "adversarial accuracy" in text
    pytest.importorskip("matplotlib")
    command("evaluate", "run", "-n", 100, *common, "-o", "t.svg", cwd=tmp_path)
    assert (tmp_path / "t.svg").stat().st_size > 10_000
    done = command("evaluate", "run", "--data", "copies.npz", cwd=tmp_path, check=False)
    assert "--data: must be left out for a machine" in done.stderr
    done = command("evaluate", "run", "--samples", "none.npz", cwd=tmp_path, check=False)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_what_cannot_be_judged_is_refused():
    x = modes(200)
    several = gpunet.train("rbm", x, members=2, epochs=1, **ONCE)
    with pytest.raises(gpunet.GpunetError, match="equilibrium: needs one machine, got a population of 2"):
        several.equilibrium(x)
    stack = gpunet.train("dbn", x, epochs=1, **ONCE | {"hidden": [4, 3]})
    with pytest.raises(gpunet.GpunetError, match="needs a single machine, got 2 layers"):
        stack.equilibrium(x)
    assert stack.trust(x[:50], train=x[:100], held_out=x[100:]).energies == {}
