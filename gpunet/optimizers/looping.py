"""The update of all parameters by compiled loops of the processor, and which optimizers they know."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import loops
from ..backend.arrays import Array
from ..members import PerMember, members_first, values_of
from .coefficients import coefficients
from .tail import FLAGS, KINDS, VELOCITY

if TYPE_CHECKING:
    from .engine import Optimizer

LOOPS = "gpunet.ops.cpu.updates"
DAMPENED = 64  # as in the loops, beside the other flags
L1, L2, SHRINKS, LIMITED = 1, 2, 4, 8
PLACES = 8  # of coefficients
_ADAM = ("beta1", "intake1", "beta2", "intake2", "rate", "epsilon")
NAMES: dict[int, tuple[str, ...]] = {  # of the coefficients, at their places in the loops
    0: ("rate", "momentum", "intake"), 1: _ADAM, 2: (*_ADAM, "own_rate"), 3: _ADAM,
    4: ("beta1", "intake1", "beta2", "rate", "epsilon"), 5: ("rate", "decay", "intake", "momentum", "epsilon"),
    6: ("rate", "epsilon"), 7: ("rate", "decay", "intake", "epsilon"),
}  # fmt: skip
SLOTS: dict[int, tuple[str, ...]] = {5: ("square", "mean", "velocity")}  # where some may be missing
SURE = 0.49  # of a limit that values may have, where updates have as much at most


def suits(optimizer: "Optimizer") -> bool:
    """Whether the loops know the rule; a parameter that the pass did not reach is left to array functions."""
    return type(optimizer.rule) in KINDS and not optimizer.parameters.idle


@dataclass(frozen=True)
class Stretch:
    """A part of the flat vectors that one loop goes over."""

    rate_factor: float
    start: int
    stop: int
    around: int
    momentum: Any  # of running statistics, (members,); None for what a rule changes


class Looped:
    """What the loops of one optimizer go by."""

    def __init__(self, optimizer: "Optimizer"):
        p, rule = optimizer.parameters, optimizer.rule
        self.kind = KINDS[type(rule)]
        self.flags = sum(flag for name, flag in FLAGS.items() if getattr(rule, name, False))
        self.flags += VELOCITY * ("velocity" in rule.slots) + DAMPENED * bool(getattr(rule, "dampening", 0))
        self.values, self.grads, self.deltas = (
            members_first(a, p.members) for a in (p.values, p.grads, optimizer.deltas)
        )
        slots = {name: members_first(slot, p.members) for name, slot in optimizer.slots.items()}
        given = [slots.get(name, self.deltas) for name in SLOTS.get(self.kind, rule.slots)]
        self.slots = [*given, *[self.deltas] * 3][:3]
        members, optimization = len(self.values), optimizer.optimization
        penalties = [_each(number, members) for number in (optimization.l1, optimization.l2)]
        self.penalties = np.ascontiguousarray(np.stack(penalties, axis=-1).astype(p.dtype))
        self.bounds = self._bounds(optimizer)
        self.stretches = list(_merged(self._stretches(optimizer)))

    @staticmethod
    def _bounds(optimizer: "Optimizer") -> Array:
        """Sizes of the numbers of an update, and of values that have a limit, below which nothing is to be judged."""
        p = optimizer.parameters
        size = p.values.shape[-1]
        most = math.sqrt(float(np.finfo(p.dtype).max) / 8 / size)
        largest = math.inf
        for name in optimizer.limited:
            part, limit = p.segments[name], p.named[name].limit or 0.0
            most = min(most, SURE * limit * math.sqrt((part.stop - part.start) / size))
            largest = min(largest, SURE * limit)
        return np.array([most, largest], p.dtype)

    def _stretches(self, optimizer: "Optimizer") -> Iterator[Stretch]:
        p, given = optimizer.parameters, optimizer.optimization
        shrinks = "weight_decay" in optimizer.hyperparameters and not optimizer.rule.layerwise
        penalised = L1 * bool(given.l1) + L2 * bool(given.l2) + SHRINKS * shrinks
        limits = [p.segments[name] for name in optimizer.limited]
        for group in p.groups:
            part, momentum = group.segment, None
            limited = any(part.start <= limit.start < part.stop for limit in limits)
            if group.momentum is not None:
                momentum = _each(group.momentum, len(self.values)).astype(p.dtype)
            around = penalised * group.decay + LIMITED * limited
            yield Stretch(group.rate_factor, part.start, part.stop, around, momentum)

    def run(self, optimizer: "Optimizer") -> bool:
        """Compute the update of every member; whether all of it is finite and within all limits without a doubt."""
        made: Any = loops(LOOPS)
        optimizer.begin_update()
        doubt, rows, last = 0, None, None
        for s in self.stretches:
            if s.momentum is not None:
                doubt |= made.move(
                    self.values, self.grads, self.deltas, s.start, s.stop, s.momentum, self.bounds
                )  # fmt: skip
                continue
            if s.rate_factor != last:
                last, rows = s.rate_factor, self._prepared(optimizer, s.rate_factor)
            doubt |= made.RULES[self.kind](
                self.values, self.grads, *self.slots, self.deltas, s.start, s.stop, self.flags, s.around, rows,
                self.penalties, self.bounds,
            )  # fmt: skip
        return not (optimizer.rate_units() or doubt)

    def _prepared(self, optimizer: "Optimizer", rate_factor: float) -> Array:
        """The coefficients, (members, places), after the rule has prepared the layers that ask for it."""
        if optimizer.rule.layerwise:
            optimizer.prepare_layers(rate_factor, coefficients(optimizer.updates, optimizer, rate_factor))
        return optimizer.ahead.rows(optimizer.updates, rate_factor, self._table)

    def _table(self, c: SimpleNamespace, count: int) -> Array:
        """Coefficients of several updates, (updates, members, places)."""
        table = np.zeros((count, len(self.values), PLACES), self.values.dtype)
        for place, name in enumerate(NAMES[self.kind]):
            table[..., place] = np.broadcast_to(getattr(c, name), (len(self.values), count)).T
        if hasattr(c, "shrinkage"):
            table[..., PLACES - 1] = np.broadcast_to(c.shrinkage, (len(self.values), count)).T
        return table


def average(optimizer: "Optimizer") -> None:
    """Take the update from the values, and move their average towards them."""
    p = optimizer.parameters
    share = np.broadcast_to(optimizer.shares.take(optimizer.cursor, axis=-1).reshape(-1), (len(p.seeds),))
    flat = (members_first(a, p.members) for a in (p.values, optimizer.deltas, optimizer.slots["average"]))
    made: Any = loops(LOOPS)
    made.apply_and_average(*flat, np.ascontiguousarray(share))


def _merged(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Neighbours that are treated alike as one."""
    held: Stretch | None = None
    for one in stretches:
        if held is not None and one.momentum is None is held.momentum and held.stop == one.start and (
            (held.rate_factor, held.around) == (one.rate_factor, one.around)
        ):  # fmt: skip
            held = Stretch(held.rate_factor, held.start, one.stop, held.around, None)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _each(setting: Any, members: int) -> np.ndarray:
    """The number of each member."""
    return np.array(setting.among(members) if isinstance(setting, PerMember) else values_of(setting) * members)
