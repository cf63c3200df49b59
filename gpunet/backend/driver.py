"""Ask the CUDA driver itself whether there is a GPU, without importing CuPy.

CuPy's ``is_available()`` answers False for every error, so a broken driver would look like no GPU; and importing it
only to learn that there is none costs seconds.  A look at libcuda costs milliseconds and says what is wrong.
"""

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class DriverReport:
    """What the driver said: the names of its GPUs, its CUDA version such as ``"13.0"``, or why there is none."""

    gpus: tuple[str, ...] = ()
    cuda_version: str = ""
    problem: str = ""


def probe_driver() -> DriverReport:
    """Ask libcuda for its GPUs; a missing or failing driver is told in ``problem``, never raised."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        cuda = ctypes.CDLL(library)
    except OSError:
        return DriverReport(problem=f"no NVIDIA driver ({library} not found)")
    code = cuda.cuInit(0)
    if code:
        return DriverReport(problem=f"the NVIDIA driver failed: {_error_text(cuda, code)}")
    version, count = ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    names = []
    for index in range(count.value):
        name = ctypes.create_string_buffer(128)
        cuda.cuDeviceGetName(name, len(name), index)
        names.append(name.value.decode(errors="replace"))
    return DriverReport(
        gpus=tuple(names),
        cuda_version=f"{version.value // 1000}.{version.value % 1000 // 10}",
        problem="" if names else "the NVIDIA driver sees no GPU",
    )


def _error_text(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return f"{(text.value or b'unknown error').decode()} (code {code})"
