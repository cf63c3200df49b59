"""Room in memory for the numerical libraries, claimed before anything else takes it.

Where a limit of the address space (``ulimit -v``) is too low for them, OpenBLAS ends the process by itself, now and
then by a signal: when it is loaded, with a thread for each processor, or later at its first product.
"""

import os
from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

from gpunet.errors import GpunetError

# Megabytes of address space, measured: a dry run of training took 251 with one thread, and a second took 40 more.
NEEDED, COMFORTABLE, OF_A_THREAD = 252, 400, 40
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
SIDE = 512  # of a product that all threads take part in


class Exhausted(GpunetError):
    """The machine ran out of something; said as it is, since what translates messages has to be loaded first."""


def claim_memory() -> None:
    """Under a limit, load the libraries with as many threads as it allows, and have them take their buffers.

    Raises:
        Exhausted: the limit is too low for one thread.
    """
    limit = getrlimit(RLIMIT_AS)[0]
    if limit == RLIM_INFINITY:
        return
    room = limit >> 20
    if room < NEEDED:
        rule = f"must have an address space of at least {NEEDED} MB"
        raise Exhausted("memory", rule, f"a limit of {room} MB", "Raise it, as with ulimit -v")
    allowed = 1 + max(0, room - COMFORTABLE) // OF_A_THREAD
    if asked_threads() > allowed:
        os.environ[THREADS[0]] = str(allowed)
    import numpy as np

    square = np.ones((SIDE, SIDE), np.float32)
    np.matmul(square, square, out=np.empty_like(square))


def asked_threads() -> int:
    """How many threads OpenBLAS would start."""
    for name in THREADS:
        if (given := os.environ.get(name, "")).isdecimal() and int(given) > 0:
            return int(given)
    return os.cpu_count() or 1
