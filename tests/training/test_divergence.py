"""A step that leaves the finite numbers: named with its layer, and without a trace in what was learned."""

from dataclasses import dataclass

import numpy as np
import pytest

from gpunet.backend import array_module
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import DivergedError
from gpunet.experiment import Experiment, Run
from gpunet.interruption import Stop
from gpunet.layers import Layer
from gpunet.persistence import open_trained, restore_state, snapshot
from gpunet.stages import resume, resumed_config

NETWORK = {"model.hidden": [12, 8], "training.epochs": 2, "training.batch_size": 100}
MACHINE = {"model.hidden": 16, "training.epochs": 5, "model.chains": 20}
STEPS = [*np.random.default_rng(5).integers(0, 24, 4).tolist(), 0, 11, 12, 23]  # also the ends of both epochs


@dataclass(eq=False)
class Poison(Layer):
    """Lets everything pass but one number of one step, forwards or backwards, of one member or of all."""

    step: int
    backwards: bool = False
    member: int | None = None

    def forward(self, x, ctx):
        xp, poisoned = array_module(x), ctx.streams.clock == self.step if ctx.training else False
        there = xp.zeros(x.shape, bool)
        there[(... if self.member is None else self.member, *([0] * 2))[: x.ndim]] = True
        there = xp.logical_and(there, poisoned)
        y = x if self.backwards else xp.where(there, x.dtype.type(np.nan), x)

        def backward(dy):
            return xp.where(there, dy.dtype.type(np.nan), dy) if self.backwards else dy

        return y, backward


def make(device, preset, overrides, poison=None):
    config = load_config(preset, overrides, {})
    dataset = load("digits")
    run = Run(Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), device))
    if poison:
        run.objective.model.layers.insert(3, poison)
        run.objective.model.__post_init__()
    return run


def diverge(run):
    with pytest.raises(DivergedError) as caught:
        run.train()
    assert caught.value.exit_code == 6
    return str(caught.value)


def train_steps(run, count):
    """So many steps by hand, without looking at anything."""
    steps = run.trainer.steps_per_epoch(drop_last=True)
    for number in range(count):
        if number % steps == 0:
            run.trainer.begin_epoch(number // steps, steps)
        run.trainer.train_batch(number % steps)


def learned(run):
    arrays = {name: p.value for name, p in run.trainer.parameters.named.items()} | run.objective.state()
    return {name: run.device.get(array) for name, array in arrays.items()}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("backwards", [False, True])
def test_a_nan_at_any_step_is_named_with_its_layer_and_leaves_no_trace(step, backwards, device):
    """Poison is layer 3, between the first dropout and the second weights; the gradient passes it to the first ones."""
    run = make(device, "mlp", NETWORK, Poison(step, backwards))
    message = diverge(run)
    where = "gradient of 001_dense/bias" if backwards else "output of 003_poison"
    assert f"step {step + 1}: loss and gradients must be finite, got NaN or infinity in the {where}" in message
    same = make(device, "mlp", NETWORK, Poison(-1, backwards))
    train_steps(same, step)
    for name, array in learned(same).items():
        assert np.array_equal(learned(run)[name], array), name
    assert int(device.get(run.trainer.clock)[0]) == step
    assert int(device.get(run.trainer.cursor)[0]) == step % 12


def test_one_member_that_fails_is_named_and_ends_alone(device):
    overrides = NETWORK | {"members": 3, "seed": 7}
    run = make(device, "mlp", overrides, Poison(5, member=1))
    run.train()
    assert list(run.trainer.diverged) == [1]
    message = str(run.trainer.diverged[1])
    assert "step 6 of member 1 (seed 8): " in message
    assert "output of 003_poison" in message
    before, whole = make(device, "mlp", overrides, Poison(-1)), make(device, "mlp", overrides, Poison(-1))
    train_steps(before, 5)
    whole.train()
    for name, array in learned(run).items():
        assert np.array_equal(array[1], learned(before)[name][1]), name
        assert np.array_equal(array[[0, 2]], learned(whole)[name][[0, 2]]), name
    others, expected = run.history[-1].numbers, whole.history[-1].numbers
    for name, values in others.items():
        assert np.array_equal(values[[0, 2]], expected[name][[0, 2]]), name
        assert np.isfinite(values).all(), name
    assert run.history[-1].active.tolist() == [True, False, True]
    assert run.selection.best_epoch.tolist() == [whole.selection.best_epoch[0], -1, whole.selection.best_epoch[2]]


def test_members_that_all_fail_end_training(device):
    run = make(device, "mlp", NETWORK | {"members": 3, "seed": 7}, Poison(5))
    assert "step 6 of member 0 (seed 7): " in diverge(run)


def test_a_rate_that_is_too_large_ends_its_own_members_alone(device):
    """As in a run of that rate alone; the others are those of a run without it."""
    rates = {"optimizer": {"name": "sgd", "learning_rate": [0.001, 1e30]}, "loss": "squared_error", "members": 2}
    run = make(device, "linear", rates)
    run.train()
    assert sorted(run.trainer.diverged) == [2, 3]
    assert snapshot(run, best=True)["members/diverged"].data.tolist() == [-1, -1, 0, 0]
    alone = make(device, "linear", rates | {"optimizer.learning_rate": 0.001})
    alone.train()
    for name, array in learned(run).items():
        assert np.array_equal(array[:2], learned(alone)[name]), name


def test_a_member_that_has_ended_stays_so_where_training_goes_on(device, tmp_path):
    """A state of the middle, resumed, is the run that was never stopped."""
    rates = {
        "optimizer": {"name": "sgd", "learning_rate": [0.001, 1e30]},
        "loss": "squared_error",
        "training.epochs": 3,
    }
    whole, half, rest = (make(device, "linear", rates) for _ in range(3))
    whole.train()
    stop = Stop()
    half.train([lambda record: setattr(stop, "requested", "SIGTERM")], stop=stop)
    write(tmp_path / "half.h5", snapshot(half, best=False))
    restore_state(rest, read(tmp_path / "half.h5"))
    assert list(rest.trainer.diverged) == [1]
    rest.train()
    for name, array in learned(rest).items():
        assert np.array_equal(array, learned(whole)[name]), name
    assert rest.history[-1].numbers["train_loss"].tolist() == whole.history[-1].numbers["train_loss"].tolist()


def test_features_that_are_no_numbers_are_named(device):
    run = make(device, "linear", {"training.epochs": 1})
    run.trainer.feed.x = run.trainer.feed.x.astype(np.float32)
    run.trainer.feed.shuffle((0,), 0)
    run.trainer.feed.x[int(device.get(run.trainer.feed.order)[32 * 7])] = np.nan
    assert "step 8: features must be finite, got NaN or infinity in the batch 8 of the epoch" in diverge(run)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (1e30, "updates must have a finite length, got one of 000_dense/weight as large as"),
        (1e12, "must have a finite length, got one of 000_dense/"),
    ],
)
def test_rates_that_are_too_large_name_what_grew(rate, expected, device):
    run = make(device, "linear", {"optimizer.learning_rate": rate, "loss": "squared_error"})
    assert expected in diverge(run)
    assert all(np.isfinite(array).all() for array in learned(run).values())


def test_measures_that_are_not_finite_end_training_too(device):
    """Weights that are finite, with outputs on the validation part that are not."""
    run = make(device, "linear", {"training.epochs": 3})
    run.validation.feed.x = device.put(np.full(run.validation.feed.x.shape, np.inf, np.float32))
    assert "epoch 1: validation_loss must be finite, got NaN or infinity" in diverge(run)


@pytest.mark.parametrize("chains", [20, {"name": "fast_persistent", "count": 20}, {"name": "tempered", "count": 5}])
@pytest.mark.parametrize("rate", [1e4, 1e30])
def test_weights_of_a_machine_that_explode_end_training_with_the_last_good_state(chains, rate, tmp_path, device):
    """Bernoulli units saturate and never become infinite, so weights have a limit; fast ones must not leave a NaN."""
    run = make(device, "rbm", MACHINE | {"model.chains": chains, "optimizer.learning_rate": rate})
    message = diverge(run)
    step = int(device.get(run.trainer.clock)[0])
    if rate == 1e4:
        assert f"step {step + 1}: weight must not exceed a root mean square of 100, got an update that may" in message
    assert np.sqrt(np.square(learned(run)["weight"]).mean()) < 100
    same = make(device, "rbm", MACHINE | {"model.chains": chains, "optimizer.learning_rate": rate})
    train_steps(same, step)
    for name, array in learned(same).items():
        assert np.array_equal(learned(run)[name], array), name
    write(tmp_path / "last.h5", snapshot(run, best=False))
    saved = open_trained(read(tmp_path / "last.h5"))
    config = resumed_config(saved, {"optimizer.learning_rate": 0.01})
    dataset = load("digits")
    again = next(resume(Experiment(config, dataset, split(dataset, validation=0.15, test=0.15, seed=0), device), saved))
    assert again.train()
    assert int(device.get(again.trainer.clock)[0]) == 5 * 12


def test_a_limit_does_not_hinder_weights_below_it(device):
    """Rates that are merely too large train on: only what cannot come back is divergence."""
    run = make(device, "rbm", MACHINE | {"optimizer.learning_rate": 1.0})
    assert run.train()
