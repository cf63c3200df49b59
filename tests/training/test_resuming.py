"""A run that goes on from a checkpoint ends where it would have ended: bit for bit, hash for hash."""

from pathlib import Path

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import NamedArray, read, write
from gpunet.config import load_config, preset_names
from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.errors import CheckpointError, ConfigError, DataError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import graft, open_trained, snapshot
from gpunet.stages import resume, resumed_config
from gpunet.stages.execution import runs_of

SMALL = {"training.epochs": 10, "training.batch_size": 50, "data.validation": 0.2}
NARROW = SMALL | {"model.hidden": [12]}
MACHINE = SMALL | {"model.hidden": 8}
LAYERS = SMALL | {"model.hidden": [12, 8], "optimizer.learning_rate": 0.05}
SHALLOW = SMALL | {"model.depth": 6, "model.widths": [4, 8]}
STACKS = ("dbn", "dbn-mnist", "denoising", "supervised-greedy")
RUIN = {"name": "piecewise", "values": [0.1, 50.0], "boundaries": [1]}  # after the first epoch, each is worse
OFTEN = {"name": "trajectory", "count": 5, "reservoir": 20, "freeze": 0.8, "every": 2, "refresh": 3, "sweeps": 40}
MOVES = ("shift", "rotate", "elastic", "brightness", "noise", "mixup", "cut_mix", "rand_augment")

# Every preset, and every kind of state that a step goes on from.
CASES = {name: (name, LAYERS if name in STACKS else SMALL) for name in preset_names()}
CASES |= {name: (name, NARROW) for name in ("mlp", "digits")} | {name: (name, MACHINE) for name in ("rbm", "classrbm")}
CASES |= {name: (name, SHALLOW) for name in ("resnet20", "resnet-digits")}
CASES |= {
    "grown": ("grown", SMALL | {"model.blocks": 2, "model.grow": "newest"}),
    "finetune": ("finetune", SMALL | {"training.updates": 20}),
    "updown": ("updown", LAYERS | {"model.greedy": 4, "model.k": 2}),
    "dbm": ("dbm", LAYERS | {"model.greedy": 2, "model.k": 2, "model.sweeps": 4}),
    "dbm-mnist": ("dbm-mnist", LAYERS | {"model.greedy": 0, "model.k": 1, "model.chains": "tempered", "members": 2}),
    "classdbm": ("classdbm", LAYERS | {"model.greedy": 3, "model.k": 2}),
    "dbm-finetune": ("dbm-finetune", LAYERS | {"model.dropout": 0.2, "training.updates": 10}),
    "batch norm": ("mlp", NARROW | {"model.batch_norm": True, "training.drop_last": False}),
    "augmentation": ("mlp", NARROW | {f"augmentation.{word}": True for word in MOVES}),
    "preparation": ("mlp", NARROW | {"data.preprocess": ["scale", "zca"], "model.initializer": "lsuv"}),
    "chance": ("rbm", MACHINE | {"data.preprocess": ["scale", {"name": "binarise", "stochastic": True}]}),
    "past its best": ("linear", SMALL | {"training.monitor": "validation_loss", "optimizer.learning_rate": RUIN}),
    "few labels": ("mlp", NARROW | {"data.labels": 100, "training.updates": 15, "training.batch_size": 20}),
    "plateau": ("mlp", NARROW | {"training.plateau": {"patience": 1, "factor": 0.5}}),
    "ema": ("mlp", NARROW | {"training.averaging": {"name": "ema", "decay": 0.9}}),
    "swa": ("mlp", NARROW | {"training.averaging": {"name": "swa", "start": 2}}),
    "patience": ("linear", SMALL | {"training.patience": 5, "optimizer.learning_rate": 1.0}),
    "population": ("mlp", NARROW | {"members": 3, "training.patience": 3}),
    "amsgrad": ("linear", SMALL | {"optimizer": {"name": "amsgrad"}, "training.clip_norm": 0.1}),
    "adadelta": ("linear", SMALL | {"optimizer": {"name": "adadelta"}, "training.monitor": "train_loss"}),
    "fast weights": ("rbm", MACHINE | {"model.chains": {"name": "fast_persistent", "count": 7}}),
    "tempered": ("rbm", MACHINE | {"model.chains": {"name": "tempered", "count": 5}, "members": 2}),
    "trajectory": ("rbm", MACHINE | {"model.chains": OFTEN, "optimizer.learning_rate": 0.02, "members": 2}),
    "sparse": ("rbm", MACHINE | {"model.sparsity": {"target": 0.1}, "model.chains": "from_data"}),
    "rising k": ("rbm", MACHINE | {"model.k": {"name": "ramp", "start": 1, "stop": 3, "epochs": 8}}),
    "gaussian": ("rbm", MACHINE | {"model.visible_units": "gaussian", "optimizer.learning_rate": 1e-3}),
    "augmented": ("mlp", NARROW | {"augmentation": {"rotate": True, "elastic": True, "noise": True, "mixup": True}}),
    "binarised by chance": ("mlp", NARROW | {"data.preprocess": ["scale", {"name": "binarise", "stochastic": True}]}),
    "whitened": ("mlp", NARROW | {"data.preprocess": {"name": "pca", "whiten": True}, "model.initializer": "lsuv"}),
    "denoising stack": ("dbn", LAYERS | {"model.method": "denoising"}),
    "supervised stack": ("dbn", LAYERS | {"model.method": "supervised", "members": 2}),
}


def data(config):
    digits = load("digits")
    dataset = Dataset("some", digits.x[:320], digits.y[:320], digits.classes, scale=digits.scale)
    return dataset, split(dataset, validation=0.2, test=0.1, seed=0, order="stratified")


def begin(case, **overrides):
    preset, settings = CASES[case]
    config = load_config(preset, settings | overrides, {})
    dataset, parts = data(config)
    return runs_of(Experiment(config, dataset, parts, Device()))


def go_on(saved, **overrides):
    """The rest of a training, from its checkpoint, opened already or to be opened."""
    saved = open_trained(read(saved)) if isinstance(saved, Path) else saved
    config = resumed_config(saved, overrides)
    return resume(Experiment(config, *data(config), Device()), saved)


def keep(run, folder):
    """Save as the command line does: after each epoch, and the best weights in the end."""
    write(folder / "last.h5", snapshot(run, best=False), keep_previous=True)


def finish(runs, folder):
    """Train what is left; the content hashes of the last state of each run and of its best weights."""
    hashes = []
    for run in runs:
        last = []
        assert run.train([lambda _, run=run, last=last: last.append(snapshot(run, best=False))])
        last = last[-1] if last else snapshot(run, best=False)
        hashes += [write(folder / "end.h5", tree) for tree in (last, snapshot(run, best=True))]
    return hashes


def stop_at(runs, folder, step):
    """Train until so many steps are done in all runs together, save, and say what was finished on the way."""
    done = 0
    for run in runs:
        stop, before = Stop(), done

        def on_step(epoch, number, steps, stop=stop, before=before):
            if before + epoch * steps + number + 1 == step:
                stop.request("SIGTERM")

        if not run.train(on_step=on_step, stop=stop):
            keep(run, folder)
            return
        done += int(run.trainer.clock[0])
    raise AssertionError("there was no such step")


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_run_ends_as_if_it_had_not_been(case, tmp_path):
    """Once inside an epoch, and that one again at its last batch, before the epoch is judged."""
    expected = finish(begin(case), tmp_path)
    steps = next(iter(begin(case))).trainer.steps_per_epoch(drop_last=CASES[case][1].get("training.drop_last", True))
    stop_at(begin(case), tmp_path, 2 * steps + 2)
    again = finish(go_on(tmp_path / "last.h5"), tmp_path)
    assert again == expected
    stop_at(go_on(tmp_path / "last.h5"), tmp_path, 5 * steps)
    assert finish(go_on(tmp_path / "last.h5"), tmp_path) == expected


@pytest.mark.parametrize(
    "case", [case for case in CASES if CASES[case][1] is not LAYERS and "stack" not in case and case != "grown"]
)
def test_ten_epochs_are_three_and_seven_and_five_and_five(case, tmp_path):
    expected = finish(begin(case), tmp_path)
    for first in (3, 5):
        for run in begin(case, **{"training.epochs": first}):
            run.train([lambda record, run=run, first=first: keep(run, tmp_path) if record.epoch == first else None])
        saved = open_trained(read(tmp_path / "last.h5"))
        assert saved.checkpoint.attrs["epoch"] == first
        assert finish(go_on(saved, **{"training.epochs": 10}), tmp_path) == expected


def test_a_finished_run_has_nothing_left_and_gives_the_same_again(tmp_path):
    run = next(begin("linear"))
    run.train([lambda _: keep(run, tmp_path)])
    best, steps = write(tmp_path / "best.h5", snapshot(run, best=True)), []
    again = next(go_on(tmp_path / "last.h5"))
    assert again.train(on_step=lambda *_: steps.append(1))
    assert not steps
    assert write(tmp_path / "best.h5", snapshot(again, best=True)) == best


def test_grafted_weights_keep_their_lineage(tmp_path):
    finish(begin("dbn"), tmp_path)
    source = read(tmp_path / "end.h5")

    def grafted():
        run = next(begin("mlp", **{"model.hidden": [12, 8], "model.activation": "sigmoid"}))
        graft(run, source)
        return iter([run])

    expected = finish(grafted(), tmp_path)
    stop_at(grafted(), tmp_path, 9)
    assert finish(go_on(tmp_path / "last.h5"), tmp_path) == expected
    assert read(tmp_path / "last.h5").attrs["parent_sha256"] == source.content_sha256


def test_patience_that_was_raised_lets_a_stopped_run_go_on(tmp_path):
    flat = {"training.patience": 2, "optimizer.learning_rate": 0.0}
    run = next(begin("linear", **flat))
    run.train([lambda _: keep(run, tmp_path)])
    assert len(run.history) == 3
    longer = next(go_on(tmp_path / "last.h5", **{"training.patience": 5}))
    longer.train()
    assert [record.epoch for record in longer.history] == [1, 2, 3, 4, 5, 6]


def test_the_best_of_long_ago_is_kept(tmp_path):
    finish(begin("past its best"), tmp_path)
    assert read(tmp_path / "end.h5").attrs["epoch"] == 1


def test_a_rate_that_has_fallen_stays_low_when_the_plateau_is_set_otherwise(tmp_path):
    still = {"optimizer.learning_rate": 1e-20, "training.plateau": {"patience": 2, "factor": 0.5}, "training.epochs": 5}
    run = next(begin("linear", **still))
    run.train([lambda _: keep(run, tmp_path)])
    assert run.trainer.optimizer.rate_scale == 0.25
    overrides = {"training.plateau": {"patience": 3, "factor": 0.1}, "training.epochs": 7}
    again = next(go_on(tmp_path / "last.h5", **overrides))
    assert again.trainer.optimizer.rate_scale == 0.25
    again.train()
    assert again.trainer.optimizer.rate_scale == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"seed": 1}, "seed: must stay 0 when a run goes on, got 1"),
        ({"members": 2}, "members: must stay 1"),
        ({"optimizer.name": "adam"}, r"optimizer\.name: must stay sgd when a run goes on, got adam"),
        ({"optimizer": "adam"}, r"optimizer\.name: must stay sgd"),
        ({"model.name": "rbm"}, r"model\.name: must stay mlp"),
        ({"model.hidden": [9]}, r"got model/000_dense/weight: float32 \(64, 9\) wanted, \S+ \(64, 10\)"),
        ({"training.averaging": {"name": "ema"}}, r"got optimizer/average/\S+: float32 .* wanted, nothing found and 1"),
        ({"data.split_seed": 3}, "data: must stay as it was"),
        ({"data.validation": 0.3}, "data: must stay as it was"),
        ({"training.monitor": "validation_loss"}, "must stay validation_accuracy, by which the best weights"),
        ({"training.epochs": 1}, "must be at least the 2 that lie behind, got 1"),
        ({"training.batch_size": 20}, r"between epochs only, got a run that stands at batch 1 of epoch 3"),
        ({"training.epoch": 20}, r"training\.epoch: is no key here. Did you mean epochs"),
    ],
)  # fmt: skip
def test_what_the_state_does_not_allow_is_refused(overrides, expected, tmp_path):
    stop_at(begin("linear"), tmp_path, 2 * 4 + 1)
    with pytest.raises(ConfigError, match=expected):
        next(go_on(tmp_path / "last.h5", **overrides))


def test_a_batch_size_may_change_between_epochs(tmp_path):
    run = next(begin("linear", **{"training.epochs": 2}))
    run.train([lambda _: keep(run, tmp_path)])
    again = next(go_on(tmp_path / "last.h5", **{"training.batch_size": 20, "training.epochs": 3}))
    again.train()
    assert int(again.trainer.clock[0]) == 2 * 4 + 11


def test_other_data_and_files_without_a_state_are_refused(tmp_path):
    stop_at(begin("linear"), tmp_path, 6)
    saved = open_trained(read(tmp_path / "last.h5"))
    config = resumed_config(saved, {})
    dataset, parts = data(config)
    other = Dataset("some", dataset.x[::-1].copy(), dataset.y, dataset.classes, scale=16.0)
    with pytest.raises(DataError, match="must hold the data that the run was trained on"):
        next(resume(Experiment(config, other, parts, Device()), saved))
    run = next(begin("linear"))
    run.train()
    write(tmp_path / "best.h5", snapshot(run, best=True))
    with pytest.raises(CheckpointError, match=r"must hold the state of a run, got weights alone\. Resume last\.h5"):
        next(go_on(tmp_path / "best.h5"))


def test_a_file_whose_state_does_not_fit_is_refused_with_one_table(tmp_path):
    stop_at(begin("rbm"), tmp_path, 6)
    root = read(tmp_path / "last.h5").root
    states = root["loop/chains/states"]
    root["loop/chains/states"] = NamedArray(states.data[:-1])
    root["loop/more"] = NamedArray(np.zeros(3))
    del root["optimizer"].children["updates"]
    write(tmp_path / "last.h5", root)
    with pytest.raises(CheckpointError) as caught:
        next(go_on(tmp_path / "last.h5"))
    assert [line.partition(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "optimizer/updates", "loop/chains/states", "loop/more",
    ]  # fmt: skip
