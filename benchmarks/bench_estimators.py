"""Estimators against scikit-learn's of the same name: the same numbers, the same epochs, taking turns.

Each round fits every candidate once, in a turning order, from its own random numbers. ``MLPClassifier`` has one hidden
layer of 100 units, Adam and batches of 200, as both have by default; ``BernoulliRBM`` batches of 10 and 100. All epochs
are made: nothing stops early. Machines are compared by their pseudo-likelihood over all bits, of both by one formula.

    python benchmarks/bench_estimators.py [--threads 2] [--rounds 10] [--epochs 20] [--mnist FOLDER] [--save]

``--mnist`` names the folder of the IDX files of MNIST; without it the part of 10,000 images is left out.
"""

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "2"
os.environ |= {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS}

import statistics
import time
import warnings

import numpy as np
import sklearn.neural_network as theirs
from page import result, saving
from sklearn.exceptions import ConvergenceWarning

import gpunet.sklearn as ours
from gpunet.datasets import load

IMAGES = 10_000


def data(name, folder=None):
    """Pixels between 0 and 1, and digits."""
    found = load("digits" if folder is None else str(folder))
    order = np.random.default_rng(0).permutation(len(found.x))[:IMAGES]
    pixels = np.asarray(found.x, np.float64).reshape(len(found.x), -1)[order]
    return name, pixels / pixels.max(), np.asarray(found.y)[order]


def pseudo_likelihood(machine, v):
    """Mean log-probability of each bit given all others, over all bits, in nats."""
    weight, b, c = (
        np.asarray(a, float) for a in (machine.components_, machine.intercept_visible_, machine.intercept_hidden_)
    )
    inputs = v @ weight.T + c
    own, total = np.logaddexp(0, inputs).sum(axis=1), np.zeros(len(v))
    for bit in range(v.shape[1]):
        turned = 1 - 2 * v[:, bit]
        gain = turned * b[bit] + np.logaddexp(0, inputs + turned[:, None] * weight[:, bit]).sum(axis=1) - own
        total -= np.logaddexp(0, gain)
    return float(total.mean())


def comparisons(name, x, y, epochs):
    """By title: how each library is fitted, and what its result is worth."""
    bits = (x > 0.5).astype(float)
    network = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "tol": 0.0}
    yield (
        f"MLPClassifier, {name}", "training accuracy",
        lambda library, seed: library.MLPClassifier(random_state=seed, **network).fit(x, y), lambda m: m.score(x, y),
    )  # fmt: skip
    for batch in (10, 100):
        machine = {"n_iter": max(1, epochs // 4), "batch_size": batch, "learning_rate": 0.05}
        yield (
            f"BernoulliRBM, {name}, batches of {batch}", "pseudo-likelihood",
            lambda library, seed, machine=machine: library.BernoulliRBM(random_state=seed, **machine).fit(bits),
            lambda m: pseudo_likelihood(m, bits[:1000]),
        )  # fmt: skip


def measured(fit, worth, rounds):
    """Seconds and worth of each library in each round."""
    libraries = {"gpunet": ours, "scikit-learn": theirs}
    times, worths = ({name: [] for name in libraries} for _ in range(2))
    for library in libraries.values():
        fit(library, 0)
    for number in range(rounds):
        for name in sorted(libraries, reverse=bool(number % 2)):
            began = time.perf_counter()
            machine = fit(libraries[name], number)
            times[name].append(time.perf_counter() - began)
            worths[name].append(worth(machine))
    return times, worths


def main():
    """Read the options, measure, report."""
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--mnist")
    options = parser.parse_args()
    sets = [data("digits")] + ([data("MNIST 10,000", options.mnist)] if options.mnist else [])
    rows = [
        "| | gpunet s | scikit-learn s | ratio of medians | worth, gpunet and scikit-learn |",
        "|---|---|---|---|---|",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for one in sets:
            for title, what, fit, worth in comparisons(*one, options.epochs):
                times, worths = measured(fit, worth, options.rounds)
                middle = {name: statistics.median(values) for name, values in times.items()}
                shown = " | ".join(f"{middle[n]:.3f} ({min(times[n]):.3f} to {max(times[n]):.3f})" for n in times)
                values = ", ".join(f"{statistics.mean(found):.4g}" for found in worths.values())
                ratio = middle["gpunet"] / middle["scikit-learn"]
                rows.append(f"| {title} | {shown} | {ratio:.2f} | {what} {values} |")
    machines = max(1, options.epochs // 4)
    how = f"{options.rounds} interleaved rounds, {options.epochs} epochs of networks and {machines} of machines"
    result("bench_estimators", f"Estimators, {options.threads} threads", rows, options.save, how)


if __name__ == "__main__":
    main()
