"""MNIST, deep Boltzmann machine 784-500-1000: variational bound in its bracket, and the network fine-tuned from it.

    python benchmarks/mnist_dbm.py --data ../shared/data/mnist --folder runs/mnist-dbm [--save]
    python benchmarks/mnist_dbm.py --images 2000 --epochs 2 --greedy 1 --tune 1 --steps 100 --mixing 20   # a trial

Pixels divided by 255 are probabilities, drawn binary anew at every step when training and once (seed 0) for the test.
The last 10,000 training images validate. One seed. A step that was begun in the folder goes on from its last save, and
what is finished there is not repeated, so the recipe may be stopped and started again.
"""

import os
import sys
from pathlib import Path

import numpy as np
from page import result, saving
from recipe import remembered

from gpunet.datasets import load

WIDTHS = "model.hidden=[500,1000]"


def part_of(options):
    """Where the data are: those that were named, or a file with the first images of their training part."""
    if not options.images:
        return options.data, ["data.validation=10000", "data.split=tail"]
    path = options.folder / f"first-{options.images}.npz"
    if not path.exists():
        found = load(options.data)
        path.parent.mkdir(parents=True, exist_ok=True)
        x = np.reshape(found.x[: options.images], (options.images, 28, 28))
        np.savez_compressed(path, x=x, y=found.y[: options.images])
    return path, ["data.validation=0.1", "data.test=0.1"]


def trained(options, name, command, *words):
    """The document of a training that is finished now or was before, and where its run is."""
    folder = options.folder / f"{name}-seed{options.seed}"
    if (folder / "last.h5").exists():
        return remembered(folder.with_suffix(".json"), "resume", folder), folder
    source, parts = part_of(options)
    data = ["--data", source, *parts, f"seed={options.seed}"]
    return remembered(folder.with_suffix(".json"), command, *words, *data, "--run", folder), folder


def machine(options):
    """The deep machine: a greedy start of both layers, then both together with persistent chains."""
    start, rest = 2 * options.greedy, options.epochs - 2 * options.greedy
    first, then = "{name='constant', value=0.05}", f"{{name='ramp', start=0.03, stop=0.0003, epochs={max(1, rest)}}}"
    words = [
        "dbm-mnist", WIDTHS, f"model.greedy={options.greedy}", f"model.k={options.k}", f"model.sweeps={options.sweeps}",
        f"training.epochs={options.epochs}", "training.batch_size=100", "model.chains=100",
        f"optimizer.learning_rate={{name='join', schedules=[{first}, {then}], epochs=[{start}]}}",
    ]  # fmt: skip
    return trained(options, f"dbm-{options.epochs}", "pretrain", *words)


def tuned(options, source):
    """The network that sees the machine's posterior beside its inputs."""
    rate = f"{{name='ramp', start=0.1, stop=0.001, epochs={options.tune}}}"
    words = [
        "dbm-finetune", "--from", source / "best.h5", WIDTHS, f"model.sweeps={options.sweeps}",
        f"training.epochs={options.tune}", "training.batch_size=100", f"optimizer.learning_rate={rate}",
        "training.averaging={name='ema', decay=0.999}",
    ]  # fmt: skip
    return trained(options, f"tuned-{options.epochs}-{options.tune}", "train", *words)[0]


def main():
    parser = saving(__doc__)
    parser.add_argument("--data", default="../shared/data/mnist")
    parser.add_argument("--folder", type=Path, default=Path("runs/mnist-dbm"))
    parser.add_argument("--images", type=int, default=0, help="learn from the first so many alone, to try the recipe")
    parser.add_argument("--epochs", type=int, default=40, help="of the machine, the greedy start included")
    parser.add_argument("--greedy", type=int, default=3, help="epochs of each layer's machine alone")
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--sweeps", type=int, default=10)
    parser.add_argument("--tune", type=int, default=12, help="epochs of the network")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--steps", type=int, default=10000)
    parser.add_argument("--mixing", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    run, folder = machine(options)
    print(f"machine: {run['seconds']:.0f} s", file=sys.stderr, flush=True)
    asked = ["--runs", options.runs, "--steps", options.steps, "--mixing", options.mixing, "--binarise"]
    name = "-".join(str(word) for word in asked[1:-1:2])
    found = remembered(folder / f"likelihood-{name}.json", "likelihood", folder / "best.h5", *asked)
    value, log_z = found["log_likelihood"][0], found["log_z"][0]
    low, high = (value + log_z - end[0] for end in found["log_z_bracket"][::-1])
    trusted = "" if found["trusted"][0] else ", UNTRUSTED"
    print(f"bound: {value:.2f}, {low:.2f} to {high:.2f}{trusted}", file=sys.stderr, flush=True)
    network = tuned(options, folder)
    error = 100 * (1 - network["test_accuracy"][0])
    learned = f"The first {options.images:,} images alone" if options.images else "50,000 images train, 10,000 validate"
    lines = [
        f"{learned}; seed {options.seed}; {os.environ.get('OPENBLAS_NUM_THREADS', 'all')} thread(s).",
        "",
        "| | here | published | time |",
        "|---|---|---|---|",
        f"| variational bound on the test log-likelihood, nats | **{value:.2f}** ± "
        f"{found['standard_error'][0]:.2f} | -84.62 | {run['seconds']:.0f} s of training |",
        f"| its bracket, AIS up and down, {found['effective_samples'][0]:.0f} effective runs | {low:.2f} to "
        f"{high:.2f}{trusted} | | |",
        f"| test error, fine-tuned | **{error:.2f} %** | 0.95 % | {network['seconds']:.0f} s of training |",
        "",
        f"The machine: {options.epochs} epochs, {options.greedy} of them for each layer alone; k = {options.k};",
        f"{options.sweeps} sweeps of the mean field; 100 persistent chains; batches of 100.",
        f"The network: {options.tune} epochs without dropout, averaged weights, the epoch chosen by validation.",
        "Published: Salakhutdinov, Hinton: Deep Boltzmann machines (2009), from all 60,000 images.",
    ]
    title = "MNIST, deep Boltzmann machine 784-500-1000: variational bound and fine-tuned error"
    result("mnist_dbm", title, lines, options.save)


if __name__ == "__main__":
    main()
