"""Clusters told on the terminal: who is at work, and who is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gpunet.cluster import opened

from .remarks import remark

if TYPE_CHECKING:
    from gpunet.cluster import Cluster


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
