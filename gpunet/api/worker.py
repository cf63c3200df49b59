"""The program of a worker of a search: ``python -m gpunet.api.worker FOLDER DEVICE WORKERS [SOURCE]``.

It ends by itself when none is left, when it is asked to by a signal, or when the process that started it is gone.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..backend import resolve_device
from ..errors import GpunetError
from ..interruption import SIGNALS, Stop, stops_on_signals
from ..searches import Journal, goal_of, started_by, work
from .searching import reopened


def main(arguments: Sequence[str]) -> int:
    """Work until there is nothing left to do; the exit code."""
    folder, device, workers, *source = arguments
    stop, parent = Stop(), os.getppid()
    with stops_on_signals(stop, SIGNALS, ()):
        place = resolve_device(device)
        with place.activate():
            search = reopened(Path(folder), place, source[0] if source else None)
            goal = goal_of(search)
            journal = Journal(Path(folder), search.identity(), goal.higher, begins=False)
            work(search, goal, journal, stop, go_on=started_by(parent), workers=int(workers))
    return 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except GpunetError as error:
        sys.stderr.write(f"gpunet: {error}\n")
        code = error.exit_code
    sys.exit(code)
