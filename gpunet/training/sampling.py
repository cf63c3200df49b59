"""Samples of machines, stacks and networks that know the class, and reconstructions."""

from typing import Any

import numpy as np

from ..backend import Arena, Context, Device, Purpose, Streams, capture
from ..backend.arrays import Array
from ..models import DBN, LabelledDBN
from ..parameter import Parameters


class Sampler:
    """Chains of a stack: Gibbs steps of the top machine, then one way down to the data.

    Args:
        dbn: with memory.
        parameters: its.
        chains: how many, of each member.
        seed: of the chains; members of a population use seed, seed + 1, ...
        start: ([members,] chains, features) data to start at; by default the top machine's resting state.
    """

    def __init__(self, dbn: DBN, parameters: Parameters, chains: int, seed: int = 0, start: Array = None):
        device, members = parameters.device, parameters.members
        self.dbn, self.parameters, self.device = dbn, parameters, device
        self.clock = device.zeros((1,), np.uint64)
        seeds: Any = [seed + i for i in range(members[0])] if members else seed
        self.streams = Streams(device, seeds, self.clock, Purpose.SAMPLING)
        self.context = Context(False, Arena(device), self.streams)
        top = dbn.top
        self.states = device.zeros((*members, chains, top.visible.n), parameters.dtype)
        if start is None:
            self.states += top.visible_offset.value[..., None, :]
        else:
            self.states[...] = DBN(dbn.machines[:-1]).encode(start, self.context)
        self._step = capture(self._gibbs, device)

    def run(self, steps: int) -> None:
        """So many Gibbs steps of the top machine."""
        for _ in range(steps):
            self._step()

    def data(self) -> np.ndarray:
        """The means of the visible units that the present states give, ([members,] chains, features)."""
        self._rewind()
        ctx, top = self.context, self.dbn.top
        h = top.hidden.sample(top.hidden_input(self.states, ctx), ctx)
        inputs = top.visible_input(h, ctx)
        if len(self.dbn.machines) == 1:
            return self.device.get(top.visible.mean(inputs, ctx))
        return self.device.get(self.dbn.generate(top.visible.sample(inputs, ctx), ctx))

    def _gibbs(self) -> None:
        self._rewind()
        ctx, top = self.context, self.dbn.top
        h = top.hidden.sample(top.hidden_input(self.states, ctx), ctx)
        self.device.xp.copyto(self.states, top.visible.sample(top.visible_input(h, ctx), ctx))
        self.clock += 1

    def _rewind(self) -> None:
        self.context.arena.rewind()
        self.streams.rewind()


def dreams(model: LabelledDBN, parameters: Parameters, labels: np.ndarray, steps: int, seed: int = 0) -> np.ndarray:
    """What a network imagines for given classes, ([members,] N, features): see :meth:`LabelledDBN.dream`.

    Args:
        model: with memory.
        parameters: its.
        labels: (N,) class numbers.
        steps: of Gibbs sampling.
        seed: of the chains; members of a population use seed, seed + 1, ...
    """
    device, members = parameters.device, parameters.members
    seeds: Any = [seed + i for i in range(members[0])] if members else seed
    streams = Streams(device, seeds, device.zeros((1,), np.uint64), Purpose.SAMPLING)
    wanted = device.put(np.broadcast_to(labels, (*members, len(labels))).copy())
    return device.get(model.dream(wanted, steps, Context(False, Arena(device), streams)))


def reconstructions(dbn: DBN, v: Array, device: Device) -> np.ndarray:
    """What remains of data that went up through all layers and down again by means, ([members,] N, features)."""
    ctx = Context(False, Arena(device))
    return device.get(dbn.decode(dbn.encode(v, ctx), ctx))
