"""Optimizer rules: hyperparameters, slots and arithmetic.

A rule is a dataclass whose number fields are its hyperparameters, each a number, a schedule, or one of these for each
member.  ``coefficients`` turns their current values into the few numbers that the arithmetic needs, and ``update``
computes what to subtract from a stretch of the parameters, given its gradient ``g`` and its slots.  All numbers come as
device arrays of shape (1,) or (members, 1), so a captured step sees them change.

The engine in :mod:`gpunet.optimizers.engine` owns everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Lt

from ..backend import array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import NonNegative, Positive, check_fields
from ..members import PerMember, values_of
from ..ops.guard import square_sum
from ..schedules import Schedule

Rate = NonNegative | Schedule | PerMember
Decay = Annotated[float, Ge(0), Lt(1)] | Schedule | PerMember


@dataclass(frozen=True)
class Rule:
    """Base of the rules.

    Attributes:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs; 0.01 by default.
        layerwise: whether :meth:`prepare` sees each parameter that decays, before the rest.
    """

    learning_rate: Rate = 0.01
    layerwise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the bounds of the fields; a list of numbers is one for each member."""
        for number in fields(self):
            if isinstance(value := getattr(self, number.name), list | tuple):
                object.__setattr__(self, number.name, PerMember(value))
        check_fields(self)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the vectors that the rule keeps beside each parameter, which start at zero."""
        return ()

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Numbers for :meth:`update` from the hyperparameters ``h`` by name and the number ``t`` of the update.

        A number named ``shrinkage`` is for the engine: it subtracts that part of each parameter that decays.
        """
        return {"rate": h.learning_rate}

    def prepare(self, w: Array, g: Array, c: SimpleNamespace, scratch: Array) -> None:
        """Change the gradient of one whole parameter, all (..., n), before :meth:`update`; if ``layerwise``."""

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """Write what to subtract into ``out`` and change ``slots``; ``g`` and ``scratch`` may be overwritten."""
        raise NotImplementedError


def blend(average: Array, new: Array, keep: Array, intake: Array, scratch: Array) -> None:
    """``average = keep average + intake new``, in place."""
    average *= keep
    average += array_module(new).multiply(new, intake, out=scratch)


def root(square: Array, epsilon: Array, inside: bool, out: Array) -> Array:
    """``sqrt(square) + epsilon``, or ``sqrt(square + epsilon)`` with ``inside``."""
    xp = array_module(square)
    if inside:
        return xp.sqrt(xp.add(square, epsilon, out=out), out=out)
    xp.sqrt(square, out=out)
    out += epsilon
    return out


def accelerated(g: Array, velocity: Array, momentum: Array, nesterov: bool, scratch: Array) -> Array:
    """``velocity = momentum velocity + g``, or what stands at the look-ahead point with ``nesterov``, written to ``g``.

    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum (2013), eq. 1-4.
    """
    velocity *= momentum
    velocity += g
    if not nesterov:
        return velocity
    g += array_module(g).multiply(velocity, momentum, out=scratch)
    return g


@dataclass(frozen=True)
class SGD(Rule):
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead where asked for.

    ``v = momentum v + (1 - dampening) g``, ``w -= learning_rate v``.  With ``nesterov`` the gradient belongs to the
    look-ahead point ``w - learning_rate momentum v``, which is what the parameters then hold.

    Polyak (1964); Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum (2013), eq. 1-4.

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs.
        momentum: part of the velocity that remains at each step, or a schedule; 0 keeps no velocity; 0.0 by default.
        dampening: part of the gradient that does not enter the velocity; 0.0 by default.
        nesterov: take the gradient at the look-ahead point; needs momentum; off by default.
        rate_inside: keep the learning rate inside the velocity, ``v = momentum v + learning_rate (1 - dampening) g``,
            ``w -= v``, which differs once the rate changes; needs momentum; off by default.
    """

    momentum: Decay = 0.0
    dampening: Annotated[float, Ge(0), Lt(1)] | PerMember = 0.0
    nesterov: bool = False
    rate_inside: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Nesterov's look-ahead needs a velocity to look along, and so does a rate inside it."""
        super().__post_init__()
        for name in ("nesterov", "rate_inside"):
            if getattr(self, name) and 0 in values_of(self.momentum):
                rule, remedy = "needs momentum > 0", "Set momentum=0.9"
                raise ConfigError(f"{type(self).__name__}.{name}", rule, "momentum 0", remedy)
        if self.dampening and isinstance(self.momentum, PerMember) and 0 in self.momentum:
            # A member without momentum has no velocity that a part of its gradient could be kept from.
            members, momentum, dampening = len(self.momentum), self.momentum, PerMember(values_of(self.dampening))
            own = (dampening.of(m, members) if momentum[m] else 0.0 for m in range(members))
            object.__setattr__(self, "dampening", PerMember(own))

    @property
    def slots(self) -> tuple[str, ...]:
        """A velocity where there is momentum."""
        return () if self.momentum == 0 else ("velocity",)

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are."""
        return {"rate": h.learning_rate, "momentum": h.momentum, "intake": 1 - h.dampening}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """Plain, with velocity, or at the look-ahead point."""
        if slots:
            if self.dampening:
                g *= c.intake
            if self.rate_inside:
                g *= c.rate
            g = accelerated(g, slots[0], c.momentum, self.nesterov, scratch)
        if self.rate_inside:
            array_module(g).copyto(out, g)
        else:
            array_module(g).multiply(g, c.rate, out=out)


@dataclass(frozen=True)
class LARS(SGD):
    """Layer-wise adaptive rate scaling: SGD whose gradients are scaled to the size of the weights they change.

    Each parameter ``w`` that decays gets ``g = r (g + weight_decay w)`` with
    ``r = trust |w| / (|g| + weight_decay |w|)``, or 1 where either length is 0; biases move as in :class:`SGD`.

    You, Gitman, Ginsburg: Large batch training of convolutional networks (2017), algorithm 1.  The learning rate stands
    outside the velocity here, as in :class:`SGD`, which is the same while it is constant.

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs, times the ratio r; 1.0
            by default.
        momentum: part of the velocity that remains at each step, or a schedule; 0.9 by default.
        trust: length of a step relative to the length of the weights it changes, at a learning rate of 1; 1e-3 by
            default.
        weight_decay: part of the weights that is added to their gradient; 0.0 by default.
    """

    learning_rate: Rate = 1.0
    momentum: Decay = 0.9
    trust: Positive | PerMember = 1e-3
    weight_decay: NonNegative | PerMember = 0.0
    layerwise: ClassVar[bool] = True

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Rate and momentum as for SGD, with ``trust`` and ``weight_decay`` of the layer-wise ratio."""
        return {**super().coefficients(h, t), "trust": h.trust, "weight_decay": h.weight_decay}

    def prepare(self, w: Array, g: Array, c: SimpleNamespace, scratch: Array) -> None:
        """``g = r (g + weight_decay w)`` with the ratio ``r`` of the class's formula."""
        xp = array_module(g)
        width, slope = (xp.sqrt(square_sum(a))[..., None] for a in (w, g))
        g += xp.multiply(w, c.weight_decay, out=scratch)
        total = slope + c.weight_decay * width
        usable = xp.logical_and(width > 0, slope > 0)
        g *= xp.where(usable, c.trust * width / (total + (total == 0)), xp.ones_like(total))
