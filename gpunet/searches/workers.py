"""Workers in processes of their own: started, watched, started again where one was killed, ended together."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import GpunetError
from ..interruption import Stop, end_processes

PROGRAM = "gpunet.api.worker"  # the module that a worker runs
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PAUSE = 0.2  # seconds between looks at them
GRACE = 60.0  # seconds that a worker has to end after it was asked to


class Workers:
    """Several processes that work on the trials of one folder.

    Args:
        folder: of the search.
        count: how many.
        device: where they compute, as :func:`~gpunet.backend.resolve_device` takes it.
        source: of the data, where they lie elsewhere than when the search was begun.
    """

    def __init__(self, folder: Path, count: int, device: str, source: str | None = None):
        self._command = [
            sys.executable,
            "-m",
            PROGRAM,
            str(folder),
            device,
            str(count),
            *([] if source is None else [source]),
        ]
        self._environment = dict(os.environ)
        if not any(name in os.environ for name in THREADS):
            share = max(1, (os.cpu_count() or 1) // count)
            self._environment |= dict.fromkeys(THREADS, str(share))
        self._count = count
        self.processes: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """While this is open they are at work; then they are asked to end, and waited for."""
        try:
            self.processes = [self._start() for _ in range(self._count)]
            yield
        finally:
            self._end()

    def watch(self, stop: Stop, look: Callable[[], None]) -> None:
        """Wait until all have ended by themselves; one that was killed is started again.

        Args:
            stop: ends the waiting.
            look: called now and then.

        Raises:
            GpunetError: one ended with an error, which it has told.
        """
        while not stop.requested:
            for place, process in enumerate(self.processes):
                code = process.poll()
                if code is not None and code < 0:
                    self.processes[place] = self._start()
                elif code:
                    thing, rule = "search", "needs workers that work"
                    raise GpunetError(thing, rule, f"one that ended with code {code}", "See what it said above")
            look()
            if all(process.poll() == 0 for process in self.processes):
                return
            time.sleep(PAUSE)

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL)

    def _end(self) -> None:
        end_processes(self.processes, GRACE)


def started_by(parent: int) -> Callable[[], bool]:
    """Whether the process that started this one is still there, asked before each trial."""
    return lambda: os.getppid() == parent


def names(processes: Sequence["subprocess.Popen[bytes]"]) -> list[int]:
    """The numbers of processes."""
    return [process.pid for process in processes]
