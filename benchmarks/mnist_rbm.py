"""MNIST, 500 hidden units: test log-likelihood by AIS after CD-1, CD-3 and PCD of the same length.

    python benchmarks/mnist_rbm.py --data ../shared/data/mnist [--epochs 20] [--save]

Pixels divided by 255 are probabilities and drawn binary anew at every step; test pixels are rounded. The last 10,000
training images are left out, as in the published protocols. One seed; the interval is AIS's own, three standard errors.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from timing import RESULTS, machine

ARMS = {
    "CD-1": ["model.k=1"],
    "CD-3": ["model.k=3"],
    "PCD-1, 100 chains": ["model.k=1", "model.chains=100"],
    "PCD-5, 100 chains": ["model.k=5", "model.chains=100"],
}
COMMON = ["model.hidden=500", "data.validation=10000", "data.split=tail", "optimizer.momentum=0.5"]


def gpunet(*words):
    command = [sys.executable, "-m", "gpunet.cli", *words, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    options = parser.parse_args()
    every = max(1, options.epochs // 4)
    rate = f"optimizer.learning_rate={{name='step', value=0.05, factor=0.4, every={every}}}"
    rows = []
    for name, words in ARMS.items():
        with tempfile.TemporaryDirectory() as folder:
            preset = Path(folder) / "rbm.toml"
            preset.write_text('name = "rbm"\n[model]\nname = "rbm"\n[optimizer]\nname = "sgd"\n')
            settings = [*words, *COMMON, rate, f"training.epochs={options.epochs}", "training.batch_size=100"]
            run = gpunet("pretrain", str(preset), *settings, "--data", options.data, "--run", f"{folder}/run")
            found = gpunet(
                "likelihood", f"{folder}/run/best.h5", "--runs", str(options.runs), "--steps", str(options.steps)
            )
        low, high = (found["log_likelihood"][0] + found["log_z"][0] - side[0] for side in found["log_z_interval"][::-1])
        rows.append(
            f"| {name} | {found['log_likelihood'][0]:.1f} | {low:.1f} to {high:.1f} | "
            f"{found['effective_samples'][0]:.0f} of {options.runs} | {run['seconds']:.0f} s |"
        )
        print(rows[-1], flush=True)
    text = "\n".join(
        [
            "# MNIST, RBM with 784 Bernoulli and 500 Bernoulli units: test log-likelihood by AIS",
            "",
            f"`python benchmarks/mnist_rbm.py --epochs {options.epochs} --runs {options.runs} "
            f"--steps {options.steps}`, seed 0, {date.today()}",
            "",
            machine(),
            "",
            f"{options.epochs} epochs of batches of 100; learning rate 0.05, times 0.4 every {every} epochs; "
            "momentum 0.5; centred gradient.",
            "",
            "| training | test log-likelihood, nats | interval | effective AIS runs | training time |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "AIS alone tends to overestimate likelihoods; no reverse estimate stands beside it yet. Test pixels are",
            "rounded, which published figures may not do: compare the rows with each other.",
            "",
        ]
    )
    print(text)
    if options.save:
        (RESULTS / "mnist_rbm.md").write_text(text)


if __name__ == "__main__":
    main()
