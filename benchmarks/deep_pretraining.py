"""Pretraining of deep networks beside tuned controls, on the bundled digits with six seeds.

    python benchmarks/deep_pretraining.py [--part growth|denoising|both] [--save]

Growth: a residual network that is trained block by block, against the same network trained at once for as many epochs.
Denoising: a convnet from the encoder of a denoising autoencoder, against the same convnet from random weights, with few
labels.  Every arm chooses its learning rate by the mean validation error and its epoch on validation; the test part is
scored once with what was chosen.  Differences are paired by seed.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import tempfile
import time
from pathlib import Path

import numpy as np
from page import result, saving

from gpunet.backend import resolve_device
from gpunet.checkpoint import read, write
from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Experiment
from gpunet.persistence import snapshot
from gpunet.stages.execution import runs_of
from gpunet.studies import paired_difference

SEEDS = 6
GROWTH = {"model.width": 32, "model.blocks": 6}
EPOCHS = 4  # of each network that grows
CONVNET = {"model.channels": [8, 16], "model.hidden": [64]}


def trained(settings, preset, source=None):
    """The last run of a training, with its best weights, and the seconds that all its runs took."""
    dataset = load("digits")
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    config = load_config(preset, {"members": SEEDS, **settings}, {})
    began = time.process_time()
    for run in runs_of(Experiment(config, dataset, parts, resolve_device("cpu")), source):
        run.train(test=False)
    return run, time.process_time() - began


def tuned(settings, preset, rates, source=None):
    """Test errors of the best rate, that rate, and the seconds of all rates."""
    found, seconds = [], 0.0
    for rate in rates:
        run, took = trained(settings | {"optimizer.learning_rate": rate}, preset, source)
        seconds += took
        found.append((1 - float(run.selection.best_so_far.mean()), rate, run))
    _, rate, run = min(found, key=lambda each: each[0])
    run.score_test()
    return 1 - np.asarray(run.test_scores["accuracy"]), rate, seconds, len(run.split.test)


def row(name, arm, control=None):
    errors, rate, seconds, samples = arm
    shown = f"{100 * errors.mean():.2f} ± {100 * errors.std(ddof=1):.2f} %"
    between = ""
    if control is not None:
        found = paired_difference(errors.tolist(), control[0].tolist(), 1 / samples)
        between = f"{100 * found.mean:+.2f} ({100 * found.low:+.2f} to {100 * found.high:+.2f})"
    return f"| {name} | {shown} | {between} | {rate:g} | {seconds:.0f} |"


HEAD = ["| | test error | minus the control, 95 % | rate | seconds, all rates |", "|---|---|---|---|---|"]


def growth():
    """Grown in two ways, and at once."""
    rates, blocks = (1e-3, 3e-3, 1e-2), GROWTH["model.blocks"]
    grown = GROWTH | {"training.epochs": EPOCHS}
    at_once = tuned(GROWTH | {"model.grow": "none", "training.epochs": EPOCHS * blocks}, "grown", rates)
    yield f"Residual network of {blocks} blocks {GROWTH['model.width']} wide, all labels; rates {rates}."
    yield ""
    yield from HEAD
    yield row(f"at once, {EPOCHS * blocks} epochs (control)", at_once)
    for grow, said in (("all", "all so far learn"), ("newest", "the newest learns, at the end all")):
        yield row(
            f"block by block, {EPOCHS} epochs each, {said}",
            tuned(grown | {"model.grow": grow}, "grown", rates),
            at_once,
        )


def denoising():
    """From the encoder of a denoiser and from random weights, with few labels."""
    rates = (3e-3, 1e-2, 3e-2)
    run, seconds = trained({"model.channels": CONVNET["model.channels"], "training.epochs": 12}, "denoiser")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "d.h5", snapshot(run, best=True))
        source = read(Path(folder) / "d.h5")
    yield f"Convnet of {CONVNET['model.channels']} channels; rates {rates}. The denoiser took {seconds:.0f} s."
    for labels in (50, 200):
        settings = CONVNET | {
            "data.labels": labels, "training.updates": 20, "training.batch_size": 25, "training.epochs": 30
        }  # fmt: skip
        yield from ("", f"{labels} labels:", "", *HEAD)
        control = tuned(settings, "convnet", rates)
        yield row("from random weights (control)", control)
        yield row("from the encoder of the denoiser", tuned(settings, "convnet", rates, source), control)


def main():
    parser = saving(__doc__)
    parser.add_argument("--part", choices=("growth", "denoising", "both"), default="both")
    options = parser.parse_args()
    lines = [f"{SEEDS} seeds as one population, one thread; ± is the standard deviation over seeds."]
    for part in (growth, denoising):
        if options.part in (part.__name__, "both"):
            lines += ["", f"## {part.__name__.capitalize()}", "", *part()]
    result("deep_pretraining", "Pretraining of deep networks on digits", lines, options.save)


if __name__ == "__main__":
    main()
