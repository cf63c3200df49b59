"""Gibbs sampling outside of training."""

import numpy as np

from ..backend import Arena, Context, Purpose, Streams
from ..parameter import Parameters


class Walk:
    """Memory and random numbers of Markov chains that no training step drives, with a clock of their own.

    Args:
        parameters: of the machines that the chains follow.
        seed: of the chains; members of a population use seed, seed + 1, ...
    """

    def __init__(self, parameters: Parameters, seed: int):
        device, members = parameters.device, parameters.members
        self.clock = device.zeros((1,), np.uint64)
        seeds = [seed + i for i in range(*members)] if members else seed
        self.streams = Streams(device, seeds, self.clock, Purpose.SAMPLING)
        self.context = Context(False, Arena(device), self.streams)

    def begin_step(self) -> None:
        """Forget the scratch arrays of the step before and draw new random numbers."""
        self.clock += 1
        self.context.arena.rewind()
        self.streams.rewind()
