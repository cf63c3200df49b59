"""Recipes on the digits that come along: minutes on two cores."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunet.studies import paired_difference

from .base import Finding, Recipe, Runner

# Of a machine of digits and class with 100 labels: what both arms share, and what suits each on validation, see
# benchmarks/digits_labels.py.
FEW = [
    "classrbm", "data.labels=100", "model.hidden=100", "model.generative=1", "model.chains=100",
    "training.updates=25", "optimizer=sgd", "optimizer.momentum=0.5",
]  # fmt: skip
FIRST = ["training.epochs=60", "optimizer.learning_rate={name='ramp', start=0.3, stop=0.003, epochs=60}"]
LABELS_ALONE = [*FIRST, "model.unlabelled=0", "training.batch_size=100"]
SUMMED_OUT = [*FIRST, "model.unlabelled=1", "training.batch_size=250", "training.monitor=last"]
AND_SURE = [
    "model.unlabelled=1", "model.entropy=3", "training.batch_size=250", "training.epochs=30",
    "optimizer.learning_rate={name='ramp', start=0.1, stop=0.003, epochs=30}",
]  # fmt: skip


def dbn(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
    """A stack is pretrained and fine-tuned, beside the same network from random weights and a ReLU one."""
    how = ["--labels", "100", "model.hidden=[64,64]", "training.epochs=25"]
    found = run("compare", "compare", *data, "--seeds", len(seeds), *how)
    by_arm = {entry["arm"]: entry for entry in found["results"]}
    errors = [100 * error for error in by_arm["pretrained"]["test_error"]]
    others = [
        f"{arm}: {100 * _mean(entry['test_error']):.2f} %" for arm, entry in by_arm.items() if arm != "pretrained"
    ]
    return Finding(tuple(errors), lines=(*others, *found["conclusions"]))


def few_labels(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
    """How many points of accuracy the samples without labels add, seed by seed."""
    accuracies = {}
    begun = f"{run.path('summed-out')}/best.h5"
    arms = (
        ("alone", LABELS_ALONE),
        ("summed-out", SUMMED_OUT),
        ("all", [*AND_SURE, "--from", begun]),  # goes on from the one before
    )
    for name, words in arms:
        # Each member draws its own hundred labels, and all arms the same.
        found = run(name, "train", *FEW, *words, *data, "--seeds", len(seeds))
        accuracies[name] = found["test_accuracy"]
    gains = [100 * (more - alone) for more, alone in zip(accuracies["all"], accuracies["alone"])]
    lines = [
        f"{said}: {100 * _mean(accuracies[name]):.2f} % right"
        for name, said in (("alone", "100 labels alone"), ("all", "with the other images of the training part"))
    ]
    better, mean = sum(gain > 0 for gain in gains), paired_difference(accuracies["all"], accuracies["alone"])
    bracket = None if mean.low is None or mean.high is None else (100 * mean.low, 100 * mean.high)
    p = _by_chance(gains)
    chance = f"signs of the differences alike or stronger by chance: p {'< 0.001' if p < 1e-3 else f'= {p:.3f}'}"
    return Finding(tuple(gains), bracket, (*lines, f"better with {better} of {len(gains)} seeds", chance))


def residual(run: Runner, data: Sequence[str], seeds: Sequence[int]) -> Finding:
    """The preset resnet-digits over as many splits, each trained with its own seed."""
    found = [
        run(f"split-{seed}", "train", "resnet-digits", *data, "--seed", seed, f"data.split_seed={seed}")
        for seed in seeds
    ]
    return Finding(tuple(100 * document["test_accuracy"][0] for document in found))


def _by_chance(gains: Sequence[float]) -> float:
    """How often a mean as far from 0 comes of signs that are drawn by chance: the exact sign-flip test, two-sided.

    >>> _by_chance([1.0] * 6)
    0.03125
    """
    flips = 1 - 2 * (np.arange(2 ** len(gains))[:, None] >> np.arange(len(gains)) & 1)
    means = flips @ np.asarray(gains)
    return float(np.mean(np.abs(means) >= abs(sum(gains)) - 1e-9))


def _mean(values: Any) -> float:
    return sum(values) / len(values)


DIGITS = (
    Recipe(
        "digits-demo",
        "A deep belief network on the digits with 100 labels, 64-64-64-10, as make demo runs it",
        "test error",
        "%",
        10.06,
        "gpunet, README, 2026-11-26: 10.06 % pretrained, 12.41 % from random weights, 10.12 % with ReLU",
        1.0,
        False,
        (0, 1, 2, 3, 4, 5),
        3.9,
        "digits",
        dbn,
    ),
    Recipe(
        "digits-few-labels",
        "A machine of digits and class that learns from 100 labels and 1,157 images without one",
        "points of accuracy that images without labels add",
        "points",
        0.0,
        "Larochelle, Mandel, Pascanu, Bengio: Learning algorithms for the classification restricted Boltzmann machine, "
        "JMLR 13 (2012), section 6, on other data: samples without labels help",
        0.0,
        True,
        tuple(range(20)),
        6.0,
        "digits",
        few_labels,
    ),
    Recipe(
        "digits-resnet",
        "A residual network on the digits, preset resnet-digits, over six splits",
        "test accuracy",
        "%",
        99.51,
        "gpunet, benchmarks/results/digits_resnet.md, 2026-11-26; nothing published of this network",
        0.5,
        True,
        (0, 1, 2, 3, 4, 5),
        3.6,
        "digits",
        residual,
    ),
)
