"""A population whose members differ in their learning rate against the same runs one after the other.

Both train the same networks on the same data by Adam in float32: all members in one step, or a step of each in turn.
They take turns in every round of one process, so that a busy machine slows both alike; what counts is the ratio of
medians.  Before anything is timed, the weights of both are compared bit for bit after an epoch.

    python benchmarks/population.py --save        one thread and then two, each in a process; about 5 minutes

More: [--threads 1] [--members 16] [--rounds 40] [--only 30-64-10] [--device cuda]; on a GPU products of cuBLAS are the
same within rounding.
"""

import os
import subprocess
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import statistics

import numpy as np
import place
from page import result, saving
from timing import interleave

from gpunet.data import Feed, fit_preprocessing
from gpunet.initializers import He
from gpunet.layers import Dense, ReLU, Sequential
from gpunet.losses import CategoricalCrossEntropy
from gpunet.members import PerMember
from gpunet.objectives import Supervised
from gpunet.optimizers import Adam
from gpunet.training import Trainer

# Widths by name, with the samples of a step.
NETWORKS = {"30-64-10": 20, "64-128-10": 20, "64-256-256-10": 20, "784-512-512-10": 128}
STEPS = 5  # of an epoch
TARGETS = {"30-64-10": 0.16, "64-128-10": 0.22, "64-256-256-10": 0.65, "784-512-512-10": 0.95}  # 16 members, one thread


def rates(members):
    """Evenly spread over the powers of ten from 1e-4 to 1e-2."""
    return [float(rate) for rate in np.logspace(-4, -2, members)]


def trained(name, rate, members):
    """A trainer at the beginning of an epoch; ``members`` is () for one network."""
    widths, batch = [int(width) for width in name.split("-")], NETWORKS[name]
    draw = np.random.default_rng(0)
    x = draw.random((batch * STEPS, widths[0]), np.float32)
    y = draw.integers(0, widths[-1], len(x)).astype(np.int32)
    feed = Feed(place.device(), x, y, fit_preprocessing("none", x, 1.0), np.dtype(np.float32), members)
    layers = []
    for n_in, n_out in zip(widths, widths[1:]):
        layers += [Dense(n_out, n_in=n_in, initializer=He()), ReLU()]
    objective = Supervised(Sequential(layers[:-1]), CategoricalCrossEntropy())
    seeds = [0] * members[0] if members else 0
    trainer = Trainer(
        objective, optimization=Adam(rate), seeds=seeds, feed=feed, batch_size=batch, device=place.device()
    )
    trainer.begin_epoch(0, STEPS)
    return trainer


def epoch(trainer):
    """All steps of the epoch again, in the same order."""
    trainer.cursor.fill(0)
    for number in range(STEPS):
        trainer.train_batch(number)
    place.wait()


def measured(name, members, rounds):
    """Seconds of an epoch of both ways, in each round."""
    together = trained(name, PerMember(rates(members)), (members,))
    alone = [trained(name, rate, ()) for rate in rates(members)]

    def one_after_the_other():
        for trainer in alone:
            epoch(trainer)

    epoch(together)
    one_after_the_other()
    for member, trainer in enumerate(alone):
        ours, theirs = (place.device().get(p.values) for p in (together.parameters, trainer.parameters))
        if not (
            np.allclose(ours[member], theirs, 1e-3, 1e-5) if place.on_gpu() else np.array_equal(ours[member], theirs)
        ):
            raise SystemExit(f"{name}: member {member} is not the network of its rate")
    candidates = {"one population": lambda: epoch(together), "one after the other": one_after_the_other}
    return interleave(candidates, rounds, 1)


def main():
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cuda for a GPU")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", action="append", choices=NETWORKS, help="one of the networks; repeatable")
    options = parser.parse_args()
    if options.rounds < 2 or options.members < 2:
        parser.error("--rounds and --members must be at least 2")
    judged = options.members == 16 and options.threads == 1 and not place.on_gpu()
    head = ["network", "samples of a step", "population, ms a step", "one after the other", "ratio, 10 % to 90 %"]
    head += ["at most"] if judged else []
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name in options.only or NETWORKS:
        with place.device().activate():
            times = measured(name, options.members, options.rounds)
        both = [1e3 / STEPS * statistics.median(times[way]) for way in ("one population", "one after the other")]
        ratios = [a / b for a, b in zip(times["one population"], times["one after the other"])]
        deciles = statistics.quantiles(ratios, n=10)
        ratio = f"{both[0] / both[1]:.2f}, {deciles[0]:.2f} to {deciles[-1]:.2f}"
        target = f" {TARGETS[name]:.2f} |" if judged else ""
        lines.append(f"| {name} | {NETWORKS[name]} | {both[0]:.3f} | {both[1]:.3f} | {ratio} |{target}")
    threads = f"{options.threads} thread" + ("s" if options.threads > 1 else "")
    threads, name = (
        (place.gpu_name(), "population_gpu") if place.on_gpu() else (threads, f"population_{options.threads}")
    )
    title = f"{options.members} networks that differ in their learning rate, {threads}"
    result(name, title, lines, options.save, f"{options.rounds} interleaved rounds")


def of_each_number_of_threads():
    """Be started again for one and for two threads, which count from the first import of NumPy."""
    for threads in ("1", "2"):
        subprocess.run([sys.executable, *sys.argv, "--threads", threads], check=True)


if __name__ == "__main__":
    main() if {"--threads", "-h", "--help"} & {*sys.argv} else of_each_number_of_threads()
