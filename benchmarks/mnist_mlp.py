"""MNIST, 784-512-512-10 with dropout and Adam: the command line's main job, three seeds as one population.

    python benchmarks/mnist_mlp.py --data ../shared/data/mnist [--seeds 3] [--save]

The model is chosen on the validation part; the test part is read once, at the end.
"""

import shlex
import statistics
import tempfile
from pathlib import Path

import h5py
import numpy as np
from page import result, saving
from recipe import gpunet


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ["train", "mlp", "--data", options.data, "--seeds", str(options.seeds), "--device", options.device]
        found = gpunet(*words, "--run", run)
        with h5py.File(run / "best.h5") as file:
            seconds = file["history/seconds"][:]
            data = file["data"].attrs["data_sha256"].decode()
    errors = [100 * (1 - accuracy) for accuracy in found["test_accuracy"]]
    chosen = [100 * (1 - accuracy) for accuracy in found["best"]]
    rows = [
        f"| {seed} | {epoch} | {best:.2f} % | {test:.2f} % |"
        for seed, (epoch, best, test) in enumerate(zip(found["best_epoch"], chosen, errors))
    ]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    lines = [
        f"Test error **{statistics.mean(errors):.2f} %{spread}** over {len(errors)} seeds, each model chosen on "
        "the validation part, the test part read once.",
        f"{found['epochs']} epochs in {found['seconds']:.0f} s, median epoch {np.median(seconds):.2f} s for all "
        f"{len(errors)} members, validation included.",
        "",
        "| seed | best epoch | validation error | test error |",
        "|---|---|---|---|",
        *rows,
    ]
    title, how = "MNIST, 784-512-512-10, dropout, Adam", f"data sha256 {data[:16]}..."
    result("mnist_mlp", title, lines, options.save, how, f"gpunet {shlex.join(words)}")


if __name__ == "__main__":
    main()
