"""Clusters told on the terminal: who is at work, and who is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpunet.cluster import check_answers, opened
from gpunet.persistence import RunFolder

from .execution import DRY
from .remarks import remark

if TYPE_CHECKING:
    from gpunet.cluster import Cluster


def end_dry_run(run: str | None, dask: str | None = None, device: str = "auto") -> None:
    """Say that a dry run is over, once it is known that there is a place to write to and a cluster that answers.

    Args:
        run: folder that would be written to, None for the next free one.
        dask: cluster whose workers would train, or None.
        device: where they would compute.

    Raises:
        ConfigError: the folder holds something already, or no such cluster.
        WriteError: the folder cannot be made.
        ClusterError: nothing answers there, or no worker that can be used.
    """
    RunFolder.check(run)
    if dask is not None:
        check_answers(dask, device, remark)
    remark(DRY)


@contextmanager
def cluster_at(place: str, device: str) -> Iterator[Cluster]:
    """A cluster for as long as the block runs, told in a line.

    Args:
        place: address of its scheduler, or ``local:N``.
        device: where its workers compute.

    Raises:
        ConfigError: no such place, or no ``distributed``.
        ClusterError: nothing answers there, or no worker that can be used.
    """
    with opened(place, device, remark) as cluster:
        workers = cluster.workers()
        threads = sum(workers.values())
        remark(f"Dask: {len(workers)} worker{'s' if len(workers) > 1 else ''}, {threads} threads at {cluster.address}")
        yield cluster
