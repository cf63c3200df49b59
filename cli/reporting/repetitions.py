"""Runs that differ in their seeds alone, taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .runs import SEEDING, RunFile


@dataclass(frozen=True)
class Repetition:
    """Runs of one configuration; each of their members is one sample of what a seed does.

    Attributes:
        label: what tells it from the others of the report.
        runs: at least one.
    """

    label: str
    runs: Sequence[RunFile]

    @property
    def first(self) -> RunFile:
        """The run whose pictures are shown."""
        return self.runs[0]

    @property
    def members(self) -> int:
        """How many models there are, those that diverged among them."""
        return sum(max(1, len(run.seeds)) for run in self.runs)

    @property
    def diverged(self) -> int:
        """How many of them left the finite numbers, which no mean counts."""
        return sum(len(run.diverged) for run in self.runs)

    @property
    def apart(self) -> str:
        """What tells its models from each other, in a few words."""
        keys = [key.rpartition(".")[2].replace("_", " ") for key in self.first.places]
        seeds = len({seed for run in self.runs for seed in run.seeds})
        by = f"by {' and '.join(keys)}" if keys else "one for each seed"
        several = f", {seeds} seeds each" if keys and seeds > 1 else ""
        gone = f"; {self.diverged} diverged and left out" if self.diverged else ""
        return f"{by}{several}{gone}"

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """Measured numbers that all runs have, over all members."""
        names = [name for name in self.first.scores if all(name in run.scores for run in self.runs)]
        return {name: np.concatenate([run.scores[name] for run in self.runs]) for name in names}

    @property
    def confusion(self) -> np.ndarray | None:
        """Summed over all runs that have one of the same classes."""
        found = [run.confusion for run in self.runs if run.classes == self.first.classes]
        kept = [counts for counts in found if counts is not None]
        return np.sum(kept, axis=0) if kept else None

    @property
    def layers(self) -> list[str]:
        """Names of the layers of a stack; empty for everything else."""
        return list(self.first.layers)

    def columns(self, layer: int | None = None) -> list[str]:
        """Names of the numbers that each epoch has, in training as a whole or of one layer of a stack."""
        return list(_history(self.first, layer))

    def curves(self, name: str, layer: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Epochs and values of one number, for each member."""
        found = []
        for run in self.runs:
            history = _history(run, layer)
            if name in history and len(history["epoch"]):
                epochs = history["epoch"][:, 0]
                found += [(epochs, column) for column in history[name].T]
        return found


def _history(run: RunFile, layer: int | None) -> dict[str, np.ndarray]:
    """The numbers of a run; of one layer where it is a stack, and those of its only training where it is none."""
    layers = list(run.layers.values())
    if layer is None:
        return run.history
    return layers[layer] if layer < len(layers) else (run.history if not layers and layer == 0 else {})


def repetitions(runs: Sequence[RunFile]) -> list[Repetition]:
    """Gather runs by configuration, in the order in which they were given, under labels that tell them apart.

    A seed that was seen before, as in another checkpoint of the same run, is no further sample of what seeds do: such a
    run becomes an experiment of its own.
    """
    groups: list[list[RunFile]] = []
    for run in runs:
        alike = (group for group in groups if group[0].experiment == run.experiment)
        fitting = next((group for group in alike if not any({*run.seeds} & {*other.seeds} for other in group)), None)
        if fitting is None:
            groups.append([run])
        else:
            fitting.append(run)
    if len(groups) == 1:
        return [Repetition(_name(groups[0][0]), groups[0])]
    differing = differences([group[0].settings for group in groups])
    labels = [_label(group, differing) for group in groups]
    return [
        Repetition(label if labels.count(label) == 1 else f"{label} · {group[0].name}", group)
        for label, group in zip(labels, groups)
    ]


def differences(settings: Sequence[dict[str, Any]]) -> list[str]:
    """Names of settings that are not the same everywhere, seeds apart."""
    names = dict.fromkeys(name for each in settings for name in each)
    missing = object()
    return [
        n for n in names if n not in SEEDING and any(s.get(n, missing) != settings[0].get(n, missing) for s in settings)
    ]


def _name(run: RunFile) -> str:
    return str(run.settings.get("name") or run.name)


def _label(group: Sequence[RunFile], differing: Sequence[str]) -> str:
    """The name of the configuration, with up to two settings that make it differ where names do not."""
    run = group[0]
    return _name(run) if len(differing) > 3 else " ".join([_name(run), *(_setting(run, name) for name in differing)])


def _setting(run: RunFile, name: str) -> str:
    return f"{name.rpartition('.')[2]}={run.settings[name]}" if name in run.settings else f"no {name}"
