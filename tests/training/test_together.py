"""Several steps of one launch: they are the steps one by one, bit for bit, and whoever looks in between is heeded."""

import numpy as np
import pytest

from emulation import COMPILER
from gpunet.backend import Device, products
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import Dataset, Feed, Streamed, StreamedFeed, fit_preprocessing, split
from gpunet.datasets import load
from gpunet.errors import DivergedError
from gpunet.experiment import Experiment
from gpunet.interruption import Stop
from gpunet.layers import Dense, Dropout, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD, Adam
from gpunet.persistence import RunFolder, open_trained, snapshot
from gpunet.rbm import RBM, Bernoulli, Chains, ContrastiveDivergence, Trajectory
from gpunet.stages import Callbacks, carry_out, resume, resumed_config
from gpunet.stages.execution import runs_of
from gpunet.training import Evaluator, Trainer, together
from recording import RECORDED, STATE, Graph, Stream, recording
from stepping import make_trainer, state

pytestmark = [pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler"), pytest.mark.timeout(600)]

SMALL = {"training.epochs": 2, "training.batch_size": 12, "data.validation": 0.2}
NETWORK = SMALL | {"model.hidden": [6]}
MACHINE = SMALL | {"model.hidden": 6}
CASES = {
    "remainder, members": ("mlp", NETWORK | {"training.drop_last": False, "members": 2, "optimizer.name": "adam"}),
    "rates by step": (
        "mlp",
        NETWORK | {"optimizer.learning_rate": {"name": "exponential", "value": 0.1, "factor": 0.5}},
    ),
    "average, batch norm": ("mlp", NETWORK | {"training.averaging": "ema", "model.batch_norm": True}),
    "double precision": ("mlp", NETWORK | {"training.precision": "float64"}),
    "persistent chains": ("rbm", MACHINE | {"model.chains": {"name": "persistent", "count": 7}}),
    "rising k": ("rbm", MACHINE | {"model.k": {"name": "ramp", "start": 1, "stop": 2, "epochs": 2}}),
}


@pytest.fixture
def four(monkeypatch):
    """Four steps of a launch, from the fifth on."""
    monkeypatch.setattr(together, "TOGETHER", 4)
    monkeypatch.setattr(together, "AFTER", 4)


@pytest.fixture
def launched(monkeypatch):
    """How many steps each launch of a graph made, as counted by its kernels."""
    found, launch = [], Graph.launch

    def counted(graph, stream):
        found.append(len([1 for function, *_ in graph.launches if getattr(function, "__name__", "") == "apply_float"]))
        return launch(graph, stream)

    monkeypatch.setattr(Graph, "launch", counted)
    return found


def experiment(preset, settings, device):
    digits = load("digits")
    dataset = Dataset("some", digits.x[:200], digits.y[:200], digits.classes, scale=digits.scale)
    parts = split(dataset, validation=0.2, test=0.1, seed=0, order="stratified")
    return Experiment(load_config(preset, settings, {}), dataset, parts, device)


def trained(case, device, **arguments):
    run = next(runs_of(experiment(*CASES[case], device)))
    assert run.train(**arguments)
    return run


def folder_at(path):
    path.mkdir()
    return RunFolder(path)


def content(run, folder):
    """The hash of everything that a checkpoint holds."""
    return write(folder / "state.h5", snapshot(run, best=False))


@pytest.mark.parametrize("case", CASES)
def test_steps_together_are_the_steps_one_by_one(case, four, launched, monkeypatch, tmp_path):
    with recording() as device:
        several = content(trained(case, device), tmp_path)
    if case != "double precision":
        assert {1, 4} <= set(launched)
    monkeypatch.setattr(together, "TOGETHER", 1)
    launched.clear()
    with recording() as device:
        assert content(trained(case, device), tmp_path) == several
    assert set(launched) <= {0, 1}


def test_a_graph_of_several_steps_has_the_nodes_of_so_many(four):
    with recording() as device:
        trainer, one_by_one = make_trainer(device), make_trainer(device)
        for number in range(4):
            trainer.train_batch(number)
            one_by_one.train_batch(number)
        for one in (trainer, one_by_one):
            one.begin_epoch(1, 6)
        nodes = RECORDED[0].count
        assert trainer.together.at(2) == 4
        assert trainer.together.at(3) == 1  # there are six whole batches
        trainer.train_batches(0, 4)
        assert RECORDED[-1].count == 4 * nodes
        for number in range(4):
            one_by_one.train_batch(number)
        assert all(np.array_equal(a, b) for a, b in zip(state(trainer), state(one_by_one)))


def test_what_looks_before_each_step_is_called_before_each_step(four, launched):
    steps = []
    with recording() as device:
        trained("rates by step", device, on_step=lambda epoch, step, _: steps.append((epoch, step)))
    assert steps == [(epoch, step) for epoch in range(2) for step in range(steps[-1][1] + 1)]
    assert 1 in launched
    assert set(launched) <= {0, 1}


def test_a_look_that_is_announced_begins_a_launch(four, launched):
    seen, wanted = [], {(0, 6), (1, 2), (1, 3)}
    with recording() as device:
        trained(
            "rates by step",
            device,
            on_step=lambda epoch, step, _: seen.append((epoch, step)),
            apart=lambda epoch, step, _: (epoch, step) in wanted,
        )
    assert wanted <= set(seen)
    assert 4 in launched
    assert len(seen) < 22


def test_snapshots_and_the_doctor_see_the_weights_of_their_step(four, launched, monkeypatch, tmp_path):
    def kept(name):
        settings = MACHINE | {
            "training.snapshots": 5,
            "training.batch_size": 11,
        }  # twelve steps, the last one in a four
        with recording() as device, folder_at(tmp_path / name) as folder:
            run = next(runs_of(experiment("rbm", settings, device)))
            carry_out(iter([run]), folder)
            numbers = [record.numbers for record in run.history]
        files = sorted((tmp_path / name / "snapshots").iterdir())
        return [(file.name, read(file).content_sha256) for file in files], numbers

    several = kept("several")
    assert 4 in launched
    monkeypatch.setattr(together, "TOGETHER", 1)
    alone = kept("alone")
    assert several[0] == alone[0]
    assert len(several[0]) == 5
    for a, b in zip(several[1], alone[1]):
        assert all(np.array_equal(a[name], b[name]) for name in a | b)


@pytest.mark.parametrize("case", ["remainder, members", "persistent chains"])
def test_a_run_that_is_stopped_in_an_epoch_goes_on_to_the_same_bits(case, four, launched, tmp_path):
    with recording() as device:
        wanted = content(trained(case, device), tmp_path)
        run, stop = next(runs_of(experiment(*CASES[case], device))), Stop()

        class Stopping(Callbacks):
            def on_step(self, run, epoch, step, steps):
                if (epoch, step) >= (1, 3):
                    stop.request("SIGTERM")

        with folder_at(tmp_path / "run") as folder:
            assert not carry_out(iter([run]), folder, Stopping(), stop).finished
        assert 4 in launched
        saved = open_trained(read(tmp_path / "run" / "last.h5"))
        assert saved.checkpoint.attrs["epoch"] == 1
        batch = int(device.get(run.trainer.cursor)[0])
        assert 0 < batch < run.trainer.steps_per_epoch(drop_last=False)
        again = next(resume(_experiment_of(saved, case, device), saved))
        assert again.batch == batch
        assert again.train()
        assert content(again, tmp_path) == wanted


def _experiment_of(saved, case, device):
    before = experiment(*CASES[case], device)
    return Experiment(resumed_config(saved, {}), before.dataset, before.split, device)


def test_a_member_that_diverges_inside_of_a_launch_ends_alone(four, monkeypatch):
    def left():
        with recording("backward") as device:
            trainer = make_trainer(device, seeds=[5, 6, 7], rule=SGD([1e-3, 2e-3, 3e-3]), l2=0.0)
            rates = device.get(trainer.optimizer.table)
            rates[0][1, 4] = 1e30  # of the second one, in the fifth step
            device.copy_into(trainer.optimizer.table, rates)
            for number in (0, 1, 2):
                trainer.train_batch(number)
            trainer.train_batches(3, 3)
            trainer.check()
            assert list(trainer.diverged) == [1]
            assert device.get(trainer.clock)[0] == 6
            return state(trainer), str(trainer.diverged[1])

    several = left()
    monkeypatch.setattr("gpunet.training.trainer.repeat", lambda step, times, *key: [step(*key) for _ in range(times)])
    alone = left()
    assert several[1] == alone[1]
    assert all(np.array_equal(a, b) for a, b in zip(several[0], alone[0]))


def test_what_diverges_inside_of_a_launch_stands_at_its_step(four, launched, monkeypatch):
    def failed():
        with recording() as device:
            trainer = make_trainer(device, rule=SGD(1e-3), l2=0.0)
            rates = device.get(trainer.optimizer.table)
            rates[0][..., 4] = 1e30  # of the fifth step
            device.copy_into(trainer.optimizer.table, rates)
            for number in (0, 1, 2):
                trainer.train_batch(number)
            trainer.train_batches(3, 3)
            with pytest.raises(DivergedError) as error:
                trainer.check()
            return state(trainer), str(error.value)

    several = failed()
    monkeypatch.setattr("gpunet.training.trainer.repeat", lambda step, times, *key: [step(*key) for _ in range(times)])
    alone = failed()
    assert several[1] == alone[1]
    assert all(np.array_equal(a, b) for a, b in zip(several[0], alone[0]))


class Looking(Chains):
    """Looks at the first weight every three steps, and moves it."""

    def __init__(self, said=True):
        super().__init__()
        self.seen, self.said = [], said

    def draw(self, rbm, data_input, k, ctx):
        return self._gibbs(rbm, data_input, k, ctx)

    def between(self, rbm, number, ctx):
        if number % 3 == 0:
            self.seen.append(number)
            part = rbm.weight.value[..., :1, :1]
            part += 0.25

    def looks(self):
        return 3 if self.said else super().looks()


def with_looks(device, chains, steps=14, precision="float32"):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (8 * steps, 9)).astype(np.uint8)
    feed = Feed(device, x, np.zeros(len(x), np.int32), fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(9), Bernoulli(4)), 1, chains, binarise=True)
    trainer = Trainer(
        objective, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=8, device=device, precision=precision
    )
    epochs_of(trainer, steps)
    return trainer, chains


def epochs_of(trainer, steps):
    """Two epochs of launches."""
    for epoch in range(2):
        trainer.begin_epoch(epoch, steps)
        step = 0
        while step < steps:
            count = trainer.together.at(step)
            trainer.train_batches(step, count)
            step += count


def test_what_is_measured_between_steps_is_not_rounded(monkeypatch):
    seen = []
    monkeypatch.setattr(Looking, "between", lambda *_: seen.append(products._precision.get()))
    monkeypatch.setattr(Looking, "draw", lambda *args: seen.append(products._precision.get()) or Chains._gibbs(*args))
    monkeypatch.setattr(Device, "check_precision", lambda device, precision: None)
    with_looks(Device(), Looking(), 3, precision="tf32")
    assert seen == ["float32", "tf32"] * 6


@pytest.mark.parametrize("said", [True, False])
def test_chains_that_look_at_the_machine_do_so_at_the_same_steps(said, four, launched, monkeypatch):
    with recording() as device:
        trainer, chains = with_looks(device, Looking(said))
        several = state(trainer), chains.seen
    assert (3 in launched) == said
    assert 4 not in launched
    monkeypatch.setattr(together, "TOGETHER", 1)
    with recording() as device:
        trainer, chains = with_looks(device, Looking())
        assert several[1] == chains.seen == [0, 3, 6, 9, 12] * 2
        assert all(np.array_equal(a, b) for a, b in zip(several[0], state(trainer)))


def test_trajectories_look_as_often_as_both_of_their_intervals_say():
    assert Trajectory(count=2, reservoir=2, every=6, refresh=4).looks() == 2
    assert Chains().looks() == 0


class Held:
    """Rows of an array."""

    def __init__(self, x):
        self.x, self.shape, self.dtype = x, x.shape, x.dtype

    def read(self, start, out):
        out[...] = self.x[start : start + len(out)]


@pytest.mark.parametrize(("batch", "grouped"), [(3, True), (6, False)])
def test_steps_together_have_their_windows_of_what_streams(batch, grouped, four, launched, monkeypatch):
    """Four steps reach over a quarter of a window at most, and some of them over the edge of two."""
    rng = np.random.default_rng(0)
    x, y = rng.random((400, 6)).astype(np.float32), rng.integers(0, 3, 400).astype(np.int32)
    provided, provide = [], StreamedFeed.provide

    def noted(feed, start, stop):
        provided.append((start, stop))
        provide(feed, start, stop)

    monkeypatch.setattr(StreamedFeed, "provide", noted)

    def trained_on_windows():
        with recording() as device:
            held = Streamed("held", (Held(x),), 100_000, (6,), x.dtype)
            room = 2 * 60 * 40  # bytes for two windows of some sixty samples
            feed = StreamedFeed(device, held, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), room, seed=5)
            objective = Supervised(Sequential([Dense(5), ReLU(), Dense(3)]), CategoricalCrossEntropy())
            trainer = Trainer(objective, optimization=SGD(0.1), seeds=0, feed=feed, batch_size=batch, device=device)
            epochs_of(trainer, 400 // batch)
            return state(trainer), feed

    several, feed = trained_on_windows()
    assert feed.windows.count > 4
    assert feed.reach < feed.most < feed.samples
    assert (4 in launched) == grouped
    assert (4 * batch in {stop - start for start, stop in provided}) == grouped
    last = 400 // batch * batch
    assert [start for start, _ in provided[1:]] == [stop % last for _, stop in provided[:-1]]
    monkeypatch.setattr(together, "TOGETHER", 1)
    assert all(np.array_equal(a, b) for a, b in zip(several, trained_on_windows()[0]))


@pytest.mark.parametrize(
    ("name", "value"), [("NODES", 10), ("PRODUCTS", 1000), ("BYTES", 1000), ("AFTER", 30), ("TOGETHER", 1)]
)
def test_steps_that_are_not_short_are_launched_alone(name, value, four, launched, monkeypatch):
    monkeypatch.setattr(together, name, value)
    with recording() as device:
        trained("rates by step", device)
    assert set(launched) <= {0, 1}


def test_a_graph_that_cannot_be_drawn_is_not_counted_as_short(four, launched, monkeypatch):
    def refuse(graph, flags=0):
        raise OSError("no space left")

    monkeypatch.setattr(Graph, "debug_dot_str", refuse)
    with recording() as device:
        trained("rates by step", device)
    assert set(launched) <= {0, 1}


def test_without_memory_for_the_longer_graph_steps_go_on_one_by_one(four, launched, monkeypatch, tmp_path):
    with recording() as device:
        wanted = content(trained("rates by step", device), tmp_path)
    end, refused = Stream.end_capture, []

    def full(stream):
        graph = end(stream)
        if sum(getattr(function, "__name__", "") == "apply_float" for function, *_ in graph.launches) > 1:
            refused.append(graph)
            raise RuntimeError("cudaErrorMemoryAllocation: out of memory")
        return graph

    monkeypatch.setattr(Stream, "end_capture", full)
    launched.clear()
    with recording() as device:
        pools = len(STATE.pools)
        assert content(trained("rates by step", device), tmp_path) == wanted
        assert len(STATE.pools) > pools + 1  # the single step is recorded anew, in a pool of its own
    assert refused
    assert set(launched) <= {0, 1}


def test_products_of_several_steps_are_of_the_precision_of_the_training(four, monkeypatch):
    seen = []
    with recording() as device:
        given = products._blas
        monkeypatch.setattr(products, "_blas", lambda *key: seen.append(products._precision.get()) or given(*key))
        monkeypatch.setattr(type(device), "check_precision", lambda device, precision: None)
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 256, (80, 9)).astype(np.uint8), rng.integers(0, 3, 80).astype(np.int32)
        feed = Feed(device, x, y, fit_preprocessing("scale", x, 255.0), np.dtype(np.float32))
        objective = Supervised(Sequential([Dense(5), ReLU(), Dropout(0.5), Dense(3)]), CategoricalCrossEntropy())
        trainer = Trainer(
            objective, optimization=Adam(), seeds=0, feed=feed, batch_size=8, device=device, precision="tf32"
        )
        trainer.begin_epoch(0, 10)
        for number in range(4):
            trainer.train_batch(number)
        before = len(seen)
        trainer.train_batches(4, 4)
        assert len(seen) == before + 4 * 5
        assert set(seen) == {"tf32"}
        seen.clear()
        Evaluator(objective, feed, 1, device).scores()
        assert set(seen) == {"float32"}  # what is judged is not rounded
