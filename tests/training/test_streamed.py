"""Training on samples that stream: each once an epoch, exactly as in memory in the same order, resumed to the bit."""

import errno
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pytest

import gpunet
from files import write_idx
from gpunet.api.reading import load_split
from gpunet.backend import Device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import (
    PCA,
    ZCA,
    Binarise,
    Clip,
    Feed,
    Log1p,
    MinMax,
    Robust,
    Scale,
    Spins,
    Standardise,
    Streamed,
    StreamedFeed,
    fit_preprocessing,
)
from gpunet.data.augmentations import Noise, Shift
from gpunet.data.augmenter import Augmenter
from gpunet.data.spilled import Spilled
from gpunet.data.windows import Windows
from gpunet.errors import ConfigError, DataError
from gpunet.experiment import Experiment
from gpunet.initializers import He
from gpunet.interruption import Stop
from gpunet.layers import ReLU
from gpunet.losses import CategoricalCrossEntropy
from gpunet.models import mlp
from gpunet.objectives import Supervised
from gpunet.optimizers import Adam
from gpunet.persistence import open_trained, snapshot
from gpunet.stages import resume, resumed_config
from gpunet.stages.execution import runs_of
from gpunet.testing import make_context
from gpunet.training import Evaluator, Trainer
from shell import invoked


class Held:
    """Rows of an array, which count how often and from where they are read."""

    def __init__(self, x):
        self.x, self.shape, self.dtype, self.read_rows = x, x.shape, x.dtype, 0

    def read(self, start, out):
        self.read_rows += len(out)
        out[...] = self.x[start : start + len(out)]


def streamed(x, most):
    return Streamed("held", (Held(x),), most, x.shape[1:], x.dtype)


SHAPES = [(1, 1, 1), (7, 3, 2), (100, 10, 3), (1000, 31, 16), (995, 31, 5), (64, 1, 64)]


@pytest.mark.parametrize(("samples", "chunk", "together"), SHAPES)
def test_each_sample_comes_once_an_epoch_from_windows_that_fit(samples, chunk, together):
    windows = Windows(samples, chunk, together, seed=3)
    for epoch in (None, 0, 1, 5):
        order = windows.epoch(epoch)
        numbers = [order.numbers(w) for w in range(windows.count)]
        assert sorted(np.concatenate(numbers)) == list(range(samples))
        assert [len(n) for n in numbers] == np.diff(order.starts).tolist()
        assert all(len(n) <= windows.most for n in numbers)
        assert all(len(n) >= windows.least for n in numbers[:-1])
        assert all((np.diff(n) > 0).all() for n in numbers), "read in the order of the file"
        for place in range(0, samples, 7):
            w = order.window_at(place)
            assert order.starts[w] <= place < order.starts[w + 1]
    if windows.count > 1 and windows.chunks > 4:
        first, second, again = (windows.epoch(e).chunks.tolist() for e in (0, 1, 0))
        assert first != second
        assert first == again
        assert Windows(samples, chunk, together, seed=4).epoch(0).chunks.tolist() != first


def feeds(x, y, most, dtype=np.float32, members=(), chain="none", weights=None, augmented=False):
    """The same samples in memory, handed out in the order of those that stream, and streamed."""
    device, preparations = Device(), fit_preprocessing(chain, x, 1.0)

    def augmenter():
        made = [Shift(2), Noise(0.1)]
        return Augmenter(made, x.shape[1:], 1.0, 10, len(x), device, dtype) if augmented else None

    common = preparations, np.dtype(dtype)
    flow = StreamedFeed(device, streamed(x, most), y, *common, most, members, augmenter(), weights=weights, seed=5)
    whole = Feed(device, x, y, *common, members, augmenter(), weights=weights)
    shuffle = whole.shuffle

    def in_that_order(seeds, epoch):
        shuffle(seeds, epoch)
        order = flow.windows.epoch(epoch)
        rows = [
            np.concatenate([order.numbers(w)[order.shuffled(w, seed)] for w in range(flow.windows.count)])
            for seed in seeds
        ]
        device.copy_into(whole.order, np.reshape(rows, whole.order.shape))

    whole.shuffle = in_that_order
    return whole, flow


def batches(feed, seeds, epoch, size, first=0):
    ctx, cursor = make_context(feed.device), feed.device.zeros((1,), np.int64)
    feed.shuffle(seeds, epoch)
    for number in range(first, -(-feed.samples // size)):
        rows = min(size, feed.samples - number * size)
        ctx.arena.rewind()
        cursor.fill(number)
        feed.provide(number * size, number * size + rows)
        yield tuple(None if part is None else np.array(part) for part in feed.batch(ctx, cursor, size, rows))


def alike(one, other):
    for a, b in itertools.zip_longest(one, other):
        for left, right in zip(a, b, strict=True):
            assert (left is None and right is None) or np.array_equal(left, right)


@pytest.mark.parametrize("members", [(), (3,)])
@pytest.mark.parametrize("augmented", [False, True])
def test_batches_are_those_of_data_in_memory_in_the_same_order(members, augmented, rng):
    x, y = rng.random((700, 6, 5), np.float32), rng.integers(0, 10, 700).astype(np.int32)
    weights = rng.random(700)
    chain = [Binarise(stochastic=True)]
    whole, flow = feeds(x, y, 30_000, members=members, chain=chain, weights=weights, augmented=augmented)
    assert flow.windows.count > 4
    seeds = (1, 2, 3) if members else (1,)
    for epoch in (0, 1, 2, 1):
        alike(batches(flow, seeds, epoch, 32), batches(whole, seeds, epoch, 32))
    alike(batches(flow, seeds, 7, 32, first=13), batches(whole, seeds, 7, 32, first=13))  # as a run that goes on
    assert np.array_equal(flow.mean(), whole.mean())
    assert np.array_equal(flow.targets(), whole.targets())
    assert flow.weight == whole.weight


def test_a_member_sees_what_it_would_see_alone(rng):
    x, y = rng.random((500, 9), np.float32), rng.integers(0, 4, 500).astype(np.int32)
    _, together = feeds(x, y, 9000, members=(2,))
    for member, seed in enumerate((4, 9)):
        _, alone = feeds(x, y, 9000)
        several = [tuple(None if p is None else p[member] for p in b) for b in batches(together, (4, 9), 3, 20)]
        alike(several, batches(alone, (seed,), 3, 20))
    numbers = np.concatenate([b[0][:, 0] for b in batches(feeds(x, y, 9000)[1], (4,), 3, 20)])
    assert sorted(numbers) == sorted(x[:, 0])


def test_training_and_figures_are_those_of_data_in_memory_in_the_same_order(rng):
    x, y = rng.integers(0, 256, (900, 20), np.uint8), rng.integers(0, 3, 900).astype(np.int32)
    found = []
    for feed in feeds(x, y, 12_000, chain="standardise"):
        device = Device()
        net = mlp(20, [12], 3, ReLU, He())
        objective = Supervised(net, CategoricalCrossEntropy())
        trainer = Trainer(objective, optimization=Adam(), seeds=3, feed=feed, batch_size=50, device=device)
        for epoch in range(3):
            trainer.begin_epoch(epoch, 18)
            for step in range(18):
                trainer.train_batch(step)
        scores = Evaluator(objective, feed_again(feed, x, y), 1, device, batch_size=25).scores()
        found.append((trainer.parameters.values.copy(), scores["loss"], scores["accuracy"]))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


def feed_again(feed, x, y):
    """The samples in the order of the file, of the same kind."""
    if isinstance(feed, StreamedFeed):
        return StreamedFeed(feed.device, streamed(x, 12_000), y, feed.preprocessing, feed.dtype, 5000)
    return Feed(feed.device, x, y, feed.preprocessing, feed.dtype)


def test_what_is_held_is_what_is_allowed_and_each_row_is_read_once_an_epoch(rng):
    x, y = rng.random((5000, 40), np.float32), np.zeros(5000, np.int32)
    source = streamed(x, 200_000)
    flow = StreamedFeed(Device(), source, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), 200_000)
    held = flow.x.nbytes + flow.y.nbytes + flow.numbers.nbytes
    assert 100_000 < held <= 200_000
    assert (
        flow.told
        == "5,000 samples from held in chunks of 36 samples (6 kB), 16 at a time; at most 0.184 MB of them in memory"
    )
    rows = source.parts[0]
    for _ in batches(flow, (0,), 0, 100):
        pass
    rows.read_rows = 0
    for _ in batches(flow, (0,), 1, 100):
        pass
    assert rows.read_rows <= 5000 + 2 * flow.windows.most, "those of the next epoch are read ahead"
    with pytest.raises(
        ConfigError, match=r"memory: must be room for a step: \d+ samples are with this one, got batch_size 3,000"
    ):
        flow.check_batch(3000)


def test_an_error_of_the_reader_ends_the_training_and_not_the_reader_alone(rng):
    x, y = rng.random((5000, 40), np.float32), np.zeros(5000, np.int32)
    source = streamed(x, 200_000)
    flow = StreamedFeed(Device(), source, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), 200_000)

    def gone(start, out):
        raise DataError("held", "must stay as it was", "another file")

    with pytest.raises(DataError, match="held: must stay as it was"):
        for number, _ in enumerate(batches(flow, (0,), 0, 100)):
            if number == 3:
                source.parts[0].read = gone


CHAINS = [
    [Standardise()],
    [Standardise(weighted=True)],
    [Standardise(per="channel")],
    [MinMax()],
    [MinMax(per="channel"), Spins()],
    [Scale(), Binarise(stochastic=True)],
    [Log1p(), Standardise()],
    [Scale(), PCA(components=5, whiten=True)],
    [ZCA(epsilon=0.1)],
    [],
]


@pytest.mark.parametrize("chain", CHAINS, ids=repr)
def test_preparations_are_fitted_in_passes_to_the_numbers_of_data_in_memory(chain, rng):
    x = (rng.random((400, 3, 4, 2)) ** 3 * 255).astype(np.uint8)
    x[:, 1, 1, 0] = 9
    weights = rng.random(400)
    whole = fit_preprocessing(chain, x, 255.0, weights)
    found = fit_preprocessing(chain, streamed(x, 9000), 255.0, weights)
    assert found.kind == whole.kind
    assert found.notes == whole.notes
    for one, other in zip(found.steps, whole.steps, strict=True):
        assert one.features == other.features
        assert one.arrays.keys() == other.arrays.keys()
        for name, array in one.arrays.items():
            assert array.dtype == other.arrays[name].dtype
            np.testing.assert_allclose(array, other.arrays[name], rtol=3e-5, atol=1e-5)
    if not any(isinstance(step, PCA | ZCA) for step in chain):
        alike([s.arrays.values() for s in found.steps], [s.arrays.values() for s in whole.steps])


@pytest.mark.parametrize("preparation", [Robust(), Clip()])
def test_a_preparation_that_needs_all_samples_is_refused(preparation, rng):
    with pytest.raises(
        ConfigError, match=r"preprocess: must be fitted in passes over data that stream.*Use standardise"
    ):
        fit_preprocessing([preparation], streamed(rng.random((50, 4)), 500), 1.0)


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """4,000 images of 10x10 in two IDX files, 400 kB, sorted by class: their rows say what they are."""
    folder, rng = tmp_path_factory.mktemp("big"), np.random.default_rng(8)
    y = np.sort(rng.integers(0, 4, 4000)).astype(np.uint8)
    x = rng.integers(0, 120, (4000, 10, 10), np.uint8)
    for c in range(4):
        x[y == c, 2 * c : 2 * c + 2] += 100
    write_idx(folder / "big-images-idx3-ubyte", x)
    write_idx(folder / "big-labels-idx1-ubyte", y)
    return folder / "big-images-idx3-ubyte"


QUICK = {"training.epochs": 3, "training.batch_size": 40, "data.memory": 0.2}
CASES = {
    "mlp": ("mlp", {"model.hidden": [8]}),
    "members": ("mlp", {"model.hidden": [8], "members": 3, "training.class_weight": "balanced"}),
    "augmented": ("mlp", {"model.hidden": [8], "augmentation.shift": {"pixels": 1}, "training.drop_last": False}),
    "rbm": ("rbm", {"model.hidden": 6}),
    "persistent": ("rbm", {"model.hidden": 6, "model.chains": {"name": "persistent", "count": 20}, "members": 2}),
    "dbn": ("dbn", {"model.hidden": [7, 5], "members": 2}),
    "few labels": ("mlp", {"model.hidden": [8], "data.labels": 200, "training.updates": 10}),
    "autoencoder": ("autoencoder", {"model.hidden": [8], "model.code": 3}),
}


def experiment(big, case, **more):
    preset, settings = CASES[case]
    config = load_config(preset, QUICK | settings | {"data.source": str(big)} | more, {})
    return Experiment(config, *load_split(config), Device())


def finish(runs, folder):
    hashes = []
    for run in runs:
        assert run.train()
        hashes.append(write(folder / "end.h5", snapshot(run, best=True)))
    return hashes


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_was_stopped_inside_an_epoch_ends_as_if_it_had_not_been(case, big, tmp_path):
    made = experiment(big, case)
    assert isinstance(made.dataset.x, Streamed)
    expected = finish(runs_of(made), tmp_path)
    for run in runs_of(experiment(big, case)):
        stop = Stop()

        def on_step(epoch, step, steps, stop=stop):
            if epoch == 1 and step == 3:
                stop.request("SIGTERM")

        assert not run.train(on_step=on_step, stop=stop)
        write(tmp_path / "last.h5", snapshot(run, best=False))
        break
    saved = open_trained(read(tmp_path / "last.h5"))
    config = resumed_config(saved, {}, str(big))
    assert config.data.memory == 0.2
    assert finish(resume(Experiment(config, *load_split(config, saved), Device()), saved), tmp_path) == expected


def test_other_content_and_other_memory_are_refused_when_a_run_goes_on(big, tmp_path):
    run = next(runs_of(experiment(big, "mlp")))
    write(tmp_path / "last.h5", snapshot(run, best=False))
    saved = open_trained(read(tmp_path / "last.h5"))
    with pytest.raises(ConfigError, match="data: must stay as it was"):
        resumed_config(saved, {"data.memory": 0.3})
    other = Path(tmp_path) / "big-images-idx3-ubyte"
    content = bytearray(big.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    (tmp_path / "big-labels-idx1-ubyte").write_bytes(big.with_name("big-labels-idx1-ubyte").read_bytes())
    config = resumed_config(saved, {}, str(other))
    with pytest.raises(DataError, match="must hold the data that the run was trained on"):
        next(resume(Experiment(config, *load_split(config, saved), Device()), saved))


def test_rows_that_are_sorted_by_class_are_mixed(big):
    run = next(runs_of(experiment(big, "mlp")))
    feed = run.trainer.feed
    assert isinstance(feed, StreamedFeed)
    of_batches = [np.bincount(b[1], minlength=4) for b in batches(feed, (0,), 0, 40)]
    assert np.mean([(counts > 0).sum() for counts in of_batches]) > 3, "nearly all classes in each batch"
    run.train()
    assert run.test_scores["accuracy"][0] > 0.95


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"augmentation.mixup": {"alpha": 0.2}}, "augmentation: must mix samples that fit into memory"),
        ({"training.updates": 200}, "labels, updates or bags: need samples that fit into memory"),
        ({"training.batch_size": 2000}, "memory: must be room for a step"),
        ({"data.preprocess": ["robust"]}, "preprocess: must be fitted in passes"),
    ],
)
def test_what_needs_all_samples_at_once_is_refused_in_a_line(settings, expected, big):
    with pytest.raises(ConfigError, match=expected) as caught:
        next(runs_of(experiment(big, "mlp", **settings))).train()
    assert "\n" not in str(caught.value)


def test_the_plan_is_told_and_what_streams_is_measured_and_predicted(big, tmp_path):
    words = ["data.memory=0.2", "hidden=[8]", "epochs=2", "batch_size=40", "--device", "cpu"]
    done = invoked("train", "mlp", "--data", big, *words, "--run", tmp_path / "r")
    assert (
        "streams:  2,800 samples from big-images-idx3-ubyte in chunks of 41 samples (4 kB), 16 at a time" in done.stderr
    )
    measured, predicted = [], []
    for memory in ("0.2", "50"):
        measured.append(invoked("evaluate", tmp_path / "r", "--data", big, "--memory", memory, "--json").stdout)
        file = tmp_path / f"{memory}.csv"
        invoked("predict", tmp_path / "r", big, "--memory", memory, "-o", file)
        predicted.append([line.split(",") for line in file.read_text().splitlines()[1:]])
    classes = [line[2] for line in predicted[0]]
    assert len(classes) == 4000
    assert classes == [line[2] for line in predicted[1]]
    sure = [[float(line[3]) for line in lines] for lines in predicted]
    assert sure[0] == pytest.approx(sure[1], abs=3e-6), "products of other numbers of rows are rounded otherwise"
    one, other = (json.loads(text) for text in measured)
    assert one["samples"] == other["samples"] == 4000
    assert one["accuracy"] == other["accuracy"]
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)
    net = gpunet.load(tmp_path / "r", device="cpu")
    assert list(map(str, net.predict(str(big)))) == classes


@pytest.mark.parametrize("ending", ["cut", "refused"])
def test_a_temporary_file_that_cannot_be_read_back_is_one_line(monkeypatch, ending):
    kept = Spilled((3,), np.dtype(np.float32))
    kept.add(np.arange(12.0).reshape(4, 3))
    out = np.empty((2, 3), np.float32)
    kept.read(1, out)
    assert out.tolist() == [[3, 4, 5], [6, 7, 8]]

    def preadv(*_):
        if ending == "refused":
            raise OSError(errno.EIO, "Input/output error")
        return 0

    monkeypatch.setattr(os, "preadv", preadv)
    received = {"cut": "one that was cut short", "refused": "Input/output error"}[ending]
    with pytest.raises(DataError, match=rf"must keep temporary files, got {received}\. Try again"):
        kept.read(1, out)
