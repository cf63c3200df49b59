"""What ensembles gain over their members and over their counterparts, in whole repetitions of other seeds.

python benchmarks/ensembles.py [--data digits] [--size 5] [--repetitions 6] [--epochs 50] [--set KEY=VALUE ...] [--save]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

from page import result, saving

from gpunet.studies import paired_difference

METHODS = ("seeds", "bagging", "boosting", "snapshots")
# What each is held against; the one network has as many epochs as all cycles of the snapshots together.
AGAINST = (("seeds", "one"), ("snapshots", "one"), ("bagging", "seeds"), ("boosting", "bagging"))


def report_of(options, method, repetition, folder):
    """The document of one ensemble; ``one`` is a single network."""
    size = 1 if method == "one" else options.size
    words = ["ensemble", "--method", "seeds" if method == "one" else method, "--size", str(size)]
    words += ["--data", options.data, "--seed", str(repetition * options.size), f"training.epochs={options.epochs}"]
    words += [*options.set, "--device", "cpu", "--json", "-q", "--run", f"{folder}/{method}-{repetition}"]
    done = subprocess.run(
        [sys.executable, "-m", "gpunet.cli", *words],
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stderr}")
    return json.loads(done.stdout)


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


def calibrated(documents, when, name):
    """The mean over repetitions of a figure of calibration; votes have none."""
    values = [one["calibration"][when][name] for one in documents if "calibration" in one]
    return f"{statistics.mean(values):.4f}" if values else "-"


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in ("one", *METHODS):
            found[method] = [report_of(options, method, number, folder) for number in range(options.repetitions)]
    errors = {method: [one["ensemble"]["error"] for one in documents] for method, documents in found.items()}
    table = ["| method | member | ensemble | gain in points | disagreement |", "|---|---|---|---|---|"]
    table += [f"| one network | | {spread(errors['one'])} | | |"]
    for method in METHODS:
        members = member_errors(found[method])
        apart = [one["diversity"].get("disagreement") for one in found[method]]
        shown = "-" if None in apart else f"{100 * statistics.mean(apart):.2f} %"
        gain = between(members, errors[method], 100)
        table.append(f"| {method} | {spread(members)} | {spread(errors[method])} | {gain} | {shown} |")
    against = [f"- {a} against {b}: {between(errors[b], errors[a], 100)} points less error" for a, b in AGAINST]
    names = ("log_loss", "brier", "calibration_error", "adaptive_calibration_error")
    titles = [name.replace("_", " ") for name in names]
    calibration = [f"| method | {' | '.join(titles)} |", "|---" * (len(names) + 1) + "|"]
    for method in ("one", *METHODS):
        pairs = [[calibrated(found[method], when, name) for when in ("before", "after")] for name in names]
        calibration.append(f"| {method} | {' | '.join(f'{before} → {after}' for before, after in pairs)} |")
    first = found["seeds"][0]
    lines = [
        f"{first['data']}, {first['samples']:,} test samples, {options.size} members, {options.epochs} epochs, "
        f"{options.repetitions} repetitions of other seeds. Intervals: 95 %, paired over repetitions.",
        "",
        *table,
        "",
        *against,
        "",
        "Calibration before → after one temperature, fitted on the validation part after averaging:",
        "",
        *calibration,
    ]
    result("ensembles", "Ensembles", lines, options.save)


if __name__ == "__main__":
    main()
