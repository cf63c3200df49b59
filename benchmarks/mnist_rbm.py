"""MNIST, 500 hidden units: test log-likelihood between AIS up and AIS down, after each way to sample the model.

    python benchmarks/mnist_rbm.py --data ../shared/data/mnist --folder runs/mnist-rbm [--arms CD-1,PCD-1] [--save]

Pixels divided by 255 are probabilities, drawn binary anew at every step when training and once (seed 0) for the test,
as in the published figures. The last 10,000 training images are left out. One seed. What lies in
the folder already is not repeated.
"""

import argparse
import os
import sys
from pathlib import Path

from recipe import remembered, write_result

ARMS = {
    "CD-1": ["model.k=1"],
    "CD-3": ["model.k=3"],
    "CD-25": ["model.k=25"],
    "PCD-1, 100 chains": ["model.k=1", "model.chains=100"],
    "PCD-5, 100 chains": ["model.k=5", "model.chains=100"],
    "PT-1, 10 chains at 10 temperatures": ["model.k=1", "model.chains=tempered"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-rbm"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--mixing", type=int, default=1000)
    parser.add_argument("--arms", default=",".join(name.partition(",")[0] for name in ARMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    options = parser.parse_args()
    every = max(1, options.epochs // 4)
    settings = [
        "model.hidden=500", "data.validation=10000", "data.split=tail", "optimizer.momentum=0.5",
        f"optimizer.learning_rate={{name='step', value=0.05, factor=0.4, every={every}}}",
        f"training.epochs={options.epochs}", "training.batch_size=100", f"seed={options.seed}",
    ]  # fmt: skip
    estimate = ["--runs", options.runs, "--steps", options.steps, "--mixing", options.mixing, "--binarise"]
    rows = []
    for name, words in ARMS.items():
        if name.partition(",")[0] not in options.arms.split(","):
            continue
        folder = options.folder / f"{name.partition(',')[0]}-{options.epochs}-seed{options.seed}"
        words = [*settings, "model.chains=from_data", *words, "--data", options.data, "--run", folder]
        run = remembered(folder.with_suffix(".json"), "pretrain", "rbm", *words)
        asked = "-".join(map(str, estimate[1:-1:2]))
        found = remembered(folder / f"likelihood-{asked}.json", "likelihood", folder / "best.h5", *estimate)
        value, log_z = found["log_likelihood"][0], found["log_z"][0]
        low, high = (value + log_z - end[0] for end in found["log_z_bracket"][::-1])
        trusted = "" if found["trusted"][0] else ", UNTRUSTED"
        rows.append(
            f"| {name} | {value:.1f} | {low:.2f} to {high:.2f}{trusted} | {found['effective_samples'][0]:.0f} | "
            f"{found['raise_bound'][0]:.1f} | {found['pseudo_log_likelihood'][0]:.1f} | "
            f"{found['reconstruction_error'][0]:.1f} | {run['seconds']:.0f} s |"
        )
        print(rows[-1], file=sys.stderr, flush=True)
    text = "\n".join(
        [
            f"{options.epochs} epochs of batches of 100; learning rate 0.05, times 0.4 every {every} epochs; momentum "
            f"0.5; centred gradient; {os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s).",
            "",
            "| training | test log-likelihood, nats | bracket | effective runs | RAISE, 20 cases | pseudo-likelihood, "
            "20 cases | reconstruction error | training time |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
            "The bracket lies between AIS up and AIS down with three standard errors beyond both. Walks down start at",
            "tempered chains from test data, and are an upper end as far as those follow the model.",
        ]
    )
    title = "MNIST, RBM with 784 Bernoulli and 500 Bernoulli units: test log-likelihood"
    write_result("mnist_rbm", title, "python benchmarks/mnist_rbm.py " + " ".join(sys.argv[1:]), text, options.save)


if __name__ == "__main__":
    main()
