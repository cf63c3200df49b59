"""What a layer is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Context
from ..backend.arrays import Array
from ..parameter import Module

# Takes the gradient of the loss with respect to a layer's output, which it may overwrite; returns that with respect
# to its input, or None where the context did not ask for it.
Backward = Callable[[Array], Any]


@dataclass(eq=False)
class Layer(Module):
    """Base of the layers: ``y, backward = layer.forward(x, ctx)`` and ``dx = backward(dy)``.

    A layer is a dataclass whose fields are its configuration; it declares :class:`~gpunet.parameter.Parameter`
    attributes in ``__post_init__`` and keeps nothing of a step on itself.  ``forward`` must not change ``x``;
    ``backward`` may overwrite ``dy``.  Axes are counted from the end, so a leading members axis passes through.

    Attributes:
        range: the ends between which outputs lie, or None where they have none on one side.
    """

    range: ClassVar[tuple[float, float] | None] = None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the output and the function that propagates gradients back."""
        raise NotImplementedError

    def output_width(self, width: int) -> int:
        """Number of features after this layer, given those before it."""
        return width

    @classmethod
    def examples(cls) -> list["Layer"]:
        """Instances for inputs of five features, which the conformance suite checks."""
        return [cls()]
