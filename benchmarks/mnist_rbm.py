"""MNIST, 500 hidden units: test log-likelihood between AIS up and AIS down, after each way to sample the model.

    python benchmarks/mnist_rbm.py --data ../shared/data/mnist --folder runs/mnist-rbm [--arms CD-1,PCD-1] [--save]

Pixels divided by 255 are probabilities, drawn binary anew at every step when training and once (seed 0) for the test,
as in the published figures. The last 10,000 training images are left out. One seed. What lies in
the folder already is not repeated.
"""

import os
import sys
from pathlib import Path

from page import result, saving
from recipe import remembered

# Title, epochs, words.
ARMS = {
    "CD-1": ("CD-1", 20, ["model.k=1"]),
    "CD-3": ("CD-3", 20, ["model.k=3"]),
    "PCD-1": ("PCD-1, 100 chains", 20, ["model.k=1", "model.chains=100"]),
    "PT-1": ("parallel tempering, 10 chains at 10 temperatures", 20, ["model.k=1", "model.chains=tempered"]),
    "PCD-1-long": ("PCD-1, 100 chains", 250, ["model.k=1", "model.chains=100"]),
}


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-rbm"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--mixing", type=int, default=1000)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = [
        "model.hidden=500", "data.validation=10000", "data.split=tail", "training.batch_size=100",
        "optimizer.momentum=0.5", f"seed={options.seed}", "--data", options.data,
    ]  # fmt: skip
    estimate = ["--runs", options.runs, "--steps", options.steps, "--mixing", options.mixing, "--binarise"]
    rows = []
    for arm in options.arms.split(","):
        title, epochs, words = ARMS[arm]
        rate = f"optimizer.learning_rate={{name='ramp', start=0.05, stop=0.0005, epochs={epochs}}}"
        folder = options.folder / f"{arm}-seed{options.seed}"
        words = ["model.chains=from_data", *settings, *words, rate, f"training.epochs={epochs}", "--run", folder]
        run = remembered(folder.with_suffix(".json"), "pretrain", "rbm", *words)
        asked = "-".join(map(str, estimate[1:-1:2]))
        found = remembered(folder / f"likelihood-{asked}.json", "likelihood", folder / "best.h5", *estimate)
        value, log_z = found["log_likelihood"][0], found["log_z"][0]
        low, high = (value + log_z - end[0] for end in found["log_z_bracket"][::-1])
        trusted = "" if found["trusted"][0] else ", UNTRUSTED"
        rows.append(
            f"| {title} | {epochs} | {value:.1f} | {low:.2f} to {high:.2f}{trusted} | "
            f"{found['effective_samples'][0]:.0f} | {found['raise_bound'][0]:.1f} | "
            f"{found['pseudo_log_likelihood'][0]:.1f} | {found['reconstruction_error'][0]:.1f} | "
            f"{run['seconds']:.0f} s |"
        )
        print(rows[-1], file=sys.stderr, flush=True)
    lines = [
        "Batches of 100; learning rate 0.05 falling linearly; momentum 0.5; centred gradient; "
        f"{os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s).",
        "",
        "| training | epochs | test log-likelihood, nats | bracket | effective runs | RAISE, 20 cases | "
        "pseudo-likelihood, 20 cases | reconstruction error | training time |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        "The bracket lies between AIS up and AIS down with three standard errors beyond both. Walks down start at",
        "tempered chains from test data, and are an upper end as far as those follow the model.",
    ]
    title = "MNIST, RBM with 784 Bernoulli and 500 Bernoulli units: test log-likelihood"
    result("mnist_rbm", title, lines, options.save)


if __name__ == "__main__":
    main()
