"""CUDA text that runs on the processor, so that tests can check what kernels compute where there is no GPU.

A kernel is compiled as C++ against ``tests/cuda/emulated.h`` and called with NumPy arrays as CuPy would call it.
Arrays are copied between guards before a launch: what is read beyond an array is a huge number, and what is written
there is found.
"""

import ctypes
import itertools
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
HEADER = Path(__file__).parent / "cuda" / "emulated.h"
ORDERS = ("forward", "backward", "shuffled")
GUARD = 1 << 12  # bytes before and behind every array
PATTERN = 0xFE  # of which they are full: -5e303, or -1.7e38 in single precision


class OutOfBoundsError(AssertionError):
    """A kernel wrote beside one of its arrays."""


class Emulator:
    """Stands for :func:`gpunet.backend.kernels.kernel`.

    Args:
        order: in which the threads of a block take turns between barriers.
        change: what is done to the text first, to see whether a fault is caught.
    """

    def __init__(self, order="forward", change=None):
        self.order, self.change, self.launched = ORDERS.index(order), change, []

    def __call__(self, path, name):
        """The kernel of a name, to be called as ``kernel(grid, block, arguments)``."""
        text = Path(path).read_text()
        library = compiled(self.change(text) if self.change else text)

        def launch(grid, block, arguments):
            self.launched.append(name)
            held, pointers = [], []
            for argument in arguments:
                if isinstance(argument, np.ndarray):
                    whole = np.full(argument.nbytes + 2 * GUARD, PATTERN, np.uint8)
                    inside = whole[GUARD : GUARD + argument.nbytes].view(argument.dtype).reshape(argument.shape)
                    inside[...] = argument
                    held.append((argument, whole, inside))
                    pointers.append(ctypes.c_void_p(inside.ctypes.data))
                else:
                    pointers.append(np.ctypeslib.as_ctypes_type(argument.dtype)(argument.item()))
            given = (ctypes.c_void_p * len(pointers))(*(ctypes.addressof(pointer) for pointer in pointers))
            sizes = [(ctypes.c_uint * 3)(*(*size, 1, 1)[:3]) for size in (grid, block)]
            getattr(library, f"run_{name}")(*sizes, given, self.order)
            for argument, whole, inside in held:
                if not (whole[:GUARD] == PATTERN).all() or not (whole[GUARD + argument.nbytes :] == PATTERN).all():
                    raise OutOfBoundsError(name)
                if argument.flags.writeable:
                    argument[...] = inside

        return launch


@cache
def compiled(text):
    """A library with a function ``run_<name>(grid, block, arguments, order)`` for each kernel of a text."""
    names = kernel_names(text)
    runs = "\n".join(
        f'extern "C" void run_{name}(const unsigned *grid, const unsigned *block, void **given, unsigned order) '
        f"{{ launch({name}, grid, block, given, order); }}"
        for name in names
    )
    folder = Path(mkdtemp())
    (folder / "text.cpp").write_text(f'#include "{HEADER}"\n{text}\n{runs}\n')
    words = [COMPILER, "-O1", "-std=c++17", "-w", "-shared", "-fPIC", "-fno-gnu-unique", "-fsanitize=undefined",
             "-fno-sanitize-recover=all", "text.cpp", "-o", "text.so"]  # fmt: skip
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[:3000]
    symbols = subprocess.run(
        ["nm", "-S", "-D", "text.so"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    library = ctypes.CDLL(str(folder / "text.so"))
    library.share.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    for size, name in re.findall(r"^\w+ (\w+) \w (_ZZ\w+)$", symbols, re.MULTILINE):  # static variables of functions
        library.share(ctypes.addressof(ctypes.c_char.in_dll(library, name)), int(size, 16))
    shutil.rmtree(folder)
    return library


def kernel_names(text):
    """The kernels of a text, those of its macros for every type included."""
    names = re.findall(r"__global__ void (?:__launch_bounds__\(\d+\) )?(\w+?)(##NAME)?\(", text)
    types = re.findall(r"^KERNELS\((\w+), (\w+)\)$", text, re.MULTILINE)
    plain = [name for name, pasted in names if not pasted]
    return plain + [f"{name}{kind}" for (name, pasted), (_, kind) in itertools.product(names, types) if pasted]
