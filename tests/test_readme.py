"""The table and the names of README are those of the code; its examples run in test_manual.py."""

import inspect
import re
from pathlib import Path

from gpunet import data, initializers, layers, losses, metrics, optimizers, rbm, schedules

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

FAMILIES = {
    "augmentations": (data, "Augmentation"),
    "preparations": (data, "Preparation"),
    "layers": (layers, "Layer"),
    "losses": (losses, "Loss"),
    "optimizer rules": (optimizers, "Rule"),
    "weight averages": (optimizers, "Averaging"),
    "schedules": (schedules, "Schedule"),
    "initializers": (initializers, "Initializer"),
    "RBM units": (rbm, "Units"),
    "RBM sample sources": (rbm, "Chains"),
    "metrics": (metrics, "Metric"),
}


def catalogue():
    """The table of what is there, by name."""
    rows = ["| family | members |", "|---|---|"]
    for family, (room, base) in FAMILIES.items():
        kind = getattr(room, base)
        exported = [getattr(room, name) for name in sorted(room.__all__, key=str.lower)]
        names = [f"`{c.__name__}`" for c in exported if inspect.isclass(c) and issubclass(c, kind) and c is not kind]
        rows.append(f"| {family} | {', '.join(names)} |")
    return "\n".join(rows)


def test_the_catalogue_is_that_of_the_code():
    assert catalogue() in README, f"put this table into README.md:\n{catalogue()}"


def test_named_files_exist_and_nothing_is_left_to_fill_in():
    assert not re.findall(r"@[A-Z]+@", README)
    for path in re.findall(r"`((?:gpunet|datasets|benchmarks|docs)/[\w/.-]+)`", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w/.-]+)\)", README):
        assert (ROOT / path).exists(), path
