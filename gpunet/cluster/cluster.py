"""A cluster as this process sees it: whether it answers, and which of its workers can take tasks."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from ..errors import ClusterError, printable, shortened
from .place import NAME, Local, place_of, require_distributed
from .processes import Processes

ANSWER = 10.0  # seconds in which a scheduler answers
APPEAR = 60.0  # seconds in which the first worker of a cluster appears, and in which one returns when all are gone
PAUSE = 0.1  # seconds between looks at those that are to come
UNGREETED = (OSError, TimeoutError, ValueError, TypeError, LookupError, AttributeError, ImportError, MemoryError)
AGREE = ("gpunet", "distributed")  # packages of which workers have the versions of here
Answer = TypeVar("Answer")


class Cluster:
    """A scheduler and its workers.

    Args:
        client: of Dask.
        device: where its workers compute.
        note: told in one line of workers that come and cannot be used.
        processes: that are its workers, where they were started here.
    """

    def __init__(
        self, client: Any, device: str, note: Callable[[str], object] = str, processes: Processes | None = None
    ):
        self.client, self.device, self._note, self._processes = client, device, note, processes
        self.address = str(client.scheduler.address)
        self._unfit: dict[str, str] = {}  # why a worker cannot be used, or nothing, by address
        self._seen = time.monotonic()

    def workers(self) -> dict[str, int]:
        """Addresses of the workers that can be used, with their threads.

        Raises:
            ClusterError: no answer, or no worker for a while.
        """
        if self._processes is not None:
            self._processes.watch()
        there: dict[str, int] = self.asked(self.client.nthreads)
        if any(address not in self._unfit for address in there):
            self._look_at(there)
        fit = {address: threads for address, threads in there.items() if not self._unfit.get(address, "unknown")}
        now = time.monotonic()
        if fit:
            self._seen = now
        elif self._processes is None and now - self._seen > APPEAR:
            remedy = f"Start some with dask worker {self.address}"
            raise ClusterError(NAME, "must have workers", f"none in {APPEAR:g} seconds", remedy)
        return fit

    def wait(self) -> None:
        """Wait for workers: all of this machine, or the first one of another.

        Raises:
            ClusterError: none comes, or none that can be used.
        """
        wanted = 1 if self._processes is None else len(self._processes.running)
        while len(self.workers()) < wanted:
            if self._unfit and all(self._unfit.values()):
                address, reason = next(iter(self._unfit.items()))
                rule, _, received = reason.partition(", got ")
                raise ClusterError(f"{NAME} worker {address}", rule, received, _same())
            time.sleep(PAUSE)

    def asked(self, question: Callable[[], Answer]) -> Answer:
        """What the scheduler answers.

        Raises:
            ClusterError: it does not.
        """
        if self.client.status != "running":
            raise self.lost()
        try:
            return question()
        except (OSError, TimeoutError, RuntimeError):  # RuntimeError: a client that is closing
            raise self.lost() from None

    def lost(self) -> ClusterError:
        """What is said where the scheduler is gone."""
        remedy = "What was finished is kept; start it again and go on"
        return ClusterError(NAME, "must have a scheduler that answers", f"none at {self.address} any more", remedy)

    def _look_at(self, there: Mapping[str, int]) -> None:
        """Find out which workers that have come can be used."""
        found = self.asked(lambda: self.client.get_versions(packages=["gpunet"]))
        for address in there:
            if address in found["workers"] and address not in self._unfit:
                reason = self._unfit[address] = difference(found["client"], found["workers"][address])
                if reason:
                    self._note(f"{NAME} worker {address} is left out: it {reason}")
        self._unfit = {address: reason for address, reason in self._unfit.items() if address in there}


def difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    """Why a worker cannot take tasks of this process, or nothing.

    Args:
        here: what Dask says about the versions of this process.
        there: of the worker.

    >>> here = {"host": {"python": "3.11.7"}, "packages": {"gpunet": "0.1.0", "distributed": "2026.8.0"}}
    >>> difference(here, here), difference(here, {**here, "packages": {"gpunet": None}})
    ('', 'must have gpunet 0.1.0, got none')
    """
    python = [".".join(str(one["host"]["python"]).split(".")[:2]) for one in (here, there)]
    pairs = [(f"Python {python[0]}", python[0], python[1])]
    for name in AGREE:
        ours, theirs = (one["packages"].get(name) for one in (here, there))
        pairs.append((f"{name} {ours}", ours, theirs))
    for name, ours, theirs in pairs:
        if ours != theirs:
            return f"must have {name}, got {shortened(printable(str(theirs or 'none')))}"
    return ""


def _same() -> str:
    from .. import __version__

    return f"Install the same there: pip install 'gpunet[distributed]=={__version__}'"


@contextmanager
def opened(place: Any, device: str = "auto", note: Callable[[str], object] = str) -> Iterator[Cluster]:
    """A cluster for as long as the block runs.

    Args:
        place: ``tcp://HOST:PORT`` of a scheduler, ``local:N`` for N workers that are started here and end with it, or a
            client of Dask, which stays open.
        device: where workers compute.
        note: told in one line of workers that come and cannot be used.

    Raises:
        ConfigError: no such place, or no ``distributed``.
        ClusterError: nothing answers there, or no worker that can be used.
    """
    if not isinstance(place, str) and hasattr(place, "scheduler_info"):
        cluster = Cluster(place, device, note)
        cluster.wait()
        yield cluster
        return
    where = place_of(place)
    distributed = require_distributed()
    _quiet()
    if isinstance(where, str):
        with _client(distributed, where) as client:
            cluster = Cluster(client, device, note)
            cluster.wait()
            yield cluster
        return
    try:
        scheduler = distributed.LocalCluster(
            n_workers=0, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=False
        )
    except (OSError, RuntimeError) as error:
        raise ClusterError(NAME, "needs a port for its scheduler", _first(error), "Close some programs") from None
    processes = None
    try:
        with _client(distributed, scheduler.scheduler_address) as client:
            processes = Processes(scheduler.scheduler_address, where.count, device)
            cluster = Cluster(client, device, note, processes)
            cluster.wait()
            yield cluster
    finally:
        if processes is not None:
            processes.end()
        scheduler.close(timeout=ANSWER)


def check_answers(place: Any, device: str = "auto", note: Callable[[str], object] = str) -> None:
    """Refuse a cluster that could not be opened, as far as that is known without starting workers.

    Args:
        place: as for :func:`opened`.
        device: where workers compute.
        note: told in one line of workers that cannot be used.

    Raises:
        ConfigError: no such place, or no ``distributed``.
        ClusterError: nothing answers there, or no worker that can be used.
    """
    if isinstance(place, str) and isinstance(place_of(place), Local):
        require_distributed()
        return
    with opened(place, device, note):
        pass


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    """A client for as long as the block runs.

    Raises:
        ClusterError: nothing answers there.
    """
    thing, rule = f"{NAME} {address}", "must be a Dask scheduler that answers"
    remedy = f"See that it runs and can be reached: dask scheduler --port {address.rpartition(':')[2]}"
    scheme, _, rest = address.partition("://")
    if scheme != "ucx":
        host, _, port = rest.rpartition(":")
        try:  # the system says what is wrong, and at once
            socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
        except OSError as error:
            raise ClusterError(thing, rule, error.strerror or _first(error), remedy) from None
    try:
        client = _greeted(distributed, address)
    except UNGREETED as error:
        # A scheduler of another version, and whatever is no scheduler, may fail in reading the greeting.
        raise ClusterError(thing, rule, _first(error), remedy) from None
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError, RuntimeError):  # it is over, whether the scheduler hears it or not
            client.close(timeout=ANSWER)


def _greeted(distributed: Any, address: str) -> Any:
    """A client of a scheduler, which has answered in time: one that is silent would be waited for without end."""
    client, failed = distributed.Client.__new__(distributed.Client), list[BaseException]()

    def greet() -> None:
        try:
            client.__init__(address, timeout=ANSWER, set_as_default=False, name="gpunet")
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody waits for it
            failed.append(error)

    thread = threading.Thread(target=greet, daemon=True, name="greeting")
    thread.start()
    thread.join(2 * ANSWER)
    if thread.is_alive() or failed:
        client.status = "closed"  # else it tries to say goodbye when it is collected, and tells that it could not
        raise failed[0] if failed else TimeoutError("something that does not greet")
    return client


def _first(error: BaseException) -> str:
    """The first line of what an error says."""
    return shortened(printable((str(error).splitlines() or [type(error).__name__])[0].rstrip(".")), 200)


def _quiet() -> None:
    """Have Dask's logs keep still about what is said here, and its graphs be as large as weights are."""
    import dask

    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "bokeh", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"})
