"""Spins, their couplings in files, and the temperature of samples, against enumeration."""

import itertools
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import gpunet
from gpunet.api.couplings import machine_of, read_couplings, write_couplings
from gpunet.rbm import Couplings
from shell import gpunet as command

RNG = np.random.default_rng(1)
HELD = Couplings(RNG.normal(size=6) * 0.4, RNG.normal(size=4) * 0.4, RNG.normal(size=(6, 4)) * 0.6, 0.7)
KINDS = list(itertools.product(["spin", "bernoulli"], repeat=2))
V, H = (np.array(list(itertools.product([-1.0, 1.0], repeat=n))) for n in (6, 4))
PAIRS = np.repeat(V, 16, axis=0), np.tile(H, (64, 1))


def as_units(states, kind):
    return states if kind == "spin" else (states + 1) / 2


def literal(couplings, v, h):
    return couplings.offset - v @ couplings.visible - h @ couplings.hidden - ((v @ couplings.between) * h).sum(axis=1)


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("ending", ["json", "h5"])
def test_energies_of_all_pairs_go_through_files_and_units_unchanged(kinds, ending, tmp_path):
    path = write_couplings(HELD, tmp_path / f"ising.{ending}")
    again = read_couplings(path)
    np.testing.assert_array_equal(again.between, HELD.between)
    machine = machine_of(again, *kinds, device="cpu")
    back = machine.couplings()
    expected = literal(HELD, *PAIRS)
    v, h = (as_units(states, kind) for states, kind in zip(PAIRS, kinds))
    np.testing.assert_allclose(machine.energy(v, h), literal(back, *PAIRS), atol=1e-5)
    assert np.ptp(machine.energy(v, h) - expected) < 1e-5
    log_z = np.logaddexp.reduce(-literal(back, *PAIRS))
    assert machine.log_z().value[0] == pytest.approx(log_z, rel=1e-6)


def test_machines_of_spins_learn_what_machines_of_bits_learn(tmp_path):
    patterns = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    bits = patterns[RNG.integers(0, 2, 300)] ^ (RNG.random((300, 6)) < 0.05)
    settings = {"hidden": 3, "epochs": 60, "lr": 0.02, "batch_size": 20, "chains": 50, "device": "cpu"}
    plain = gpunet.train("rbm", bits, **settings)
    both = {"visible_units": "spin", "hidden_units": "spin"}
    spins = gpunet.train("rbm", 2 * bits - 1, **both, **settings)
    prepared = gpunet.train("rbm", bits, preprocess="spins", **both, **settings)
    np.testing.assert_array_equal(spins.weights["weight"], prepared.weights["weight"])
    assert spins.log_likelihood(2 * bits - 1).value > -2.7
    assert spins.log_likelihood(2 * bits - 1).value > plain.log_likelihood(bits).value - 0.5
    assert prepared.score(bits) == pytest.approx(spins.score(2 * bits - 1), rel=1e-6)
    assert set(np.unique(spins.sampler(50).step(5))) == {-1.0, 1.0}
    assert set(np.unique(prepared.sampler(50).step(5))) == {0.0, 1.0}
    assert spins.sample(3, steps=2).min() < 0
    with pytest.raises(gpunet.GpunetError, match="must lie between -1 and 1 for Spin visible units, got 0 to 1"):
        gpunet.train("rbm", bits, **both, **settings)


@pytest.fixture(scope="module")
def drawn():
    """Exact samples of all pairs at several temperatures of the same couplings."""
    energies, rng, found = literal(HELD, *PAIRS), np.random.default_rng(5), {}
    for beta in (0.5, 1.0, 2.0):
        p = np.exp(-beta * energies - np.logaddexp.reduce(-beta * energies))
        chosen = rng.choice(len(p), 200_000, p=p / p.sum())
        found[beta] = PAIRS[0][chosen], PAIRS[1][chosen]
    return found


@pytest.mark.parametrize("kinds", [("spin", "spin"), ("bernoulli", "spin")], ids="-".join)
@pytest.mark.parametrize("known", [False, True], ids=["visible", "both sides"])
def test_the_inverse_temperature_of_samples_is_found_within_a_percent(drawn, kinds, known):
    if kinds[0] == "bernoulli" and not known:
        pytest.skip("one kind is enough where hidden states are summed out")
    machine = machine_of(HELD, *kinds, device="cpu")
    for beta, (v, h) in drawn.items():
        x, hidden = as_units(v, kinds[0]), as_units(h, kinds[1])
        found = machine.inverse_temperature(x, hidden if known else None)
        assert found.value[0] == pytest.approx(beta, rel=0.01)
        assert abs(found.value[0] - beta) < 4 * found.standard_error[0] < 0.03 * beta
    assert machine.energy(x[:2], hidden[:2]) == pytest.approx(machine_of(HELD, *kinds).energy(x[:2], hidden[:2]))


def test_the_command_line_writes_and_reads_couplings(tmp_path):
    machine_of(HELD, "bernoulli", "bernoulli", device="cpu").save(tmp_path / "m.h5")
    command("inspect", "m.h5", "--export-couplings", "ising.json", cwd=tmp_path)
    found = json.loads((tmp_path / "ising.json").read_text())
    np.testing.assert_allclose(found["J"], HELD.between, rtol=1e-5)
    np.testing.assert_allclose(found["h_visible"], HELD.visible, rtol=1e-4, atol=1e-6)
    done = command("convert", "ising.json", "ising.h5", "--hidden-units", "bernoulli", cwd=tmp_path)
    assert "rbm(spin 6, bernoulli 4)" in done.stdout
    back = gpunet.load(tmp_path / "ising.h5", device="cpu").couplings()
    np.testing.assert_allclose(back.between, HELD.between, rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "bad.json: must be JSON"),
        ("[1]", "bad.json: must be a JSON object, got list"),
        ('{"J": [[1]]}', "bad.json: must hold h_visible, got J"),
        ('{"J": [[1]], "h_visible": [1, 2], "h_hidden": [1]}', "must have a field for each spin"),
        ('{"J": [["a"]], "h_visible": [1], "h_hidden": [1]}', "bad.json: J: must be numbers of one shape"),
        ('{"J": [[NaN]], "h_visible": [1], "h_hidden": [1]}', "couplings: must be finite"),
    ],
)
def test_what_holds_no_couplings_is_refused(content, expected, tmp_path):
    (tmp_path / "bad.json").write_text(content)
    done = command("convert", "bad.json", "out.h5", cwd=tmp_path, check=False)
    assert done.returncode == 3, done.stderr
    assert expected in done.stderr
    assert not (tmp_path / "out.h5").exists()


def archive(path, old=False, kind="BBRBM", seed=2):
    """A tiny archive as ``rbms`` writes them: 0.6 has parameters in a group, and other names for them beside it."""
    rng, states = np.random.default_rng(seed), {}
    with h5py.File(path, "w") as file:
        file["model_type"] = kind
        shape, fields = ((5, 3, 4), (5, 3)) if kind == "PBRBM" else ((6, 4), (6,))
        file["parallel_chains"] = rng.integers(0, 3 if kind == "PBRBM" else 2, (7, shape[0])).astype("f4")
        for update in (1, 20, 100):
            group = file.create_group(f"update_{update}")
            arrays = {
                "weight_matrix": rng.normal(size=shape),
                "vbias": rng.normal(size=fields),
                "hbias": rng.normal(size=4),
            }
            states[update] = arrays
            place = group if old else group.create_group("params")
            for name, array in arrays.items():
                place[name] = array.astype("f4")
                if not old:
                    group[name] = place[name]
            group["numpy_rng_arg0"] = "MT19937"
    return states


@pytest.mark.parametrize("old", [True, False], ids=["0.5", "0.6"])
def test_archives_of_rbms_come_along_with_every_state(old, tmp_path):
    states = archive(tmp_path / "theirs.h5", old)
    done = json.loads(command("convert", "theirs.h5", "run", "--json", cwd=tmp_path).stdout)
    assert done["updates"] == [1, 20, 100]
    assert done["chains"] == 7
    v, h = (as_units(states_, "bernoulli") for states_ in PAIRS)
    for update, arrays in states.items():
        machine = gpunet.load(tmp_path / f"run/snapshots/update-{update:09d}.h5", device="cpu")
        expected = -v @ arrays["vbias"] - h @ arrays["hbias"] - ((v @ arrays["weight_matrix"]) * h).sum(axis=1)
        np.testing.assert_allclose(machine.energy(v, h), expected, rtol=1e-5, atol=1e-5)
    best = gpunet.load(tmp_path / "run", device="cpu")
    np.testing.assert_array_equal(best.energy(v, h), machine.energy(v, h))
    assert best.checkpoint.array("chains/states").data.shape == (7, 6)


def test_archives_of_potts_variables_become_softmax_units(tmp_path):
    states = archive(tmp_path / "theirs.h5", kind="PBRBM")
    command("convert", "theirs.h5", "run", cwd=tmp_path)
    arrays = states[100]
    letters = np.random.default_rng(3).integers(0, 3, (50, 5))
    inputs = arrays["hbias"] + sum(arrays["weight_matrix"][site, letters[:, site]] for site in range(5))
    expected = -sum(arrays["vbias"][site, letters[:, site]] for site in range(5)) - np.logaddexp(0, inputs).sum(axis=1)
    machine = gpunet.load(tmp_path / "run", device="cpu")
    np.testing.assert_allclose(machine.free_energy(np.eye(3)[letters].reshape(50, 15)), expected, rtol=1e-5, atol=1e-5)
    assert (machine.checkpoint.array("chains/states").data.reshape(7, 5, 3).sum(axis=2) == 1).all()


def of_rbms():
    """The archive that rbms 0.6 wrote, where development data lie beside the project, or None."""
    places = [Path(os.environ[name]) for name in ("GPUNET_DATA",) if name in os.environ]
    places += [folder / "shared/data" for folder in Path(__file__).resolve().parents]
    return next((found for place in places for found in sorted(place.glob("rbms/rbms_0.6*.h5"))), None)


def test_the_archive_that_rbms_wrote_has_its_energies(tmp_path):
    source = of_rbms()
    if source is None:
        pytest.skip("no archive of rbms in ../shared/data or $GPUNET_DATA")
    command("convert", source, "run", cwd=tmp_path)
    rng = np.random.default_rng(0)
    v, h = ((rng.random((100, 64)) < 0.5).astype(float) for _ in range(2))
    with h5py.File(source) as file:
        for update in (1, 34, 200):
            w, b, c = (
                file[f"update_{update}/{name}"][()].astype(float) for name in ("weight_matrix", "vbias", "hbias")
            )
            machine = gpunet.load(tmp_path / f"run/snapshots/update-{update:09d}.h5", device="cpu")
            expected = -v @ b - h @ c - ((v @ w) * h).sum(axis=1)
            np.testing.assert_allclose(machine.energy(v, h), expected, rtol=1e-5, atol=1e-5)
        chains = file["parallel_chains"][()]
    np.testing.assert_array_equal(gpunet.load(tmp_path / "run").checkpoint.array("chains/states").data, chains)


def test_arrays_by_name_become_a_machine(tmp_path):
    states = archive(tmp_path / "theirs.h5", old=True)[20]
    words = ["--weight", "update_20/weight_matrix", "--hidden-bias", "update_20/hbias"]
    command("convert", "theirs.h5", "m.h5", *words, cwd=tmp_path)
    machine = gpunet.load(tmp_path / "m.h5", device="cpu")
    np.testing.assert_allclose(machine.weights["weight"], states["weight_matrix"], rtol=1e-6)
    np.testing.assert_array_equal(machine.weights["visible_bias"], np.zeros(6))


@pytest.mark.parametrize(
    ("words", "change", "expected"),
    [
        (["run"], lambda f: f.pop("model_type"), "must say a model_type that is known"),
        (["run"], lambda f: f["update_20"].pop("hbias"), "must hold hbias of update 20"),
        (["run"], lambda f: f["update_20/hbias"].write_direct(np.full(4, np.nan, "f4")), "must be finite"),
        (["m.h5", "--weight", "nothing"], None, "must hold an array nothing"),
        (["m.h5", "--weight", "update_1/vbias"], None, "must be (visible, hidden)"),
        (["m.h5", "--visible-bias", "update_1/vbias"], None, "--weight: must be named where biases are"),
        (["m.txt", "--weight", "update_1/weight_matrix"], None, "output: must end in .h5"),
    ],
)
def test_archives_that_are_none_are_refused(words, change, expected, tmp_path):
    archive(tmp_path / "theirs.h5", old=True)
    if change is not None:
        with h5py.File(tmp_path / "theirs.h5", "a") as file:
            change(file)
    before = sorted(tmp_path.rglob("*"))
    done = command("convert", "theirs.h5", *words, cwd=tmp_path, check=False)
    assert done.returncode in (2, 3), done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
