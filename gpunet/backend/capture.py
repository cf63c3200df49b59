"""Capture: a step becomes one CUDA graph; on the CPU it stays the function that it is."""

from collections.abc import Callable, Hashable
from typing import Any

from .device import Device

WARM_UPS = 2  # eager runs before recording: the first compiles and allocates, the second shows that nothing is left


def capture(step: Callable[..., None], device: Device) -> Callable[..., None]:
    """Return a callable that runs ``step`` once per call, as a replayed CUDA graph on a CUDA device.

    Arguments must be hashable and static; each distinct set of them is a graph of its own.  The step must have fixed
    shapes, read nothing back to the host, and keep every number that changes between steps in device arrays.

    >>> calls = []
    >>> run = capture(lambda: calls.append("step"), Device())
    >>> run()
    >>> calls
    ['step']
    """
    return step if device.kind == "cpu" else _CapturedStep(step)


class _CapturedStep:
    """Each call performs exactly one step: eager while warming up, then recorded, then replayed."""

    def __init__(self, step: Callable[..., None]):
        import cupy

        self.step = step
        self.cuda = cupy.cuda
        # A graph keeps using the addresses it was recorded with, so no one else may be given them while it lives.
        self.pool = cupy.cuda.MemoryPool()
        self.runs: dict[tuple[Hashable, ...], int] = {}
        self.graphs: dict[tuple[Hashable, ...], Any] = {}

    def __call__(self, *key: Hashable) -> None:
        stream = self.cuda.get_current_stream()
        if key in self.graphs:
            self.graphs[key].launch(stream=stream)
            return
        self.runs[key] = self.runs.get(key, 0) + 1
        with self.cuda.using_allocator(self.pool.malloc):
            if self.runs[key] <= WARM_UPS:
                self.step(*key)
                return
            stream.begin_capture()
            try:
                self.step(*key)
            finally:
                graph = stream.end_capture()
        graph.upload(stream=stream)
        graph.launch(stream=stream)
        self.graphs[key] = graph
