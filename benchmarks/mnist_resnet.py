"""MNIST, a residual network of eight layers on moved images: the small convolutional network, trained in one go.

    python benchmarks/mnist_resnet.py --data ../shared/data/mnist [--epochs 12] [--seed 0] [--save]

The epoch is chosen on the validation part; the test part is read once, at the end.
"""

import resource
import shlex
import tempfile
from pathlib import Path

import h5py
import numpy as np
from page import result, saving
from recipe import gpunet


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rate = f'{{name="warm_up",epochs=1,then={{name="cosine",value=0.1,epochs={options.epochs}}}}}'
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = [
            "train", "resnet-digits", "--data", options.data, "--device", "cpu", "--seed", str(options.seed),
            "model.depth=8", "model.widths=[16,32,64]", "augmentation.shift.pixels=2", f"epochs={options.epochs}",
            f"optimizer.learning_rate={rate}", "training.monitor=validation_accuracy",
        ]  # fmt: skip
        found = gpunet(*words, "--run", run)
        with h5py.File(run / "best.h5") as file:
            seconds = file["history/seconds"][:]
            data = file["data"].attrs["data_sha256"].decode()
    error, chosen = (100 * (1 - found[key][0]) for key in ("test_accuracy", "best"))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [
        f"Test error **{error:.2f} %** (seed {options.seed}); epoch {found['best_epoch'][0]} of {found['epochs']} was "
        f"chosen on the validation part, where its error is {chosen:.2f} %.",
        f"{found['seconds'] / 60:.0f} minutes, median epoch {np.median(seconds):.0f} s, validation included; "
        f"{(used.ru_utime + used.ru_stime) / 60:.0f} minutes of computing on two cores.",
    ]
    title, how = "MNIST, a residual network of eight layers", f"data sha256 {data[:16]}..."
    result("mnist_resnet", title, lines, options.save, how, f"gpunet {shlex.join(words)}")


if __name__ == "__main__":
    main()
