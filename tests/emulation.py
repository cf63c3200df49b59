"""CUDA text that runs on the processor, so that tests can check what kernels compute where there is no GPU.

A kernel is compiled as C++ against the headers of ``tests/cuda`` and called with NumPy arrays as CuPy would call it.
Arrays are copied between guards before a launch: what is read beyond an array is a huge number, and what is written
there is found.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from gpunet.backend.translation import precision_of, unit

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
HEADERS = Path(__file__).parent / "cuda"
CACHE = Path(__file__).parents[1] / ".pytest_cache" / "kernels"
ORDERS = ("forward", "backward", "shuffled")
GUARD = 1 << 12  # bytes before and behind every array
PATTERN = 0xFE  # of which they are full: -5e303, or -1.7e38 in single precision


class OutOfBoundsError(AssertionError):
    """A kernel wrote beside one of its arrays."""


class DivergedBarrierError(AssertionError):
    """Threads of a block waited at a barrier that others did not come to."""


class Emulator:
    """Stands for :func:`gpunet.backend.kernels.kernel`.

    Args:
        order: in which blocks follow each other, and the threads of a block take turns between barriers.
        change: what is done to the text first, to see whether a fault is caught.
    """

    def __init__(self, order="forward", change=None):
        self.order, self.change, self.launched = ORDERS.index(order), change, []

    def __call__(self, path, name):
        """The kernel of a name, to be called as ``kernel(grid, block, arguments)``."""
        return self.of_text(unit(Path(path), precision_of(name)), name)

    def of_text(self, text, name):
        """The kernel of a name in a text."""
        library = compiled(self.change(text) if self.change else text)

        def launch(grid, block, arguments):
            self.launched.append(name)
            assert all(size > 0 for size in (*grid, *block)), f"{name} is launched on an empty grid"
            memory = _Memory([a for a in arguments if isinstance(a, np.ndarray)])
            held = [memory.pointer(a) if isinstance(a, np.ndarray) else _number(a) for a in arguments]
            given = (ctypes.c_void_p * len(held))(*(ctypes.addressof(one) for one in held))
            sizes = [(ctypes.c_uint * 3)(*(*size, 1, 1)[:3]) for size in (grid, block)]
            if getattr(library, f"run_{name}")(*sizes, given, self.order):
                raise DivergedBarrierError(name)
            memory.return_to(name)

        return launch


def _number(value):
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())


class _Memory:
    """Copies of arrays between guards; arrays that overlap stay as they lie to each other."""

    def __init__(self, arrays):
        self.spans = []  # [start, stop, bytes between guards, whether they may be written]
        for start, stop, writeable in sorted((*byte_bounds(a), a.flags.writeable) for a in arrays if a.size):
            if self.spans and start < self.spans[-1][1]:
                last = self.spans[-1]
                last[1], last[3] = max(last[1], stop), last[3] or writeable
            else:
                self.spans.append([start, stop, None, writeable])
        for span in self.spans:
            size = span[1] - span[0]
            whole = np.full(size + 2 * GUARD + 64, PATTERN, np.uint8)
            first = GUARD + (span[0] - whole.ctypes.data - GUARD) % 64  # aligned as the array is
            ctypes.memmove(whole.ctypes.data + first, span[0], size)
            span[2] = whole, first
        self.empty = np.zeros(8, np.uint8)

    def pointer(self, array):
        if not array.size:
            return ctypes.c_void_p(self.empty.ctypes.data)
        start, _ = byte_bounds(array)
        span = next(s for s in self.spans if s[0] <= start < s[1])
        whole, first = span[2]
        return ctypes.c_void_p(whole.ctypes.data + first + array.__array_interface__["data"][0] - span[0])

    def return_to(self, name):
        for start, stop, (whole, first), writeable in self.spans:
            size = stop - start
            if not (whole[:first] == PATTERN).all() or not (whole[first + size :] == PATTERN).all():
                raise OutOfBoundsError(name)
            if writeable:
                ctypes.memmove(start, whole.ctypes.data + first, size)


@cache
def compiled(text):
    """A library with a function ``run_<name>(grid, block, arguments, order)`` for each kernel of a text.

    Libraries are kept by what they are made of, so that the processes of a test run compile each text once.
    """
    runs = "\n".join(
        f'extern "C" int run_{name}(const unsigned *grid, const unsigned *block, void **given, unsigned order) '
        f"{{ return launch({name}, grid, block, given, order); }}"
        for name in kernel_names(text)
    )
    options = ("-shared", "-fPIC", "-fno-gnu-unique", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    kept = built("emulated.h", text, runs, options)
    symbols = subprocess.run(["nm", "-S", "-D", str(kept)], capture_output=True, text=True, check=True).stdout
    library = ctypes.CDLL(str(kept))
    library.share.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    for size, name in re.findall(r"^\w+ (\w+) \w (_ZZ\w+)$", symbols, re.MULTILINE):  # static variables of functions
        library.share(ctypes.addressof(ctypes.c_char.in_dll(library, name)), int(size, 16))
    return library


def built(header, text, runs, options):
    """What the compiler makes of a text with what runs its kernels; kept by all that it is made of."""
    whole = "\n".join([*((HEADERS / name).read_text() for name in ("language.h", header)), text, runs, ""])
    words = [COMPILER, "-O1", "-std=c++17", "-w", *options]
    kept = CACHE / hashlib.sha256("\n".join([whole, *words, _version()]).encode()).hexdigest()
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=CACHE) as folder:
            (Path(folder) / "text.cpp").write_text(whole)
            done = subprocess.run(
                [*words, "text.cpp", "-o", "text"], cwd=folder, capture_output=True, text=True, timeout=500
            )
            assert done.returncode == 0, done.stderr[:3000]
            (Path(folder) / "text").replace(kept)
    return kept


@cache
def _version():
    return subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True).stdout


@cache
def kernel_names(text):
    """The kernels of a text, as they are once its macros are replaced."""
    words = [COMPILER, "-E", "-P", "-x", "c++", "-D__CUDACC__=1", "-"]
    plain = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout
    return re.findall(r"__global__\s+void\s+(?:__launch_bounds__\s*\(\s*\d+\s*\)\s*)?(\w+)\s*\(", plain)


def at_odd_places(array):
    """The same numbers as a view into wider rows, at an address that is aligned to one number and no more."""
    wide = np.full((*array.shape[:-1], array.shape[-1] + 3), np.nan if array.dtype.kind == "f" else 7, array.dtype)
    view = as_strided(wide.reshape(-1)[1:], array.shape, wide.strides)
    view[...] = array
    return view
