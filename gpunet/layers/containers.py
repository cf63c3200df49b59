"""Layers made of layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..parameter import find_parameters
from .activations import Identity, Tanh
from .base import Backward, Layer
from .chains import Chain, chained
from .dense import Dense


class _Chains:
    """Layers as a step takes them; no list, in which parameters would be looked for twice."""

    def __init__(self, layers: Sequence[Layer | Chain]):
        self.layers = layers


def _learns(layer: Layer | Chain) -> bool:
    parts = layer.layers if isinstance(layer, Chain) else [layer]
    return any(p.trainable for part in parts for _, p in find_parameters(part))


@dataclass(eq=False)
class Sequential(Layer):
    """Applies layers one after the other.

    >>> from gpunet.layers import ReLU
    >>> model = Sequential([Dense(8), ReLU(), Dense(3)])
    >>> model.build((4,))
    >>> model.output_shape((4,)), model.layers[0].weight.shape
    ((3,), (4, 8))
    """

    layers: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        """Make a list of any sequence of layers."""
        self.layers = list(self.layers)
        self._learns: list[bool] = []
        self._chains: _Chains | None = None  # of the layers, on CUDA

    def build(self, shape: tuple[int, ...]) -> None:
        """Build the layers in order, each for what the one before gives."""
        for layer in self.layers:
            layer.build(shape)
            shape = layer.output_shape(shape)
        self._learns, self._chains = [], None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Run all layers; the backward runs theirs in reverse."""
        backwards: list[Backward] = []
        wanted = ctx.input_gradient
        layers: Sequence[Layer | Chain] = self.layers
        if ctx.arena.device.kind == "cuda":
            self._chains = self._chains or _Chains(chained(self.layers))
            layers = self._chains.layers
        # A gradient is wanted below a layer only where some layer before it learns.
        each = self._learns or [_learns(layer) for layer in layers]
        for layer, learns in zip(layers, each):
            x, back = layer.forward(x, ctx.with_input_gradient(wanted))
            if wanted or learns:
                backwards.append(back)
            wanted = wanted or learns
        self._learns = each  # known for good: a layer that is not built yet has refused by now

        return x, lambda dy: ctx.arena.relay(backwards[::-1], dy)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape after the last layer."""
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def held(self, shape: tuple[int, ...]) -> int:
        """The sum over the layers."""
        total = 0
        for layer in self.layers:
            total += layer.held(shape)
            shape = layer.output_shape(shape)
        return total

    @property
    def needs_positions(self) -> bool:
        """Whether one of the layers does."""
        return any(layer.needs_positions for layer in self.layers)

    @classmethod
    def examples(cls) -> list[Layer]:
        """A network of two dense layers with an activation between them."""
        return [cls([Dense(4), Tanh(), Dense(3)])]


@dataclass(eq=False)
class Residual(Layer):
    """``y = body(x) + shortcut(x)``; the shortcut is the identity unless the shapes differ.

    He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), eq. 1 and 2.

    Args:
        body: what is learned on top of the shortcut.
        shortcut: brings the input to the shape of the body's output, e.g. ``Dense(n_out, with_bias=False)``.
    """

    body: Layer
    shortcut: Layer = field(default_factory=Identity)

    def build(self, shape: tuple[int, ...]) -> None:
        """Build both branches; raises :class:`ConfigError` where they end in different shapes."""
        ends = []
        for branch in (self.body, self.shortcut):
            branch.build(shape)
            ends.append(branch.output_shape(shape))
        main, side = ends
        if main != side:
            width, received = main[-1], " and ".join("x".join(map(str, end)) for end in ends)
            remedy = "Change one"
            if len(main) == len(side) == 3:
                rule = "must end in the same shape"
                stride = -(-side[0] // main[0])
                remedy = f'Add shortcut = [{{name = "conv2d", n_out = {width}, size = 1, stride = {stride}}}]'
            elif main[:-1] == side[:-1]:
                rule, received = "must end in the same width", f"{main[-1]} and {side[-1]}"
                remedy = f'Add shortcut = [{{name = "dense", n_out = {width}, with_bias = false}}]'
            else:
                rule = "must end in the same shape"
            raise ConfigError("residual", f"body and shortcut {rule}", received, remedy)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the sum of the two branches."""
        xp = array_module(x)
        main, main_backward = self.body.forward(x, ctx)
        side, side_backward = self.shortcut.forward(x, ctx)
        # At inference either may still be what all members share.
        y = xp.add(main, side, out=ctx.empty(xp.broadcast(main, side).shape, main.dtype))

        def backward(dy: Array) -> Array | None:
            # Either branch may overwrite its gradient, so one of them works on a copy.
            copy = ctx.like(dy)
            xp.copyto(copy, dy)
            through_main, through_side = main_backward(dy), side_backward(copy)
            if not ctx.input_gradient:
                return None
            through_main += through_side
            return through_main

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the body's output."""
        return self.body.output_shape(shape)

    def held(self, shape: tuple[int, ...]) -> int:
        """What both branches hold, and their sum."""
        return self.body.held(shape) + self.shortcut.held(shape) + super().held(shape)

    @property
    def needs_positions(self) -> bool:
        """Whether one of the branches does."""
        return self.body.needs_positions or self.shortcut.needs_positions

    @classmethod
    def examples(cls) -> list[Layer]:
        """With the identity, with a projection, and with a body that has nothing to learn."""
        projection = Dense(3, with_bias=False)
        narrow, plain = cls(Dense(3), projection), cls(Tanh(), Dense(5))
        return [cls(Sequential([Dense(4), Tanh(), Dense(5)])), narrow, plain]
