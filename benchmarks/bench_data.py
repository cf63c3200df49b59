"""Batches of an epoch: gathered in a new order, scaled and augmented, against NumPy and PyTorch's loader, and streamed.

One call is an epoch of 10,000 images of bytes, 28x28, in batches of 100. "Gathered" is shuffled, made float32 and
divided by 255; "moved" is also shifted by up to two pixels either way. PyTorch's loader runs in one process, with a
batch sampler, so that it too gathers a whole batch at once.

"Streamed" hands out 50,000 such images from an NPZ file of 39 MB, with room for 8 MB of them, and "trained" trains
784-512-512-10 for an epoch on them, with Adam; both beside the same from memory.  The file is in the cache of the
system, as it is once a first epoch has read it from a disk, where there is room.

    python benchmarks/bench_data.py [--threads 2] [--seconds 8] [--only gathered] [--device cuda] [--save]

On a GPU gpunet stands alone. PyTorch comes with the optional extra ``peers`` and is left out where it is missing.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import place
from timing import run_cases

from gpunet.data import Feed, StreamedFeed, fit_preprocessing
from gpunet.data.augmentations import Shift
from gpunet.data.augmenter import Augmenter
from gpunet.datasets import read
from gpunet.initializers import He
from gpunet.layers import ReLU
from gpunet.losses import CategoricalCrossEntropy
from gpunet.models import mlp
from gpunet.objectives import Supervised
from gpunet.optimizers import Adam
from gpunet.testing import make_context
from gpunet.training import Trainer

SAMPLES, SIDE, BATCH, REACH = 10_000, 28, 100, 2
MANY, ROOM = 50_000, 8_000_000  # images that are streamed, and bytes for them


def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (SAMPLES, SIDE, SIDE), np.uint8), rng.integers(0, 10, SAMPLES).astype(np.int32)


def gpunet_epoch(moved):
    x, y = images()
    device, dtype = place.device(), np.dtype(np.float32)
    augmenter = Augmenter([Shift(REACH)], x.shape[1:], 255.0, 10, SAMPLES, device, dtype) if moved else None
    feed = Feed(device, x, y, fit_preprocessing("none", x, 255.0), dtype, augmenter=augmenter)
    cursor, ctx = device.zeros((1,), np.int64), make_context(device)
    epochs = iter(range(1 << 40))

    def epoch():
        feed.shuffle((0,), next(epochs))
        for number in range(SAMPLES // BATCH):
            ctx.arena.rewind()
            cursor.fill(number)
            feed.batch(ctx, cursor, BATCH, BATCH)

    return epoch


def large_feeds():
    """The same images in memory and in a file, as feeds."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (MANY, SIDE * SIDE), np.uint8)
    y = rng.integers(0, 10, MANY).astype(np.int32)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "a.npz", x=x, y=y)
        found = read(str(Path(folder) / "a.npz"), memory=ROOM)  # its file stays open when its name is gone
    scaled, device, dtype = fit_preprocessing("scale", x, 255.0), place.device(), np.dtype(np.float32)
    return {
        "from memory": Feed(device, x, y, scaled, dtype),
        "from a file": StreamedFeed(device, found.x, y, scaled, dtype, ROOM),
    }


def batches_of(feed):
    cursor, ctx, epochs = feed.device.zeros((1,), np.int64), make_context(feed.device), iter(range(1 << 40))

    def epoch():
        feed.shuffle((0,), next(epochs))
        for number in range(MANY // BATCH):
            ctx.arena.rewind()
            cursor.fill(number)
            feed.provide(number * BATCH, (number + 1) * BATCH)
            feed.batch(ctx, cursor, BATCH, BATCH)

    return epoch


def training_of(feed):
    net = mlp(SIDE * SIDE, [512, 512], 10, ReLU, He())
    trainer = Trainer(
        Supervised(net, CategoricalCrossEntropy()), optimization=Adam(), seeds=0, feed=feed, batch_size=BATCH,
        device=feed.device,
    )  # fmt: skip
    epochs, steps = iter(range(1 << 40)), MANY // BATCH

    def epoch():
        trainer.begin_epoch(next(epochs), steps)
        for step in range(steps):
            trainer.train_batch(step)

    return epoch


def plain_epoch(moved):
    x, y = images()
    rng = np.random.default_rng(1)

    def epoch():
        order = rng.permutation(SAMPLES)
        for start in range(0, SAMPLES, BATCH):
            rows = order[start : start + BATCH]
            batch, _ = x[rows].astype(np.float32) / 255, y[rows]
            if moved:
                padded = np.pad(batch, ((0, 0), (REACH, REACH), (REACH, REACH)))
                places = rng.integers(0, 2 * REACH + 1, (BATCH, 2))
                for number, (i, j) in enumerate(places):
                    batch[number] = padded[number, i : i + SIDE, j : j + SIDE]

    return epoch


def torch_epoch():
    import torch
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

    torch.set_num_threads(int(THREADS))
    x, y = (torch.from_numpy(array) for array in images())
    held = TensorDataset(x, y)
    loader = DataLoader(held, sampler=BatchSampler(RandomSampler(held), BATCH, False), batch_size=None)

    def epoch():
        for batch, _ in loader:
            batch.float().div_(255)

    return epoch


def main():
    def candidates(moved):
        found = {"gpunet": gpunet_epoch(moved)}
        if place.on_gpu():
            return found
        found["NumPy"] = plain_epoch(moved)
        if importlib.util.find_spec("torch") and not moved:
            found["PyTorch loader"] = torch_epoch()
        return found

    cases = {
        "gathered": lambda: candidates(False),
        "moved": lambda: candidates(True),
        "streamed": lambda: {name: batches_of(feed) for name, feed in large_feeds().items()},
        "trained": lambda: {name: training_of(feed) for name, feed in large_feeds().items()},
    }
    run_cases(__doc__, "An epoch of batches, 10,000 images, or 50,000 that stream", cases, "NumPy", "bench_data")


if __name__ == "__main__":
    main()
