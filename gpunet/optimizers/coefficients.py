"""The few numbers that a rule needs in one update, from its hyperparameters and the number of the update."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import op
from ..backend.arrays import Array
from .tail import KINDS

if TYPE_CHECKING:
    from .engine import Optimizer

AHEAD = 64  # updates whose numbers are computed together on the host


@op
def coefficients(updates: Array, optimizer: "Optimizer", rate_factor: float) -> SimpleNamespace:
    """What the rule says for an update, each number an array of shape ([members,] 1).

    Args:
        updates: float64 ([members,] 1), the number of the update, from 1.
        optimizer: planned for the epoch.
        rate_factor: multiplies the learning rate.
    """
    return _found(optimizer, optimizer.table.take(optimizer.cursor, axis=-1), updates, rate_factor)


@coefficients.override("numpy")
def _coefficients_ahead(updates: Array, optimizer: "Optimizer", rate_factor: float) -> SimpleNamespace:
    """Rules of this package are arithmetic on each number by itself, so that several updates are computed at once."""
    if type(optimizer.rule) not in KINDS:
        return coefficients.reference(updates, optimizer, rate_factor)
    return optimizer.ahead.of(updates, rate_factor)


def _found(optimizer: "Optimizer", now: Array, updates: Array, rate_factor: float) -> SimpleNamespace:
    h = SimpleNamespace(**dict(zip(optimizer.hyperparameters, now)))
    h.learning_rate = h.learning_rate * rate_factor
    dtype = optimizer.parameters.dtype
    return SimpleNamespace(**{k: v.astype(dtype) for k, v in optimizer.rule.coefficients(h, updates).items()})


class Ahead:
    """Numbers of updates to come, on the host: a dozen operations on one number cost as much as on many.

    They hold as long as updates follow one another as they were expected to.
    """

    def __init__(self, optimizer: "Optimizer"):
        self.optimizer = optimizer
        self.forget()

    def forget(self) -> None:
        """Compute anew: the hyperparameters have changed."""
        self._known: dict[float, SimpleNamespace] = {}
        self._rows: dict[float, Array] = {}
        self._first: Array = None  # update that the known numbers begin with
        self._place = 0  # in the epoch, of that update

    def of(self, updates: Array, rate_factor: float) -> SimpleNamespace:
        """The numbers of an update, see :func:`coefficients`."""
        number = self._at(updates, rate_factor)
        known: dict[str, Any] = vars(self._known[rate_factor])
        return SimpleNamespace(**{
            name: array if array.shape[-1] == 1 else array[..., number : number + 1] for name, array in known.items()
        })  # fmt: skip

    def rows(self, updates: Array, rate_factor: float, table: Callable[[SimpleNamespace, int], Array]) -> Array:
        """A row of a table of the numbers of an update.

        Args:
            updates: as in :func:`coefficients`.
            rate_factor: likewise.
            table: makes the table of so many updates, (updates, ...), of the numbers of all of them; always the same.
        """
        number = self._at(updates, rate_factor)
        if rate_factor not in self._rows:
            self._rows[rate_factor] = table(self._known[rate_factor], self._count())
        return self._rows[rate_factor][number]

    def _at(self, updates: Array, rate_factor: float) -> int:
        """The place of an update among those that are known, which are computed where it is not."""
        place = int(self.optimizer.cursor[0])
        number = self._number(updates, place)
        if number < 0 or rate_factor not in self._known:
            if number != 0:
                self.forget()
                self._first, self._place = updates.copy(), place
            number = 0
            self._known[rate_factor] = self._compute(rate_factor)
        return number

    def _count(self) -> int:
        """How many updates are computed together."""
        return AHEAD if self.optimizer.constant else min(AHEAD, self.optimizer.table.shape[-1] - self._place)

    def _number(self, updates: Array, place: int) -> int:
        """How many updates after the first one this is, or -1 where it does not follow on it."""
        if self._first is None:
            return -1
        number = int(updates.flat[0] - self._first.flat[0])
        follows = updates.size == 1 or (updates - self._first == number).all()
        in_place = self.optimizer.constant or place == self._place + number
        return number if follows and in_place and 0 <= number < AHEAD else -1

    def _compute(self, rate_factor: float) -> SimpleNamespace:
        table, place, count = self.optimizer.table, self._place, self._count()
        now = table[..., :1] if self.optimizer.constant else table[..., place : place + count]
        return _found(self.optimizer, now, self._first + np.arange(count), rate_factor)
