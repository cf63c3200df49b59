"""A multilayer perceptron that sees the posterior of a deep Boltzmann machine beside each layer's input."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass

from ...backend import Context
from ...backend.arrays import Array
from ...errors import ConfigError
from ...fields import Count, Fraction, Positive, term
from ...layers import Dense, Dropout, Layer, Sequential, Sigmoid
from ...layers.base import Backward
from ...members import PerMember
from ...rbm import Units
from .levels import beside
from .machine import DBM
from .mean_field import settle

STILL = 1e-4  # samples whose means move by less in a sweep keep them


@dataclass(eq=False)
class PosteriorMLP(Layer):
    """Sigmoid layers as wide as those of a machine, each of which also sees the posterior of the layer above it.

    The first layer sees the data beside the mean field of the second hidden layer, so it begins with the weights of
    both, and gives what the first hidden layer would; so do the others.  The machine itself does not learn, and its
    posterior counts as given: the gradient with respect to the data leaves it out.  Salakhutdinov, Hinton: Deep
    Boltzmann machines (2009), section 3.3.

    Shapes: ``x`` ([E,] N, features), outputs ([E,] N, n_out).

    Args:
        units: of the machine: data, then hidden layers of bits, upwards.
        n_out: outputs.
        sweeps: most sweeps of the mean field for a batch.
        dropout: rate after each hidden layer.
        max_norm: bound on the length of the weights into each unit, or None.

    >>> from gpunet.rbm import Bernoulli
    >>> model = PosteriorMLP([Bernoulli(784), Bernoulli(500), Bernoulli(1000)], 10)
    >>> [layer.layers[0].weight.shape for layer in model.hidden], model.output_shape((784,))
    ([(1784, 500), (500, 1000)], (10,))
    """

    units: InitVar[Sequence[Units]]
    n_out: Count
    sweeps: Count = 20
    dropout: Fraction | PerMember = 0.0
    max_norm: Positive | PerMember | None = None

    def __post_init__(self, units: Sequence[Units]) -> None:
        """Make the machine and the layers.

        Raises:
            ConfigError: hidden units that are no bits, which sigmoid layers do not stand for.
        """
        for one in units[1:]:
            if not one.bits:
                raise ConfigError("hidden_units", "must be bernoulli to become sigmoid layers", term(type(one)))
        self.machine = DBM(units)
        widths = [side.n for side in units]
        self.hidden = []
        for number, width in enumerate(widths[1:], 1):
            seen = widths[number - 1] + (widths[number + 1] if number + 1 < len(widths) else 0)
            dense = Dense(width, n_in=seen, max_norm=self.max_norm)
            layers: list[Layer] = [dense, Sigmoid(), *([Dropout(self.dropout)] if self.dropout else [])]
            self.hidden.append(Sequential(layers))
        self.output = Dense(self.n_out, n_in=widths[-1])
        for layer in self.hidden:
            layer.build((layer.layers[0].n_in,))  # type: ignore[attr-defined]

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the outputs and the way back through the layers."""
        levels, depth = self.machine.levels, self.machine.depth
        members = levels[0].bias.value.shape[:-1]
        above = [ctx.empty((*members, x.shape[-2], level.units.n), x.dtype) for level in levels[2:]]
        with ctx.scratch():
            found = settle(levels, x, ctx, self.sweeps, STILL)
            for kept, states in zip(above, found.states[2:]):
                kept[...] = states
        inner, h, backs = ctx.with_input_gradient(True), x, []
        for number, layer in enumerate(self.hidden, 1):
            seen = beside([h, above[number - 1]], ctx) if number < depth else h
            h, back = layer.forward(seen, inner)
            backs.append(back)
        y, back_output = self.output.forward(h, inner)

        def backward(dy: Array) -> Array | None:
            dh = back_output(dy)
            for number in range(depth, 0, -1):
                dh = backs[number - 1](dh)[..., : levels[number - 1].units.n]
            return dh if ctx.input_gradient else None

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One row of outputs."""
        return (self.n_out,)

    def held(self, shape: tuple[int, ...]) -> int:
        """Inputs and outputs of the layers, and those of the mean field."""
        return 6 * sum(level.units.n for level in self.machine.levels) + self.n_out

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples of another shape; the machine knows its own already."""
        if shape != (self.machine.visible.n,):
            received = "x".join(map(str, shape))
            raise ConfigError("dbm_mlp", f"must see samples of {self.machine.visible.n} features", received)
