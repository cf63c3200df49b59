"""Where the time of a step goes on the host: the ops that it calls, and its layers and units, each without the others.

Nothing of this stands in the code that is measured: for as long as it is, ops are called through
:func:`~gpunet.backend.watching`, and methods of the model's parts through functions that the parts hold in their stead.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..backend import Op, fork, is_beside, run_beside, watching
from ..fields import term
from ..layers import Layer, Sequential
from ..parameter import Module, Parameter, children
from ..rbm import Units

PRODUCTS, OPTIMIZER, SAMPLING = "products", "optimizer", "sampling"
# What an op is called; others belong to the layer that calls them, or have their own name.
LABELS = {
    "accumulated": "statistics",
    "beside_labels": "gather",
    "contrasted": "statistics",
    "count_into": "gather",
    "decide": SAMPLING,
    "draw_sample_words": SAMPLING,
    "draw_words": SAMPLING,
    "drawn": SAMPLING,
    "end_step": OPTIMIZER,
    "learned": "loss",
    "matmul": PRODUCTS,
    "normed": "batch_norm",
    "picked": "gather",
    "put_back": OPTIMIZER,
    "take_rows": "gather",
}
CLOSED = {OPTIMIZER}  # what these call is theirs: sums of squares are no products of the step
OF_UNITS = ("mean", "sample", "log_partition", "log_base", "cost", "accumulate")


@dataclass
class _Frame:
    """What is being timed, and what of it was timed under other names."""

    closed: bool
    inner: float = 0.0


class Products:
    """The products of a step, as they were called, to be made again with nothing in between.

    Args:
        device: number of the CUDA device, where it is one.
    """

    def __init__(self, device: int = 0) -> None:
        self._own, self._device = threading.get_ident(), device
        self._calls: list[tuple[int, bool, Callable[[], Any]]] = []  # thread, whether on a second stream
        self.moved = 0

    def note(self, arguments: tuple[Any, ...], compute: Callable[[], Any]) -> None:
        """Remember one; several may be made beside each other in other threads."""
        self._calls.append((threading.get_ident(), is_beside(), compute))
        self.moved += sum(array.nbytes for array in arguments if hasattr(array, "nbytes"))

    def __len__(self) -> int:
        """How many there were."""
        return len(self._calls)

    def again(self) -> None:
        """Make all of them once more, in their order, beside each other where they were."""
        beside: dict[int, list[Callable[[], Any]]] = {}
        forked: list[Callable[[], Any]] = []  # those of a second stream, beside the next one of the first
        for thread, second, compute in self._calls:
            if thread != self._own:
                beside.setdefault(thread, []).append(compute)
                continue
            self._together(beside)
            if second:
                forked.append(compute)
            elif forked:
                fork(partial(_all, forked), compute, self._device)
                forked = []
            else:
                compute()
        self._together(beside)
        _all(forked)

    @staticmethod
    def _together(beside: dict[int, list[Callable[[], Any]]]) -> None:
        if beside:
            run_beside([partial(_all, calls) for calls in beside.values()])
            beside.clear()


class Stopwatch:
    """Times what passes, by name; the time of what stands inside of something else is not counted for that again.

    Attributes:
        seconds: by name.
        calls: by name.
        products: where those that pass are noted, if anywhere.

    >>> watch = Stopwatch()
    >>> watch.timed("outside", lambda: watch.timed("inside", lambda: 5))
    5
    >>> dict(watch.calls), watch.seconds["outside"] >= 0
    ({'inside': 1, 'outside': 1}, True)
    """

    def __init__(self, products: Products | None = None):
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self.products = products
        self._own, self._stacks, self._lock = threading.get_ident(), threading.local(), threading.Lock()
        self._beside: defaultdict[str, float] = defaultdict(float)  # what other threads did, for which this one waits
        self._lanes: set[int] = set()

    @contextmanager
    def watching(self, model: Any) -> Iterator[None]:
        """A block in which every op is timed, and every layer and unit of a model."""
        with ExitStack() as held:
            held.enter_context(watching(self._op))
            for part in parts_of(model):
                if isinstance(part, Units):
                    for name in OF_UNITS:
                        held.enter_context(_replaced(part, name, self._of_units(part, name)))
                elif isinstance(part, Layer) and not isinstance(part, Sequential):
                    held.enter_context(_replaced(part, "forward", self._of_layer(part)))
            yield

    def timed(self, label: str, compute: Callable[[], Any]) -> Any:
        """What a function gives, whose time is counted for a name."""
        stack: list[_Frame] = self._stack()
        if stack and stack[-1].closed:
            return compute()
        frame = _Frame(label in CLOSED)
        stack.append(frame)
        began = time.perf_counter()
        try:
            return compute()
        finally:
            passed = time.perf_counter() - began
            stack.pop()
            if stack:
                stack[-1].inner += passed
            self._count(label, passed - frame.inner)

    def _stack(self) -> list[_Frame]:
        if not hasattr(self._stacks, "held"):
            self._stacks.held = []
        held: list[_Frame] = self._stacks.held
        return held

    def _count(self, label: str, own: float) -> None:
        with self._lock:
            self.calls[label] += 1
            if threading.get_ident() != self._own:
                self._beside[label] += own
                self._lanes.add(threading.get_ident())
                return
            for name, seconds in self._beside.items():  # they ran at the same time
                self.seconds[name] += seconds / len(self._lanes)
                own -= seconds / len(self._lanes)
            self._beside.clear()
            self._lanes.clear()
            self.seconds[label] += own

    def _op(self, op: Op, arguments: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        stack, label = self._stack(), LABELS.get(op.__name__)
        if label is None:
            if stack:  # a part of what a layer does
                return compute()
            label = op.__name__.replace("_", " ")
        if self.products is not None and label == PRODUCTS and not (stack and stack[-1].closed):
            self.products.note(arguments, compute)
        return self.timed(label, compute)

    def _of_layer(self, layer: Layer) -> Callable[..., Any]:
        label, plain = term(type(layer)), layer.forward

        def forward(*arguments: Any) -> Any:
            y, back = self.timed(label, partial(plain, *arguments))
            return y, lambda dy: self.timed(label, partial(back, dy))

        return forward

    def _of_units(self, units: Units, name: str) -> Callable[..., Any]:
        label, plain = term(type(units)), getattr(units, name)
        return lambda *arguments, **named: self.timed(label, partial(plain, *arguments, **named))


def parts_of(model: Any) -> list[Module]:
    """A model and all that it is made of, each once, however often it is used."""
    found: dict[int, Module] = {}

    def visit(part: Any) -> None:
        if id(part) not in found and not isinstance(part, Parameter):
            found[id(part)] = part
            for _, child in children(part):
                visit(child)

    visit(model)
    return list(found.values())


@contextmanager
def _replaced(part: Any, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """A block in which one object has another method."""
    vars(part)[name] = function
    try:
        yield
    finally:
        del vars(part)[name]


def _all(calls: list[Callable[[], Any]]) -> None:
    for call in calls:
        call()
