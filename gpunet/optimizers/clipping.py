"""Bounds on gradients."""

from dataclasses import dataclass
from typing import Any, cast

from ..backend import array_module
from ..backend.arrays import Array
from ..fields import Positive, check_fields
from ..members import PerMember
from ..ops.guard import peak, square_sum

# Sizes whose squares, summed up, could leave the range of numbers, and what is scaled by then.
HUGE = {"f": (2.0**50, 2.0**-90), "d": (2.0**500, 2.0**-900)}


@dataclass(frozen=True)
class Clipping:
    """Bounds on the gradient of a model's loss, before penalties and rule; where both are given, in this order.

    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks (2013), algorithm 1.

    Attributes:
        value: largest size of each number.
        norm: largest length of the whole gradient of a member, which keeps its direction.
    """

    value: Positive | PerMember | None = None
    norm: Positive | PerMember | None = None

    def __post_init__(self) -> None:
        """Check that both bounds are positive."""
        check_fields(self)

    def apply(self, g: Array, bounds: tuple[Any, Any] | None = None) -> None:
        """Bound all gradients of a model, (n,), or of each member, (members, n), in place.

        Any finite gradient has a direction, however long it is; one that is not finite does not become finite.

        Args:
            g: the gradients.
            bounds: value and norm as a step takes them: numbers, or (members, 1) where they differ by member.
        """
        value, norm = cast("tuple[Any, Any]", (self.value, self.norm)) if bounds is None else bounds
        xp = array_module(g)
        if value is not None:
            xp.clip(g, -value, value, out=g)
        if norm is not None:
            # A gradient whose squares would overflow is scaled by a power of two, which is exact, beforehand.
            limit, factor = HUGE[g.dtype.char]
            scale = xp.where(peak(g) > limit, factor, 1).astype(g.dtype)[..., None]
            g *= scale
            length = xp.sqrt(square_sum(g))[..., None]
            g *= norm / xp.maximum(length, norm * scale)
