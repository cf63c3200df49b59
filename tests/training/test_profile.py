"""What a training step costs: who is asked for it, what is counted, and that looking changes nothing."""

import json
import threading

import numpy as np
import pytest

import gpunet
from emulation import COMPILER
from gpunet.backend import Device, Op, launches_told, op, watching
from gpunet.cli.profiling import lines_of
from gpunet.data import Feed, fit_preprocessing
from gpunet.errors import ConfigError, DivergedError
from gpunet.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import NEVER, SGD, Adam
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence
from gpunet.testing import LOG
from gpunet.training import Trainer, profile, profile_step, stopwatch, together
from gpunet.training.stopwatch import Products, Stopwatch
from recording import RECORDED, TIES, recording
from shell import gpunet as command
from shell import refused
from stepping import state

WIDTH, HIDDEN, CLASSES, BATCH = 20, (12, 8), 4, 16


def network(device, seeds=0, rule=None):
    """Two hidden layers with batch norm and dropout, on random numbers."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4 * BATCH, WIDTH)).astype(np.uint8)
    y = rng.integers(0, CLASSES, len(x)).astype(np.int32)
    members = () if np.ndim(seeds) == 0 else (len(seeds),)
    feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32), members)
    layers = [layer for n in HIDDEN for layer in (Dense(n), BatchNorm(), ReLU(), Dropout(0.5))]
    objective = Supervised(Sequential([*layers, Dense(CLASSES)]), CategoricalCrossEntropy())
    return Trainer(
        objective, optimization=rule or Adam(), seeds=seeds, feed=feed, batch_size=BATCH, device=device
    )  # fmt: skip


def machine(device):
    """A machine of bits."""
    x = np.random.default_rng(0).integers(0, 256, (4 * BATCH, WIDTH)).astype(np.uint8)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(WIDTH), Bernoulli(6)), binarise=True)
    return Trainer(objective, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=BATCH, device=device)


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by hand."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])

    def pass_by(seconds, then=None):
        now[0] += seconds
        return None if then is None else then()

    return pass_by


def test_what_stands_inside_is_counted_for_itself_alone(clock):
    watch = Stopwatch()

    def outside():
        clock(1)
        watch.timed("inside", lambda: clock(2, lambda: watch.timed("deeper", lambda: clock(4))))
        watch.timed("inside", lambda: clock(8))

    watch.timed("outside", outside)
    assert watch.seconds == {"outside": 1, "inside": 10, "deeper": 4}
    assert watch.calls == {"outside": 1, "inside": 2, "deeper": 1}


def test_products_inside_of_the_optimizer_are_its_own(clock):
    watch = Stopwatch()
    watch.timed("optimizer", lambda: clock(1, lambda: watch.timed("products", lambda: clock(2))))
    assert watch.seconds == {"optimizer": 3}


def test_time_that_fails_is_counted_too(clock):
    watch = Stopwatch()

    def fail():
        clock(3)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        watch.timed("outside", lambda: clock(1, lambda: watch.timed("inside", fail)))
    assert watch.seconds == {"outside": 1, "inside": 3}
    assert not watch._stack()


def test_what_other_threads_do_meanwhile_is_not_the_time_of_who_waits_for_them(clock):
    watch = Stopwatch()

    release = threading.Event()

    def lane(done):
        watch.timed("products", lambda: clock(3))
        done.set()
        release.wait(10)  # as a thread that has ended would lend its number to the next

    def beside():
        for _ in range(2):  # the clock is moved by one after the other, in which sums come out even
            done = threading.Event()
            threading.Thread(target=lane, args=(done,)).start()
            assert done.wait(10)
        release.set()

    watch.timed("convolution", lambda: clock(4, beside))
    assert watch.seconds["products"] == 3
    assert watch.seconds["convolution"] == 10 - 3
    assert watch.calls == {"products": 2, "convolution": 1}


def test_nobody_stands_between_an_op_and_its_callers_outside_of_the_block():
    plain, seen = Op.__call__, []
    twice = op(lambda x, more=0: 2 * x + more)
    with pytest.raises(ZeroDivisionError), watching(lambda one, given, compute: seen.append((one, given)) or compute()):
        assert twice(3, more=1) == 7
        raise ZeroDivisionError
    assert Op.__call__ is plain
    assert twice(4) == 8
    assert seen == [(twice, (3, 1))]


@pytest.mark.parametrize("make", [network, machine])
def test_looking_changes_neither_numbers_nor_objects(make):
    alone, watched = make(Device()), make(Device())
    for trainer in (alone, watched):
        trainer.begin_epoch(0, 4)
    names = [sorted(vars(part)) for part in stopwatch.parts_of(watched.objective.model)]
    for number in range(4):
        alone.train_batch(number)
        with Stopwatch(Products()).watching(watched.objective.model):
            watched.train_batch(number)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(state(alone), state(watched)))
    assert [sorted(vars(part)) for part in stopwatch.parts_of(watched.objective.model)] == names


def test_a_step_of_a_network_by_operation():
    found = profile_step(network(Device()), "mine", seconds=0.05)
    calls = {one.name: one.calls for one in found.operations}
    # Forward 3, to the weights 3, to the inputs of all layers but the first.
    assert calls["products"] == 8
    assert (calls["relu"], calls["dropout"], calls["loss"]) == (4, 4, 1)
    assert {"dense", "batch_norm", "gather", "sampling", "the rest"} <= calls.keys()
    assert sum(one.seconds for one in found.operations) == pytest.approx(found.seconds)
    assert found.floor == found.products_alone > 0
    assert found.fraction == found.floor / found.seconds
    assert (found.name, found.device, found.samples, found.members, found.nodes) == ("mine", "cpu", BATCH, 1, None)
    assert found.moved is None


def test_a_step_of_a_machine_by_operation():
    found = profile_step(machine(Device()), seconds=0.05)
    calls = {one.name: one.calls for one in found.operations}
    assert {"products", "statistics", "bernoulli", "sampling", "gather", "optimizer"} <= calls.keys()


def test_products_are_made_again_where_the_step_made_them():
    trainer, products = network(Device()), Products()
    trainer.begin_epoch(0, 4)
    with Stopwatch(products).watching(trainer.objective.model):
        trainer.train_batch(0)
    assert len(products) == 8
    # Memory of the step is used again meanwhile, so what they give is not the gradient any more; but they write it all.
    trainer.parameters.grads.fill(7)
    products.again()
    for name, parameter in trainer.parameters.named.items():
        part = trainer.parameters.grads[trainer.parameters.segments[name]]
        assert (part == 7).any() != (parameter.role == "weight"), name


def test_products_of_convolutions_are_counted_whichever_thread_makes_them():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (64, 9, 9, 1)).astype(np.uint8), rng.integers(0, 3, 64).astype(np.int32)
    feed = Feed(Device(), x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    model = Sequential([Conv2D(4), ReLU(), Flatten(), Dense(3)])
    objective = Supervised(model, CategoricalCrossEntropy())
    trainer = Trainer(objective, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=32, device=Device())
    found = profile_step(trainer, seconds=0.05)
    calls = {one.name: one.calls for one in found.operations}
    assert calls["products"] >= 5
    assert calls["conv2d"] == 2
    assert all(one.seconds >= 0 for one in found.operations if one.name != "the rest")


def test_steps_that_diverge_are_no_measure():
    with pytest.raises(DivergedError):
        profile_step(network(Device(), rule=SGD(1e30)), seconds=0.05)


@pytest.fixture
def quick_device(monkeypatch):
    monkeypatch.setattr(profile, "COPIED", 1 << 12)
    monkeypatch.setattr(profile, "FEWEST", 2)
    with recording() as device:
        yield device


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("make", "seeds"), [(network, (0,)), (network, ([3, 4],)), (machine, ())])
def test_launches_of_a_graph_are_counted(make, seeds, quick_device):
    found = profile_step(make(quick_device, *seeds), seconds=0.001)
    nodes = RECORDED[0]
    assert found.nodes == nodes.count
    calls = {one.name: one.calls for one in found.operations}
    assert calls.pop("products") == nodes.products
    assert calls.pop("array functions", 0) == nodes.others.total()
    assert calls == nodes.kernels
    assert RECORDED[1].products == RECORDED[1].count == nodes.products  # the graph of the products alone


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.timeout(600)
def test_bytes_are_those_of_the_arrays_that_are_given(quick_device):
    trainer = network(quick_device)
    found = profile_step(trainer, seconds=0.001)
    moved = {one.name: one.moved for one in found.operations}
    layers = list(zip((WIDTH, *HIDDEN), (*HIDDEN, CLASSES)))
    each = [4 * (BATCH * a + a * b + BATCH * b) for a, b in layers]  # input, weight, output
    assert moved["products"] == 2 * sum(each) + sum(each[1:])
    # Of the samples a batch and no more; beside them the numbers of scaling, order, cursor, and targets.
    batch, scaled = BATCH * WIDTH, 4 * BATCH * WIDTH
    small = 2 * 4 * WIDTH + BATCH * 4 + 8 + 8 + 2 * 4 * BATCH
    assert moved["gather_uint8_float"] == pytest.approx(batch + scaled + small, abs=64)
    assert found.moved == sum(one for one in moved.values() if one is not None)
    assert found.moving_alone == found.moved / found.bandwidth
    assert found.floor == max(found.products_alone, found.moving_alone)


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.timeout(600)
def test_short_steps_are_measured_together_as_well(quick_device, monkeypatch):
    monkeypatch.setattr(together, "TOGETHER", 2)
    trainer = network(quick_device)
    found = profile_step(trainer, "mine", seconds=0.001)
    alone, products, several = RECORDED
    assert (found.together, several.count) == (2, 2 * alone.count)
    assert found.seconds_together > 0
    assert TIES[0].apart == TIES[1].apart == 2  # products are beside each other where the step has them so
    assert products.count == alone.products
    assert any(line.split()[:5] == ["step,", "2", "to", "a", "graph"] for line in lines_of(found))
    assert found.document()["together"] == 2
    assert trainer.failures().min() == NEVER


def test_a_profile_on_the_processor_has_single_steps():
    found = profile_step(network(Device()), seconds=0.05)
    assert (found.together, found.seconds_together) == (1, None)


def test_an_argument_that_stands_for_another_is_counted_once():
    launches = profile._Launches(network(Device()))
    array = np.zeros(10, np.float32)
    launches.note("mine", (array, array, np.int32(3), np.zeros(2)))
    assert [(one.name, one.calls, one.moved) for one in launches.operations()] == [("mine", 1, 56)]


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_launches_are_told_while_somebody_listens(quick_device):
    told, trainer = [], machine(quick_device)
    trainer.begin_epoch(0, 4)
    with launches_told(lambda name, arguments: told.append(name)):
        trainer.train_batch(0)
    before = len(told)
    trainer.train_batch(1)
    assert before == len(told) == sum(1 for function, *_ in LOG if getattr(function, "kind", "") == "kernel") // 2


def test_from_python(rng):
    x = (rng.random((200, 12)) < 0.5).astype(np.float32)
    first, second = gpunet.profile("dbn", x, hidden=[6, 4], batch_size=20, seconds=0.02)
    assert (first.name, second.name) == ("dbn, layer 1 of 2: 12 to 6", "dbn, layer 2 of 2: 6 to 4")
    with pytest.raises(ConfigError, match="seconds: must be above 0, got 0"):
        gpunet.profile("rbm", x, seconds=0)


def test_from_the_command_line(tmp_path):
    said = command("train", "--profile", "hidden=[16]", cwd=tmp_path)
    lines = [line.split() for line in said.stdout.splitlines()]
    assert lines[0][:4] == ["mlp:", "a", "step", "of"]
    assert lines[1] == ["operation", "ms", "share", "calls"]
    assert {line[0] for line in lines[2:]} >= {"products", "relu", "optimizer", "gather", "step"}
    assert "nothing is written" in said.stderr
    found = json.loads(command("pretrain", "dbn", "--profile", "--json", "hidden=[8,4]", cwd=tmp_path).stdout)
    assert [one["name"] for one in found["profiles"]] == [
        "dbn, layer 1 of 2: 64 to 8", "dbn, layer 2 of 2: 8 to 4",
    ]  # fmt: skip
    one = found["profiles"][0]
    assert one["fraction"] == pytest.approx(one["floor"] / one["seconds"])
    assert not list(tmp_path.iterdir())


def test_options_that_do_not_go_together(tmp_path):
    for words, expected in (
        (("train", "--profile", "--dry-run"), "--profile: makes steps and writes nothing, got --dry-run"),
        (("pretrain", "--profile", "--dry-run"), "--profile: makes steps and writes nothing, got --dry-run"),
        (("train", "--profile", "--folds", "3"), "--profile: measures the steps of one training, got --folds"),
    ):
        refused(*words, cwd=tmp_path, code=2, expected=expected)
