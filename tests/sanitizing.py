"""Kernels as programs of threads that sanitizers watch: for memory and arithmetic, or for races.

A launch is a process of its own.  Every piece of memory that it is given is an allocation of its own, so that an index
one too far is noticed in it, as in shared memory; threads of a block are threads, so that what two of them touch with
no barrier in between is noticed, in whatever order they ran.  Blocks follow each other: what one writes and another one
of the same launch reads is found by the orders of the emulator instead.
"""

import ctypes
import os
import re
import struct
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.lib.array_utils import byte_bounds

from emulation import built, kernel_names
from gpunet.backend.translation import precision_of, unit

KINDS = {
    "memory": ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    "races": ("-fsanitize=thread",),
}
QUIET = {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0"}
REPORT = re.compile(r"ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:")


class SanitizerError(AssertionError):
    """A sanitizer reported something, or threads waited for others that did not come."""


class Sanitized:
    """Stands for the emulator.

    Args:
        kind: what is looked for, ``memory`` or ``races``.
        change: what is done to the text first, to see whether a fault is caught.
    """

    def __init__(self, kind, change=None):
        self.kind, self.change, self.launched = kind, change, []

    def __call__(self, path, name):
        """The kernel of a name, to be called as ``kernel(grid, block, arguments)``."""
        return self.of_text(unit(Path(path), precision_of(name)), name)

    def of_text(self, text, name):
        """The kernel of a name in a text."""
        program = compiled(self.change(text) if self.change else text, self.kind)

        def launch(grid, block, arguments):
            self.launched.append(name)
            run(program, name, grid, block, arguments)

        return launch


@cache
def compiled(text, kind):
    """The program of a text."""
    entries = ", ".join(f'{{"{name}", [](void **given) {{ launch({name}, given); }}}}' for name in kernel_names(text))
    runs = f"int main(int, char **words) {{ return run_file(words, {{{entries}}}); }}"
    return built("threaded.h", text, runs, ("-g1", "-pthread", *KINDS[kind]))


@cache
def works(kind):
    """Whether this compiler has the sanitizer, and this machine lets it run."""
    text = 'extern "C" __global__ void nothing(int *x) { x[threadIdx.x] += 1; }'
    try:
        run(compiled(text, kind), "nothing", (1,), (4,), (np.zeros(4, np.int32),))
    except (AssertionError, OSError):
        return False
    return True


def run(program, name, grid, block, arguments):
    """One launch; arrays hold afterwards what it has written."""
    spans = _spans([a for a in arguments if isinstance(a, np.ndarray) and a.size])
    with TemporaryDirectory() as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        before.write_bytes(_written(grid, block, spans, arguments))
        try:
            done = subprocess.run(
                [program, name, before, after], capture_output=True, text=True, timeout=300, env=os.environ | QUIET
            )
        except subprocess.TimeoutExpired:
            raise SanitizerError(f"{name} did not end: some threads waited at a barrier for others") from None
        if done.returncode or REPORT.search(done.stderr):
            raise SanitizerError(f"{name}: {done.stderr[:2000] or done.returncode}")
        content, place = after.read_bytes(), 0
    for start, stop, writeable in spans:
        if writeable:
            _memory(start, stop)[:] = np.frombuffer(content, np.uint8, stop - start, place)
        place += stop - start


def _spans(arrays):
    """(start, stop, whether it may be written) of memory; arrays that overlap stay together."""
    spans = []
    for start, stop, writeable in sorted((*byte_bounds(a), a.flags.writeable) for a in arrays):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]), writeable or spans[-1][2])
        else:
            spans.append((start, stop, writeable))
    return spans


def _memory(start, stop):
    return np.ctypeslib.as_array((ctypes.c_uint8 * (stop - start)).from_address(start))


def _written(grid, block, spans, arguments):
    """A launch as the program reads it."""
    parts = [struct.pack("6I", *(*grid, 1, 1)[:3], *(*block, 1, 1)[:3]), struct.pack("Q", len(spans))]
    for start, stop, _ in spans:
        parts += [struct.pack("Q", stop - start), _memory(start, stop).tobytes()]
    parts.append(struct.pack("Q", len(arguments)))
    for one in arguments:
        if not isinstance(one, np.ndarray):
            parts += [struct.pack("qq", -1, one.nbytes), one.tobytes()]
        elif not one.size:
            parts += [struct.pack("qq", -1, 8), bytes(8)]
        else:
            first = one.__array_interface__["data"][0]
            number = next(n for n, (start, stop, _) in enumerate(spans) if start <= first < stop)
            parts.append(struct.pack("qq", number, first - spans[number][0]))
    return b"".join(parts)
