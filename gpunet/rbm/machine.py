"""The restricted Boltzmann machine."""

import math
from dataclasses import dataclass

import numpy as np

from ..backend import Context, array_module, matmul
from ..backend.arrays import Array
from ..initializers import Initializer, Normal
from ..parameter import Module, Parameter
from .halves import Inputs
from .units import Units

# Root mean square of the weights. In a machine that learns, a unit's input is a few nats; from here on it is hundreds,
# each unit decides the others for good, and no number of steps leads back, though none of them is infinite.
EXPLODED = 100.0


@dataclass(eq=False)
class RBM(Module):
    """Two sides of units with a weight between each pair of opposite ones.

    ``log p(v, h) = log_base(v) + log_base(h) + b v + c h + v W h - log Z``.

    Shapes: ``weight`` ([E,] visible, hidden), biases and offsets ([E,] n), states ([E,] N, n).

    The offsets are running means of both sides under the data.  They centre the gradient, not the energy, so the
    parameters mean what the formula says.  Melchior, Fischer, Wiskott: How to center deep Boltzmann machines (2016).

    Args:
        visible: units that see data.
        hidden: units that explain them.
        initializer: of the weight; Hinton (2010, section 8) uses a standard deviation of 0.01.
        momentum: how far the offsets move towards a batch's means at each step.
        rate_factor: multiplies the learning rate of this machine.
    """

    visible: Units
    hidden: Units
    initializer: Initializer = Normal(0.01)
    momentum: float = 0.01
    rate_factor: float = 1.0

    def __post_init__(self) -> None:
        """Declare weight, biases and offsets."""
        n_visible, n_hidden, factor = (self.visible.n,), (self.hidden.n,), self.rate_factor
        shape, axes = (self.visible.n, self.hidden.n), ("visible", "hidden")
        self.weight = Parameter(shape, self.initializer, axes=axes, rate_factor=factor, limit=EXPLODED)
        self.visible_bias = Parameter(n_visible, role="bias", axes=("visible",), rate_factor=factor)
        self.hidden_bias = Parameter(n_hidden, role="bias", axes=("hidden",), rate_factor=factor)
        self.visible_offset = Parameter(n_visible, role="offset", axes=("visible",), momentum=self.momentum)
        self.hidden_offset = Parameter(n_hidden, role="offset", axes=("hidden",), momentum=self.momentum)

    def hidden_input(self, v: Array, ctx: Context) -> Array:
        """Total input of the hidden units, ``c + v W``."""
        return self.to_hidden(v, ctx).complete()

    def visible_input(self, h: Array, ctx: Context) -> Array:
        """Total input of the visible units, ``b + h W^T``."""
        return self.to_visible(h, ctx).complete()

    def to_hidden(self, v: Array, ctx: Context) -> Inputs:
        """Inputs of the hidden units, without the bias so far."""
        return Inputs(self._product(v, self.weight.value, ctx), self.hidden_bias.value)

    def to_visible(self, h: Array, ctx: Context) -> Inputs:
        """Inputs of the visible units, without the bias so far."""
        return Inputs(self._product(h, self.weight.value.swapaxes(-1, -2), ctx), self.visible_bias.value)

    def encode(self, v: Array, ctx: Context) -> Array:
        """Expected hidden states, ([E,] N, hidden)."""
        return self.to_hidden(v, ctx).expected(self.hidden, ctx)

    def decode(self, h: Array, ctx: Context) -> Array:
        """Expected visible states, ([E,] N, visible)."""
        return self.to_visible(h, ctx).expected(self.visible, ctx)

    def hidden_drawn(self, v: Array, ctx: Context) -> Array:
        """Hidden states drawn given visible ones, ([E,] N, hidden)."""
        return self.to_hidden(v, ctx).drawn(self.hidden, ctx)

    def visible_drawn(self, h: Array, ctx: Context, out: Array = None) -> Array:
        """Visible states drawn given hidden ones, ([E,] N, visible), written to ``out`` where it is given."""
        return self.to_visible(h, ctx).drawn(self.visible, ctx, out)

    def free_energy(self, v: Array, ctx: Context) -> Array:
        """``-log of the unnormalised probability of v``, ([E,] N): ``-log_base(v) - b v - log_partition(c + v W)``."""
        return self.free_energy_from(v, self.hidden_input(v, ctx), ctx)

    def free_energy_from(self, v: Array, hidden_input: Array, ctx: Context) -> Array:
        """The free energy of ``v`` where the input that it gives the hidden units is known already."""
        linear = matmul(v, self.visible_bias.value[..., :, None])[..., 0]
        return -(self.visible.log_base(v, ctx) + linear + self.hidden.log_partition(hidden_input, ctx))

    def energy(self, v: Array, h: Array, ctx: Context) -> Array:
        """``-log of the unnormalised probability of v and h``, ([E,] N)."""
        visible = self.visible.log_base(v, ctx) + (v * self.visible_input(h, ctx)).sum(axis=-1)
        return -(visible + self.hidden.log_base(h, ctx) + (h * self.hidden_bias.value[..., None, :]).sum(axis=-1))

    def start_from(self, data_mean: np.ndarray, ctx: Context, samples: float = math.inf) -> None:
        """Make the machine without weights have the data's mean, and set the offsets to what it expects then.

        For Bernoulli units the visible biases are the log-odds that Hinton (2010, section 8) advises.

        Args:
            data_mean: (visible,), or (members, visible) where each member has data of its own.
            ctx: memory.
            samples: of which it is the mean, for units that add a pseudocount to them.
        """
        asarray = array_module(self.weight.value).asarray
        self.visible_bias.value[...] = asarray(self.visible.first_input(data_mean, samples))
        self.visible_offset.value[...] = asarray(data_mean)
        resting = self.hidden.mean(self.hidden_bias.value[..., None, :], ctx)
        self.hidden_offset.value[...] = resting[..., 0, :]

    @staticmethod
    def _product(states: Array, weight: Array, ctx: Context) -> Array:
        return matmul(
            states, weight, out=ctx.empty((*weight.shape[:-2], states.shape[-2], weight.shape[-1]), weight.dtype)
        )
