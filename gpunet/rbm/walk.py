"""Gibbs sampling outside of training."""

from collections.abc import Iterator

import numpy as np

from ..backend import Arena, Context, Purpose, Streams
from ..backend.arrays import Array
from ..parameter import Parameters


class Walk:
    """Memory and random numbers of Markov chains that no training step drives, with a clock of their own.

    Args:
        parameters: of the machines that the chains follow.
        seed: of the chains; members of a population use seed, seed + 1, ...
        together: how many steps :meth:`together` can make.
        clock: uint64 (1,) on the device, of a walk that this one goes on with; one of its own by default.
    """

    def __init__(self, parameters: Parameters, seed: int, together: int = 1, clock: Array = None):
        device, members = parameters.device, parameters.members
        self.clock = device.zeros((1,), np.uint64) if clock is None else clock
        seeds = [seed + i for i in range(*members)] if members else seed
        arena, self._ahead = Arena(device), device.put(np.arange(1, together + 1), np.uint64)
        self._clocks, self._xp = device.zeros((together,), np.uint64), device.xp

        def surroundings(clock: Array) -> Context:
            return Context(False, arena, Streams(device, seeds, clock, Purpose.SAMPLING))

        self.context = surroundings(self.clock)
        self._each = [surroundings(self._clocks[step : step + 1]) for step in range(together)]

    def begin_step(self) -> None:
        """Forget the scratch arrays of the step before and draw new random numbers."""
        self.clock += 1
        self._begin(self.context)

    def together(self, count: int) -> Iterator[Context]:
        """The surroundings of each of ``count`` steps that follow each other; the clock is moved once for all of them.

        So a graph can hold several steps, each with random numbers of its own, at two launches for them all.
        """
        self._xp.add(self.clock, self._ahead, out=self._clocks)
        self.clock += count
        for ctx in self._each[:count]:
            self._begin(ctx)
            yield ctx

    @staticmethod
    def _begin(ctx: Context) -> None:
        assert ctx.streams is not None
        ctx.arena.rewind()
        ctx.streams.rewind()
