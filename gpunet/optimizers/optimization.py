"""Everything that decides how gradients become updates, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError
from ..fields import NonNegative, check_fields
from ..members import PerMember
from .averaging import Averaging
from .clipping import Clipping
from .rules import Rule


@dataclass(frozen=True)
class Optimization:
    """A rule with what stands around it; a rule alone does where one of these is asked for.

    In a step the gradient of the loss is clipped, the gradients of the penalties are added, the rule gives the update,
    and the average follows the weights.  Every number may be one for each member.

    Attributes:
        rule: the arithmetic.
        l1: coefficient of the penalty ``l1 * sum(|w|)`` on parameters that decay.
        l2: coefficient of the penalty ``l2 / 2 * sum(w^2)`` on the same parameters.
        clipping: bounds on the gradient of the loss.
        averaging: how to average the weights.

    Raises:
        ConfigError: a penalty beside a rule that scales gradient and decay together.

    >>> from gpunet.optimizers import SGD
    >>> Optimization.of(SGD(0.1)) == Optimization(SGD(0.1))
    True
    """

    rule: Rule
    l1: NonNegative | PerMember = 0.0
    l2: NonNegative | PerMember = 0.0
    clipping: Clipping | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        """Check the bounds of the fields, and that they go together."""
        check_fields(self)
        if self.rule.layerwise and (self.l1 or self.l2):
            name = "l2" if self.l2 else "l1"
            broken = f"must be 0 with {type(self.rule).__name__}, which scales gradient and decay together"
            raise ConfigError(name, broken, self.l2 or self.l1, f"Set {name}=0 and weight_decay")

    @classmethod
    def of(cls, given: Rule | Optimization) -> Optimization:
        """What was given, or a rule with nothing around it."""
        return given if isinstance(given, Optimization) else cls(given)
