"""A CUDA device for tests, made of NumPy: what CuPy would launch is run, recorded, counted and replayed.

:func:`recording` puts a stand-in for CuPy where ``import cupy`` finds it.  Its arrays are NumPy's memory, so code takes
its CUDA overrides; kernels are run by the emulator in one of its orders of threads, products of cuBLAS by NumPy; fresh
memory is NaN.  Capture works as on a GPU: a step is recorded, and each replay does the same on the same memory, with no
Python in between; uploads and reads are refused meanwhile.  What was launched on other streams is done when the events
that tie them allow it: at once, as late as can be, or some time between, as the order of threads says.
"""

import itertools
import math
import random
import sys
import weakref
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np

from blas import gemm
from emulation import Emulator
from gpunet.backend import Device, forks, kernels, products
from gpunet.testing import LOG, HostReadError, Traced, plain
from gpunet.testing.tracing import record

SPOILT = 0xFF  # every byte of memory that was not written: NaN, or -1
VIEWS = ("swapaxes", "moveaxis", "expand_dims", "atleast_2d")


class Recorded(Traced):
    """An array of the stand-in."""

    def set(self, host):
        """An upload, which CuPy makes of arrays of the very shape alone."""
        if STATE.capturing:
            raise HostReadError("a captured step must not upload")
        if host.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {host.shape}")
        plain(self)[...] = host

    def mean(self, axis=None, dtype=None, out=None, keepdims=False):
        """One launch, where NumPy divides a sum."""
        options = {"axis": axis, "dtype": dtype, "keepdims": keepdims}
        if out is None:
            return record(np.ndarray.mean, (self,), options, in_place=False, kind=Recorded)
        record(np.ndarray.mean, (self,), options | {"out": out}, in_place=True)
        return out

    def reshape(self, *shape):
        """A view, or a launch where memory does not allow one."""
        found = super().reshape(*shape)
        if np.may_share_memory(plain(found), plain(self)) or not self.size:
            return found
        return record(np.reshape, (self, found.shape), {}, in_place=False, kind=Recorded)

    def astype(self, dtype, copy=True):
        """A launch, but where the type is this one and no copy was asked for."""
        return self if not copy and self.dtype == dtype else super().astype(dtype)


Recorded.__module__ = "cupy"  # what ops choose by


@dataclass
class State:
    """What the stand-in is doing."""

    capturing: bool = False
    memory: list = field(default_factory=list)  # weak references to all of it
    pools: list = field(default_factory=list)
    streams: list = field(default_factory=list)  # the present one last
    deeds: list = field(default_factory=list)  # of a capture, each with the launches before it: see Ties
    order: str = "forward"


STATE = State()


class Stream:
    """A stream; what is launched on it outside of a capture is done at once."""

    numbers = itertools.count(1)

    def __init__(self, non_blocking=False):
        self.ptr = next(self.numbers)

    def __enter__(self):
        STATE.streams.append(self)
        self._did("enter", self)
        return self

    def __exit__(self, *_):
        STATE.streams.pop()
        self._did("enter", STATE.streams[-1])

    def _did(self, what, about, event=None):
        if STATE.capturing:
            STATE.deeds.append((len(LOG), what, about, event))

    def record(self, event=None):
        """Note in an event what was launched here so far."""
        event = event or Event()
        self._did("record", self, event)
        return event

    def wait_event(self, event):
        """Let what follows begin when what the event has noted is done."""
        self._did("wait", self, event)

    def begin_capture(self):
        """From here on launches go into a graph; they are done for now, and undone at the end."""
        STATE.capturing, self.first = True, len(LOG)
        STATE.deeds = []
        self.held = [
            (array, array.copy()) for array in (reference() for reference in STATE.memory) if array is not None
        ]

    def end_capture(self):
        """The graph, with nothing of it done yet."""
        for array, before in self.held:
            array[...] = before
        STATE.capturing, self.held = False, None
        launches, deeds = LOG[self.first :], STATE.deeds
        del LOG[self.first :]
        return Graph(launches, Ties(self, len(launches), [(at - self.first, *deed) for at, *deed in deeds]))


class Event:
    """A place in a stream."""

    def __init__(self, disable_timing=False):
        self.timed = not disable_timing

    def synchronize(self):
        """What was launched is done already."""
        assert not STATE.capturing, "a captured step must not wait on the host"


class Ties:
    """Which launches of a capture have to be done before which others.

    Args:
        origin: the stream that is captured.
        count: of launches.
        deeds: (launches before, what, stream, event): a stream is entered, is noted in an event, or waits for one.

    Raises:
        RuntimeError: in CUDA's words, where something is not tied to the origin, at its begin or at its end.
    """

    def __init__(self, origin, count, deeds):
        self.before, self.on = [], []  # of each launch: those that it has to follow; whether it is on the origin
        self.orders = {}
        ends, noted, present, deeds = {origin: frozenset()}, {}, origin, [*deeds]
        for launch in range(count + 1):
            while deeds and deeds[0][0] == launch:
                _, what, stream, event = deeds.pop(0)
                if what == "enter":
                    present = stream
                elif what == "record":
                    if stream not in ends:
                        raise RuntimeError("cudaErrorStreamCaptureIsolation: an event outside of the capture")
                    noted[event] = ends[stream]
                elif event in noted:
                    ends[stream] = ends.get(stream, frozenset()) | noted[event]
                else:
                    raise RuntimeError("cudaErrorStreamCaptureIsolation: a wait for an event outside of the capture")
            if launch < count:
                if present not in ends:
                    raise RuntimeError("cudaErrorStreamCaptureIsolation: a launch outside of the capture")
                self.before.append(ends[present])
                self.on.append(present is origin)
                ends[present] = frozenset([launch])
        if self._all_before(ends[origin]) != set(range(count)):
            raise RuntimeError("cudaErrorStreamCaptureUnjoined")

    def _all_before(self, last):
        found, left = set(), [*last]
        while left:
            launch = left.pop()
            if launch not in found:
                found.add(launch)
                left += self.before[launch]
        return found

    @property
    def apart(self):
        """How many launches are on other streams."""
        return self.on.count(False)

    def order(self, name):
        """Launches in an order that is allowed: as they came, others as late as can be, or any."""
        if name == "forward" or all(self.on):
            return range(len(self.on))
        if name not in self.orders:
            self.orders[name] = self._ordered(name)
        return self.orders[name]

    def _ordered(self, name):
        chance, done, order, left = random.Random(0), set(), [], [*range(len(self.on))]
        while left:
            open_ones = [launch for launch in left if self.before[launch] <= done]
            late = min(open_ones, key=lambda launch: (not self.on[launch], launch))
            launch = late if name == "backward" else chance.choice(open_ones)
            left.remove(launch)
            order.append(launch)
            done.add(launch)
        return order


class Graph:
    """What was launched while a stream was captured."""

    def __init__(self, launches, ties):
        self.launches, self.ties = launches, ties
        RECORDED.append(nodes_of(launches))
        TIES.append(ties)

    def upload(self, stream):
        """Nothing is needed for it."""

    def debug_dot_str(self, flags=0):
        """The graph as CUDA draws it: a statement for each node, and one for what follows it."""
        nodes = range(nodes_of(self.launches).count)
        drawn = [f'"graph_1_node_{n}"[style="bold" shape="octagon" label="{n}\nkernel\n"];' for n in nodes]
        edges = [f'"graph_1_node_{n}" -> "graph_1_node_{n + 1}" [headlabel=0];' for n in nodes[:-1]]
        return "\n".join(["digraph dot {", "subgraph cluster_1 {", *drawn, *edges, "}", "}"])

    def launch(self, stream):
        """Do it all once."""
        with np.errstate(all="ignore"):
            for launch in self.ties.order(STATE.order):
                function, args, kwargs, result = self.launches[launch]
                value = function(*args, **kwargs)
                if result is not None:
                    result[...] = value


@dataclass
class Nodes:
    """The nodes of a graph: kernels of ours, products, and what CuPy launches for array functions."""

    kernels: Counter
    products: int
    others: Counter

    @property
    def count(self):
        """All of them."""
        return self.kernels.total() + self.products + self.others.total()


RECORDED, TIES = [], []


def nodes_of(launches):
    """What launches are of which kind; views are none."""
    found, others, many = Counter(), Counter(), 0
    for function, *_ in launches:
        kind = getattr(function, "kind", None)
        owner = getattr(function, "__self__", None)
        name = owner.__name__ if isinstance(owner, np.ufunc) else getattr(function, "__name__", str(function))
        if kind == "kernel":
            found[name] += 1
        elif kind == "product":
            many += 1
        elif name not in VIEWS:
            others["setitem" if name == "<lambda>" else name] += 1
    return Nodes(found, many, others)


class Pool:
    """A memory pool: here it only notes that its blocks were given back."""

    def __init__(self):
        self.freed = 0
        STATE.pools.append(self)

    def malloc(self, size):
        """Never asked: memory is NumPy's."""
        raise AssertionError

    def free_all_blocks(self):
        """Note it."""
        self.freed += 1

    def total_bytes(self):
        """Nothing is kept."""
        return 0


class Cupy(ModuleType):
    """The stand-in for the module; what is not here is NumPy's function of the name."""

    ndarray = Recorded

    def __init__(self, emulator, executing):
        super().__init__("cupy")
        self.emulator, self.executing = emulator, executing
        self.pool = Pool()
        self.cuda = SimpleNamespace(
            Device=lambda index=0: nullcontext(SimpleNamespace(id=index)) if index else _Here(),
            get_current_stream=lambda: STATE.streams[-1],
            Stream=Stream,
            Event=Event,
            alloc_pinned_memory=bytearray,
            using_allocator=lambda malloc: nullcontext(),
            MemoryPool=Pool,
        )

    def __getattr__(self, name):
        return getattr(np, name)

    def get_default_memory_pool(self):
        """The pool of everything that has no other."""
        return self.pool

    def empty(self, shape, dtype=np.float64):
        """Memory full of NaN."""
        shape = shape if isinstance(shape, tuple) else (shape,)
        memory = np.full(math.prod(shape) * np.dtype(dtype).itemsize, SPOILT, np.uint8)
        STATE.memory.append(weakref.ref(memory))
        return memory.view(dtype).reshape(shape).view(Recorded)

    def _made(self, function, *args, **kwargs):
        return record(function, args, kwargs, in_place=False, kind=Recorded)

    def arange(self, *args, **kwargs):
        """A launch."""
        return self._made(np.arange, *args, **kwargs)

    def zeros(self, *args, **kwargs):
        """A launch."""
        found = self._made(np.zeros, *args, **kwargs)
        STATE.memory.append(weakref.ref(found.base))
        return found

    def ones(self, *args, **kwargs):
        """A launch."""
        return self._made(np.ones, *args, **kwargs)

    def asarray(self, thing, dtype=None):
        """An upload of what lies on the host."""
        if isinstance(thing, Recorded):
            return thing if dtype in (None, thing.dtype) else thing.astype(dtype)
        if STATE.capturing:
            raise HostReadError("a captured step must not upload")
        return np.array(thing, dtype).view(Recorded)

    def ascontiguousarray(self, array):
        """A launch, where it is not contiguous yet."""
        if array.flags.c_contiguous:
            return array
        return record(np.ascontiguousarray, (array,), {}, in_place=False, kind=Recorded)

    def broadcast_to(self, array, shape):
        """A view."""
        return np.broadcast_to(plain(array), shape).view(Recorded)

    def take(self, table, index, axis=None, out=None):
        """Of rows; indices are in range."""
        if out is None:
            return record(np.take, (table, index), {"axis": axis}, in_place=False, kind=Recorded)
        record(np.take, (table, index), {"axis": axis, "out": out, "mode": "clip"}, in_place=True)
        return out

    def kernel_of(self, path, name):
        """A kernel of a file, run by the emulator."""
        run = self.emulator(path, name) if self.executing else lambda *_: None

        def launch(grid, block, arguments):
            assert all(size > 0 for size in (*grid, *block)), f"{name} is launched on an empty grid"
            record(step, (grid, block, arguments), {}, in_place=True)

        def step(grid, block, arguments):
            run(grid, block, arguments)

        step.__name__, step.kind = name, "kernel"
        return launch


class _Here(nullcontext):
    """The first device, as a context and as a value."""

    id = 0

    def __enter__(self):
        return self


@dataclass(frozen=True)
class RecordingDevice(Device):
    """The CUDA device that the stand-in shows."""

    kind: str = "cuda"

    def get(self, array):
        """A copy on the host, never while a step is captured."""
        if STATE.capturing:
            raise HostReadError("a captured step must not copy to the host")
        return np.array(plain(array))


@contextmanager
def recording(order="forward", executing=True, emulator=None):
    """Put the stand-in where ``import cupy`` finds it; gives its device.

    Args:
        order: of the emulator's blocks and threads.
        emulator: what runs kernels instead.
        executing: False counts launches of sizes that nobody wants to wait for: kernels and products do nothing.
    """
    before, stand_in = sys.modules.get("cupy"), Cupy(emulator or Emulator(order), executing)

    def product(*args):
        if executing:
            gemm(*args)

    product.kind = "product"
    blas, products._blas = (
        products._blas,
        lambda *_: SimpleNamespace(gemm=lambda *args: record(product, args, {}, in_place=True) and None),
    )
    sys.modules["cupy"] = stand_in
    STATE.order = order
    module, kernels._module = kernels._module, lambda path, precision, device: partial(stand_in.kernel_of, path)
    _forget()
    try:
        with np.errstate(all="ignore"):
            yield RecordingDevice()
    finally:
        products._blas, kernels._module = blas, module
        _forget()
        if before is None:
            del sys.modules["cupy"]
        else:
            sys.modules["cupy"] = before


def _forget():
    kernels._found.cache_clear()
    forks._lane.cache_clear()
    LOG.clear()
    RECORDED.clear()
    TIES.clear()
    STATE.capturing, STATE.streams = False, [Stream()]
    STATE.memory.clear()
    STATE.pools.clear()
