"""Threads of the host: how many a product gets, and several parts of one computation at once.

A product of a small block is too short for the threads of BLAS, which wait for each other after each one, and what is
copied between the products is done by one of them alone.  So blocks run beside each other instead, each with products
of one thread; and where products are small throughout, all of them have one thread.
"""

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

SMALL_PRODUCT = 1 << 24  # multiplications: about half a millisecond of one core
SMALL_WORK = 1e10  # multiplications: about a quarter of a second of one core


def lanes() -> int:
    """How many parts can run at once: as many as BLAS may have threads, which OMP_NUM_THREADS and its like say.

    Inside of :func:`run_beside` it is 1: lanes do not split again.
    """
    with _STATE.lock:
        if _STATE.beside:
            return 1
        counts = _STATE.before if _STATE.depth else tuple(library.num_threads for library in _libraries())
    return max(counts, default=1)


def threads_for(product: float, work: float) -> AbstractContextManager[None]:
    """A block whose products have one thread each, where threads would cost more than they give.

    A thread of BLAS that the system has taken off its core is waited for after each product, which costs milliseconds
    on a machine with other work; a small product takes less.  The rule looks at the numbers of the computation alone,
    never at the machine: the number of threads changes the last bits of a product.

    Args:
        product: multiplications of the largest product.
        work: multiplications of all products until results are looked at, such as those of an epoch.

    >>> with threads_for(32 * 256 * 256, 1e8):
    ...     lanes() > 0
    True
    """
    return nullcontext() if threads_pay(product, work) else _one_thread_each()


def threads_pay(product: float, work: float) -> bool:
    """Whether products of a computation use all threads, see :func:`threads_for`."""
    return product >= SMALL_PRODUCT and work >= SMALL_WORK


def blas() -> list[tuple[str, int]]:
    """Name with version, and threads, of each BLAS library of this process."""
    return [(f"{found.internal_api} {found.version or ''}".strip(), int(found.num_threads)) for found in _libraries()]


@contextmanager
def threads_of_blas(count: int) -> Iterator[None]:
    """A block whose products have so many threads, to measure them."""
    before = [library.num_threads for library in _libraries()]
    for library in _libraries():
        library.set_num_threads(count)
    try:
        yield
    finally:
        for library, number in zip(_libraries(), before):
            library.set_num_threads(number)


def run_beside(tasks: Sequence[Callable[[], Any]]) -> None:
    """Run tasks that do not depend on each other, beside each other, and wait for all; products have one thread each.

    With one task, or where BLAS may have one thread alone, they run one after the other in this thread.  The error of
    one is raised when all are done.

    >>> found = []
    >>> run_beside([lambda: found.append(1), lambda: found.append(1)])
    >>> found
    [1, 1]
    """
    count = min(lanes(), len(tasks))
    if count < 2:
        for task in tasks:
            task()
        return
    with _one_thread_each(beside=True):
        futures = [_pool(count).submit(task) for task in tasks]
        for future in futures:
            future.exception()  # waits
        for future in futures:
            future.result()


class _State:
    """Who has taken the threads of BLAS, and how many there were before: counted, as several threads may train."""

    def __init__(self) -> None:
        self.lock, self.depth, self.beside = threading.Lock(), 0, 0
        self.before: tuple[int, ...] = ()


_STATE = _State()


@contextmanager
def _one_thread_each(beside: bool = False) -> Iterator[None]:
    with _STATE.lock:
        if _STATE.depth == 0:
            _STATE.before = tuple(library.num_threads for library in _libraries())
            for library in _libraries():
                library.set_num_threads(1)
        _STATE.depth += 1
        _STATE.beside += beside
    try:
        yield
    finally:
        with _STATE.lock:
            _STATE.depth -= 1
            _STATE.beside -= beside
            if _STATE.depth == 0:
                for library, count in zip(_libraries(), _STATE.before):
                    library.set_num_threads(count)


@cache
def _libraries() -> list[Any]:
    """The BLAS libraries of this process; looked for when they are first needed, which keeps the start short."""
    control: Any = importlib.import_module("threadpoolctl")
    return [found for found in control.ThreadpoolController().lib_controllers if found.user_api == "blas"]


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="gpunet-lane")


def _forget() -> None:
    """A forked process has none of the threads."""
    _pool.cache_clear()
    _STATE.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
