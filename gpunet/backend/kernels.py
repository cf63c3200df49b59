"""The kernel cache: CUDA text in, compiled kernel out, once per device."""

import re
from functools import cache
from pathlib import Path
from typing import Any

OPTIONS = ("--std=c++17",)
INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


def kernel(path: Path, name: str) -> Any:
    """Return the kernel ``name`` of a ``.cu`` file, compiled for the current CUDA device.

    CuPy keeps the compiled text on disk, so that only the first run on a machine compiles.
    """
    import cupy

    return _compiled(path, name, cupy.cuda.Device().id)


@cache
def _compiled(path: Path, name: str, device: int) -> Any:
    return _module(path, device).get_function(name)


@cache
def _module(path: Path, _device: int) -> Any:
    import cupy

    return cupy.RawModule(code=text(path), options=OPTIONS)


@cache
def text(path: Path) -> str:
    """A file with those that it includes in their places, so that what is compiled is known whole by its text."""
    return INCLUDE.sub(lambda found: text((path.parent / found[1]).resolve()), path.read_text(encoding="utf-8"))
