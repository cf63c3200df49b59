"""What a layer is."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from ..backend import Context
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import term
from ..parameter import Module

# Takes the gradient of the loss with respect to a layer's output, which it may overwrite; returns that with respect
# to its input, or None where the context did not ask for it.
Backward = Callable[[Array], Any]


@dataclass(eq=False)
class Layer(Module):
    """Base of the layers: ``y, backward = layer.forward(x, ctx)`` and ``dx = backward(dy)``.

    A sample has a shape, ``(features,)`` or ``(height, width, channels)``; arrays are ``([members,] samples, *shape)``,
    channels last.  A layer is a dataclass whose fields are its configuration.  It declares its
    :class:`~gpunet.parameter.Parameter` attributes in ``__post_init__`` where the fields say all of their shapes, else
    in :meth:`build`, and keeps nothing of a step on itself.  ``forward`` must not change ``x``; ``backward`` may
    overwrite ``dy``.  Memory that ``forward`` asks of the context lives until the step ends, that of ``backward`` until
    the layer below has gone back too.  Axes are counted from the end, so a leading members axis passes through.

    Attributes:
        example_shape: of a sample that :meth:`examples` are for.
        range: the ends between which outputs lie, or None where they have none on one side.
    """

    example_shape: ClassVar[tuple[int, ...]] = (5,)
    range: ClassVar[tuple[float, float] | None] = None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the output and the function that propagates gradients back."""
        raise NotImplementedError

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample after this layer, given that before it; elementwise layers leave it as it is."""
        return shape

    def build(self, shape: tuple[int, ...]) -> None:
        """Fill in what follows from the shape of a sample of the input, and declare the parameters left to declare.

        Called before the parameters get memory, by whoever knows the shape first: the layer around this one, the
        builder of a configuration, or the trainer.  Calling it again with the same shape changes nothing.

        Raises:
            ConfigError: samples that this layer cannot take.
        """

    def held(self, shape: tuple[int, ...]) -> int:
        """About how many numbers a forward pass holds for one sample of a shape: those that it gives, inside too."""
        return prod(self.output_shape(shape))

    @property
    def needs_positions(self) -> bool:
        """Whether only samples with positions will do, such as images, rather than plain features."""
        return len(self.example_shape) > 1

    def width_of(self, shape: tuple[int, ...], known: int | None, name: str) -> int:
        """The last axis of a shape; raises :class:`ConfigError` where another width is known from the field."""
        if known not in (None, shape[-1]):
            thing, rule = f"{term(type(self))}.{name}", f"must be the width of the layer before, {shape[-1]}"
            raise ConfigError(thing, rule, known, "Leave it out")
        return shape[-1]

    def unbuilt(self, name: str) -> ConfigError:
        """The error of a layer that is used before it knows its input."""
        given = f", or give {name}" if hasattr(self, name) else ""
        remedy = f"Call build(shape of a sample) on the model first{given}"
        return ConfigError(term(type(self)), f"must know its {name} before it is used", None, remedy)

    @classmethod
    def examples(cls) -> list["Layer"]:
        """Instances for samples of :attr:`example_shape`, which the conformance suite checks."""
        return [cls()]
