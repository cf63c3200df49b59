"""Capture: a step becomes one CUDA graph; on the CPU it stays the function that it is."""

import re
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import finalize

from .device import Device
from .failures import GraphMemoryError, out_of_memory
from .pools import leave, sweep

NODE = re.compile(r'^\s*"(graph_\d+_node_\d+)"\s*\[', re.MULTILINE)  # in the drawing of a graph, as CUDA writes it
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
    return step if device.kind == "cpu" else _CapturedStep(step, device)


def repeat(step: Callable[..., None], times: int, *key: Hashable) -> None:
    """Make a step so many times in a row, as one graph on CUDA, once the step alone is one.

    Where there is no memory for the longer graph, the steps go on one by one.

    Args:
        step: what :func:`capture` gave.
        times: how often.
        key: the arguments.

    >>> calls = []
    >>> repeat(capture(lambda: calls.append("step"), Device()), 2)
    >>> calls
    ['step', 'step']
    """
    if isinstance(step, _CapturedStep):
        step.several(times, key)
        return
    for _ in range(times):
        step(*key)


def nodes_of(step: Callable[..., None], *key: Hashable) -> int | None:
    """How many nodes the graph of a captured step has, for the arguments that it is called with.

    Args:
        step: what :func:`capture` gave.
        key: the arguments.

    Returns:
        None for a step that is no graph: on the CPU, and before it was recorded.
    """
    graph = step.graphs.get(key) if isinstance(step, _CapturedStep) else None
    return None if graph is None else len(set(NODE.findall(_text(graph.debug_dot_str()))))


def _text(said: str | bytes) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


class _CapturedStep:
    """Each call performs exactly one step: eager while warming up, then recorded, then replayed."""

    def __init__(self, step: Callable[..., None], device: Device):
        self.step = step
        self.cuda = device.xp.cuda
        sweep(device.xp)  # of steps that are gone
        # A graph keeps using the addresses it was recorded with, so no one else may be given them while it lives.  CuPy
        # gives all free blocks of a pool back to the driver when it has no memory left, and to it those addresses are
        # free: so another graph, whose first runs may end that way, has a pool of its own.
        self.pools: dict[tuple[Hashable, ...], Any] = {}
        self.runs: dict[tuple[Hashable, ...], int] = {}
        self.graphs: dict[tuple[Hashable, ...], Any] = {}
        self.long: dict[tuple[Hashable, ...], dict[int, Any]] = {}  # of several steps each, by how many
        self.alone: set[tuple[Hashable, ...]] = set()  # for whose several steps there was no memory
        self.index = device.index
        finalize(self, leave, device.index, self.pools)

    def __call__(self, *key: Hashable) -> None:
        stream = self.cuda.get_current_stream()
        if key in self.graphs:
            self.graphs[key].launch(stream=stream)
            return
        self.runs[key] = self.runs.get(key, 0) + 1
        if key not in self.pools:
            self.pools[key] = self.cuda.MemoryPool()
        if self.runs[key] <= WARM_UPS:
            with self.cuda.using_allocator(self.pools[key].malloc):
                self.step(*key)
            return
        graph = self._graph(stream, key, 1)
        graph.launch(stream=stream)
        self.graphs[key] = graph

    def several(self, times: int, key: tuple[Hashable, ...]) -> None:
        """So many steps, by one launch where one of them is a graph already."""
        if times == 1 or key not in self.graphs or key in self.alone:
            for _ in range(times):
                self(*key)
            return
        stream, graphs = self.cuda.get_current_stream(), self.long.setdefault(key, {})
        if times not in graphs:
            try:
                # In the pool of the single step, whose free blocks are all that the steps ask for, one after the other.
                graphs[times] = self._graph(stream, key, times)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                self._forget(key)
                self.several(times, key)
                return
        graphs[times].launch(stream=stream)

    def _forget(self, key: tuple[Hashable, ...]) -> None:
        """Begin anew with single steps, whose blocks CuPy may have given back when memory ended."""
        self.alone.add(key)
        del self.graphs[key], self.long[key], self.runs[key]
        leave(self.index, {key: self.pools.pop(key)})

    def _graph(self, stream: Any, key: tuple[Hashable, ...], times: int) -> Any:
        """The graph of so many steps, ready to be launched."""
        with self.cuda.using_allocator(self.pools[key].malloc):
            graph = self._record(stream, key, times)
        with _memory_of_graph():
            graph.upload(stream=stream)
        return graph

    def _record(self, stream: Any, key: tuple[Hashable, ...], times: int) -> Any:
        """What steps launch; an error of a step is what is raised, not what its end makes of the capture."""
        stream.begin_capture()
        try:
            for _ in range(times):
                self.step(*key)
        except BaseException:
            with suppress(RuntimeError):  # CUDA's errors; the capture is invalid, and has to end all the same
                stream.end_capture()
            raise
        with _memory_of_graph():
            return stream.end_capture()


@contextmanager
def _memory_of_graph() -> Iterator[None]:
    """A block in which memory that ends is that of a graph.

    Raises:
        GraphMemoryError: it ended.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise GraphMemoryError("no memory for the graph of a step") from error
