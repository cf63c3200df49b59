"""The deep belief network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..parameter import Module
from ..rbm import RBM, Units


@dataclass(eq=False)
class DBN(Module):
    """Machines on top of each other: the uppermost undirected, those below generating downwards.

    ``p(v, h1, ..., hL) = p(v | h1) ... p(hL-2 | hL-1) p(hL-1, hL)``.  Hinton, Osindero, Teh: A fast learning algorithm
    for deep belief nets (2006).

    Args:
        machines: from the data upwards; the visible units of each are the hidden ones of that below.
    """

    classes: ClassVar[int] = 0  # that it knows
    bound_is_drawn: ClassVar[bool] = True  # see bound

    machines: Sequence[RBM] = ()

    @property
    def top(self) -> RBM:
        """The uppermost machine, whose two sides are sampled together."""
        return self.machines[-1]

    @property
    def undirected(self) -> RBM:
        """The machine whose states are sampled by Gibbs steps; all below follows from them."""
        return self.top

    @property
    def depth(self) -> int:
        """How many hidden layers there are."""
        return len(self.machines)

    @property
    def single(self) -> bool:
        """Whether it is one machine, so that the likelihood of data is known up to log Z, not just a bound."""
        return len(self.machines) == 1

    @property
    def visible(self) -> Units:
        """The units of the data."""
        return self.machines[0].visible

    @property
    def code(self) -> Units:
        """The units of the highest hidden layer."""
        return self.top.hidden

    @property
    def sides(self) -> list[Units]:
        """The units of all layers, those in between once for each machine that they belong to."""
        return [units for machine in self.machines for units in (machine.hidden, machine.visible)]

    def encode(self, v: Array, ctx: Context, layers: int | None = None) -> Array:
        """Expected states, layer by layer upwards, of ``layers`` layers or all: ([E,] N, width)."""
        for machine in self.machines[:layers]:
            v = machine.encode(v, ctx)
        return v

    def decode(self, h: Array, ctx: Context, layers: int | None = None) -> Array:
        """Expected states downwards from the hidden units of the ``layers``-th machine, the top one by default."""
        for machine in reversed(self.machines[:layers]):
            h = machine.decode(h, ctx)
        return h

    def reconstruct(self, v: Array, ctx: Context) -> Array:
        """Expected states of the data after one way up and down by means, ([E,] N, visible)."""
        return self.decode(self.encode(v, ctx), ctx)

    def rise(self, v: Array, ctx: Context, draw: bool = False) -> Array:
        """Where chains of the top machine begin for data: what its visible units see, as means or drawn on the way."""
        if not draw:
            return self.encode(v, ctx, self.depth - 1)
        for machine in self.machines[:-1]:
            v = machine.hidden_drawn(v, ctx)
        return v

    def descend(self, states: Array, ctx: Context) -> Array:
        """The data drawn downwards for states of the top machine's visible units; of one machine, these themselves."""
        for machine in reversed(self.machines[:-1]):
            states = machine.visible_drawn(states, ctx)
        return states

    def generate(self, inputs: Array, ctx: Context) -> Array:
        """From the input of the top machine's visible units down to the data: samples on the way, means at the end."""
        for number in range(len(self.machines) - 1, 0, -1):
            machine, below = self.machines[number], self.machines[number - 1]
            inputs = below.visible_input(machine.visible.sample(inputs, ctx), ctx)
        return self.machines[0].visible.mean(inputs, ctx)

    def bound(self, v: Array, ctx: Context) -> Array:
        """One sample of a lower bound on ``log p(v) + log Z`` of the top machine, ([E,] N), in nats.

        With ``q`` the factorial distributions of the upward pass,
        ``E_q[log p(v | h1) + ... - F_top(hL-1)] + entropies of q``; each call draws its own states from ``q``.

        Salakhutdinov, Murray: On the quantitative analysis of deep belief networks (2008), section 5.
        """
        total: Array = 0.0
        for machine in self.machines[:-1]:
            upward = machine.hidden_input(v, ctx)
            h = machine.hidden.sample(upward, ctx)
            log_q = log_probability(machine, h, upward, ctx, hidden=True)
            log_p = log_probability(machine, v, machine.visible_input(h, ctx), ctx, hidden=False)
            total = total + log_p - log_q
            v = h
        return total - self.top.free_energy(v, ctx)


def log_probability(machine: RBM, states: Array, inputs: Array, ctx: Context, *, hidden: bool) -> Array:
    """``log p(states | inputs)`` of one side of a machine, ([E,] N)."""
    units = machine.hidden if hidden else machine.visible
    product = array_module(states).multiply(states, inputs, out=ctx.like(inputs))
    return units.log_base(states, ctx) + product.sum(axis=-1) - units.log_partition(inputs, ctx)
