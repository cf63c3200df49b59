"""When a training is written: seldom, and with the same end however often it was."""

import pytest

from gpunet.backend import Device
from gpunet.checkpoint import read
from gpunet.config import load_config
from gpunet.data import Dataset, split
from gpunet.datasets import load
from gpunet.errors import DivergedError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.persistence import BEST, LAST, PREVIOUS, RunFolder, open_trained
from gpunet.stages import Callbacks, begin, go_on, saving

STEPS = 6  # of an epoch
SETTINGS = {"training.epochs": 12, "training.batch_size": 16, "training.monitor": "validation_loss"}


class Clock:
    """Moves on by so much at each step, and by so much at each checkpoint that is written."""

    def __init__(self, step, write):
        self.now, self.step, self.write = 0.0, step, write
        self.names, self.positions = [], []

    def __call__(self):
        return self.now


class Told(Callbacks):
    def __init__(self, clock, stop=None, stop_at=None):
        self.clock, self.stop, self.stop_at = clock, stop, stop_at

    def on_step(self, run, epoch, step, steps):
        assert steps == STEPS
        self.clock.now += self.clock.step
        if (epoch, step) == self.stop_at:
            self.stop.request("SIGTERM")


def experiment(preset="linear", **overrides):
    config = load_config(preset, SETTINGS | overrides, {})
    digits = load("digits")
    dataset = Dataset("some", digits.x[:160], digits.y[:160], digits.classes, scale=digits.scale)
    parts = split(dataset, validation=0.2, test=0.2, seed=0, order="stratified")
    return Experiment(config, dataset, parts, Device())


@pytest.fixture
def timed(monkeypatch):
    """Trainings by a clock that steps and saves move on; gives what was written, and when."""

    def watched(clock):
        real = RunFolder.write

        def write(self, name, content):
            clock.now += clock.write
            clock.names.append(name)
            clock.positions.append((clock.now, content.attrs["epoch"], content.attrs["step"]))
            real(self, name, content)

        monkeypatch.setattr(RunFolder, "write", write)
        monkeypatch.setattr(saving.Saving.__init__, "__defaults__", (clock,))
        return clock

    return watched


def train(clock, folder, told=None, stop=None, **overrides):
    made = experiment(**overrides)
    opened = lambda: RunFolder.create(str(folder), made.config)  # noqa: E731
    return begin(made, open_folder=opened, callbacks=told or Told(clock), stop=stop)


def hashes(folder):
    return [read(folder / name).content_sha256 for name in (BEST, LAST)]


def test_saving_takes_at_most_a_tenth_of_the_time_and_the_end_is_the_same(timed, tmp_path):
    # A save of both files takes as long as four epochs, then as a hundredth of one.
    slow = timed(Clock(step=1.0, write=2.0 * STEPS))
    train(slow, tmp_path / "slow", **{"training.epochs": 40})
    written = slow.write * len(slow.names[2:-1])  # beside what is written at the start and at the end in any case
    assert len(slow.names) > 4, "some are written in between"
    assert written <= 0.1 * slow.now + 2 * slow.write
    often = timed(Clock(step=1.0, write=0.001))
    train(often, tmp_path / "often", **{"training.epochs": 40})
    assert often.names.count(LAST) == 41, "where it costs nothing, each epoch is saved"
    assert hashes(tmp_path / "slow") == hashes(tmp_path / "often")


def test_the_last_epoch_is_written_whenever_it_comes(timed, tmp_path):
    for name, changes in {"all": {}, "patience": {"training.patience": 2, "optimizer.learning_rate": 3.0}}.items():
        clock = timed(Clock(step=0.01, write=1000.0))
        carried = train(clock, tmp_path / name, **changes)
        assert clock.names == [LAST, BEST, LAST, BEST]
        last = open_trained(read(tmp_path / name / LAST))
        assert last.checkpoint.attrs["epoch"] == len(carried.run.history)
        assert (len(carried.run.history) < 12) == (name == "patience")


def test_inside_an_epoch_it_is_written_once_a_minute_and_goes_on_from_there(timed, tmp_path):
    whole = timed(Clock(step=0.0, write=0.0))
    train(whole, tmp_path / "whole", **{"training.epochs": 3})
    clock = timed(Clock(step=25.0, write=0.5))
    stop = Stop()
    told = Told(clock, stop, (2, 5))
    train(clock, tmp_path / "r", told, stop, **{"training.epochs": 3})
    states = [place for name, place in zip(clock.names, clock.positions) if name == LAST]
    inside = [step for _, _, step in states if step % STEPS]
    assert len(inside) >= 5
    gaps = [after[0] - before[0] for before, after in zip(states, states[1:])]
    assert max(gaps) <= saving.MINUTE + 25.0 + 2 * 0.5, "at most a minute, a step and the save itself"
    # The process dies instead, after the last but one of its saves.
    (tmp_path / "r" / LAST).unlink()
    saved = open_trained(read(tmp_path / "r" / PREVIOUS))
    assert saved.checkpoint.attrs["step"] % STEPS
    made = experiment(**{"training.epochs": 3})
    folder = RunFolder(tmp_path / "r")
    with folder:
        folder.go_on(saved.checkpoint, "", made.config, False)
        from contextlib import nullcontext

        go_on(made, saved, lambda: nullcontext(folder))
    assert hashes(tmp_path / "r") == hashes(tmp_path / "whole")


def test_a_stop_writes_the_best_weights_too(timed, tmp_path):
    clock, stop = timed(Clock(step=0.01, write=1000.0)), Stop()
    train(clock, tmp_path / "r", Told(clock, stop, (3, 2)), stop)
    assert clock.names == [LAST, BEST, LAST]
    best, last = (read(tmp_path / "r" / name) for name in (BEST, LAST))
    assert (best.attrs["epoch"], last.attrs["epoch"]) == (3, 3)
    assert last.attrs["step"] == 3 * STEPS + 3


def test_what_diverges_keeps_the_best_weights_and_a_healthy_state(timed, tmp_path):
    clock = timed(Clock(step=0.01, write=1000.0))
    rate = {"name": "piecewise", "values": [0.01, 1e30], "boundaries": [4.5]}
    with pytest.raises(DivergedError) as caught:
        train(clock, tmp_path / "r", **{"optimizer.learning_rate": rate, "loss": "squared_error"})
    assert caught.value.healthy == tmp_path / "r" / PREVIOUS
    assert read(tmp_path / "r" / BEST).attrs["epoch"] > 0
    assert read(tmp_path / "r" / LAST).attrs["diverged"] is True
    assert "diverged" not in read(tmp_path / "r" / PREVIOUS).attrs


@pytest.mark.parametrize("model", ["rbm", "dbn"])
def test_machines_and_stacks_end_alike_too(model, timed, tmp_path):
    hidden = {"model.hidden": 8 if model == "rbm" else [8, 6], "training.monitor": "last", "training.epochs": 4}
    for name, write in (("seldom", 1000.0), ("often", 0.0)):
        clock = timed(Clock(step=30.0, write=write))
        train(clock, tmp_path / name, preset=model, **hidden)
    assert hashes(tmp_path / "seldom") == hashes(tmp_path / "often")
