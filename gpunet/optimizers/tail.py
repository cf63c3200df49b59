"""The end of a training step on CUDA: the kernels of ``ops/cuda/tail.cu``, and which optimizers they know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from ..backend import kernel
from ..backend.arrays import Array
from .adam import Adam, Adamax, AdamW, AMSGrad, Nadam
from .adaptive import Adadelta, Adagrad, RMSProp
from .rules import LARS, SGD, Rule
from .tiles import tiles_of

if TYPE_CHECKING:
    from .ending import Counters
    from .engine import Optimizer

SOURCE = Path(ops.__file__).parent / "cuda" / "tail.cu"
THREADS, COEFFICIENTS, PARTS, MEASURES = 256, 11, 4, 4  # as in the source
KINDS: Mapping[type[Rule], int] = {
    SGD: 0, LARS: 0, Adam: 1, AdamW: 1, Nadam: 2, AMSGrad: 3, Adamax: 4, RMSProp: 5, Adagrad: 6, Adadelta: 7,
}  # fmt: skip
FLAGS = {"nesterov": 1, "rate_inside": 2, "eps_inside": 4, "centered": 8}
VELOCITY, LAYERWISE = 16, 32
FIRST = {0: "momentum", 5: "decay", 7: "decay"}  # hyperparameters at the source's places, by kind; else beta1
SECOND = {0: "dampening", 5: "momentum"}  # else beta2


def suits(optimizer: "Optimizer", measures: Sequence[Array]) -> bool:
    """Whether the kernels know the rule, and take as many measures as there are.

    A parameter that the pass did not reach is left to array functions.
    """
    known = type(optimizer.rule) in KINDS and not optimizer.parameters.idle
    return known and len(measures) <= MEASURES and len(optimizer.parameters.seeds) < 65536


class Tail:
    """What the kernels of one optimizer go by, and where they leave numbers for each other."""

    def __init__(self, optimizer: "Optimizer"):
        p = optimizer.parameters
        self.tiles = tiles_of(p, optimizer.optimization)
        members, parameters, device = len(p.seeds), len(p.named), p.device
        self.rows = device.put(np.array(self._rows(optimizer), np.int32))
        self.parts = device.zeros((members, self.tiles.count, PARTS), np.float64)
        self.lengths = device.zeros((members, self.tiles.count), np.float64)
        self.chosen = device.zeros((members, COEFFICIENTS), np.float64)
        self.ratios = device.zeros((members, parameters), np.float64)
        self.allowed = device.zeros((members,), np.int32)
        self.now = device.zeros((members + 1,), np.int64)
        self.sums = device.zeros((members, MEASURES + 1), np.float64)
        self.kept = device.zeros((members,), bool)

    @staticmethod
    def _rows(optimizer: "Optimizer") -> list[int]:
        """The row of the table of hyperparameters that stands at each place of the source, or -1."""
        kind, known = KINDS[type(optimizer.rule)], optimizer.hyperparameters
        averages = (FIRST.get(kind, "beta1"), SECOND.get(kind, "beta2"))
        names = ("learning_rate", *averages, "epsilon", "weight_decay", "trust")
        return [known.index(name) if name in known else -1 for name in names]

    def run(
        self,
        optimizer: "Optimizer",
        counters: "Counters",
        measures: Sequence[Array],
        weight: Array | None,
    ) -> Array:
        """End a step; as :func:`.ending.end_step`."""
        p, t, rule, clipping = optimizer.parameters, self.tiles, optimizer.rule, optimizer.optimization.clipping
        members, size = len(p.seeds), np.int64(p.values.shape[-1])
        kind, flags = np.int32(KINDS[type(rule)]), np.int32(_flags(rule))
        clips_values = np.int32(clipping is not None and clipping.value is not None)
        clips_norm = np.int32(clipping is not None and clipping.norm is not None)
        count, parameters = np.int32(len(measures)), np.int32(len(p.named))
        taken = [_plain(measure, p.dtype, p.device.xp) for measure in measures]
        given = [*taken, *taken[:1] * MEASURES][:MEASURES]
        shares = optimizer.shares
        average = optimizer.slots.get("average", p.values)
        averages = np.int32("average" in optimizer.slots)
        slots = [slot for name, slot in optimizer.slots.items() if name != "average"]
        tiles, kernels = (t.count, members), _Kernels(p.dtype)
        stride = 0 if weight is None or weight.ndim == 1 else weight.shape[-1]
        kernels("square_partials", tiles)(
            p.grads, p.values, t.starts, t.tiles, t.places, t.settings, self.parts, size, clips_values
        )
        kernels("judge", (members,))(
            self.parts, t.places, t.numbers, t.settings, optimizer.table, self.rows,
            p.values if shares is None else shares, np.int32(shares is not None), *given,
            taken[0] if weight is None else _plain(weight, p.dtype, p.device.xp), np.int32(weight is not None),
            counters.active, counters.cursor, counters.clock, counters.failed, optimizer.updates, self.allowed,
            self.now, self.sums, self.chosen, self.ratios, np.int32(t.count), np.int32(t.trained), parameters,
            np.int32(optimizer.table.shape[-1]), np.int32(1 if shares is None or shares.ndim == 1 else members),
            count, np.int32(taken[0].shape[-1]), np.int64(stride), kind, flags, np.int32(clipping is not None),
            clips_norm, np.int32(t.limited),
        )  # fmt: skip
        kernels("update", tiles)(
            p.grads, p.values, *[*slots, *[p.grads] * 3][:3], np.int32(len(slots)), optimizer.deltas, t.starts,
            t.tiles, t.places, t.numbers, t.settings, t.unit_rates, self.allowed, self.chosen, self.ratios,
            self.lengths, size, parameters, kind, flags, clips_values,
        )  # fmt: skip
        kernels("apply", tiles)(
            optimizer.deltas, p.values, average, averages, t.starts, t.tiles, t.places, self.allowed, self.now,
            self.lengths, self.chosen, self.sums, counters.active, counters.failed, counters.totals, counters.clock,
            counters.cursor, self.kept, size, count,
        )  # fmt: skip
        if t.bounds:
            kernels("bound", (t.bounds, members))(
                optimizer.deltas, p.values, average, averages, t.starts, t.columns, t.places, t.numbers,
                self.allowed, self.lengths, self.chosen, size, parameters, np.int32(t.count),
            )  # fmt: skip
        return self.kept.reshape(p.members)


class _Kernels:
    """The kernels for one type of numbers, to be called with their arguments."""

    def __init__(self, dtype: np.dtype):
        self.ending = "double" if dtype == np.float64 else "float"

    def __call__(self, name: str, grid: tuple[int, ...]) -> Any:
        found = kernel(SOURCE, f"{name}_{self.ending}")
        return lambda *arguments: found(grid, (THREADS,), arguments)


def _flags(rule: Rule) -> int:
    flags = sum(flag for name, flag in FLAGS.items() if getattr(rule, name, False))
    return flags + VELOCITY * ("velocity" in rule.slots) + LAYERWISE * rule.layerwise


def _plain(array: Array, dtype: np.dtype, xp: Any) -> Array:
    """The numbers one after the other, in the type of the parameters."""
    return xp.ascontiguousarray(array.astype(dtype, copy=False))
