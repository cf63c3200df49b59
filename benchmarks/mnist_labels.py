"""MNIST with few labels: pretrained and fine-tuned, beside tuned controls without pretraining.

    python benchmarks/mnist_labels.py --data ../shared/data/mnist --folder runs/mnist-labels [--seeds 3] [--save]

A stack of 784-500-500 learns by CD-1 from 50,000 images without labels, once; then gpunet compare tunes each arm with
each number of labels over several seeds, which share the stack.  The last 10,000 training images choose learning rate
and epoch; the test part is read once for each arm.  What lies in the folder already is not run again, so the recipe may
be stopped and started again.
"""

import os
import statistics
from pathlib import Path

from page import result, saving
from recipe import remembered

PRETRAINING = [
    "dbn-mnist", "model.hidden=[500,500]", "training.epochs=15", "optimizer.learning_rate=0.1",
    "model.sparsity.target=0.1", "model.sparsity.cost=0.1",
]  # fmt: skip
TUNING = [
    "tune.model.dropout=0.5", "tune.model.input_dropout=0.2",
    "tune.training.averaging.name=ema", "tune.training.averaging.decay=0.998",
    "tune.training.epochs=16", "tune.training.updates=250", "tune.training.patience=5",
]  # fmt: skip
PUBLISHED = {  # test errors with an RBM and fine-tuning, and from random initialization
    1000: {"pretrained": "6.35 %", "random": "11.29 %"},
    100: {"pretrained": "18.30 %", "random": "23.98 %"},
}


def percent(values):
    """Mean and standard deviation."""
    return f"{100 * statistics.mean(values):.2f} % ± {100 * statistics.stdev(values):.2f}"


def row(entry):
    """One arm at one number of labels."""
    labels, arm, difference = entry["labels"], entry["arm"], ""
    if arm != "pretrained":
        mean, low, high = (100 * entry["against_pretrained"][key] for key in ("mean", "low", "high"))
        difference = f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"
    return (
        f"| {labels:,} | {arm} | {percent(entry['validation_error'])} | **{percent(entry['test_error'])}** | "
        f"{PUBLISHED.get(labels, {}).get(arm, '')} | {difference} | {entry['rate']:g} | "
        f"{entry['pretraining_seconds']:.0f} + {entry['tuning_seconds']:.0f} s |"
    )


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-labels"))
    parser.add_argument("--labels", default="100,1000")
    parser.add_argument("--rates", default="0.01,0.03,0.1")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    data, stack = ["--data", options.data], options.folder / "stack"
    remembered(stack.with_suffix(".json"), "pretrain", *PRETRAINING, *data, "--run", stack)
    found = []
    for labels in options.labels.split(","):
        folder = options.folder / f"labels-{labels}"
        words = ["--labels", labels, "--rates", options.rates, "--seeds", options.seeds, *TUNING, "--run", folder]
        source = ["--from", stack / "best.h5"]
        found.append(remembered(folder.with_suffix(".json"), "compare", *source, *data, *words))
    lines = [
        f"`gpunet pretrain {' '.join(PRETRAINING)}`, then `gpunet compare --from` it with `--rates {options.rates} "
        f"{' '.join(TUNING)}`, seeds 0 to {options.seeds - 1}; data sha256 {found[0]['data_sha256'][:16]}...; "
        f"{os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s).",
        "",
        "| labels | arm | validation error | test error | published | more than pretrained, 95 % interval | rate | "
        "pretraining + tuning |",
        "|---|---|---|---|---|---|---|---|",
        *(row(entry) for document in found for entry in document["results"]),
        "",
        *(f"- {line}" for document in found for line in (*document["conclusions"], *document["notes"])),
    ]
    result("mnist_labels", "MNIST with few labels", lines, options.save)


if __name__ == "__main__":
    main()
