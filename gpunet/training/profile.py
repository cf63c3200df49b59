"""What a training step costs: on the host by operation, on CUDA by launch, and beside the least that it could cost."""

import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from ..backend import (
    WARM_UPS,
    Device,
    capture,
    lanes,
    launches_told,
    nodes_of,
    products_in,
    threads_for,
    threads_pay,
)
from ..backend.arrays import address
from .stopwatch import PRODUCTS, Products, Stopwatch
from .trainer import Trainer

FEWEST, TURN = 5, 0.02  # rounds at least, and seconds that each of its measurements takes at least
COPIED, COPIES = 1 << 27, 10  # bytes of the arrays by which the bandwidth of a device is measured, and how often
REST, ARRAYS = "the rest", "array functions"


@dataclass(frozen=True)
class Operation:
    """One line of a profile.

    Attributes:
        name: of the operation; of a layer or unit for what it does beside products and random numbers.
        calls: in a step.
        seconds: of a step; None on CUDA, where a step is one graph.
        moved: bytes of the arrays that it was given, each once; None on the host.
    """

    name: str
    calls: float
    seconds: float | None = None
    moved: int | None = None


@dataclass(frozen=True)
class StepProfile:
    """What a training step costs.

    Attributes:
        name: of what is trained.
        device: where.
        threads: that products have on the host, 1 on CUDA.
        samples: of a step.
        members: of a population, which are trained together.
        seconds: of a step with nobody looking, the median of several rounds.
        operations: that it is made of; those that took longest, or moved most, first.
        products_alone: seconds of the products of a step with nothing in between.
        nodes: of the graph, on CUDA.
        bandwidth: bytes a second that a copy on the device moves, on CUDA.
        together: steps that one graph holds in a longer training, on CUDA; 1 where a step is not short.
        seconds_together: of a step among so many, the median of the same rounds.
    """

    name: str
    device: str
    threads: int
    samples: int
    members: int
    seconds: float
    operations: tuple[Operation, ...]
    products_alone: float
    nodes: int | None = None
    bandwidth: float | None = None
    together: int = 1
    seconds_together: float | None = None

    @property
    def moved(self) -> int | None:
        """Bytes that a step moves, counted as in :class:`Operation`."""
        counted = [one.moved for one in self.operations if one.moved is not None]
        return sum(counted) if counted else None

    @property
    def moving_alone(self) -> float | None:
        """Seconds that these bytes take at the bandwidth."""
        return None if self.moved is None or self.bandwidth is None else self.moved / self.bandwidth

    @property
    def floor(self) -> float:
        """The least that a step could take: its products alone, or moving its bytes, whichever takes longer."""
        return max(self.products_alone, self.moving_alone or 0.0)

    @property
    def fraction(self) -> float:
        """Floor over step; 1 where nothing could be gained."""
        return self.floor / self.seconds

    def document(self) -> dict[str, Any]:
        """All numbers as JSON takes them."""
        derived = {"moved": self.moved, "moving_alone": self.moving_alone, "floor": self.floor}
        return asdict(self) | derived | {"fraction": self.fraction}


def profile_step(trainer: Trainer, name: str = "", seconds: float = 2.0, drop_last: bool = True) -> StepProfile:
    """Make steps of a training and measure what they cost; the training has gone on by these steps afterwards.

    Args:
        trainer: with its parameters as they are when training begins.
        name: of what is trained.
        seconds: to spend at least.
        drop_last: whether its epochs leave the remainder out, on which the threads of products depend.

    Raises:
        DivergedError: the steps left the finite numbers.
    """
    work = trainer.products(trainer.steps_per_epoch(drop_last))
    on_host = trainer.device.kind == "cpu"
    with threads_for(*work), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        measured = (_on_host if on_host else _on_cuda)(trainer, _Steps(trainer), seconds)
    trainer.check()
    return StepProfile(
        name,
        str(trainer.device),
        lanes() if on_host and threads_pay(*work) else 1,
        trainer.batch_size,
        len(trainer.parameters.seeds),
        **measured,
    )


class _Steps:
    """Steps of full batches of the first epoch, over and over."""

    def __init__(self, trainer: Trainer):
        self.trainer, self.of_epoch = trainer, trainer.steps_per_epoch(drop_last=True)
        self.number = self.of_epoch

    def ready(self, count: int, each: int = 1) -> int:
        """How many of so many steps can follow, at least those of a launch; an epoch that is over begins anew.

        Args:
            count: that are wanted.
            each: steps of a launch.
        """
        if self.number % each or self.number + each > self.of_epoch:
            self.trainer.begin_epoch(0, self.of_epoch)
            self.number = 0
        return max(each, min(count, self.of_epoch - self.number) // each * each)

    def run(self, count: int, each: int = 1) -> None:
        """Make steps that :meth:`ready` has allowed."""
        for _ in range(0, count, each):
            self.trainer.train_batches(self.number, each)
            self.number += each

    def one(self) -> None:
        """Make the next step."""
        self.run(self.ready(1))


def _on_host(trainer: Trainer, steps: _Steps, seconds: float) -> dict[str, Any]:
    """By operation; steps that are looked at take turns with steps that are not, and with products alone."""
    for _ in range(WARM_UPS + 1):
        steps.one()
    products, model = Products(), trainer.objective.model
    with Stopwatch(products).watching(model):
        steps.one()
    count, plain, alone, looked_at = _enough(steps.one), list[float](), list[float](), 0
    calls, rounds = Counter[str](), list[dict[str, float]]()
    for _ in _rounds(seconds):
        now = steps.ready(count)
        plain.append(_timed(partial(steps.run, now)) / now)
        now, watch = steps.ready(count), Stopwatch()
        with watch.watching(model):
            spent = _timed(partial(steps.run, now))
        watch.seconds[REST] = spent - sum(watch.seconds.values())
        rounds.append({name: own / now for name, own in watch.seconds.items()})
        calls += watch.calls
        looked_at += now
        alone.append(_timed(partial(_repeated, products.again, count)) / count)
    # Of the step with nobody looking, each operation has the share that it has where it was looked at.
    step, middle = statistics.median(plain), {name: _median(name, rounds) for name in dict.fromkeys(chain(*rounds))}
    whole = sum(middle.values())
    calls[REST] = looked_at
    found = sorted(middle, key=lambda name: (name == REST, -middle[name]))
    operations = tuple(Operation(name, calls[name] / looked_at, step * middle[name] / whole) for name in found)
    return {"seconds": step, "operations": operations, "products_alone": statistics.median(alone)}


def _median(name: str, rounds: Sequence[Mapping[str, float]]) -> float:
    """Of rounds, in some of which it may not have been at all."""
    return statistics.median(one.get(name, 0.0) for one in rounds)


def _on_cuda(trainer: Trainer, steps: _Steps, seconds: float) -> dict[str, Any]:
    """By launch, as they go into the graph of the step; the graph and one of its products alone are timed."""
    device = trainer.device
    for _ in range(WARM_UPS):
        steps.one()
    products, launches = Products(device.index), _Launches(trainer)
    with Stopwatch(products).watching(trainer.objective.model), launches_told(launches.note):
        steps.one()
    nodes = nodes_of(trainer.step, trainer.batch_size, trainer.variant)
    again = capture(products.again, device)

    def wait() -> None:
        trainer.failures()  # which reads the device

    def waited(call: Callable[[], Any]) -> None:
        call()
        wait()

    with products_in(trainer.precision):
        for _ in range(WARM_UPS + 1):
            again()
    wait()
    count = _enough(partial(waited, steps.one))
    most = trainer.together.most if trainer.together.most <= steps.of_epoch else 1
    steps.run(steps.ready(most, most), most)  # which are recorded
    plain, together, alone = list[float](), list[float](), list[float]()
    for _ in _rounds(seconds):
        for each, times in ((1, plain), (most, together)):
            now = steps.ready(max(count, each), each)
            times.append(_timed(partial(waited, partial(steps.run, now, each))) / now)
        alone.append(_timed(partial(waited, partial(_repeated, again, count))) / count)
    found = [Operation(PRODUCTS, len(products), None, products.moved), *launches.operations()]
    counted = sum(one.calls for one in found)
    if nodes is not None and nodes > counted:
        found.append(Operation(ARRAYS, nodes - counted, None, None))
    return {
        "seconds": statistics.median(plain),
        "operations": tuple(sorted(found, key=lambda one: -(one.moved or 0))),
        "products_alone": statistics.median(alone),
        "nodes": nodes,
        "bandwidth": _bandwidth(device, waited),
        "together": most,
        "seconds_together": statistics.median(together) if most > 1 else None,
    }


class _Launches:
    """Which kernels a step launches, and what bytes it gives them."""

    def __init__(self, trainer: Trainer):
        self.calls: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()
        feed = trainer.feed
        whole = (feed.x, feed.y, feed.order, feed.rows, feed.weights)  # of which a step sees a part
        self._parts = {
            address(array): trainer.batch_size * len(trainer.parameters.seeds) / max(1, feed.samples)
            for array in whole
            if array is not None
        }

    def note(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Count a launch; an array that stands for several arguments counts once."""
        self.calls[name] += 1
        given = {address(array): array.nbytes for array in arguments if hasattr(array, "strides") and array.ndim}
        self.moved[name] += int(sum(size * min(1.0, self._parts.get(place, 1.0)) for place, size in given.items()))

    def operations(self) -> list[Operation]:
        """One for each kernel."""
        return [Operation(name, calls, None, self.moved[name]) for name, calls in self.calls.items()]


def _rounds(seconds: float) -> Iterator[int]:
    """Numbers, until the time is over."""
    end, number = time.perf_counter() + seconds, 0
    while number < FEWEST or time.perf_counter() < end:
        yield number
        number += 1


def _enough(call: Callable[[], Any]) -> int:
    """How many calls take long enough to be timed."""
    return max(1, math.ceil(TURN / max(1e-9, _timed(call))))


def _repeated(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _bandwidth(device: Device, waited: Callable[[Callable[[], Any]], None]) -> float:
    """Bytes a second that a copy moves, those that it reads and those that it writes."""
    source, target = (device.zeros((COPIED,), np.uint8) for _ in range(2))
    copy = partial(device.xp.copyto, target, source)
    waited(copy)
    times = [_timed(partial(waited, partial(_repeated, copy, COPIES))) / COPIES for _ in range(FEWEST)]
    return 2 * COPIED / statistics.median(times)
