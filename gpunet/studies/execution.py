"""Carrying out a comparison: the stack, all arms, and a folder that holds what came of them after each."""

import json
import time
from collections.abc import Iterator

from ..checkpoint import Checkpoint, read
from ..errors import Interrupted
from ..interruption import Stop
from ..persistence import RunFolder, dump, snapshot
from ..plain import finite
from ..stages import Callbacks, carry_out_population, runs_of
from .arms import ARMS, Arm, ArmResult, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .listing import RESULTS

NETWORK = "tune.toml"


class ComparisonCallbacks(Callbacks):
    """What is told while a comparison is carried out; the methods of its base tell of the stack's pretraining."""

    def on_arm(self, arm: Arm, labels: int) -> None:
        """An arm is about to be trained with that many labels."""

    def on_trial(self, trial: Trial) -> None:
        """An arm was trained with one learning rate."""


def carry_out_comparison(
    comparison: Comparison,
    folder: RunFolder,
    pretrained: Checkpoint | None = None,
    callbacks: ComparisonCallbacks | None = None,
    stop: Stop | None = None,
) -> list[ArmResult]:
    """Pretrain the stack, train every arm with every number of labels, and write what came of each.

    The folder then holds ``tune.toml`` (how all arms are tuned), the stack, the network that each arm chose, and all
    figures in ``compare.json``.

    Args:
        comparison: what is compared with what.
        folder: entered; files are written as soon as there is something to write.
        pretrained: a stack of an earlier run that fits; it is pretrained here without one.
        callbacks: what is told meanwhile.
        stop: ends the comparison after the present step where it is requested.

    Raises:
        Interrupted: ``stop`` was requested; what was finished is in the folder.
        DivergedError: an arm stays finite with no learning rate.
    """
    told, stop = callbacks or ComparisonCallbacks(), stop or Stop()
    folder.write_text(NETWORK, dump(comparison.network))
    results: list[ArmResult] = []
    for labels, source in _sources(comparison, folder, pretrained, told, stop):
        for arm in ARMS:
            told.on_arm(arm, labels)
            result = comparison.result(arm, labels, source, told.on_trial, stop, told.on_note)
            if result is None:
                raise _interrupted(stop, folder)
            results.append(result)
            folder.write(f"{arm.name}-{labels}.h5", snapshot(result.run, best=True))
            found = finite(document(comparison, results))
            folder.write_text(RESULTS, json.dumps(found, indent=2) + "\n")
    return results


def _sources(
    comparison: Comparison,
    folder: RunFolder,
    pretrained: Checkpoint | None,
    told: ComparisonCallbacks,
    stop: Stop,
) -> Iterator[tuple[int, Source]]:
    """Each number of labels with the stack to start from: one for all, unless pretraining looks at labels."""
    source = None if pretrained is None else Source.recorded(pretrained)
    for labels in comparison.labels:
        if source is None or (pretrained is None and comparison.labelled_pretraining):
            source = _pretrain(comparison, labels, folder, told, stop)
        yield labels, source


def _pretrain(comparison: Comparison, labels: int, folder: RunFolder, told: ComparisonCallbacks, stop: Stop) -> Source:
    """Train the stack, write it, and read it again as any other checkpoint."""
    began = time.perf_counter()
    experiment = comparison.stack(labels).experiment
    carried = carry_out_population(lambda own, _: runs_of(own), experiment, told, stop)
    if not carried.finished:
        raise _interrupted(stop, folder)
    seconds = time.perf_counter() - began
    name = f"stack-{labels}.h5" if comparison.labelled_pretraining else "stack.h5"
    folder.write(name, snapshot(carried.run, best=True, portrait=told.portrait(carried.run)))
    return Source(read(folder.path / name), seconds)


def _interrupted(stop: Stop, folder: RunFolder) -> Interrupted:
    return Interrupted("compare", f"was stopped by {stop.requested}", None, f"What was finished is in {folder.path}")
