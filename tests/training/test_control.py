"""A training that is looked after by control.toml: what changes, from when on, and that it is known later."""

import json
import os
import re

import numpy as np
import pytest

import gpunet
from gpunet.backend import Device
from gpunet.checkpoint import changed_in, read
from gpunet.cli.members import member_lines, member_settings
from gpunet.cli.views.members import member_rows
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import BEST, LAST, RunFolder, open_trained
from gpunet.stages import Callbacks, begin, go_on, resumed_config
from gpunet.stages.control import CONTROL
from gpunet.studies.listing import summary_of
from shell import invoked

SETTINGS = {"training.epochs": 6, "training.batch_size": 20, "data.validation": 0.2, "model.hidden": [8]}
SETTINGS |= {
    "model.dropout": 0.2,
    "model.input_dropout": 0.0,
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.5},
}
CHANGES = "lr = 0.05\nmomentum = 0.9\n[model]\ndropout = 0.4\n"


def parts(config):
    digits = load("digits")
    dataset = Dataset("some", digits.x[:160], digits.y[:160], digits.classes, scale=digits.scale)
    return dataset, split(dataset, validation=config.data.validation, test=0.2, seed=0)


class Hand(Callbacks):
    """Writes control.toml at the end of epochs, before it is read, and stops training as a signal does."""

    def __init__(self, folder, texts, stop_in=None):
        self.folder, self.texts, self.stop_in, self.notes, self.stop = folder, texts, stop_in, [], Stop()

    def on_note(self, text):
        self.notes.append(text)

    def on_step(self, run, epoch, step, steps):
        if (epoch + 1, step) == (self.stop_in, 2):
            self.stop.request("SIGTERM")

    def measure(self, run, record):
        if record.epoch in self.texts:
            text = self.texts[record.epoch]
            (self.folder / CONTROL).write_bytes(text if isinstance(text, bytes) else text.encode())


def trained(folder, texts, stop_in=None, preset="mlp", hand=Hand, **more):
    config = load_config(preset, SETTINGS | more, {})
    hand = hand(folder, texts, stop_in)
    found = begin(
        Experiment(config, *parts(config), Device()), open_folder=lambda: RunFolder.create(str(folder), config),
        callbacks=hand, stop=hand.stop,
    )  # fmt: skip
    return found.run, hand.notes


def resumed(folder, texts=None, **overrides):
    saved = open_trained(read(folder / LAST))
    config = resumed_config(saved, overrides)
    hand = Hand(folder, texts or {})
    return go_on(Experiment(config, *parts(config), Device()), saved, lambda: RunFolder(folder), callbacks=hand).run


def weights(run):
    return run.trainer.parameters.values.tobytes(), run.selection.weights.tobytes()


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("changed") / "run"
    return folder, *trained(folder, {2: CHANGES})


def test_changes_hold_from_the_next_epoch_on_and_are_in_the_history(changed):
    folder, run, notes = changed
    rates = [float(record.numbers["learning_rate"][0]) for record in run.history]
    assert rates == [0.1] * 2 + [0.05] * 4
    assert notes[0] == "control.toml: from epoch 3 on, optimizer.learning_rate = 0.05 (before: 0.1)"
    assert len(notes) == 3
    kept = json.loads(read(folder / LAST).group("history").attrs["changes"])
    assert kept == [
        {"epoch": 3, "key": "optimizer.learning_rate", "before": 0.1, "after": 0.05},
        {"epoch": 3, "key": "optimizer.momentum", "before": 0.5, "after": 0.9},
        {"epoch": 3, "key": "model.dropout", "before": 0.2, "after": 0.4},
    ]
    assert open_trained(read(folder / BEST)).config.optimizer.momentum == 0.9


def test_it_is_the_training_that_stops_there_and_goes_on_with_other_settings(changed, tmp_path):
    _, run, _ = changed
    trained(tmp_path / "run", {2: "save = true"}, stop_in=3)
    # The state that was saved after the second epoch, not the one of the signal.
    (tmp_path / "run" / LAST).write_bytes((tmp_path / "run/last.previous.h5").read_bytes())
    more = {"optimizer.learning_rate": 0.05, "optimizer.momentum": 0.9, "model.dropout": 0.4}
    assert weights(resumed(tmp_path / "run", **more)) == weights(run)


def test_a_run_that_is_stopped_later_goes_on_to_the_same_end(changed, tmp_path):
    _, run, _ = changed
    trained(tmp_path / "run", {2: CHANGES}, stop_in=4)
    again = resumed(tmp_path / "run")
    assert weights(again) == weights(run)
    assert again.changes == run.changes
    assert len(again.history) == 6


def test_a_change_is_in_the_state_that_is_written_at_once(tmp_path):
    trained(tmp_path / "run", {2: CHANGES}, stop_in=3)
    saved = read(tmp_path / "run/last.previous.h5")
    assert saved.group("loop").attrs["epoch"] == 2
    assert open_trained(saved).config.optimizer.learning_rate == 0.05


def test_stop_ends_the_training_with_its_test_and_it_can_go_on(tmp_path):
    run, notes = trained(tmp_path / "run", {3: "stop = true"})
    assert len(run.history) == 3
    assert "accuracy" in run.test_scores
    assert notes == ["control.toml: stop after epoch 3"]
    whole, _ = trained(tmp_path / "whole", {})
    again = resumed(tmp_path / "run")
    assert len(again.history) == 6
    assert weights(again) == weights(whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr = ", "must be readable TOML"),
        ("lr = -1", "optimizer.learning_rate"),
        ("epochs = 9", "training.epochs: cannot change during a training"),
        ("learnig_rate = 0.1", "Did you mean"),
        ("stop = 1", "stop: must be true or false"),
        ("dropout = 0.0", "dropout: must stay above 0"),
        ("input_dropout = 0.5", "dropout: must stay above 0"),
        ("momentum = 0.0", "momentum: must stay above 0"),
        ("lr = [0.1, 0.2]", "must be one number"),
        ("lr = 0.01\nbatch_size = 3", "training.batch_size"),
    ],
)
def test_what_is_wrong_is_told_once_in_one_line_and_training_goes_on(tmp_path, text, expected):
    run, notes = trained(tmp_path / "run", {1: text, 2: text}, **{"training.epochs": 3})
    assert len(notes) == 1
    assert expected in notes[0]
    assert "\n" not in notes[0]
    assert notes[0].endswith("training goes on as before")
    assert not run.changes
    assert weights(run) == weights(trained(tmp_path / "whole", {}, **{"training.epochs": 3})[0])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"lr = 0.05 # \xe9\n", "utf-8"),
        (b"\xff\xfel\x00r\x00", "utf-8"),
        (b"lr = \n", "TOML"),
    ],
)
def test_what_is_no_text_is_told_once_until_it_is_other_bytes(tmp_path, content, expected):
    texts = {1: content, 3: content + b"\n", 4: b"momentum = 0.9", 5: content}
    run, notes = trained(tmp_path / "run", texts, **{"training.epochs": 7})
    assert [expected in note for note in notes] == [True, True, False, True]
    assert notes[0].startswith("control.toml: ")
    assert str(tmp_path) not in notes[0]
    assert "momentum = 0.9" in notes[2]
    assert len(run.changes) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is shut to root")
def test_what_may_not_be_read_is_told_once(tmp_path):
    class Shut(Hand):
        def measure(self, run, record):
            super().measure(run, record)
            (self.folder / CONTROL).chmod(0)

    run, notes = trained(tmp_path / "run", {1: "lr = 0.05"}, hand=Shut, **{"training.epochs": 5})
    assert len(notes) == 1
    assert not run.changes


def test_a_schedule_by_its_word_begins_where_training_began(tmp_path):
    """Half a cosine over all six epochs, as high as the rate that was configured, and not as what was set meanwhile."""
    run, _ = trained(tmp_path / "run", {1: "lr = 0.001", 3: 'lr = "cosine"'})
    rates = [float(record.numbers["learning_rate"][0]) for record in run.history]
    whole = load_config("mlp", SETTINGS | {"optimizer.learning_rate": "cosine"}, {}).optimizer.learning_rate
    assert run.config.optimizer.learning_rate == whole
    assert whole.value == 0.1
    assert rates[:3] == [0.1, 0.001, 0.001]
    alone, _ = trained(tmp_path / "alone", {}, **{"optimizer.learning_rate": "cosine"})
    assert rates[3:] == [float(record.numbers["learning_rate"][0]) for record in alone.history[3:]]
    several, _ = trained(
        tmp_path / "several", {1: "lr = [0.01, 0.02]", 3: 'lr = "cosine"'}, **{"optimizer.learning_rate": [0.1, 0.2]}
    )
    assert [one.value for one in several.config.optimizer.learning_rate] == [0.1, 0.2]


def test_members_keep_the_names_that_they_began_with(tmp_path):
    """Wherever members are told apart it is by what they were started with; what was changed is said beside it."""
    rates = {"optimizer.learning_rate": [0.1, 0.2]}
    run, _ = trained(tmp_path / "run", {2: "lr = [0.05, 0.01]", 4: "lr = [0.02, 0.005]"}, **rates)
    assert [one["optimizer.learning_rate"] for one in member_settings(run)] == [0.1, 0.2]
    lines = list(member_lines(run))
    assert lines[0].startswith("  learning_rate 0.1,")
    assert "from epoch 5 on: optimizer.learning_rate = 0.02, 0.005 by member, before 0.05, 0.01 by member" in lines[-1]
    found = read(tmp_path / "run" / BEST)
    assert [row["learning_rate"] for row in member_rows(found)] == ["0.1", "0.2"]
    assert found.array("members/optimizer_learning_rate").data.tolist() == [0.1, 0.2]
    assert summary_of(tmp_path / "run", found).differs == {"optimizer.learning_rate": [0.1, 0.2]}
    together = gpunet.load(tmp_path / "run")
    for number, rate in enumerate((0.1, 0.2)):
        alone = together.members[number]
        assert alone.trained.begun.optimizer.learning_rate == rate
        assert alone.config.optimizer.learning_rate == (0.02, 0.005)[number]
    said = invoked("inspect", tmp_path / "run").stdout
    assert re.search(r"0 +0 +0\.1 ", said)
    assert "from epoch 3 on: optimizer.learning_rate = 0.05, 0.01 by member" in said


def test_a_rate_that_changes_when_a_run_goes_on_is_noted_too(tmp_path):
    trained(tmp_path / "run", {3: "stop = true"})
    again = resumed(tmp_path / "run", **{"optimizer.learning_rate": 0.05})
    assert again.changes == [{"epoch": 4, "key": "optimizer.learning_rate", "before": 0.1, "after": 0.05}]
    assert again.begun.optimizer.learning_rate == 0.1
    kept = read(tmp_path / "run" / LAST)
    assert changed_in(kept) == again.changes


def test_layers_that_train_one_after_the_other_take_orders_alone(tmp_path):
    more = {"model.hidden": [5, 4], "training.epochs": 3, "optimizer": "sgd"}
    more = {key: value for key, value in (SETTINGS | more).items() if not key.endswith("dropout")}
    config = load_config("dbn", more, {})
    hand = Hand(tmp_path / "run", {1: "momentum = 0.7", 2: "stop = true"})
    found = begin(
        Experiment(config, *parts(config), Device()), callbacks=hand,
        open_folder=lambda: RunFolder.create(str(tmp_path / "run"), config),
    )  # fmt: skip
    assert "can change in one network or machine" in hand.notes[0]
    assert "control.toml: stop after epoch 2" in hand.notes
    assert found.finished


def test_numbers_of_members_change_by_member(tmp_path):
    more = {"optimizer.learning_rate": [0.1, 0.2]}
    run, notes = trained(tmp_path / "run", {1: "lr = [0.05, 0.01]\ndropout = [0.1, 0.3]"}, **more)
    assert "from epoch 2 on" in notes[0]
    assert np.allclose(run.history[-1].numbers["learning_rate"], [0.05, 0.01])
