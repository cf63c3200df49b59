"""What searches find in 30 trials on digits, in whole repetitions of other seeds, beside scikit-learn at equal time.

Random, coarse-to-fine and TPE search the same space of a perceptron.  scikit-learn's RandomizedSearchCV draws from the
same space, as far as its MLPClassifier has it, scored on the same validation part, for as long as the random search
took.  Each chosen model is trained once more and scored on the test part, which no trial has seen.

    python benchmarks/search_methods.py [--repetitions 6] [--trials 30] [--save]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
import warnings

import numpy as np
from page import result, saving

import gpunet
from gpunet.data import split
from gpunet.datasets import load
from gpunet.studies import paired_difference

METHODS = ("random", "coarse_to_fine", "tpe")
SPACE = {
    "learning_rate": {"log": [1e-4, 1e-1]},
    "hidden": {"choice": [[32], [64], [128], [64, 64]]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "momentum": {"one_minus_log": [0.5, 0.99], "when": {"optimizer": "sgd"}},
    "l2": {"log": [1e-7, 1e-2]},
    "batch_size": {"choice": [32, 64, 128]},
}
KEYS = {"dropout": 0.0, "input_dropout": 0.0, "device": "cpu", "noise": 0}


def ours(method, options, seed):
    """Best validation error, test error and seconds of a search."""
    began = time.perf_counter()
    found = gpunet.search(
        "mlp",
        data="digits",
        space=SPACE,
        method=method,
        trials=options.trials,
        seed=seed,
        epochs=options.epochs,
        **KEYS,
    )
    return found.best["score"], found.test, time.perf_counter() - began


def theirs(options, seed, seconds):
    """The same of RandomizedSearchCV, which goes on until its time is over, and how many it has tried."""
    from scipy.stats import loguniform
    from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    class OneMinus:
        """Numbers whose distance from 1 is even on the logarithmic scale."""

        def rvs(self, random_state=None):
            return 1 - loguniform(0.01, 0.5).rvs(random_state=random_state)

    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    x = dataset.x.reshape(len(dataset.x), -1)
    rows = np.concatenate([parts.train, parts.validation])
    folds = PredefinedSplit(np.repeat([-1, 0], [len(parts.train), len(parts.validation)]))
    network = make_pipeline(MinMaxScaler(), MLPClassifier(max_iter=options.epochs))
    spaces = {
        "learning_rate_init": loguniform(1e-4, 1e-1), "hidden_layer_sizes": [(32,), (64,), (128,), (64, 64)],
        "alpha": loguniform(1e-7, 1e-2), "batch_size": [32, 64, 128],
    }  # fmt: skip
    named = [
        {f"mlpclassifier__{key}": value for key, value in {**spaces, **own}.items()}
        for own in ({"solver": ["sgd"], "momentum": OneMinus()}, {"solver": ["adam"]})
    ]
    began, tried, best = time.perf_counter(), 0, None
    while time.perf_counter() - began < seconds:
        network.set_params(mlpclassifier__random_state=seed)
        found = RandomizedSearchCV(network, named, n_iter=1, cv=folds, refit=False, random_state=1000 * seed + tried)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the epochs were over before it had settled
            found.fit(x[rows], dataset.y[rows])
        tried += 1
        if best is None or found.best_score_ > best.best_score_:
            best = found
    network.set_params(**best.best_params_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(x[parts.train], dataset.y[parts.train])
    error = 1 - network.score(x[parts.test], dataset.y[parts.test])
    return 1 - best.best_score_, error, time.perf_counter() - began, tried


def spread(values):
    """Mean and standard deviation in percent."""
    deviation = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{deviation}"


def main():
    """Read the options, search, report."""
    parser = saving(__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    began, found, tried = time.perf_counter(), {name: [] for name in (*METHODS, "scikit-learn")}, []
    for seed in range(options.repetitions):
        for method in METHODS:
            found[method].append(ours(method, options, seed))
        *scores, count = theirs(options, seed, found["random"][-1][2])
        found["scikit-learn"].append(scores)
        tried.append(count)
        print(f"repetition {seed + 1}: {time.perf_counter() - began:.0f} s", flush=True)
    rows = [
        "| search | trials | best validation error | test error | against random | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, values in found.items():
        valid, test, seconds = zip(*values)
        difference = paired_difference([100 * v for v in test], [100 * one[1] for one in found["random"]])
        ends = "" if difference.low is None else f" ({difference.low:.2f} to {difference.high:.2f})"
        against = "" if name == "random" else f"{difference.mean:.2f}{ends}"
        count = f"{statistics.mean(tried):.0f}" if name == "scikit-learn" else options.trials
        rows.append(
            f"| {name.replace('_', ' ')} | {count} | {spread(valid)} % | {spread(test)} % | {against} | "
            f"{statistics.mean(seconds):.1f} |"
        )
    lines = [
        f"{options.trials} trials of {options.epochs} epochs, {options.repetitions} repetitions of other seeds, one "
        "split; learning rate, widths, optimizer, momentum, penalty and batch of a perceptron. The validation part has "
        "270 samples, the test part 270: one sample is 0.37 points.",
        "",
        *rows,
        "",
        "± is the standard deviation over repetitions; differences of the test error are paired, with their 95 % "
        "interval. scikit-learn: RandomizedSearchCV with MLPClassifier, for as long as the random search took; "
        "each of its trials is trained one after the other, ours together where they differ in numbers alone.",
    ]
    result("search_methods", "What searches find", lines, options.save, f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
