"""A comparison on a cluster: stacks and arms as tasks; what comes back is written where the comparison was begun."""

from dataclasses import dataclass, replace
from typing import Any

from ..backend import Device
from ..checkpoint import Group
from ..cluster import Task
from ..errors import Interrupted
from ..inspection.portrait import portrait
from ..persistence import snapshot
from ..stages import Callbacks, carry_out_population, runs_of
from .arms import ARMS, ArmResult, Source
from .comparison import Comparison


@dataclass(frozen=True)
class PretrainTask:
    """A stack to pretrain.

    Attributes:
        labels: for an arm with so many.
    """

    labels: int


@dataclass(frozen=True)
class ArmTask:
    """An arm to train.

    Attributes:
        arm: place in :data:`~gpunet.studies.arms.ARMS`.
        labels: how many it learns from.
        source: what it starts from, or None.
    """

    arm: int
    labels: int
    source: Source | None


def payload_of(comparison: Comparison) -> tuple[Any, ...]:
    """What workers need of a comparison."""
    return (
        replace(comparison.experiment), comparison.network, comparison.labels, comparison.rates, comparison.widen
    )  # fmt: skip


def prepared(payload: tuple[Any, ...], place: Device) -> Comparison:
    """The comparison in a worker, on its device."""
    experiment, *rest = payload
    return Comparison(replace(experiment, device=place), *rest)


def carried(comparison: Comparison, argument: PretrainTask | ArmTask, task: Task) -> Any:
    """What a worker does.

    Returns:
        Of a stack the content of its checkpoint, and the seconds that it took; of an arm its result without the run,
        and the content of the checkpoint of the network that it chose.

    Raises:
        Interrupted: nobody waits for it any more.
        DivergedError: no learning rate stays finite.
    """
    if isinstance(argument, PretrainTask):
        experiment = comparison.stack(argument.labels).experiment
        done = carry_out_population(lambda own, _: runs_of(own), experiment, Callbacks(), task.stop)
        if not done.finished:
            raise _stopped(task)
        return snapshot(done.run, best=True, portrait=portrait(done.run)), done.seconds
    result = comparison.result(ARMS[argument.arm], argument.labels, argument.source, stop=task.stop)
    if result is None:
        raise _stopped(task)
    return without_run(result)


def without_run(result: ArmResult) -> tuple[ArmResult, Group]:
    """A result as it can be sent, and the network that the arm chose."""
    assert result.run is not None, "it was trained here"
    return replace(result, run=None), snapshot(result.run, best=True)


def _stopped(task: Task) -> Interrupted:
    return Interrupted("compare", f"was stopped by {task.stop.requested}")
