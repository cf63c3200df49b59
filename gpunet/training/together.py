"""How many steps of a training are one launch: several as one CUDA graph where a step is short, else one.

A launch costs the host and the device some microseconds, whatever is in it; that counts where a step takes little more.
Which steps are short is decided by counts alone, never by a clock.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..backend import nodes_of

if TYPE_CHECKING:
    from .trainer import Trainer

TOGETHER = 10  # steps of a graph
AFTER = 500  # steps that are launched alone first: recording several costs what about so many launches save
# A step is short up to so many nodes, so many multiplications in products, and so many bytes of parameters, gradients,
# slots and what a step computes; by estimate each of them takes an H100 in the order of a hundred microseconds.
NODES, PRODUCTS, BYTES = 64, 1 << 30, 1 << 26


class Together:
    """Counts the steps of a training and says how many of those that come are launched together.

    Args:
        trainer: whose steps they are.
    """

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self._made: Counter[Hashable] = Counter()
        self._short: dict[Hashable, bool] = {}

    def made(self, count: int) -> None:
        """Note that so many whole batches were trained on."""
        self._made[self._trainer.variant] += count

    def at(self, number: int) -> int:
        """How many steps from ``number`` of the epoch on are one launch: as many as a graph holds, or 1.

        They stay alone on the CPU, up to the first :data:`AFTER` of their kind, where the batch is a remainder or
        :meth:`.Objective.between` has to look at one of them, and where a feed could not read ahead.
        """
        trainer = self._trainer
        if trainer.device.kind == "cpu" or self._made[trainer.variant] < AFTER:
            return 1
        count, looks = self.most, trainer.objective.looks()
        inside = not looks or number % looks + count <= looks
        return count if inside and (number + count) * trainer.batch_size <= trainer.feed.samples else 1

    @property
    def most(self) -> int:
        """How many steps a graph may hold, once the graph of one is recorded."""
        trainer = self._trainer
        count = min(TOGETHER, trainer.objective.looks() or TOGETHER)
        if trainer.device.kind == "cpu" or count * trainer.batch_size > trainer.feed.reach:
            return 1
        if trainer.variant not in self._short:
            nodes = self._nodes()
            if nodes is None:  # there is no graph yet
                return 1
            self._short[trainer.variant] = nodes <= NODES and self._moves_little()
        return count if self._short[trainer.variant] else 1

    def _nodes(self) -> float | None:
        try:
            return nodes_of(self._trainer.step, self._trainer.batch_size, self._trainer.variant)
        except (OSError, RuntimeError):  # they are counted in a drawing of the graph, which goes through a file
            return math.inf

    def _moves_little(self) -> bool:
        trainer, parameters = self._trainer, self._trainer.parameters
        held = parameters.values.nbytes * (3 + len(trainer.optimizer.slots)) + trainer.context.arena.nbytes
        return held <= BYTES and trainer.products(1)[1] <= PRODUCTS
