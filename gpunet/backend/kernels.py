"""Kernels by file and name: a file is compiled and loaded once for each precision and device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from .compiling import machine_code
from .translation import precision_of, unit

Told = Callable[[str, tuple[Any, ...]], None]
_watchers: list[Told] = []


def kernel(path: Path, name: str) -> Any:
    """Return the kernel ``name`` of a ``.cu`` file for the current CUDA device.

    The first one of a file and precision is compiled with all others of these, or comes out of the cache.
    """
    import cupy

    found = _found(path, name, cupy.cuda.Device().id)
    return _watched(found, name, tuple(_watchers)) if _watchers else found


@contextmanager
def launches_told(told: Told) -> Iterator[None]:
    """A block in which somebody is told of each launch of a kernel: its name and its arguments.

    What a captured graph launches when it is replayed is not among them.
    """
    _watchers.append(told)
    try:
        yield
    finally:
        _watchers.remove(told)


def _watched(found: Any, name: str, watchers: tuple[Told, ...]) -> Callable[..., None]:
    def launch(grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
        for told in watchers:
            told(name, arguments)
        found(grid, block, arguments)

    return launch


@cache
def _found(path: Path, name: str, device: int) -> Any:
    return _module(path, precision_of(name), device)(name)


@cache
def _module(path: Path, precision: str, device: int) -> Callable[[str], Any]:
    """What finds the kernels of a file by name."""
    import cupy

    capability = int(cupy.cuda.Device(device).compute_capability)
    module = cupy.cuda.Module()
    module.load(machine_code(cupy.cuda.nvrtc, capability, unit(path, precision)))
    return module.get_function
