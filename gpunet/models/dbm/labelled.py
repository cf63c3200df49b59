"""The deep Boltzmann machine that knows the class."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass

import numpy as np

from ...backend import Context
from ...backend.arrays import Array
from ...errors import ConfigError
from ...fields import Count, term
from ...layers import Layer
from ...layers.base import Backward
from ...rbm import Units
from .machine import DBM
from .mean_field import differentiable
from .sides import Sides


@dataclass(eq=False)
class LabelledDBM(Layer):
    """A deep machine with a choice of one class above its highest hidden layer, as a layer that gives logits.

    The logits of a sample are the inputs of the class units after some sweeps of the mean field with the class free.
    The way back leads through all sweeps to the features and takes the machine as it is, which learns otherwise.

    Shapes: ``x`` ([E,] N, features), logits ([E,] N, classes).

    Args:
        units: of the features, then of at least two hidden layers of bits, upwards.
        classes: how many.
        sweeps: of the mean field.

    >>> from gpunet.rbm import Bernoulli
    >>> LabelledDBM([Bernoulli(784), Bernoulli(500), Bernoulli(1000)], 10).output_shape((784,))
    (10,)
    """

    units: InitVar[Sequence[Units]]
    classes: Count
    sweeps: Count = 20

    def __post_init__(self, units: Sequence[Units]) -> None:
        """Make the machine.

        Raises:
            ConfigError: hidden units that are no bits, whose slopes the way back does not know.
        """
        for hidden in units[1:]:
            if not hidden.bits:
                rule = "must be bernoulli in a deep machine that classifies"
                raise ConfigError("hidden_units", rule, term(type(hidden)), "Use dbm, which learns without classes")
        self.machine = DBM(units, self.classes)

    @property
    def features(self) -> Units:
        """The units of the features."""
        return self.machine.visible

    @property
    def undirected(self) -> Sides:
        """The machine as a restricted one that has the class at the end of its visible side."""
        return Sides(self.machine.levels, (len(self.machine.levels) - 1) % 2)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the logits of all classes."""
        levels = self.machine.levels
        inputs, back = differentiable(levels, x, ctx, self.sweeps)

        def backward(dz: Array) -> Array | None:
            if not ctx.input_gradient:
                return None
            return back([*[None] * (len(levels) - 1), dz])

        return inputs[-1], backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One logit for each class."""
        return (self.classes,)

    def held(self, shape: tuple[int, ...]) -> int:
        """The inputs and means of all levels in all sweeps."""
        return 2 * (self.sweeps + 1) * sum(level.units.n for level in self.machine.levels)

    def build(self, shape: tuple[int, ...]) -> None:
        """Refuse samples of another shape; the machine knows its own already."""
        if shape != (self.features.n,):
            received = "x".join(map(str, shape))
            raise ConfigError("classdbm", f"must see samples of {self.features.n} features", received)

    def generate(self, inputs: Array, ctx: Context) -> Array:
        """Means of the features for inputs of :attr:`undirected`'s visible side."""
        machine, side = self.machine, self.undirected
        if side.numbers[0][0] == 0:
            return machine.generate(inputs, ctx)
        h = side.visible.sample(inputs, ctx)
        return machine.decode(h[..., : machine.levels[1].units.n], ctx, 1)

    def start_from(self, data_mean: np.ndarray, share: np.ndarray, ctx: Context) -> None:
        """Biases and running means begin at the means of the features and the share of each class."""
        self.machine.start_from(data_mean, share, ctx)
