"""Members on a cluster: those that are made apart are shared by its workers, others are one task for each ensemble."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..backend import Device
from ..checkpoint import Checkpoint
from ..cluster import Cluster, Task, Tasks
from ..errors import Interrupted
from ..experiment import Experiment
from ..interruption import Stop
from ..stages import Callbacks
from .making import Made, Making
from .methods import Method

Known = tuple[Sequence[Experiment], Method, Sequence[Checkpoint | None]]


@dataclass(frozen=True)
class Share:
    """Some members of one of several ensembles.

    Attributes:
        which: the ensemble.
        first: member.
        size: how many.
    """

    which: int
    first: int
    size: int


def prepared(payload: Known, place: Device) -> Known:
    """The experiments in a worker, on its device."""
    experiments, method, sources = payload
    return [replace(one, device=place) for one in experiments], method, sources


def carried(known: Known, share: Share, task: Task) -> Any:
    """What a worker does: the contents of members that are made apart, or all that the method makes."""
    experiments, method, sources = known
    making = Making(
        experiments[share.which], share.size, sources[share.which], Callbacks(), task.stop, first=share.first
    )
    return method.members(making) if method.apart else method.make(making)


def made_on(
    cluster: Cluster,
    experiments: Sequence[Experiment],
    method: Method,
    size: int,
    sources: Sequence[Checkpoint | None],
    stop: Stop,
) -> Iterator[tuple[int, Made]]:
    """Make an ensemble of each experiment on the workers of a cluster; each is what it would be here.

    Args:
        cluster: that trains.
        experiments: of one configuration with several seeds.
        method: that makes the members.
        size: how many each has.
        sources: checkpoint that the members of each start from, or None.
        stop: ends all of it after the present step where it is requested.

    Yields:
        The place of an ensemble, and what was made of it, as they are finished.

    Raises:
        Interrupted: it was stopped.
        ClusterError: the cluster is lost.
        GpunetError: what training a member raised.
    """
    whole = not method.apart or experiments[0].config.places > 1
    parts = 1 if whole else max(1, -(-len(cluster.workers()) // len(experiments)))
    shares = [Share(which, *part) for which in range(len(experiments)) for part in divided(size, parts)]
    found: dict[Share, Any] = {}
    payload: Known = ([replace(one) for one in experiments], method, list(sources))
    with Tasks(cluster, prepared, carried, payload) as tasks:
        for place, made in tasks.each(list(shares), stop):
            found[shares[place]] = made
            which = shares[place].which
            own = [share for share in shares if share.which == which]
            if not all(share in found for share in own):
                continue
            if not method.apart:
                yield which, made
                continue
            making = Making(experiments[which], size, sources[which], stop=stop)
            yield which, method.joined(making, [content for share in own for content in found[share]])
    if len(found) < len(shares):
        raise Interrupted("ensemble", f"was stopped by {stop.requested}", None, "Begin again")


def divided(size: int, parts: int) -> list[tuple[int, int]]:
    """First member and number of members of each of so many parts, as equal as can be.

    >>> divided(5, 2), divided(2, 4)
    ([(0, 3), (3, 2)], [(0, 1), (1, 1)])
    """
    parts = min(parts, size)
    ends = [-(-size * part // parts) for part in range(parts + 1)]
    return [(first, last - first) for first, last in zip(ends, ends[1:])]
