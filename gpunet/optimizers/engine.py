"""The engine: applies a rule to the flat vectors of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..backend.arrays import Array
from ..members import differs, own
from ..ops.guard import guarded, square_sum
from ..parameter import Parameters
from ..schedules import Schedule, table
from .blocks import Block, blocks_of, decaying_layers
from .optimization import Optimization
from .rules import Rule


class Optimizer:
    """Owns the slots, the values of hyperparameters over time, weight decay, and the passes over the flat vectors.

    Args:
        optimization: a rule, alone or with penalties, clipping and averaging; the average is the slot of that name,
            see :meth:`averaged`.
        parameters: what it trains; running statistics are moved here too.

    Attributes:
        rate_scale: multiplies the learning rate from the next plan on, on the host, () or (members,).
        table: float64 (hyperparameters, [members,] steps), on the device, as planned.
        shares: how far the average moves at each step, ([members,] steps); None without averaging.
        deltas: flat, what was last computed to be taken from the parameters.

    Use: :meth:`plan` before each epoch, then :meth:`step` once per batch.
    """

    def __init__(self, optimization: Rule | Optimization, parameters: Parameters):
        self.optimization, self.parameters = Optimization.of(optimization), parameters
        self.rule, self.rate_scale = self.optimization.rule, np.ones(parameters.members)
        device, shape, dtype = parameters.device, parameters.values.shape, parameters.dtype
        self.slots = {name: device.zeros(shape, dtype) for name in self.rule.slots}
        self.updates = device.zeros((*parameters.members, 1), np.float64)
        self.deltas = device.zeros(shape, dtype)
        self._blocks = blocks_of(parameters, self.deltas, list(self.slots.values()))
        self._layers = decaying_layers(parameters, self.deltas) if self.rule.layerwise else {}
        if self.optimization.averaging is not None:
            self.slots["average"] = device.zeros(shape, dtype)
        self._note_exceptions()
        given, clipping = self.optimization, self.optimization.clipping
        self._l1, self._l2 = parameters.number(given.l1), parameters.number(given.l2)
        self._clipping = (
            None if clipping is None else (parameters.number(clipping.value), parameters.number(clipping.norm))
        )
        self.hyperparameters = tuple(f.name for f in fields(self.rule) if _is_number(getattr(self.rule, f.name)))
        self._uploaded: dict[tuple[str, tuple[int, ...]], Array] = {}
        self.table: Array = None
        self._cursor: Array = None
        self._times = np.zeros(0)
        self.shares: Array = None
        self.tail: Any = None  # of the kernels that end a step on CUDA, once they have

    def _note_exceptions(self) -> None:
        """Note what is not the same for all parameters, so that steps pass over nothing else."""
        parameters, device = self.parameters, self.parameters.device
        bounded = [p for p in parameters.named.values() if p.max_norm is not None]
        bounds = [parameters.number(p.max_norm) for p in bounded]
        self._bounded = [
            (p, bound if np.ndim(bound) == 0 else bound.reshape(-1, *(1 for _ in p.shape)))
            for p, bound in zip(bounded, bounds)
        ]
        self._limited = [name for name, p in parameters.named.items() if p.limit is not None]
        self._unit_rated = [
            (parameters.view(self.deltas, name), device.put(np.array(p.unit_rates), parameters.dtype))
            for name, p in parameters.named.items()
            if p.unit_rates is not None
        ]
        trained = [group.segment.stop for group in parameters.groups if group.momentum is None]
        self._gradient = parameters.grads[..., : max(trained, default=0)]  # the rest are running statistics

    def plan(self, times: np.ndarray, cursor: Array) -> None:
        """Upload the value of each hyperparameter at each step of the epoch to come.

        Args:
            times: the epoch, as a fraction, at each step; (steps,).
            cursor: int64 device array of shape (1,), the number of the step within the epoch.
        """
        members, self._times = self.parameters.members, times
        values = np.stack([table(getattr(self.rule, n), times, members) for n in self.hyperparameters])
        values[self.hyperparameters.index("learning_rate")] *= self.rate_scale[..., None]
        self.table, self._cursor = self._upload("table", values, np.float64), cursor
        averaging = self.optimization.averaging
        if averaging is not None:
            each = [own(averaging, member, *members).shares(times) for member in range(*members)] if members else []
            shares = np.stack(each) if differs(averaging) else averaging.shares(times)
            self.shares = self._upload("shares", shares, self.parameters.dtype)

    def begin_anew(self, members: np.ndarray, factor: float = 0.5) -> None:
        """Forget what was remembered of the updates of some members, and multiply their learning rate from now on.

        Args:
            members: bool, (members,); of one member for a single model.
            factor: of the learning rate.
        """
        self.rate_scale = np.where(members.reshape(self.parameters.members), self.rate_scale * factor, self.rate_scale)
        chosen = np.flatnonzero(members)
        for array in (self.updates, *(slot for name, slot in self.slots.items() if name != "average")):
            rows = array if self.parameters.members else array[None]
            for member in map(int, chosen):
                rows[member].fill(0)
        self.plan(self._times, self._cursor)

    def step(self, allowed: Array) -> Array:
        """Update all parameters from their gradients.

        Args:
            allowed: bool, () or (members,): members that may change.

        Returns:
            Bool, () or (members,): whose update was finite and within all limits; one that was not is not applied.
        """
        p = self.parameters
        guarded(allowed, [self.deltas, self.updates, *self.slots.values()], self._compute)
        length = square_sum(self.deltas)
        good = p.device.xp.isfinite(length)
        for name in self._limited:
            good = p.device.xp.logical_and(good, self._size_after(name, length) < p.named[name].limit)
        changed = [p.values] if self.optimization.averaging is None else [p.values, self.slots["average"]]
        guarded(p.device.xp.logical_and(allowed, good), changed, self._apply)
        return good

    def size_after(self, name: str) -> Array:
        """Root mean square that a parameter may have at most after the last update, () or (members,)."""
        return self._size_after(name, square_sum(self.deltas))

    def _size_after(self, name: str, length: Array) -> Array:
        """``|w| + |d|`` for ``|w - d|`` costs one pass instead of two; ``length`` is the square of ``|d|``."""
        part, xp = self.parameters.segments[name], self.parameters.device.xp
        own = square_sum(self.parameters.values[..., part])
        return (xp.sqrt(own) + xp.sqrt(length)) * (part.stop - part.start) ** -0.5

    def last_update(self, name: str) -> Array:
        """What was computed last to be taken from a parameter, applied or not, ([members,] *shape)."""
        return self.parameters.view(self.deltas, name)

    def penalty(self) -> Array:
        """The penalties at the present parameters, () or (members,)."""
        xp, total = self.parameters.device.xp, self.parameters.device.zeros(self.parameters.members, np.float64)
        for group in self.parameters.groups:
            if group.decay and group.momentum is None:
                w = self.parameters.values[..., group.segment]
                l1, l2 = (number if np.ndim(number) == 0 else number[..., 0] for number in (self._l1, self._l2))
                total += l2 / 2 * square_sum(w) + l1 * xp.absolute(w).sum(axis=-1)
        return total

    def penalise(self) -> None:
        """Add the gradient of the penalties to the gradients; :meth:`step` does so by itself."""
        for blocks in self._blocks.values():
            for b in blocks:
                if b.group.decay and b.group.momentum is None:
                    self._penalise(b)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While this is open, between steps, the parameters hold their average, where there is one."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def current(self, name: str) -> np.ndarray:
        """Value of a hyperparameter at the last planned step, on the host, () or (members,)."""
        return self.parameters.device.get(self.table)[self.hyperparameters.index(name)][..., -1]

    def _upload(self, name: str, host: np.ndarray, dtype: Any) -> Array:
        """Each length of an epoch has memory of its own: a captured step goes on reading where it was recorded."""
        key, device = (name, host.shape), self.parameters.device
        if key not in self._uploaded:
            self._uploaded[key] = device.zeros(host.shape, dtype)
        device.copy_into(self._uploaded[key], host)
        return self._uploaded[key]

    def _apply(self) -> None:
        xp, values, deltas = self.parameters.device.xp, self.parameters.values, self.deltas
        values -= deltas
        for p, bound in self._bounded:
            into_unit = tuple(range(-len(p.shape), -1))  # all axes but the members' and the last one, the units
            value = p.value
            length = xp.sqrt((value * value).sum(axis=into_unit, keepdims=True))
            value *= bound / xp.maximum(length, bound)
        if self.optimization.averaging is not None:
            average = self.slots["average"]
            xp.subtract(values, average, out=deltas)
            deltas *= self.shares.take(self._cursor, axis=-1)
            average += deltas

    def _exchange(self) -> None:
        if self.optimization.averaging is not None:
            copyto, values, average = self.parameters.device.xp.copyto, self.parameters.values, self.slots["average"]
            copyto(self.deltas, values)
            copyto(values, average)
            copyto(average, self.deltas)

    def _compute(self) -> None:
        xp = self.parameters.device.xp
        self.updates += 1
        if self.optimization.clipping is not None:
            self.optimization.clipping.apply(self._gradient, self._clipping)
        now = self.table.take(self._cursor, axis=-1)
        for rate_factor, blocks in self._blocks.items():
            h = SimpleNamespace(**dict(zip(self.hyperparameters, now)))
            h.learning_rate = h.learning_rate * rate_factor
            dtype = self.parameters.dtype
            c = SimpleNamespace(**{k: v.astype(dtype) for k, v in self.rule.coefficients(h, self.updates).items()})
            for w, g, scratch in self._layers.get(rate_factor, ()):
                self.rule.prepare(w, g, c, scratch)
            shrinkage = getattr(c, "shrinkage", None)
            for b in blocks:
                if b.group.momentum is not None:
                    # A running statistic moves towards what was observed, which stands where others have a gradient.
                    xp.subtract(b.values, b.grads, out=b.deltas)
                    b.deltas *= b.momentum
                    continue
                if b.group.decay:
                    self._penalise(b)
                self.rule.update(b.grads, b.slots, c, b.deltas, b.scratch)
                if shrinkage is not None and b.group.decay:
                    b.deltas += xp.multiply(b.values, shrinkage, out=b.scratch)
        for delta, rates in self._unit_rated:
            delta *= rates
        for name in self.parameters.idle:
            self.last_update(name).fill(0)

    def _penalise(self, b: Block) -> None:
        """Add the gradient of the penalties; that of an absolute value at 0 is 0."""
        xp, given = self.parameters.device.xp, self.optimization
        if given.l2:
            b.grads += xp.multiply(b.values, self._l2, out=b.scratch)
        if given.l1:
            xp.sign(b.values, out=b.scratch)
            b.scratch *= self._l1
            b.grads += b.scratch


def _is_number(value: Any) -> bool:
    return isinstance(value, Schedule | float | list | tuple) or (
        isinstance(value, int) and not isinstance(value, bool)
    )
