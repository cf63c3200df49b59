"""Tasks on a cluster: one at a time for each worker, and what came of them, or that their worker is gone."""

import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ..backend import Device
from ..errors import ClusterError
from ..interruption import Stop
from .carrying import Task, carried, packed
from .cluster import Cluster
from .place import NAME

ATTEMPTS = 3  # after which a task is given up: it may be what ends its workers
PAUSE = 0.2  # seconds between looks at the cluster
Job = Hashable


@dataclass(frozen=True)
class Gone:
    """What came of a task whose worker ended before it."""

    worker: str


@dataclass(eq=False)
class _Running:
    job: Job
    worker: str
    future: Any


class Tasks:
    """Tasks of one kind, whose payload is sent once to each worker.

    Whoever uses it starts as many as workers are free, and looks at what has ended, until none is left; a task is not
    started again by itself where its worker is gone, see :meth:`each` for that.

    Args:
        cluster: that carries them out.
        prepare: makes what the function works on out of the payload, once in each worker, on its device.
        function: of what was prepared, the argument of a task and a :class:`~gpunet.cluster.carrying.Task`.
        payload: that all share.
        told: called with the job and each message that a running task tells.
    """

    def __init__(
        self,
        cluster: Cluster,
        prepare: Callable[[Any, Device], Any],
        function: Callable[[Any, Any, Task], Any],
        payload: Any,
        told: Callable[[Any, Any], None] | None = None,
    ):
        self._cluster, self._content = cluster, packed(prepare, payload, function)
        self._told, self._topic = told, f"gpunet-{uuid.uuid4().hex}"
        self._sent: dict[str, Any] = {}  # the payload in each worker
        self._running: dict[Job, _Running] = {}
        self._events: queue.SimpleQueue[tuple[_Running, bool, Any]] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def __enter__(self) -> "Tasks":
        """Listen to what tasks tell."""
        if self._told is not None:
            self._cluster.client.subscribe_topic(self._topic, lambda event: self._messages.put(event[1]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whatever still runs is not wanted any more."""
        for job in list(self._running):
            self.cancel(job)
        if self._told is not None and self._cluster.client.status == "running":
            self._cluster.client.unsubscribe_topic(self._topic)
        self._sent.clear()

    @property
    def running(self) -> list[Any]:
        """Jobs that were started and have not ended."""
        return list(self._running)

    def free(self) -> int:
        """How many workers have nothing to do.

        Raises:
            ClusterError: the cluster is lost.
        """
        return len(self._idle())

    def start(self, job: Job, argument: Any) -> bool:
        """Give a task to a worker that has nothing to do; False where there is none any more.

        Args:
            job: its name, which no running one has.
            argument: of the function.

        Raises:
            ClusterError: the cluster is lost.
        """
        for worker in self._idle():
            client = self._cluster.client
            try:
                if worker not in self._sent:
                    self._sent[worker] = client.scatter(self._content, workers=[worker], hash=False)
                future = client.submit(
                    carried, self._topic, self._sent[worker], argument, self._cluster.device, self._topic,
                    workers=[worker], pure=False, retries=0, key=f"gpunet-{uuid.uuid4().hex}",
                )  # fmt: skip
            except (OSError, TimeoutError, RuntimeError, ValueError, KeyError):
                if worker in self._cluster.workers():  # which says so where the scheduler is gone
                    raise
                continue
            running = self._running[job] = _Running(job, worker, future)
            threading.Thread(target=self._wait, args=(running,), daemon=True, name="result").start()
            return True
        return False

    def ended(self, wait: float = PAUSE) -> list[tuple[Any, Any]]:
        """Jobs that have ended, each with what its function returned, the error that it raised, or :class:`Gone`.

        Args:
            wait: at most so many seconds for the first.

        Raises:
            ClusterError: the cluster is lost.
        """
        found: list[tuple[Any, Any]] = []
        doubtful: list[_Running] = []
        timeout = wait
        while True:
            try:
                running, over, value = self._events.get(timeout=timeout)
            except queue.Empty:
                break
            timeout = 0.001
            if self._running.get(running.job) is not running:
                continue  # it was cancelled, or is gone
            if not over:
                doubtful.append(running)
                continue
            del self._running[running.job]
            found.append((running.job, value))
        self._pass_on()
        there = self._cluster.workers()
        for running in list(self._running.values()):
            if running.worker in there and running not in doubtful:
                continue
            if running.worker in there and running in doubtful:
                raise self._cluster.lost()
            del self._running[running.job]
            running.future.cancel()
            found.append((running.job, Gone(running.worker)))
        self._sent = {worker: held for worker, held in self._sent.items() if worker in there}
        return found

    def cancel(self, job: Job) -> None:
        """A task is not wanted any more; its worker ends it after its present step."""
        running = self._running.pop(job, None)
        if running is not None and self._cluster.client.status == "running":
            running.future.cancel()

    def each(self, arguments: list[Any], stop: Stop) -> Iterator[tuple[int, Any]]:
        """Carry out a task for each argument, as many at a time as there are workers, and begin again what was lost.

        Args:
            arguments: of the function; more may be appended while results come.
            stop: no more results come once it is requested.

        Yields:
            The place of an argument and what came of it, as they end.

        Raises:
            ClusterError: the cluster is lost, or a task was begun :data:`ATTEMPTS` times in vain.
            GpunetError: what a task raised.
        """
        known, left, gone = 0, deque[int](), dict[int, int]()
        while not stop.requested:
            left.extend(range(known, len(arguments)))
            known = len(arguments)
            if not (left or self._running):
                return
            while left and self.start(left[0], arguments[left[0]]):
                left.popleft()
            for place, value in self.ended():
                if isinstance(value, Gone):
                    gone[place] = gone.get(place, 0) + 1
                    if gone[place] >= ATTEMPTS:
                        raise given_up(gone[place])
                    left.appendleft(place)
                elif isinstance(value, BaseException):
                    raise value
                else:
                    yield place, value

    def _idle(self) -> list[str]:
        busy = {running.worker for running in self._running.values()}
        return [worker for worker in self._cluster.workers() if worker not in busy]

    def _wait(self, running: _Running) -> None:
        """Wait for a result in a thread of its own."""
        try:
            value = running.future.result()
        except CancelledError:
            self._events.put((running, False, None))
        except Exception as error:  # noqa: BLE001 - whatever the task raised is passed on
            self._events.put((running, True, error))
        else:
            self._events.put((running, True, value))

    def _pass_on(self) -> None:
        """Tell what running tasks have told."""
        while not self._messages.empty():
            key, message = self._messages.get()
            for running in list(self._running.values()):  # which a message may have ended
                if running.future.key == key and self._told is not None:
                    self._told(running.job, message)


def given_up(times: int) -> ClusterError:
    """What is said of a task that may be what ends its workers."""
    remedy = "It may need more memory than they have"
    return ClusterError(NAME, "must carry out each task", f"one whose worker was gone {times} times", remedy)
