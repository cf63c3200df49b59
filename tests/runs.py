"""Short trainings on the bundled digits."""

from dataclasses import replace

from gpunet.config import load_config
from gpunet.data import split
from gpunet.datasets import load
from gpunet.experiment import Experiment, Run
from gpunet.stages import Stack


def make_run(preset, device, two_classes=False, **overrides):
    """One epoch of a preset, with overrides; of a stack the last layer's run."""
    config = load_config(preset, {"training.epochs": 1, **overrides}, {})
    dataset = load("digits")
    if two_classes:
        dataset = replace(dataset, y=dataset.y % 2, classes=("even", "odd"))
    parts = split(dataset, validation=0.15, test=0.15, seed=0)
    if config.model.name != "dbn":
        run = Run(Experiment(config, dataset, parts, device))
        run.train()
        return run
    for run in Stack(Experiment(config, dataset, parts, device)).stages():
        run.train()
    return run
