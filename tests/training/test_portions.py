"""A population trained in portions of its members ends, bit for bit, as one that is trained at once."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.errors import ConfigError, DivergedError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import RunFolder, identity_of, newest, open_trained, snapshot
from gpunet.persistence.folder import identity_in
from gpunet.stages import Callbacks, begin, go_on, resumed_config
from small_device import SmallDevice

NETWORK = {"model.hidden": [12], "training.epochs": 3, "training.batch_size": 50}
MACHINE = {"model.hidden": 10, "training.epochs": 2, "training.batch_size": 50}
FAST = {"name": "sgd", "learning_rate": [0.5, 0.1], "momentum": [0.9, 0.0]}
CASES = {
    "seeds": ("mlp", NETWORK, 1),
    "places and seeds": (
        "mlp", {**NETWORK, "optimizer": FAST, "model.dropout": [0.0, 0.5], "training.l2": [0.1, 0.0]}, 2
    ),
    "patience, plateau, averaging": (
        "mlp",
        {**NETWORK, "training.epochs": 8, "optimizer": {**FAST, "momentum": 0.9}, "training.patience": [1, 8],
         "training.plateau": {"patience": 1, "factor": 0.3}, "training.averaging": {"name": "ema", "decay": 0.9}},
        2,
    ),
    "labels and batch norm": (
        "mlp", {**NETWORK, "data.labels": 60, "training.updates": 20, "model.batch_norm": "after"}, 2
    ),
    "augmented": ("mlp", {**NETWORK, "augmentation.shift.pixels": 1, "training.drop_last": False}, 2),
    "contrastive divergence": ("rbm", {**MACHINE, "model.k": [1, 2]}, 1),
    "fast persistent": ("rbm", {**MACHINE, "model.chains": {"name": "fast_persistent", "count": 7}}, 2),
    "tempered": ("rbm", {**MACHINE, "model.chains": {"name": "tempered", "count": 3, "temperatures": 3}}, 2),
    "stack": ("dbn", {**MACHINE, "model.hidden": [12, 8]}, 2),
    "autoencoder": ("autoencoder", {**NETWORK, "model.code": 4}, 2),
}  # fmt: skip


def experiment(preset, seeds=3, **overrides):
    config = load_config(preset, {"members": seeds, "seed": 6, **overrides}, {})
    whole = load("digits")
    dataset = replace(whole, x=whole.x[:400], y=whole.y[:400])
    return Experiment(config, dataset, split(dataset, validation=0.25, test=0.25, seed=0), Device())


def arrays(content, skip=("seconds", "together")):
    found = {path: child.data for path, child in content.walk() if hasattr(child, "data")}
    return {p: a for p, a in found.items() if p.rpartition("/")[2] not in skip and not p.startswith(("config", "env"))}


def same(mine, expected, went_on=None):
    """Every array alike, bit for bit; of the numbers by epoch those of members that still went on."""
    assert mine.keys() == expected.keys()
    for path, array in expected.items():
        assert (mine[path].dtype, mine[path].shape) == (array.dtype, array.shape), path
        rows = np.ones(array.shape, bool)
        if path.startswith("history/") and array.ndim == 2 and went_on is not None:
            rows[1:] = went_on[:-1]
        np.testing.assert_array_equal(mine[path][rows], array[rows], err_msg=path)


def going(run):
    return np.stack([record.active for record in run.history])


@pytest.mark.parametrize("case", CASES)
def test_portions_come_to_what_all_members_at_once_come_to(case):
    preset, overrides, most = CASES[case]
    once = begin(experiment(preset, **overrides)).run
    lines = []

    class Listening(Callbacks):
        def on_note(self, text):
            lines.append(text)

    parts = begin(experiment(preset, **overrides, **{"training.together": most}), callbacks=Listening()).run
    assert "one after the other" in lines[0]
    same(arrays(snapshot(parts, best=True)), arrays(snapshot(once, best=True)), going(once))
    assert [len(run.history) for run in (parts, once)] == [len(once.history)] * 2
    np.testing.assert_array_equal(going(parts), going(once))


def resumed(folder, callbacks=None, stop=None, **overrides):
    """What ``gpunet resume`` does."""
    saved = open_trained(newest(folder)[0])
    config = resumed_config(saved, overrides)
    place = RunFolder(folder)

    @contextmanager
    def opened():
        with place:
            place.go_on(saved.checkpoint, identity_of(folder, saved)[0], config, bool(overrides))
            yield place

    own = experiment(config.name, config.members)
    return go_on(replace(own, config=config), saved, opened, callbacks, stop)


def stopping(stop, portion):
    """Ends the training in the second epoch of a portion."""

    class Stopping(Callbacks):
        def on_note(self, text):
            self.portions = getattr(self, "portions", 0) + text.startswith("member")

        def on_step(self, run, epoch, step, steps):
            if (self.portions, epoch, step) == (portion, 1, 1):
                stop.request("SIGINT")

    return Stopping()


@pytest.mark.parametrize(("case", "stops"), [("places and seeds", (2, 3)), ("stack", (2,))])
def test_a_portion_that_was_stopped_goes_on_and_the_folder_ends_as_that_of_one_run(case, stops, tmp_path):
    preset, overrides, most = CASES[case]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    begin(experiment(preset, **overrides), open_folder=lambda: folder_of(whole, preset, overrides))
    values, stop = {**overrides, "training.together": most}, Stop()
    found = begin(
        experiment(preset, **values), open_folder=lambda: folder_of(cut, preset, values),
        callbacks=stopping(stop, stops[0]), stop=stop,
    )  # fmt: skip
    assert not found.finished
    assert not (cut / "best.h5").exists()
    first = cut / "portions" / f"members-0-{most - 1}" / "last.h5"
    written = first.stat().st_mtime_ns
    for portion in stops[1:]:
        stop = Stop()
        assert not resumed(cut, stopping(stop, portion), stop).finished
        assert first.stat().st_mtime_ns == written
    assert resumed(cut).finished
    for name in ("last.h5", "best.h5"):
        mine, expected = (arrays(read(path / name).root) for path in (cut, whole))
        for path in [path for path in expected if path.startswith("optimizer/velocity")]:
            del mine[path], expected[path]  # of members whose momentum is 0 it says nothing
        same(mine, expected)
    assert not (cut / "portions").exists()
    assert read(cut / "last.h5").attrs["run_id"] == read(cut / "best.h5").attrs["run_id"] == identity_in(cut)


def folder_of(path, preset, overrides):
    return RunFolder.create(str(path), experiment(preset, **overrides).config)


def test_a_finished_population_goes_on_in_portions(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    begin(experiment("mlp", **NETWORK), open_folder=lambda: folder_of(cut, "mlp", NETWORK))
    longer = {**NETWORK, "training.epochs": 5}
    begin(experiment("mlp", **longer), open_folder=lambda: folder_of(whole, "mlp", longer))
    resumed(cut, **{"training.epochs": 5, "training.together": 2})
    for name in ("last.h5", "best.h5"):
        same(arrays(read(cut / name).root), arrays(read(whole / name).root))


def test_members_that_do_not_fit_are_trained_in_as_many_as_do():
    """There is room for the weights of two members, of 278,210 numbers each, and not for those of four."""
    lines, place = [], SmallDevice(limit=4_300_000)
    overrides = {**NETWORK, "model.hidden": [80, 3000], "training.batch_size": 10, "training.epochs": 1}
    once = begin(experiment("mlp", seeds=4, **overrides)).run

    class Listening(Callbacks):
        def on_note(self, text):
            lines.append(text)

        def on_epoch(self, run, record):
            lines.append(len(run.config.seeds))

    own = replace(experiment("mlp", seeds=4, **overrides), device=place)
    found = begin(own, callbacks=Listening()).run
    assert lines[0] == "4 members in 2 populations of 2, one after the other"
    assert lines.count(2) == 2
    same(arrays(snapshot(found, best=True)), arrays(snapshot(once, best=True)))


def test_members_that_diverge_end_as_in_one_population():
    values = {**NETWORK, "optimizer": {"name": "sgd", "learning_rate": [0.1, 1e30, 0.03]}}
    once = begin(experiment("mlp", seeds=2, **values)).run
    found = begin(experiment("mlp", seeds=2, **values, **{"training.together": 2})).run
    same(arrays(snapshot(found, best=True)), arrays(snapshot(once, best=True)), going(once))
    assert {m: e.thing for m, e in found.trainer.diverged.items()} == {
        2: "step 1 of member 2 (seed 6)", 3: "step 1 of member 3 (seed 7)"
    }  # fmt: skip
    with pytest.raises(DivergedError, match=r"step 1 of member 0 \(seed 6\)"):
        begin(
            experiment(
                "mlp", 2, **NETWORK, optimizer={"name": "sgd", "learning_rate": 1e30}, **{"training.together": 1}
            )
        )


def test_snapshots_on_the_way_are_refused():
    with pytest.raises(ConfigError, match="snapshots: does not go with members that are trained in portions, got 3"):
        begin(
            experiment("mlp", **NETWORK, **{"training.together": 1, "training.snapshots": 3}),
            open_folder=lambda: nullcontext(),
        )
