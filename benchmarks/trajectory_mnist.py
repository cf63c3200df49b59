"""MNIST, 784x500: log Z along the training where AIS is not trusted, and the time against persistent chains.

    python benchmarks/trajectory_mnist.py --data ../shared/data/mnist --folder runs/trajectory [--epochs 20] [--save]

Trains 20 epochs with persistent chains (k = 1 and k = 10) and with trajectory tempering (the same k), same batches,
rate and seed; then measures the machine of persistent chains with k = 1 by AIS up and down and along its own snapshots,
and the machines of trajectory tempering along their frozen versions, with products in single precision. Pixels are
probabilities, drawn anew at every step and once for the test. The last 10,000 training images are left out. What lies
in the folder already is not repeated.
"""

import json
import os
import sys
from pathlib import Path

from page import result, saving
from recipe import remembered

ARMS = {
    "PCD-1": ["model.k=1", "model.chains=100", "training.snapshots=40"],
    "PTT-1": ["model.k=1", "model.chains=trajectory"],
    "PCD-10": ["model.k=10", "model.chains=100", "training.snapshots=40"],
    "PTT-10": ["model.k=10", "model.chains=trajectory"],
}


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/trajectory"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--mixing", type=int, default=1000)
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rate = f"optimizer.learning_rate={{name='ramp', start=0.05, stop=0.0005, epochs={options.epochs}}}"
    settings = [
        "model.hidden=500", "data.validation=10000", "data.split=tail", "training.batch_size=100", rate,
        "optimizer.momentum=0.5", f"seed={options.seed}", f"training.epochs={options.epochs}", "--data", options.data,
    ]  # fmt: skip
    single = ["--precision", "float32"]
    annealed = ["--runs", options.runs, "--steps", options.steps, "--mixing", options.mixing]
    along = ["--trajectory", "--runs", options.runs, "--mixing", options.sweeps]
    rows, seconds = [], {}
    for arm in options.arms.split(","):
        folder = options.folder / f"{arm}-{options.epochs}-seed{options.seed}"
        run = remembered(folder.with_suffix(".json"), "pretrain", "rbm", *settings, *ARMS[arm], "--run", folder)
        seconds[arm] = run["seconds"]
        plain = "PCD-" + arm.partition("-")[2]
        against = f"{seconds[arm] / seconds[plain]:.2f}" if plain in seconds else ""
        history = remembered(folder / "history.json", "inspect", folder / "best.h5", "--history")
        versions = last(history, "versions")
        for name, words in (("AIS", annealed), ("along the training", along)):
            asked = "-".join(str(word) for word in words if not str(word).startswith("--"))
            path = folder / f"likelihood-{words[0].strip('-')}-{asked}.json"
            found = remembered(path, "likelihood", folder / "best.h5", *words, "--cases", 0, "--binarise", *single)
            value, log_z = found["log_likelihood"][0], found["log_z"][0]
            low, high = (end[0] for end in found["log_z_bracket"])
            bracket = "none" if low is None else f"{value + log_z - high:.2f} to {value + log_z - low:.2f}"
            trusted = "" if found["trusted"][0] else ", UNTRUSTED"
            rows.append(
                f"| {arm} | {name} | {value:.2f} | {bracket}{trusted} | {found['effective_samples'][0]:.0f} | "
                f"{versions} | {seconds[arm]:.0f} s | {against} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    lines = [
        f"{options.epochs} epochs; batches of 100; learning rate 0.05 falling linearly; momentum 0.5; "
        f"{threads} thread(s).",
        "",
        "| training | log Z | test log-likelihood, nats | bracket | effective runs | versions | training time | "
        "times PCD |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "Effective runs are those of AIS, or states that came from the first version up to the machine. The training",
        "time of trajectory tempering includes all freezing.",
    ]
    title = "MNIST, RBM with 784 and 500 Bernoulli units: log Z along the training"
    result("trajectory_mnist", title, lines, options.save)


def last(history, name):
    """The last number of a column of a history, as a document has it, or nothing."""
    column = history.get(name) or json.loads("[]")
    number = column[-1] if column else ""
    return f"{(number[0] if isinstance(number, list) else number):.0f}" if column else ""


if __name__ == "__main__":
    main()
