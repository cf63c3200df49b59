"""The kernel cache: CUDA text in, compiled kernel out, once per device."""

from functools import cache
from pathlib import Path
from typing import Any

OPTIONS = ("--std=c++17",)


def kernel(path: Path, name: str) -> Any:
    """Return the kernel ``name`` of a ``.cu`` file, compiled for the current CUDA device.

    CuPy keeps the compiled text on disk, so that only the first run on a machine compiles.
    """
    import cupy

    return _compiled(path, name, cupy.cuda.Device().id)


@cache
def _compiled(path: Path, name: str, _device: int) -> Any:
    import cupy

    return cupy.RawModule(code=path.read_text(encoding="utf-8"), options=OPTIONS).get_function(name)
