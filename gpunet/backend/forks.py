"""A second stream beside the present one: what does not depend on each other is done at the same time on CUDA.

A fork is an event that the second stream waits for, a join one that the present stream waits for; inside a capture they
become the dependencies of a graph and no nodes.
"""

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

First = TypeVar("First")
Second = TypeVar("Second")

_beside = ContextVar("beside", default=False)


def is_beside() -> bool:
    """Whether what is launched now goes onto the second stream."""
    return _beside.get()


def fork(first: Callable[[], First], second: Callable[[], Second], device: int) -> tuple[First, Second]:
    """Do two things that do not depend on each other, the first on the second stream of this thread; both are joined.

    Inside of ``first`` nothing forks again.

    Args:
        first: only launches; memory that it takes must not be given to others before the end.
        second: likewise, on the present stream.
        device: number of the CUDA device.
    """
    if is_beside():
        return first(), second()
    cupy: Any = importlib.import_module("cupy")
    main, lane = cupy.cuda.get_current_stream(), _lane(device, threading.get_ident())
    lane.fork(main)
    try:
        token = _beside.set(True)
        try:
            with lane.stream:
                found = first()
        finally:
            _beside.reset(token)
        other = second()
    except BaseException:
        with suppress(RuntimeError):  # CUDA's errors, which follow from the one that is raised
            lane.join(main)
        raise
    lane.join(main)
    return found, other


class _Lane:
    """The second stream of one thread on one device, with the events that tie it to the present one."""

    def __init__(self) -> None:
        cupy: Any = importlib.import_module("cupy")
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self._forked, self._joined = (cupy.cuda.Event(disable_timing=True) for _ in range(2))

    def fork(self, main: Any) -> None:
        """Let the second stream begin when what was launched so far is done."""
        main.record(self._forked)
        self.stream.wait_event(self._forked)

    def join(self, main: Any) -> None:
        """Let the present stream go on when what the second one was given is done."""
        self.stream.record(self._joined)
        main.wait_event(self._joined)


@cache
def _lane(_device: int, _thread: int) -> _Lane:
    return _Lane()
