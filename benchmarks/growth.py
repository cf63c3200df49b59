"""How time and memory grow as one thing at a time grows by tens, drawn in double logarithms.

Each curve starts from one training that is small in everything else.  Time is that of a whole step, or of a whole epoch
where the number of samples grows, divided by what was computed; memory is all that the training holds in arrays: data,
parameters, gradients, moments, states and scratch, of which the arena takes three blocks of 4 MB at once.  Float32.

    python benchmarks/growth.py [--threads 1] [--seconds 1.5] [--only width] [--save]        about 3 minutes
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import gc
import statistics
import time
import tracemalloc
from dataclasses import dataclass

import numpy as np
from page import RESULTS, result, saving

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.initializers import He
from gpunet.layers import Dense, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.objectives import Supervised
from gpunet.optimizers import SGD, Adam
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent
from gpunet.training import Trainer

STEPS = 5  # of an epoch, but where the number of samples grows


@dataclass
class Curve:
    """One thing that grows.

    Args:
        unit: what the time is divided by.
        sizes: how large it is, from left to right.
        about: the training, and what stays.
        why: what bends the curve.
    """

    unit: str
    sizes: tuple[int, ...]
    about: str
    why: str


CURVES = {
    "width": Curve(
        "sample", (10, 100, 1_000, 10_000), "64-w-w-10, batch 128",
        "Below 100 units the calls of NumPy cost more than the arithmetic; from 1,000 on the products of w times w are "
        "all that counts, so ten times the width takes a hundred times the time and the memory.",
    ),
    "depth": Curve(
        "sample", (1, 10, 100, 1_000), "64, then d layers of 64 units, batch 128",
        "What a step costs whatever the depth is as much as two or three layers; from ten on both time and memory "
        "grow with the depth, since a layer costs the same wherever it stands.",
    ),
    "batch": Curve(
        "sample", (1, 10, 100, 1_000, 10_000), "64-256-256-10",
        "A step of few samples is calls of NumPy and the pass over parameters and moments, which do not depend on the "
        "batch, so a sample is cheaper by nearly ten for each ten; from 1,000 on the products are left. Memory is that "
        "of the parameters until the activations, which grow with the batch, are more.",
    ),
    "classes": Curve(
        "sample", (10, 100, 1_000, 10_000), "64-256-c, batch 128",
        "Up to 100 classes the first layer and the calls are the larger part; from 1,000 on the last layer takes "
        "nearly all time and memory.",
    ),
    "samples": Curve(
        "sample", (1_000, 10_000, 100_000, 1_000_000), "16-32-10, batch 100, a whole epoch",
        "Nothing but the data grows: a sample costs the same, within the spread, and memory follows the data once "
        "they are more than the blocks of the arena.",
    ),
    "members": Curve(
        "sample and member", (1, 10, 100, 1_000), "64-64-10, batch 20, one population",
        "Ten members share the calls of NumPy; with a hundred arithmetic is what is left, and the numbers of all "
        "members no longer fit into the cache.",
    ),
    "chains": Curve(
        "chain", (10, 100, 1_000, 10_000), "RBM 784x200, PCD-1, batch 100",
        "The positive phase and the gradient do not depend on the chains, so they are shared by more; from 1,000 on "
        "a Gibbs step of a chain costs what it costs.",
    ),
}  # fmt: skip


def network(widths, batch, samples=0, members=0):
    """A trainer of a perceptron by Adam."""
    draw = np.random.default_rng(0)
    x = draw.random((samples or batch * STEPS, widths[0]), np.float32)
    y = draw.integers(0, widths[-1], len(x)).astype(np.int32)
    y[: widths[-1]] = np.arange(widths[-1])[: len(x)]
    shape = (members,) if members else ()
    feed = Feed(Device(), x, y, fit_preprocessing("none", x[:100], 1.0), np.dtype(np.float32), shape)
    layers = []
    for n_in, n_out in zip(widths, widths[1:]):
        layers += [Dense(n_out, n_in=n_in, initializer=He()), ReLU()]
    objective = Supervised(Sequential(layers[:-1]), CategoricalCrossEntropy())
    seeds = list(range(members)) if members else 0
    return Trainer(objective, optimization=Adam(1e-4), seeds=seeds, feed=feed, batch_size=batch, device=Device())


def machine(chains):
    """A trainer of a machine by persistent chains."""
    x = (np.random.default_rng(0).random((500, 784)) < 0.13).astype(np.float32)
    feed = Feed(Device(), x, np.zeros(len(x), np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(RBM(Bernoulli(784), Bernoulli(200)), 1, Persistent(count=chains))
    return Trainer(objective, optimization=SGD(0.05), seeds=0, feed=feed, batch_size=100, device=Device())


def training(what, size):
    """The trainer of a point, and by how much an epoch is divided."""
    if what == "width":
        return network([64, size, size, 10], 128), 128 * STEPS
    if what == "depth":
        return network([64, *[64] * size, 10], 128), 128 * STEPS
    if what == "batch":
        return network([64, 256, 256, 10], size), size * STEPS
    if what == "classes":
        return network([64, 256, size], 128), 128 * STEPS
    if what == "samples":
        return network([16, 32, 10], 100, samples=size), size
    if what == "members":
        return network([64, 64, 10], 20, members=size), 20 * STEPS * size
    return machine(size), size * STEPS


def epoch(trainer):
    """Shuffle, and all steps."""
    steps = -(-trainer.feed.samples // trainer.batch_size)
    trainer.begin_epoch(0, steps)
    for number in range(steps):
        trainer.train_batch(number)


def measured(what, size, seconds):
    """Seconds of what the time is divided by, in each round, and bytes."""
    gc.collect()
    tracemalloc.start()
    trainer, share = training(what, size)
    epoch(trainer)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    epoch(trainer)
    times, ends = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < ends:
        began = time.perf_counter()
        epoch(trainer)
        times.append((time.perf_counter() - began) / share)
    return times, held


def drawn(found, path):
    """All curves: time above, memory below, and beside them the slope of 1."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(found), figsize=(2.6 * len(found), 5), squeeze=False, layout="constrained")
    for column, (what, points) in enumerate(found.items()):
        sizes = np.array(list(points), float)
        rows = [
            np.array([1e6 * statistics.median(times) for times, _ in points.values()]),
            np.array([held / 1e6 for _, held in points.values()]),
        ]
        for row, (values, name) in enumerate(zip(rows, (f"µs a {CURVES[what].unit}", "MB held"))):
            ax = axes[row, column]
            ax.loglog(sizes, values, "o-", color="#0072b2", lw=1.6, ms=4)
            middle = np.sqrt(values.min() * values.max()) * sizes / np.sqrt(sizes[0] * sizes[-1])
            ax.loglog(sizes, middle, ":", color="#999999", lw=1)
            ax.set_ylim(values.min() / 3, values.max() * 3)
            ax.set_ylabel(name)
            ax.grid(alpha=0.2)
        axes[0, column].set_title(f"{what}\n{CURVES[what].about}", fontsize=8)
        axes[1, column].set_xlabel(what)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main():
    """Measure, draw, write."""
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each point")
    parser.add_argument("--only", action="append", choices=CURVES, help="one of the curves; repeatable")
    options = parser.parse_args()
    found, figures, lines = {}, [], []
    for what in options.only or CURVES:
        curve, found[what] = CURVES[what], {}
        lines += [f"## {what.capitalize()}", "", f"{curve.about}. {curve.why}", ""]
        lines += [f"| {what} | µs a {curve.unit}, 10 % to 90 % | MB |", "|---|---|---|"]
        for size in curve.sizes:
            times, held = found[what][size] = measured(what, size, options.seconds)
            deciles = [1e6 * value for value in statistics.quantiles(times, n=10)]
            middle = 1e6 * statistics.median(times)
            lines.append(f"| {size:,} | {middle:.3g}, {deciles[0]:.3g} to {deciles[-1]:.3g} | {held / 1e6:.3g} |")
            print(lines[-1], file=sys.stderr)
            figures.append({"curve": what, "size": size, "microseconds": middle, "bytes": held, "rounds": len(times)})
        lines.append("")
    if options.save:
        drawn(found, RESULTS / "growth.png")
        lines = ["![all curves in double logarithms; dotted: proportional](growth.png)", "", *lines]
    threads = f"{options.threads} thread" + ("s" if options.threads > 1 else "")
    result("growth", f"What grows with what, {threads}", lines, options.save)


if __name__ == "__main__":
    main()
