"""Estimators against scikit-learn's of the same name: the same numbers, the same epochs, taking turns.

Each round fits every candidate once, in a turning order, from its own random numbers. ``MLPClassifier`` has one hidden
layer of 100 units, Adam and batches of 200, as both have by default; ``BernoulliRBM`` batches of 10 and 100. All epochs
are made: nothing stops early. Machines are compared by their pseudo-likelihood over all bits, of both by one formula.
Features are float64, as scikit-learn's users have them, for networks also float32: scikit-learn computes in the type
of the features, gpunet in float32 but for small networks on float64. One number of threads after the other, each in a
process of its own.

    python benchmarks/bench_estimators.py [--mnist FOLDER] [--threads 1 2] [--rounds 10] [--save]

``--mnist`` names the folder of the IDX files of MNIST; without it the part of 10,000 images is left out.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
import sklearn.neural_network as theirs
from page import result, saving
from sklearn.exceptions import ConvergenceWarning

import gpunet.sklearn as ours
from gpunet.datasets import load

IMAGES = 10_000
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
HEAD = [
    "| | gpunet s | scikit-learn s | ratio of medians | worth, gpunet and scikit-learn |",
    "|---|---|---|---|---|",
]


def data(folder=None):
    """Pixels between 0 and 1, and digits."""
    found = load("digits" if folder is None else str(folder))
    order = np.random.default_rng(0).permutation(len(found.x))[:IMAGES]
    pixels = np.asarray(found.x, np.float64).reshape(len(found.x), -1)[order]
    return pixels / pixels.max(), np.asarray(found.y)[order]


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


def comparisons(name, x, y, epochs, machine_epochs):
    """By title: how each library is fitted, and what its result is worth."""
    bits = (x > 0.5).astype(float)
    network = {"max_iter": epochs, "n_iter_no_change": epochs + 1, "tol": 0.0}
    for kind in ("float64", "float32"):
        typed = x.astype(kind)
        yield (
            f"MLPClassifier, {name}, {kind}, {epochs} epochs", "training accuracy",
            lambda library, seed, x=typed: library.MLPClassifier(random_state=seed, **network).fit(x, y),
            lambda m, x=typed: m.score(x, y),
        )  # fmt: skip
    for batch in (10, 100):
        machine = {"n_iter": machine_epochs, "batch_size": batch, "learning_rate": 0.05}
        yield (
            f"BernoulliRBM, {name}, batches of {batch}, {machine_epochs} epochs", "pseudo-likelihood",
            lambda library, seed, machine=machine: library.BernoulliRBM(random_state=seed, **machine).fit(bits),
            lambda m: pseudo_likelihood(m, bits[:500]),
        )  # fmt: skip


def measured(fit, worth, rounds):
    """Seconds of each library in each round, and the worth of its first results."""
    libraries = {"gpunet": ours, "scikit-learn": theirs}
    times = {name: [] for name in libraries}
    worths = {name: worth(fit(library, 0)) for name, library in libraries.items()}  # which warms up, too
    for number in range(rounds):
        for name in sorted(libraries, reverse=bool(number % 2)):
            began = time.perf_counter()
            fit(libraries[name], number)
            times[name].append(time.perf_counter() - began)
    return times, worths


def rows_of(options):
    """A row of the table for each comparison, with the threads that this process has."""
    rows = []
    sets = [("digits", None, 20, 5, options.rounds)]
    sets += [("MNIST 10,000", options.mnist, 10, 1, max(2, options.rounds // 3))] if options.mnist else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, folder, epochs, machine_epochs, rounds in sets:
            for title, what, fit, worth in comparisons(name, *data(folder), epochs, machine_epochs):
                times, worths = measured(fit, worth, rounds)
                middle = {one: statistics.median(values) for one, values in times.items()}
                shown = " | ".join(f"{middle[n]:.3f} ({min(times[n]):.3f} to {max(times[n]):.3f})" for n in times)
                values = ", ".join(f"{found:.4g}" for found in worths.values())
                ratio = middle["gpunet"] / middle["scikit-learn"]
                rows.append(f"| {title} | {shown} | {ratio:.2f} | {what} {values} |")
    return rows


def main():
    """Read the options, measure in processes of their own, report."""
    parser = saving(__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--mnist")
    parser.add_argument("--inside", action="store_true", help="measure in this process, and print rows as JSON")
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(rows_of(options)))
        return
    lines = []
    for threads in options.threads:
        command = [sys.executable, __file__, "--inside", "--rounds", str(options.rounds)]
        command += ["--mnist", options.mnist] if options.mnist else []
        environment = os.environ | dict.fromkeys(BLAS, str(threads))
        said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        lines += [f"## {threads} thread{'s' if threads > 1 else ''}", "", *HEAD, *json.loads(said.splitlines()[-1]), ""]
    mnist = f", {max(2, options.rounds // 3)} of MNIST" if options.mnist else ""
    result("bench_estimators", "Estimators", lines, options.save, f"{options.rounds} interleaved rounds{mnist}")


if __name__ == "__main__":
    main()
