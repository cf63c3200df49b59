"""What runs in a worker: one task at a time, on the device that the worker has, until it is done or not wanted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..backend import Device, resolve_device, threads_of_blas
from ..errors import ClusterError
from ..interruption import Stop

LOOK = 0.2  # seconds between looks whether a task is still wanted
_ONE = threading.Lock()  # a worker may have many threads, but one device
_PREPARED: dict[str, Any] = {}


@dataclass(frozen=True)
class Task:
    """What a task has beside its argument.

    Attributes:
        stop: requested where nobody waits for it any more: it was cancelled, or its client or scheduler is gone.
        tell: sends plain data to whoever waits, at once.
    """

    stop: Stop
    tell: Callable[[Any], None]


def carried(key: str, content: bytes, argument: Any, device: str, topic: str) -> Any:
    """The result of a function in this worker.

    Args:
        key: of the content, whose preparation is kept for the next task.
        content: what :func:`packed` made.
        argument: of this task.
        device: as :func:`~gpunet.backend.resolve_device` takes it.
        topic: under which the client listens.

    Raises:
        ClusterError: the content has something that this worker does not have.
    """
    import cloudpickle
    from distributed import get_worker

    worker = get_worker()
    own = str(worker.get_current_task())

    def tell(message: Any) -> None:
        worker.log_event(topic, (own, message))

    with _ONE, threads_of_blas(worker.state.nthreads), _wanted(worker, own) as stop:
        place = resolve_device(device)
        with place.activate():
            if key not in _PREPARED:
                _PREPARED.clear()  # one at a time: it may fill the device
                try:
                    prepare, payload, function = cloudpickle.loads(content)
                except (ImportError, AttributeError) as error:
                    rule = "must have on its workers what is sent to them"
                    remedy = "Put it into a module that they can import"
                    raise ClusterError("dask", rule, str(error), remedy) from None
                _PREPARED[key] = function, prepare(payload, place)
            function, known = _PREPARED[key]
            return function(known, argument, Task(stop, tell))


def packed(prepare: Callable[[Any, Device], Any], payload: Any, function: Callable[[Any, Any, Task], Any]) -> bytes:
    """What all tasks of a kind share, as it is sent.

    Args:
        prepare: makes what the function works on out of the payload, on the device of a worker.
        payload: anything; classes that no module has go with it.
        function: of what was prepared, the argument of a task and a :class:`Task`.
    """
    import cloudpickle

    content: bytes = cloudpickle.dumps((prepare, payload, function))
    return content


@contextmanager
def _wanted(worker: Any, key: str) -> Iterator[Stop]:
    """While this is open, a thread looks whether the task is still wanted; what it yields is requested when not."""
    stop, over = Stop(), threading.Event()

    def look() -> None:
        while not over.wait(LOOK):
            task = worker.state.tasks.get(key)
            if task is None or task.state != "executing" or worker.status.name not in ("running", "paused"):
                stop.request("its client")
                return

    thread = threading.Thread(target=look, daemon=True, name="wanted")
    thread.start()
    try:
        yield stop
    finally:
        over.set()
        thread.join()
