"""Workers on this machine: processes of Dask's own program, each with a GPU where there are some, started again."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from ..backend import probe_driver
from ..errors import ClusterError, printable, shortened
from ..interruption import end_processes

GRACE = 10.0  # seconds that a worker has to end after it was asked to
VISIBLE = "CUDA_VISIBLE_DEVICES"
PROGRAM = "distributed.cli.dask_worker"


class Processes:
    """Workers that belong to this process, and end with it.

    Args:
        scheduler: address.
        count: how many.
        device: where they compute, as :func:`~gpunet.backend.resolve_device` takes it.
    """

    def __init__(self, scheduler: str, count: int, device: str):
        self._scheduler, self._threads = scheduler, max(1, (os.cpu_count() or 1) // count)
        self._gpus = [] if device == "cpu" else visible_gpus(os.environ)
        self._said = [tempfile.TemporaryFile() for _ in range(count)]  # noqa: SIM115 - closed in end
        self.running = [self._start(number) for number in range(count)]

    def watch(self) -> None:
        """Start those again that were killed.

        Raises:
            ClusterError: one ended by itself.
        """
        for number, process in enumerate(self.running):
            code = process.poll()
            if code is None:
                continue
            if code >= 0:
                rule, remedy = "needs workers that go on", "See whether the package distributed is whole"
                raise ClusterError("dask", rule, f"one that ended with code {code}{self._last(number)}", remedy)
            self.running[number] = self._start(number)

    def end(self) -> None:
        """Ask all to end, and wait for them."""
        end_processes(self.running, GRACE)
        for file in self._said:
            file.close()

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        words = ["--no-nanny", "--no-dashboard", "--nthreads", str(self._threads), "--memory-limit", "0"]
        command = [sys.executable, "-m", PROGRAM, self._scheduler, *words, "--local-directory", tempfile.gettempdir()]
        environment = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical"}
        if self._gpus:
            environment[VISIBLE] = self._gpus[number % len(self._gpus)]
        said: Any = self._said[number]
        # A session of its own: an interrupt of the terminal is for this process, which asks the others to end.
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )

    def _last(self, number: int) -> str:
        """The last line that a worker has said."""
        self._said[number].seek(0)
        lines = self._said[number].read().decode(errors="replace").split("\n")
        found = [line for line in lines if line.strip()]
        return f", {shortened(printable(found[-1].strip()))}" if found else ""


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """What each GPU that this process may use is called in ``CUDA_VISIBLE_DEVICES``.

    >>> visible_gpus({"CUDA_VISIBLE_DEVICES": "2,3"}), visible_gpus({"CUDA_VISIBLE_DEVICES": ""})
    (['2', '3'], [])
    """
    if VISIBLE in environment:
        return [name.strip() for name in environment[VISIBLE].split(",") if name.strip()]
    return [str(number) for number in range(len(probe_driver().gpus))]
