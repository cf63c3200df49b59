"""The engine: applies a rule to the flat vectors of a model."""

from collections.abc import Iterator
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..backend.arrays import Array
from ..ops.guard import guarded
from ..parameter import Group, Parameters
from ..schedules import Schedule, table
from .rules import Rule

BLOCK = 65536  # numbers; a block of parameters, gradients, two slots and scratch fits the cache of one core


class Optimizer:
    """Owns the slots, the values of hyperparameters over time, weight decay, and the passes over the flat vectors.

    Args:
        rule: the arithmetic.
        parameters: what it trains; running statistics are moved here too.
        l2: coefficient of the penalty ``l2 / 2 * sum(w^2)`` on parameters that decay.

    Use: :meth:`plan` before each epoch, then :meth:`step` once per batch.
    """

    def __init__(self, rule: Rule, parameters: Parameters, l2: float = 0.0):
        self.rule, self.parameters, self.l2 = rule, parameters, l2
        device, shape, dtype = parameters.device, parameters.values.shape, parameters.dtype
        self.slots = {name: device.zeros(shape, dtype) for name in rule.slots}
        self.updates = device.zeros((*parameters.members, 1), np.float64)
        self.hyperparameters = tuple(f.name for f in fields(rule) if _is_number(getattr(rule, f.name)))
        self._table: Array = None
        self._cursor: Array = None
        scratch = device.empty(
            (*parameters.members, min(BLOCK, shape[-1]) if device.kind == "cpu" else shape[-1]), dtype
        )
        self._blocks = [
            (group, *(a[..., part] for a in (parameters.values, parameters.grads)),
             [slot[..., part] for slot in self.slots.values()], scratch[..., : part.stop - part.start])
            for group in parameters.groups
            for part in _parts(group.segment, scratch.shape[-1])
        ]  # fmt: skip

    def plan(self, times: np.ndarray, cursor: Array) -> None:
        """Upload the value of each hyperparameter at each step of the epoch to come.

        Args:
            times: the epoch, as a fraction, at each step; (steps,).
            cursor: int64 device array of shape (1,), the number of the step within the epoch.
        """
        members = self.parameters.members
        values = np.stack([table(getattr(self.rule, n), times, members) for n in self.hyperparameters])
        if self._table is None or self._table.shape != values.shape:
            self._table = self.parameters.device.put(values)
        else:
            self.parameters.device.copy_into(self._table, values)
        self._cursor = cursor

    def step(self, allowed: Array) -> None:
        """Update all parameters from their gradients, for the members that are ``allowed``: bool, () or (members,)."""
        guarded(allowed, [self.parameters.values, self.updates, *self.slots.values()], self._update)

    def current(self, name: str) -> np.ndarray:
        """Value of a hyperparameter at the last planned step, on the host, () or (members,)."""
        return self.parameters.device.get(self._table)[self.hyperparameters.index(name)][..., -1]

    def _update(self) -> None:
        self.updates += 1
        now = self._table.take(self._cursor, axis=-1)
        for group, blocks in self._by_factor():
            h = SimpleNamespace(**dict(zip(self.hyperparameters, now)))
            h.learning_rate = h.learning_rate * group.rate_factor
            dtype = self.parameters.dtype
            c = SimpleNamespace(**{k: v.astype(dtype) for k, v in self.rule.coefficients(h, self.updates).items()})
            for part, w, g, slots, scratch in blocks:
                if part.averaging is not None:
                    _move_towards(w, g, part.averaging)
                    continue
                if self.l2 and part.decay:
                    scratch[...] = w
                    scratch *= self.l2
                    g += scratch
                self.rule.update(w, g, slots, c, scratch)

    def _by_factor(self) -> Iterator[tuple[Group, list]]:
        """Blocks that share a learning-rate factor, and so their coefficients."""
        factors = dict.fromkeys(block[0].rate_factor for block in self._blocks)
        for factor in factors:
            blocks = [block for block in self._blocks if block[0].rate_factor == factor]
            yield blocks[0][0], blocks


def _move_towards(w: Array, observed: Array, fraction: float) -> None:
    """One step of an exponential moving average; ``observed`` is overwritten."""
    observed -= w
    observed *= fraction
    w += observed


def _parts(segment: slice, size: int) -> Iterator[slice]:
    for start in range(segment.start, segment.stop, size):
        yield slice(start, min(start + size, segment.stop))


def _is_number(value: Any) -> bool:
    return isinstance(value, Schedule | float | list | tuple) or (
        isinstance(value, int) and not isinstance(value, bool)
    )
