"""Optimizer rules: hyperparameters, slots and arithmetic.

A rule is a dataclass whose number fields are its hyperparameters, each a number, one number per member, or a
schedule.  ``coefficients`` turns their current values into the few numbers that the arithmetic needs, and ``update``
computes what to subtract from a stretch of the parameters, given its gradient ``g`` and its slots.  All numbers come as
device arrays of shape (1,) or (members, 1), so a captured step sees them change.

The engine in :mod:`gpunet.optimizers.engine` owns everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

from annotated_types import Ge, Lt

from ..backend import array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import NonNegative, Positive, check_fields
from ..schedules import Schedule

Rate = NonNegative | Sequence[NonNegative] | Schedule
Decay = Annotated[float, Ge(0), Lt(1)] | Schedule


@dataclass(frozen=True)
class Rule:
    """Base of the rules.

    Attributes:
        learning_rate: size of a step.
    """

    learning_rate: Rate = 0.01

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the vectors that the rule keeps beside each parameter, which start at zero."""
        return ()

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Numbers for :meth:`update` from the hyperparameters ``h`` by name and the number ``t`` of the update."""
        return {"rate": h.learning_rate}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """Write what to subtract into ``out`` and change ``slots``; ``g`` and ``scratch`` may be overwritten."""
        raise NotImplementedError


@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead where asked for.

    ``v = momentum v + (1 - dampening) g``, ``w -= learning_rate v``.  With ``nesterov`` the gradient belongs to the
    look-ahead point ``w - learning_rate momentum v``, which is what the parameters then hold.

    Polyak (1964); Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum (2013), eq. 1-4.
    """

    momentum: Decay = 0.0
    dampening: Annotated[float, Ge(0), Lt(1)] = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        """Nesterov's look-ahead needs a velocity to look along."""
        super().__post_init__()
        if self.nesterov and self.momentum == 0:
            raise ConfigError("SGD.nesterov", "needs momentum > 0", "momentum 0", "Set momentum=0.9")

    @property
    def slots(self) -> tuple[str, ...]:
        """A velocity where there is momentum."""
        return () if self.momentum == 0 else ("velocity",)

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are."""
        return {"rate": h.learning_rate, "momentum": h.momentum, "intake": 1 - h.dampening}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """Plain, with velocity, or at the look-ahead point."""
        xp = array_module(g)
        if slots:
            (v,) = slots
            v *= c.momentum
            if self.dampening:
                g *= c.intake
            v += g
            if self.nesterov:
                g += xp.multiply(v, c.momentum, out=scratch)
            else:
                g = v
        xp.multiply(g, c.rate, out=out)


@dataclass(frozen=True)
class Adam(Rule):
    """Adaptive moment estimation, with epsilon outside the square root.

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= learning_rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)``.

    Kingma, Ba: Adam: a method for stochastic optimization (2015), algorithm 1.  The corrections are applied to the
    rate and to epsilon, as in its section 2, so the formula above holds exactly.
    """

    learning_rate: Rate = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8

    @property
    def slots(self) -> tuple[str, ...]:
        """Moving averages of the gradient and of its square."""
        return ("mean", "square")

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Fold both corrections into two numbers."""
        correction = array_module(t).sqrt(1 - h.beta2**t)
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "intake1": 1 - h.beta1,
            "intake2": 1 - h.beta2,
            "rate": h.learning_rate * correction / (1 - h.beta1**t),
            "epsilon": h.epsilon * correction,
        }

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """Eleven passes, each in place."""
        xp = array_module(g)
        mean, square = slots
        mean *= c.beta1
        mean += xp.multiply(g, c.intake1, out=scratch)
        square *= c.beta2
        xp.multiply(g, g, out=scratch)
        scratch *= c.intake2
        square += scratch
        xp.sqrt(square, out=scratch)
        scratch += c.epsilon
        xp.divide(mean, scratch, out=out)
        out *= c.rate
