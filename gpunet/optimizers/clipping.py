"""Bounds on gradients."""

from dataclasses import dataclass

from ..backend import array_module
from ..backend.arrays import Array
from ..fields import Positive, check_fields
from ..ops.guard import square_sum


@dataclass(frozen=True)
class Clipping:
    """Bounds on the gradient of a model's loss, before penalties and rule; where both are given, in this order.

    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks (2013), algorithm 1.

    Attributes:
        value: largest size of each number.
        norm: largest length of the whole gradient of a member, which keeps its direction.
    """

    value: Positive | None = None
    norm: Positive | None = None

    def __post_init__(self) -> None:
        """Check that both bounds are positive."""
        check_fields(self)

    def apply(self, g: Array) -> None:
        """Bound all gradients of a model, (n,), or of each member, (members, n), in place.

        A gradient that is not finite does not become finite by its norm.
        """
        xp = array_module(g)
        if self.value is not None:
            xp.clip(g, -self.value, self.value, out=g)
        if self.norm is not None:
            length = xp.sqrt(square_sum(g))[..., None]
            g *= self.norm / xp.maximum(length, self.norm)
