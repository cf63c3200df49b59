"""Carrying out a comparison: the stack, all arms, and a folder that holds what came of them after each."""

import json
import time
from collections.abc import Iterator

from ..checkpoint import Checkpoint, Group, read
from ..cluster import Cluster, Tasks
from ..errors import Interrupted
from ..interruption import Stop
from ..paths import exists
from ..persistence import RunFolder, dump, snapshot
from ..plain import finite
from ..stages import Callbacks, carry_out_population, runs_of
from .arms import ARMS, Arm, ArmResult, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .listing import RESULTS
from .remote import ArmTask, PretrainTask, carried, payload_of, prepared, without_run

NETWORK = "tune.toml"
PRETRAINED = next(number for number, arm in enumerate(ARMS) if arm.pretrained)
PLAIN = [number for number, arm in enumerate(ARMS) if not arm.pretrained]


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
    cluster: Cluster | None = None,
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
        cluster: whose workers pretrain and train, an arm with one number of labels each; then callbacks are told of
            arms when they are over.

    Raises:
        Interrupted: ``stop`` was requested; what was finished is in the folder.
        DivergedError: an arm stays finite with no learning rate.
        ClusterError: the cluster is lost; what was finished is in the folder.
    """
    told, stop = callbacks or ComparisonCallbacks(), stop or Stop()
    if pretrained is None:
        comparison.check_pretraining()
    if cluster is not None:
        return _carry_out_on(cluster, comparison, folder, pretrained, told, stop)
    results: list[ArmResult] = []
    for labels, source in _sources(comparison, folder, pretrained, told, stop):
        for arm in ARMS:
            told.on_arm(arm, labels)
            result = comparison.result(arm, labels, source, told.on_trial, stop, told.on_note)
            if result is None:
                raise _interrupted(stop, folder)
            results.append(result)
            _write(comparison, folder, results, *without_run(result))
    return results


def _write(
    comparison: Comparison, folder: RunFolder, results: list[ArmResult], result: ArmResult, network: Group
) -> None:
    """Write the network that an arm chose, and all figures so far that can be compared."""
    folder.write(f"{result.arm.name}-{result.labels}.h5", network)
    _write_network(comparison, folder)
    with_pretrained = {one.labels for one in results if one.arm.pretrained}
    if comparable := [one for one in results if one.labels in with_pretrained]:
        found = finite(document(comparison, comparable))
        folder.write_text(RESULTS, json.dumps(found, indent=2) + "\n")


def _write_network(comparison: Comparison, folder: RunFolder) -> None:
    """Write how all arms are tuned, with the first thing that is kept: a start that fails leaves nothing behind."""
    if not exists(folder.path / NETWORK):
        folder.write_text(NETWORK, dump(comparison.network))


def _carry_out_on(
    cluster: Cluster,
    comparison: Comparison,
    folder: RunFolder,
    pretrained: Checkpoint | None,
    told: ComparisonCallbacks,
    stop: Stop,
) -> list[ArmResult]:
    """The same on a cluster: stacks first, then arms that need none, and those on a stack as soon as it is there."""
    own = comparison.labelled_pretraining and pretrained is None  # a stack for each number of labels
    stacks = comparison.labels[: None if own else 1] if pretrained is None else []
    waiting: list[PretrainTask | ArmTask] = [PretrainTask(labels) for labels in stacks]
    waiting += [ArmTask(n, labels, None) for labels in comparison.labels for n in PLAIN]
    if pretrained is not None:
        source = Source.recorded(pretrained)
        waiting[:0] = [ArmTask(PRETRAINED, labels, source) for labels in comparison.labels]
    results: list[ArmResult] = []
    with Tasks(cluster, prepared, carried, payload_of(comparison)) as tasks:
        for place, found in tasks.each(waiting, stop):
            done = waiting[place]
            if isinstance(done, PretrainTask):
                source = _kept(comparison, done.labels, folder, *found)
                labels_of_it = [done.labels] if own else comparison.labels
                waiting += [ArmTask(PRETRAINED, labels, source) for labels in labels_of_it]
                continue
            result, network = found
            results = sorted([*results, result], key=lambda one: (one.labels, ARMS.index(one.arm)))
            told.on_arm(result.arm, result.labels)
            for trial in result.trials:
                told.on_trial(trial)
            _write(comparison, folder, results, result, network)
    if stop.requested:
        raise _interrupted(stop, folder)
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
    done = carry_out_population(lambda own, _: runs_of(own), experiment, told, stop)
    if not done.finished:
        raise _interrupted(stop, folder)
    seconds = time.perf_counter() - began
    content = snapshot(done.run, best=True, portrait=told.portrait(done.run))
    return _kept(comparison, labels, folder, content, seconds)


def _kept(comparison: Comparison, labels: int, folder: RunFolder, content: Group, seconds: float) -> Source:
    """A pretrained stack, written and read again."""
    name = f"stack-{labels}.h5" if comparison.labelled_pretraining else "stack.h5"
    folder.write(name, content)
    _write_network(comparison, folder)
    return Source(read(folder.path / name), seconds)


def _interrupted(stop: Stop, folder: RunFolder) -> Interrupted:
    return Interrupted("compare", f"was stopped by {stop.requested}", None, f"What was finished is in {folder.path}")
