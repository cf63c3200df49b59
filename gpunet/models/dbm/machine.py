"""The deep Boltzmann machine."""

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass
from typing import ClassVar

import numpy as np

from ...backend import Context, array_module
from ...backend.arrays import Array
from ...errors import ConfigError
from ...parameter import Module
from ...rbm import Softmax, Units
from .levels import Level
from .mean_field import Posterior, free_energy, settle
from .sides import Doubled, Sides

SWEEPS, STILL = 500, 1e-5  # where a posterior is looked at by itself, outside of training


@dataclass(eq=False)
class DBM(Module):
    """A deep Boltzmann machine: hidden layers above each other, all ties undirected.

    ``log p(v, h1, ..., hL) = base measures + biases + v W1 h1 + h1 W2 h2 + ... - log Z``.  Nothing is tied within a
    layer, nor over one.  With ``classes`` a choice of one class is tied to the highest hidden layer.  Salakhutdinov,
    Hinton: Deep Boltzmann machines (2009).

    Shapes: ``levels[i].weight`` ([E,] units below, units), ``levels[i].bias`` ([E,] units), states ([E,] N, n).

    Args:
        units: of the data, then of at least two hidden layers, upwards.
        classes: how many it knows; none by default.

    Attributes:
        levels: data, hidden layers and labels, each with its biases and the weights from the one below.

    >>> from gpunet.rbm import Bernoulli
    >>> machine = DBM([Bernoulli(784), Bernoulli(500), Bernoulli(1000)])
    >>> machine.depth, machine.undirected.visible.n, machine.undirected.hidden.n
    (2, 1784, 500)
    """

    bound_is_drawn: ClassVar[bool] = False
    units: InitVar[Sequence[Units]]
    classes: int = 0

    def __post_init__(self, units: Sequence[Units]) -> None:
        """Make the levels.

        Raises:
            ConfigError: a single hidden layer, which is no deep machine.
        """
        if len(units) < 3:
            raise ConfigError("hidden", "must have at least two layers in a deep machine", len(units) - 1, "Use rbm")
        sides = [*units] + ([Softmax(self.classes, group=self.classes)] if self.classes else [])
        self.levels = [
            Level(side, below.n if below is not None else 0, number == len(units))
            for number, (below, side) in enumerate(zip([None, *sides], sides))
        ]

    @property
    def depth(self) -> int:
        """How many hidden layers there are."""
        return len(self.levels) - 1 - self.levels[-1].label

    @property
    def single(self) -> bool:
        """Whether the likelihood of data has a closed form up to log Z; it has a bound."""
        return False

    @property
    def visible(self) -> Units:
        """The units of the data."""
        return self.levels[0].units

    @property
    def code(self) -> Units:
        """The units of the highest hidden layer."""
        return self.levels[self.depth].units

    @property
    def sides(self) -> list[Units]:
        """The units of all levels."""
        return [level.units for level in self.levels]

    @property
    def undirected(self) -> Sides:
        """The deep machine as a restricted one: the data and every other layer on its visible side."""
        return Sides(self.levels, 0)

    @property
    def top(self) -> Sides:
        """The same: all of a deep machine is undirected."""
        return self.undirected

    @property
    def greedy(self) -> list[Doubled]:
        """The machines of a greedy start, from the data upwards; they share the parameters of the levels."""
        return [Doubled(self.levels, number) for number in range(1, self.depth + 1)]

    def posterior(self, v: Array, ctx: Context, label: Array | None = None) -> Posterior:
        """Mean field until it stands still; for use outside of steps that are captured.

        Args:
            v: ([E,] N, visible), states of the data.
            ctx: memory.
            label: ([E,] N, classes), where the classes are known.
        """
        return settle(self.levels, v, ctx, SWEEPS, STILL, label=label, early=True)

    def encode(self, v: Array, ctx: Context, layers: int | None = None) -> Array:
        """Expected states of a hidden layer under the mean field, ([E,] N, units); of the highest by default."""
        return self.posterior(v, ctx).states[layers or self.depth]

    def decode(self, h: Array, ctx: Context, layers: int | None = None) -> Array:
        """Expected states of the data downwards from those of a hidden layer, the highest by default.

        Each layer hears from above alone, as in its machine of the greedy start.
        """
        for machine in reversed(self.greedy[: layers or self.depth]):
            h = machine.decode(h, ctx)[..., : self.levels[machine.number - 1].units.n]
        return h

    def reconstruct(self, v: Array, ctx: Context) -> Array:
        """Expected states of the data under the first layer's expectations for them, ([E,] N, visible)."""
        return self.decode(self.encode(v, ctx, 1), ctx, 1)

    def rise(self, v: Array, ctx: Context, draw: bool = False) -> Array:
        """Where chains of :attr:`undirected` begin for data: the data and, for other layers, means or states drawn."""
        found = self.posterior(v, ctx)
        states = list(found.states)
        for number in self.undirected.numbers[0]:
            x = found.inputs[number]
            if draw and x is not None:
                states[number] = self.levels[number].units.sample(x, ctx)
        return self.undirected.side(states, 0, ctx)

    def descend(self, states: Array, ctx: Context) -> Array:
        """The data within states of :attr:`undirected`'s visible side."""
        return states[..., : self.visible.n]

    def generate(self, inputs: Array, ctx: Context) -> Array:
        """Means of the data for inputs of :attr:`undirected`'s visible side."""
        x = inputs[..., : self.visible.n]
        return self.visible.mean(x, ctx)

    def bound(self, v: Array, ctx: Context) -> Array:
        """A lower bound on ``log p(v) + log Z``, ([E,] N), in nats: minus the free energy of the mean field."""
        return -free_energy(self.levels, self.posterior(v, ctx), ctx)

    def log_unnormalised(self, v: Array, ctx: Context) -> Array:
        """``log p(v) + log Z`` exactly, ([E,] N), in nats: the sum over all states of the hidden layers.

        Every other hidden layer is enumerated, the others are summed in closed form.

        Raises:
            ConfigError: both ways there are more than 2^25 states of a sample.
        """
        from .enumeration import log_sum_over_hidden

        return log_sum_over_hidden(self.undirected, v, ctx)

    @property
    def hidden_state_count(self) -> float:
        """How many states of hidden layers :meth:`log_unnormalised` goes through for a sample."""
        from .enumeration import enumerated

        return enumerated(self.undirected).state_count

    def start_from(self, data_mean: np.ndarray, share: np.ndarray | None, ctx: Context) -> None:
        """Make the machine without weights have the data's mean, and set the running means to what it expects then.

        Args:
            data_mean: (visible,), or (members, visible) where each member has data of its own.
            share: (classes,) of each class in the data, likewise, where the machine knows classes.
            ctx: memory.
        """
        given = {0: data_mean}
        if share is not None:
            given[len(self.levels) - 1] = share
        for number, level in enumerate(self.levels):
            asarray = array_module(level.bias.value).asarray
            if number in given:
                level.bias.value[...] = asarray(level.units.input_for(given[number]))
                level.offset.value[...] = asarray(given[number])
            else:
                resting = level.units.mean(level.bias.value[..., None, :], ctx)
                level.offset.value[...] = resting[..., 0, :]

    def hidden_levels(self) -> Iterator[Level]:
        """The hidden layers upwards."""
        yield from self.levels[1 : self.depth + 1]
