"""Sampling of machines: Gibbs steps of many chains, epochs of trajectory tempering beside PCD, memory of chains.

- Gibbs: 2,000 chains of a dense 784x200 machine of bits make 100 steps, in gpunet and in plain NumPy, which draws
  float32 and allocates anew at every step; told as unit updates per nanosecond as well.
- Epoch: whole trainings of a few epochs of 784x200 on drawn rectangles, divided by their number, freezing included.
- Memory: the highest that Python and NumPy hold beyond the machine while 2,000 chains of 4096x1024 make two steps.

    python benchmarks/bench_sampling.py [--threads 2] [--rounds 3] [--epochs 5] [--only gibbs|epoch|memory] [--save]
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import statistics
import time
import tracemalloc

import numpy as np
from page import result, saving

from gpunet.backend import Device
from gpunet.data import Feed, fit_preprocessing
from gpunet.data.drawn import drawn
from gpunet.inspection.sampling import Sampler
from gpunet.models import DBN
from gpunet.optimizers import SGD
from gpunet.parameter import Parameters
from gpunet.rbm import RBM, Bernoulli, ContrastiveDivergence, Persistent, Trajectory
from gpunet.training import Trainer

CHAINS, STEPS = 2000, 100
SMALL, LARGE = (784, 200), (4096, 1024)
SAMPLES, BATCH, RATE = 2000, 100, 0.01  # of the epochs
PARTS = ("gibbs", "epoch", "memory")


def sampler(shape):
    """Chains of gpunet of a machine with small random weights."""
    machine = RBM(Bernoulli(shape[0]), Bernoulli(shape[1]))
    return Sampler(DBN([machine]), Parameters(machine, 0), CHAINS)


def plain(shape):
    """As one would write it: probabilities, uniform numbers, a comparison."""
    rng = np.random.default_rng(0)
    weight = 0.01 * rng.standard_normal(shape, np.float32)
    b, c = np.zeros(shape[0], np.float32), np.zeros(shape[1], np.float32)
    v = np.zeros((CHAINS, shape[0]), np.float32)

    def run(steps):
        nonlocal v
        for _ in range(steps):
            p = 1 / (1 + np.exp(-(v @ weight + c)))
            h = (rng.random(p.shape, np.float32) < p).astype(np.float32)
            p = 1 / (1 + np.exp(-(h @ weight.T + b)))
            v = (rng.random(p.shape, np.float32) < p).astype(np.float32)

    return run


def gibbs(options):
    """Figures and lines of the first part."""
    steps = options.steps
    chains, case = {"gpunet": sampler(SMALL).run, "plain NumPy": plain(SMALL)}, f"{steps} Gibbs steps, {_size(SMALL)}"
    times = {name: [] for name in chains}
    for run in chains.values():
        run(5)
    for number in range(options.rounds):
        for name in list(chains)[:: -1 if number % 2 else 1]:
            began = time.perf_counter()
            chains[name](steps)
            times[name].append(time.perf_counter() - began)
    figures, rows = [], []
    base = statistics.median(times["gpunet"])
    for name, values in times.items():
        middle = statistics.median(values)
        rate = CHAINS * sum(SMALL) * steps / middle / 1e9
        found = {"median_ms": 1e3 * middle, "low_ms": 1e3 * min(values), "high_ms": 1e3 * max(values)}
        found |= {"ratio": middle / base, "rounds": len(values), "unit_updates_per_ns": rate}
        figures.append({"case": case, "threads": options.threads, "candidate": name, **found})
        spread = f"{1e3 * min(values) / steps:.2f} to {1e3 * max(values) / steps:.2f}"
        rows.append(f"| {name} | {rate:.3f} | {1e3 * middle / steps:.2f} | {spread} | {middle / base:.2f} |")
    head = ["| | unit updates per ns | ms a step | least to most | ratio to gpunet |", "|---|---|---|---|---|"]
    return figures, [f"## {case}, {CHAINS:,} chains", "", *head, *rows]


def trained(x, chains, k, epochs, seed):
    """Seconds of an epoch, and what the chains tell in the end."""
    machine = RBM(Bernoulli(SMALL[0]), Bernoulli(SMALL[1]))
    feed = Feed(Device(), x, np.zeros(len(x), np.int32), fit_preprocessing("none", x, 1.0), np.dtype(np.float32))
    objective = ContrastiveDivergence(machine, k, chains)
    trainer = Trainer(objective, optimization=SGD(RATE), seeds=seed, feed=feed, batch_size=BATCH, device=Device())
    steps, began = len(x) // BATCH, time.perf_counter()
    for epoch in range(epochs):
        trainer.begin_epoch(epoch, steps)
        for number in range(steps):
            trainer.train_batch(number)
        trainer.end_epoch()
    return (time.perf_counter() - began) / epochs, {name: float(v[0]) for name, v in chains.numbers().items()}


def epoch(options):
    """Figures and lines of the second part: trainings take turns, each with other seeds."""
    x = (drawn("rectangles", SAMPLES, 1)["x_train"].reshape(SAMPLES, -1) > 0).astype(np.float32)
    figures, rows = [], []
    for k in (1, 10):
        times, told = {"gpunet": [], "gpunet, trajectory": []}, {}
        for seed in range(options.rounds):
            for name, chains in (("gpunet", Persistent(100)), ("gpunet, trajectory", Trajectory(count=100))):
                seconds, told[name] = trained(x, chains, k, options.epochs, seed)
                times[name].append(seconds)
        base = statistics.median(times["gpunet"])
        for name, values in times.items():
            middle = statistics.median(values)
            found = {"median_ms": 1e3 * middle, "low_ms": 1e3 * min(values), "high_ms": 1e3 * max(values)}
            found |= {"ratio": middle / base, "rounds": len(values)} | told[name]
            case = f"epoch of {SAMPLES // BATCH} updates, {_size(SMALL)}, k = {k}"
            figures.append({"case": case, "threads": options.threads, "candidate": name, **found})
            said = f"{told[name].get('versions', 0):.0f} | {told[name].get('refused_versions', 0):.0f}"
            shown = "PCD" if name == "gpunet" else "trajectory tempering"
            spread = f"{min(values):.2f} to {max(values):.2f}"
            rows.append(f"| {shown}, k = {k} | {middle:.2f} | {spread} | {middle / base:.2f} | {said} |")
    head = ["| | s an epoch | least to most | ratio to PCD | versions | refused |", "|---|---|---|---|---|---|"]
    title = f"## Epochs of {_size(SMALL)}: {SAMPLES:,} drawn rectangles, batches of {BATCH}, 100 chains"
    about = f"Means over the first {options.epochs} epochs, all freezing included; {options.rounds} trainings of each."
    return figures, [title, "", about, "", *head, *rows]


def peak(run):
    """Megabytes that a call holds at its highest beyond what was there before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def memory(options):
    """Figures and lines of the third part."""
    states = 4 * CHAINS * LARGE[0] / 1e6
    machine = RBM(Bernoulli(LARGE[0]), Bernoulli(LARGE[1]))
    parameters = Parameters(machine, 0)
    textbook = plain(LARGE)
    runs = {
        "gpunet": lambda: Sampler(DBN([machine]), parameters, CHAINS).run(2),
        "plain NumPy": lambda: textbook(2),
    }
    case, found = f"{CHAINS:,} chains, {_size(LARGE)}", {name: peak(run) for name, run in runs.items()}
    figures = [{"case": case, "threads": options.threads, "candidate": n, "megabytes": m} for n, m in found.items()]
    rows = [f"| {name} | {size:.0f} | {size / states:.1f} |" for name, size in found.items()]
    head = ["| | MB | times the visible states |", "|---|---|---|"]
    return figures, [f"## Memory of {case}, beyond the machine", "", *head, *rows]


def _size(shape):
    return f"{shape[0]}x{shape[1]}"


def main():
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, default=2, help="of products; set before NumPy is imported")
    parser.add_argument("--steps", type=int, default=STEPS, help="of the chains in a round")
    parser.add_argument("--epochs", type=int, default=5, help="of a training")
    parser.add_argument("--rounds", type=int, default=3, help="in which candidates take turns")
    parser.add_argument("--only", action="append", choices=PARTS, help="one of the parts; repeatable")
    options = parser.parse_args()
    figures, lines = [], []
    for part in options.only or PARTS:
        more, text = {"gibbs": gibbs, "epoch": epoch, "memory": memory}[part](options)
        figures, lines = [*figures, *more], [*lines, *text, ""]
    threads = f"{options.threads} thread" + ("s" if options.threads > 1 else "")
    name = "bench_sampling" if options.threads == 2 else f"bench_sampling_{options.threads}"
    title = f"Sampling of Boltzmann machines, float32, {threads}"
    result(name, title, lines[:-1], options.save, "interleaved rounds", figures=figures)


if __name__ == "__main__":
    main()
