"""MNIST, 784-512-512-10 with dropout and Adam: the command line's main job, three seeds as one population.

    python benchmarks/mnist_mlp.py --data ../shared/data/mnist [--seeds 3] [--save]

The model is chosen on the validation part; the test part is read once, at the end.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import h5py
import numpy as np
from timing import RESULTS, machine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["train", "mlp", "--data", options.data, "--seeds", str(options.seeds), "--device", options.device]
        command = [sys.executable, "-m", "gpunet.cli", *words, "--run", str(run), "--json"]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        with h5py.File(run / "best.h5") as file:
            seconds = file["history/seconds"][:]
            data = file["data"].attrs["data_sha256"].decode()
    errors = [100 * (1 - accuracy) for accuracy in result["test_accuracy"]]
    chosen = [100 * (1 - accuracy) for accuracy in result["best"]]
    rows = [
        f"| {seed} | {epoch} | {best:.2f} % | {test:.2f} % |"
        for seed, (epoch, best, test) in enumerate(zip(result["best_epoch"], chosen, errors))
    ]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    text = "\n".join(
        [
            "# MNIST, 784-512-512-10, dropout, Adam",
            "",
            f"`gpunet {' '.join(words)}`, {date.today()}, data sha256 {data[:16]}...",
            "",
            machine(),
            "",
            f"Test error **{statistics.mean(errors):.2f} %{spread}** over {len(errors)} seeds, each model chosen on "
            "the validation part, the test part read once.",
            f"{result['epochs']} epochs in {result['seconds']:.0f} s, median epoch {np.median(seconds):.2f} s for all "
            f"{len(errors)} members, validation included.",
            "",
            "| seed | best epoch | validation error | test error |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
    print(text)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "mnist_mlp.md").write_text(text)


if __name__ == "__main__":
    main()
