"""The best weights of each member at any moment of training: after an epoch, after a stop, after divergence."""

from dataclasses import replace

import numpy as np
import pytest

from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import DivergedError
from gpunet.experiment import Experiment, Run
from gpunet.interruption import Stop
from gpunet.persistence import snapshot
from gpunet.stages import Stack

# Validation accuracies by epoch that make the members best in epochs 2, 4 and 1.
SCORES = np.array([[0.3, 0.1, 0.9], [0.8, 0.2, 0.5], [0.7, 0.2, 0.6], [0.8, 0.6, 0.9], [0.1, 0.5, 0.2]])
BEST = [2, 4, 1]
STEPS = 4


class Prescribed:
    """Stands for the evaluation of the validation part: accuracies from a table, one row an epoch."""

    def __init__(self, rows):
        self.rows = list(rows)

    def scores(self):
        return {"loss": 1 - self.rows[0], "accuracy": self.rows.pop(0)}


def make(device, preset="mlp", members=3, scores=SCORES, **overrides):
    settings = {"model.hidden": [8], "training.epochs": 5, "training.batch_size": 50, "members": members}
    config = load_config(preset, settings | overrides, {})
    whole = load("digits")
    dataset = replace(whole, x=whole.x[:400], y=whole.y[:400])
    parts = split(dataset, validation=0.25, test=0.25, seed=0)
    experiment = Experiment(config, dataset, parts, device)
    if preset == "dbn":
        return experiment
    run = Run(experiment)
    assert run.trainer.steps_per_epoch(True) == STEPS
    if scores is not None:
        run.validation = Prescribed(scores[:, :members])
    return run


def judged(run):
    """What an epoch's validation is about: the average where there is one, else the weights; by member."""
    slots = run.trainer.optimizer.slots
    flat = run.device.get(slots.get("average", run.trainer.parameters.values))
    return flat.reshape(len(run.trainer.parameters.seeds), -1)


def saved_weights(run, root):
    """The model of a checkpoint as flat vectors, (members, n), with 0 between the arrays."""
    parameters = run.trainer.parameters
    flat = np.zeros(parameters.values.shape, np.float32)
    for name in parameters.named:
        parameters.view(flat, name)[...] = root[f"model/{name}"].data
    return flat.reshape(len(parameters.seeds), -1)


def best_so_far(seen, epochs):
    """Literally: the weights of the epoch with the highest score, the first where several are equal."""
    chosen = SCORES[:epochs, : len(seen[0])].argmax(axis=0)
    return chosen + 1, np.stack([seen[epoch][member] for member, epoch in enumerate(chosen)])


AVERAGES = [None, "ema", {"name": "swa", "start": 2}]


@pytest.mark.parametrize("averaging", AVERAGES, ids=str)
def test_best_weights_of_each_member_are_in_the_checkpoint_after_every_epoch(averaging, device):
    """Members are best at different epochs; the checkpoint of each epoch holds what was judged in them."""
    run, seen = make(device, **{"training.averaging": averaging, "model.batch_norm": True}), []

    def compare(record):
        seen.append(judged(run))
        epochs, expected = best_so_far(seen, len(seen))
        root = snapshot(run, best=True)
        assert np.array_equal(saved_weights(run, root), expected)
        assert np.array_equal(device.get(run.selection.weights), expected)
        assert root["members/best_epoch"].data.tolist() == epochs.tolist()
        assert root.attrs["epoch"] == epochs.max()
        assert np.array_equal(root["members/best"].data, SCORES[: len(seen)].max(axis=0))
        assert root.attrs["monitor_value"] == pytest.approx(SCORES[: len(seen)].max(axis=0).mean())

    run.train([compare])
    assert run.selection.best_epoch.tolist() == BEST
    assert np.array_equal(saved_weights(run, snapshot(run, best=True)), best_so_far(seen, 5)[1])
    assert np.array_equal(judged(run) if averaging is None else run.trainer.parameters.values, best_so_far(seen, 5)[1])


@pytest.mark.parametrize("averaging", AVERAGES, ids=str)
def test_present_weights_and_not_the_best_ones_are_in_the_state_to_go_on_from(averaging, device):
    run, differs = make(device, **{"training.averaging": averaging}), []

    def compare(record):
        root = snapshot(run, best=False)
        present = device.get(run.trainer.parameters.values)
        assert np.array_equal(saved_weights(run, root), present)
        best = np.zeros_like(present)
        for name in run.trainer.parameters.named:
            run.trainer.parameters.view(best, name)[...] = root[f"loop/best_weights/{name}"].data
        assert np.array_equal(best, device.get(run.selection.weights))
        differs.append(not np.array_equal(present, best))

    run.train([compare])
    assert any(differs)


@pytest.mark.parametrize("averaging", AVERAGES, ids=str)
@pytest.mark.parametrize("members", [1, 3])
def test_after_a_stop_inside_an_epoch_the_best_weights_are_those_of_whole_epochs(members, averaging, tmp_path, device):
    run, stop, seen = make(device, members=members, **{"training.averaging": averaging}), Stop(), []

    def on_step(epoch, step, steps):
        if (epoch, step) == (3, 1):
            stop.request("SIGTERM")

    assert not run.train([lambda record: seen.append(judged(run))], on_step, stop)
    write(tmp_path / "best.h5", snapshot(run, best=True))
    found = read(tmp_path / "best.h5")
    epochs, expected = best_so_far(seen, 3)
    assert np.array_equal(saved_weights(run, found), expected)
    assert found.attrs["epoch"] == max(epochs)
    assert not np.array_equal(saved_weights(run, snapshot(run, best=False)), expected)


def test_best_weights_of_a_member_that_stopped_are_kept_while_others_train(device):
    run, seen = make(device, **{"training.patience": 2}), []
    run.train([lambda record: seen.append((judged(run), record.active.tolist()))])
    # Best in epochs 2, 4 and 1; the last member stops after epoch 3, the first one after epoch 4, before they improve.
    first, second, third = [True] * 3, [True, True, False], [False, True, False]
    assert [active for _, active in seen] == [first, first, second, third, third]
    assert run.selection.best_epoch.tolist() == BEST
    for member, epoch in enumerate(BEST):
        assert np.array_equal(device.get(run.trainer.parameters.values)[member], seen[epoch - 1][0][member])
    assert np.array_equal(seen[2][0][2], seen[4][0][2]), "a member that stopped does not move"
    assert not np.array_equal(seen[2][0][1], seen[4][0][1])


def test_best_weights_of_a_layer_of_a_stack_are_its_last_whole_epochs(device):
    run = next(Stack(make(device, "dbn", members=2, **{"model.hidden": [8, 6]})).stages())
    stop, seen = Stop(), []
    run.train(
        [lambda record: seen.append(device.get(run.trainer.parameters.values))],
        lambda epoch, step, steps: stop.request("SIGTERM") if (epoch, step) == (2, 1) else None,
        stop,
    )
    root = snapshot(run, best=True)
    expected = run.trainer.parameters.view(seen[1], "weight")
    assert np.array_equal(root["model/000_rbm/weight"].data, expected)
    assert not np.array_equal(expected, device.get(run.trainer.parameters.named["weight"].value))


TOO_FAST = {"name": "sgd", "learning_rate": {"name": "piecewise", "values": (0.05, 1e30), "boundaries": (1.5,)}}


@pytest.mark.parametrize("averaging", AVERAGES, ids=str)
@pytest.mark.parametrize("members", [1, 3])
def test_divergence_after_the_first_epoch_keeps_the_last_good_state(members, averaging, tmp_path, device):
    """The rate is 1e30 from the middle of the second epoch on; what is saved is what a run stopped before it has."""
    options = {"optimizer": TOO_FAST, "training.averaging": averaging, "loss": "softmax_squared_error"}
    run = make(device, members=members, scores=None, **options)
    with pytest.raises(DivergedError, match=r"step 7"):
        run.train()
    assert int(device.get(run.trainer.clock)[0]) == STEPS + 2
    write(tmp_path / "last.h5", snapshot(run, best=False))
    found = read(tmp_path / "last.h5")
    assert (found.attrs["step"], found.attrs["epoch"]) == (STEPS + 2, 1)
    assert (found["loop"].attrs["epoch"], found["loop"].attrs["batch"]) == (1, 2)

    good, stop = make(device, members=members, scores=None, **options), Stop()
    good.train(on_step=lambda epoch, step, _: stop.request("x") if (epoch, step) == (1, 1) else None, stop=stop)
    assert int(device.get(good.trainer.clock)[0]) == STEPS + 2
    assert np.array_equal(saved_weights(run, found), saved_weights(good, snapshot(good, best=False)))
    for name, slot in good.trainer.optimizer.slots.items():
        assert np.array_equal(device.get(run.trainer.optimizer.slots[name]), device.get(slot)), name
    for best in (run, good):
        assert best.selection.best_epoch.tolist() == [1] * members
    assert np.array_equal(device.get(run.selection.weights), device.get(good.selection.weights))
    assert np.isfinite(saved_weights(run, found)).all()
