"""Samples of machines, stacks and networks that know the class, and reconstructions."""

import numpy as np

from ..backend import Arena, Context, Device, capture
from ..backend.arrays import Array
from ..models import DBM, DBN, LabelledDBM, LabelledDBN
from ..ops.gather import one_hot
from ..parameter import Parameters
from ..rbm import ClassRBM
from ..rbm.walk import Walk

TOGETHER = 10  # Gibbs steps of a graph
Generator = DBN | DBM | LabelledDBN | LabelledDBM | ClassRBM


class Sampler:
    """Chains of a model: Gibbs steps of the top machine, then one way down to the data.

    Args:
        model: with memory.
        parameters: its.
        chains: how many, of each member.
        seed: of the chains; members of a population use seed, seed + 1, ...
        start: ([members,] chains, features) data to start at; by default the top machine's resting state.
        labels: (chains,) class numbers to hold, for a model that knows classes; by default the classes are free.
        clamp: features to hold: their values ([members,] chains or 1, features), as the visible units have them, and
            which are held, bool (chains or 1, features); of a single machine.
    """

    def __init__(
        self,
        model: Generator,
        parameters: Parameters,
        chains: int,
        seed: int = 0,
        start: Array = None,
        labels: np.ndarray | None = None,
        clamp: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        self.model, self.device, self.walk = model, parameters.device, Walk(parameters, seed, TOGETHER)
        self.top = model.undirected
        self.states = self.device.zeros((*parameters.members, chains, self.top.visible.n), parameters.dtype)
        if start is None:
            self.states += self.top.visible_offset.value[..., None, :]
        else:
            assert isinstance(model, DBN | DBM), "networks that know classes start at rest"
            self.states[...] = model.rise(start, self.walk.context)
        self.held: Array = None
        if labels is not None:
            assert model.classes, "only models that know classes can hold one"
            self.held = one_hot(
                self.device.put(labels), model.classes, self.device.zeros((chains, model.classes), bool)
            )
        self.clamp = None
        if clamp is not None:
            assert self._single, "what lies below a stack cannot be held at its top"
            values, held = clamp
            self.clamp = self.device.put(values, parameters.dtype), self.device.put(held)
            self._hold(self.states)
        self._steps = capture(self._gibbs, self.device)

    def run(self, steps: int) -> None:
        """So many Gibbs steps of the top machine, several in a graph."""
        for done in range(0, steps, TOGETHER):
            self._steps(min(TOGETHER, steps - done))

    def data(self) -> np.ndarray:
        """The means of the visible units that the present states give, ([members,] chains, features)."""
        means = self.model.generate(self._visible_input(), self.walk.context)
        self._hold(means)
        return self.device.get(means)

    def drawn(self) -> Array:
        """States of the data that the chains are in, ([members,] chains, features), on the device.

        Those of a machine, flat or deep, are among its states; those below a stack are drawn on the way down.
        """
        assert isinstance(self.model, DBN | DBM), "networks that know classes are asked for means"
        if isinstance(self.model, DBN) and not self.model.single:
            self.walk.begin_step()
        return self.model.descend(self.states, self.walk.context).copy()

    def _gibbs(self, count: int) -> None:
        for ctx in self.walk.together(count):
            self.top.visible_drawn(self._hidden(ctx), ctx, self.states)
            self._hold(self.states)

    @property
    def _single(self) -> bool:
        """Whether the machine that is sampled sees the data themselves."""
        return isinstance(self.model, ClassRBM) or (isinstance(self.model, DBN) and self.model.single)

    def _hold(self, states: Array) -> None:
        """Put the features that are held back into states of the features and whatever stands behind them."""
        if self.clamp is not None:
            values, held = self.clamp
            self.device.xp.copyto(states[..., : held.shape[-1]], values, where=held)

    def _visible_input(self) -> Array:
        """What hidden states drawn for the present states tell the top machine's visible units."""
        self.walk.begin_step()
        return self.top.visible_input(self._hidden(self.walk.context), self.walk.context)

    def _hidden(self, ctx: Context) -> Array:
        """Hidden states of the top machine drawn for the present states, in which the class is held."""
        if self.held is not None:
            self.states[..., -self.held.shape[-1] :] = self.held
        return self.top.hidden_drawn(self.states, ctx)


def reconstructions(dbn: DBN | DBM, v: Array, device: Device) -> np.ndarray:
    """What remains of data that went up and down again by means, ([members,] N, features)."""
    ctx = Context(False, Arena(device))
    return device.get(dbn.reconstruct(v, ctx))
