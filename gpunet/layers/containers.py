"""Layers made of layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..parameter import find_parameters
from .activations import Identity, Tanh
from .base import Backward, Layer
from .dense import Dense


@dataclass(eq=False)
class Sequential(Layer):
    """Applies layers one after the other.

    >>> from gpunet.layers import ReLU
    >>> Sequential([Dense(4, 8), ReLU(), Dense(8, 3)]).output_width(4)
    3
    """

    layers: Sequence[Layer] = ()

    def __post_init__(self) -> None:
        """Note below which layers a gradient is wanted at all: those with parameters somewhere before them."""
        self.layers = list(self.layers)
        self._learns = [any(p.trainable for _, p in find_parameters(layer)) for layer in self.layers]

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Run all layers; the backward runs theirs in reverse."""
        backwards: list[Backward] = []
        wanted = ctx.input_gradient
        for layer, learns in zip(self.layers, self._learns):
            x, back = layer.forward(x, ctx.with_input_gradient(wanted))
            if wanted or learns:
                backwards.append(back)
            wanted = wanted or learns

        def backward(dy: Array) -> Array | None:
            for back in reversed(backwards):
                dy = back(dy)
            return dy

        return x, backward

    def output_width(self, width: int) -> int:
        """The width after the last layer."""
        for layer in self.layers:
            width = layer.output_width(width)
        return width

    @classmethod
    def examples(cls) -> list[Layer]:
        """A small network."""
        return [cls([Dense(5, 4), Tanh(), Dense(4, 3)])]


@dataclass(eq=False)
class Residual(Layer):
    """``y = body(x) + shortcut(x)``; the shortcut is the identity unless the widths differ.

    He, Zhang, Ren, Sun: Deep residual learning for image recognition (2016), eq. 1 and 2.

    Args:
        body: what is learned on top of the shortcut.
        shortcut: brings the input to the width of the body's output, e.g. ``Dense(n_in, n_out, with_bias=False)``.
    """

    body: Layer
    shortcut: Layer = field(default_factory=Identity)

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

    def output_width(self, width: int) -> int:
        """The width of the body's output."""
        return self.body.output_width(width)

    @classmethod
    def examples(cls) -> list[Layer]:
        """With the identity, with a projection, and with a body that has nothing to learn."""
        projection = Dense(5, 3, with_bias=False)
        narrow, plain = cls(Dense(5, 3), projection), cls(Tanh(), Dense(5, 5))
        return [cls(Sequential([Dense(5, 4), Tanh(), Dense(4, 5)])), narrow, plain]
