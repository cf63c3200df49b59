"""The doctor for machines: its numbers against their definitions, its warnings against machines made ill on purpose."""

from dataclasses import replace

import numpy as np
import pytest

from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Doctor, Experiment, Run
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Gaussian, Monitors, NoisyReLU, Persistent, Tempered
from gpunet.testing import make_context

DATA = np.random.default_rng(3).integers(0, 2, (40, 6)).astype(float)


def watch(device, hidden=None, chains=None, members=0):
    machine = RBM(Bernoulli(6), hidden or Bernoulli(5))
    objective = ContrastiveDivergence(machine, chains=chains)
    parameters = Parameters(machine, list(range(members)) if members else 0, device, np.float64)
    objective.start(device, parameters.members, np.float64)
    monitors = Monitors(objective, parameters, device.put(DATA[:25]), device.put(DATA[25:]))
    return machine, objective, monitors


@pytest.mark.parametrize("members", [0, 2])
def test_the_update_ratio_is_that_of_the_last_step(members, device, rng):
    machine, _, monitors = watch(device, members=members)
    weight = rng.normal(size=(members or 1, 6, 5))
    step = rng.normal(size=weight.shape) * 0.01 * np.arange(1, len(weight) + 1)[:, None, None]
    device.copy_into(machine.weight.value, weight.reshape(machine.weight.value.shape))
    monitors.before_last_step()
    device.copy_into(machine.weight.value, (weight + step).reshape(machine.weight.value.shape))
    expected = np.sqrt((step**2).mean(axis=(1, 2)) / ((weight + step) ** 2).mean(axis=(1, 2)))
    assert monitors.numbers()["update_ratio"] == pytest.approx(expected)


def test_units_that_never_change_are_counted(device):
    machine, _, monitors = watch(device)
    machine.weight.value[...] = 0
    device.copy_into(machine.hidden_bias.value, np.array([-9.0, -9.0, 9.0, 0.0, 1.0]))
    found = monitors.numbers()
    assert (found["dead_units"], found["saturated_units"]) == ([0.4], [0.2])
    # One that is off for most samples but not for all is alive.
    device.copy_into(machine.weight.value[:, 0], np.array([12.0, 0, 0, 0, 0, 0]))
    assert monitors.numbers()["dead_units"] == [0.2]


def test_units_without_a_highest_state_do_not_saturate(device):
    machine, _, monitors = watch(device, NoisyReLU(5))
    machine.weight.value[...] = 0
    device.copy_into(machine.hidden_bias.value, np.array([-9.0, 9.0, 9.0, 9.0, 9.0]))
    found = monitors.numbers()
    assert found["dead_units"] == [0.2]
    assert "saturated_units" not in found
    _, _, monitors = watch(device, Gaussian(5))
    assert not {"dead_units", "saturated_units"} & monitors.numbers().keys()


def test_the_gap_is_the_loss_of_likelihood_on_new_samples(device, rng):
    machine, _, monitors = watch(device)
    device.copy_into(machine.weight.value, rng.normal(size=(6, 5)))
    free = device.get(machine.free_energy(device.put(DATA), make_context(device)))
    known, unknown = free[:25], free[25:]
    found = monitors.numbers()
    assert found["free_energy_gap"] == pytest.approx(unknown.mean() - known.mean())
    error = np.sqrt(known.var(ddof=1) / 25 + unknown.var(ddof=1) / 15)
    assert found["free_energy_gap_error"] == pytest.approx(error)


def test_the_autocorrelation_is_that_of_the_chains_over_one_update(device, rng):
    _, objective, monitors = watch(device, chains=Persistent(count=2000))
    before = rng.integers(0, 2, (2000, 6)).astype(float)
    kept = rng.random((2000, 6)) < 0.7  # the others are drawn anew: correlation 0.7
    after = np.where(kept, before, rng.integers(0, 2, before.shape))
    device.copy_into(objective.chains.states, before)
    monitors.before_last_step()
    device.copy_into(objective.chains.states, after)
    assert monitors.numbers()["chain_autocorrelation"] == pytest.approx(0.7, abs=0.03)


def test_of_tempered_chains_those_of_the_model_count_and_the_rarest_swap(device, rng):
    chains = Tempered(count=3, temperatures=3)
    _, objective, monitors = watch(device, chains=chains)
    states = rng.integers(0, 2, (9, 6)).astype(float)
    device.copy_into(objective.chains.states, states)
    monitors.before_last_step()
    states[3:] = 1 - states[3:]  # the hotter ones change, those at temperature 1 do not
    device.copy_into(objective.chains.states, states)
    device.copy_into(chains.swaps, np.array([3.0, 1.0]))
    device.copy_into(chains.attempts, np.array([4.0]))
    found = monitors.numbers()
    assert found["chain_autocorrelation"] == pytest.approx(1)
    assert found["swap_rate"] == pytest.approx(0.25)


def run_on_digits(device, samples=None, **overrides):
    dataset = load("digits")
    if samples:
        chosen = np.random.default_rng(0).permutation(len(dataset.x))[:samples]
        dataset = replace(dataset, x=dataset.x[chosen], y=dataset.y[chosen])
    config = load_config("rbm", {"training.batch_size": 20, **overrides}, {})
    return Run(Experiment(config, dataset, split(dataset, validation=0.3, test=0.1, seed=0), device))


ILL = {
    "update_ratio": ({"optimizer.learning_rate": 5.0, "training.epochs": 2}, "learning_rate"),
    "free_energy_gap": (
        {"samples": 200, "training.epochs": 500, "optimizer.learning_rate": 0.2, "model.chains": "from_data"},
        "raise l2",
    ),
    "chain_autocorrelation": (
        {"optimizer.learning_rate": 0.0, "training.epochs": 1, "model.hidden": 9},
        "chains=tempered",
    ),
    "swap_rate": (
        {"model.chains": {"name": "tempered", "temperatures": (1.0, 0.0), "adaptive": False}, "training.epochs": 20,
         "optimizer.learning_rate": 0.2, "model.hidden": 50},
        "raise temperatures",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ILL)
def test_each_illness_is_named_with_the_option_to_change(name, device):
    overrides, remedy = ILL[name]
    run = run_on_digits(device, **overrides)
    if name == "chain_autocorrelation":  # large weights freeze the chains
        run.trainer.parameters.values *= 2000
    run.train()
    told = [text for record in run.history for text in record.warnings]
    assert any(remedy in text for text in told), (told, run.history[-1].numbers)
    assert len(told) == len(set(told)), "each once"


def test_updates_too_small_and_idle_units_are_named(device):
    machine, _, monitors = watch(device)
    numbers = monitors.numbers()
    assert "raise learning_rate" in monitors.warnings(numbers, epoch=1)["update_ratio"]
    device.copy_into(machine.hidden_bias.value, np.full(5, -20.0))
    machine.weight.value[...] = 0
    assert "sparsity.target" in monitors.warnings(monitors.numbers(), epoch=1)["dead_units"]
    device.copy_into(machine.hidden_bias.value, np.full(5, 20.0))
    assert "raise l2" in monitors.warnings(monitors.numbers(), epoch=1)["saturated_units"]


def test_a_healthy_machine_gets_no_warning(device):
    run = run_on_digits(device, **{"training.epochs": 30, "model.hidden": 64})
    run.train()
    assert [text for record in run.history for text in record.warnings] == []
    assert {"update_ratio", "free_energy_gap", "chain_autocorrelation"} < run.history[-1].numbers.keys()


def test_watching_changes_nothing(device, monkeypatch):
    watched = run_on_digits(device, **{"training.epochs": 2, "model.hidden": 16})
    watched.train()
    monkeypatch.setattr(Run, "_doctor", lambda run: None)
    alone = run_on_digits(device, **{"training.epochs": 2, "model.hidden": 16})
    alone.train()
    assert (device.get(watched.trainer.parameters.values) == device.get(alone.trainer.parameters.values)).all()


def test_members_are_watched_each_for_itself(device):
    several = run_on_digits(device, members=2, **{"training.epochs": 3, "model.hidden": 16})
    several.train()
    for seed in (0, 1):
        alone = run_on_digits(device, seed=seed, **{"training.epochs": 3, "model.hidden": 16})
        alone.train()
        for name, values in alone.history[-1].numbers.items():
            assert several.history[-1].numbers[name][seed] == pytest.approx(values[0], rel=1e-3, abs=1e-5), name


def test_samples_are_states_where_the_machine_learns_states(device):
    run = run_on_digits(device)
    doctor = Doctor(run.objective, run.trainer, run.inputs)
    assert set(np.unique(device.get(doctor.monitors.train))) == {0.0, 1.0}
