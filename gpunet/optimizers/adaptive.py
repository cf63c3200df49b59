"""Rules that divide each gradient by the size that it had so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..backend import array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Positive
from ..members import PerMember, values_of
from .rules import Decay, Rate, Rule, accelerated, blend, root


@dataclass(frozen=True)
class Adagrad(Rule):
    """``s = s + g^2``, ``w -= learning_rate g / (sqrt(s) + epsilon)``; ``sqrt(s + epsilon)`` with ``eps_inside``.

    Duchi, Hazan, Singer: Adaptive subgradient methods for online learning and stochastic optimization (2011).

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs.
        epsilon: added to the root, so that nothing is divided by zero; 1e-7 by default.
        eps_inside: add epsilon to the square before the root is taken, instead of after it; off by default.
    """

    epsilon: Positive | PerMember = 1e-7
    eps_inside: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """Sum of the squared gradients."""
        return ("square",)

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are."""
        return {"rate": h.learning_rate, "epsilon": h.epsilon}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """``s += g^2``, then ``rate g / (sqrt(s) + epsilon)``."""
        xp = array_module(g)
        (square,) = slots
        square += xp.multiply(g, g, out=scratch)
        xp.divide(g, root(square, c.epsilon, self.eps_inside, scratch), out=out)
        out *= c.rate

    @classmethod
    def examples(cls) -> list[Rule]:
        """Epsilon outside of the root and inside of it."""
        return [cls(), cls(eps_inside=True)]


@dataclass(frozen=True)
class Adadelta(Rule):
    """Steps of the size that steps had, where gradients have the size that gradients had.

    ``s = decay s + (1 - decay) g^2``, ``d = sqrt(u + epsilon) / sqrt(s + epsilon) g``,
    ``u = decay u + (1 - decay) d^2``, ``w -= learning_rate d``.

    Zeiler: ADADELTA: an adaptive learning rate method (2012), algorithm 1, which has a learning rate of 1.

    Args:
        learning_rate: factor on the step that the rule finds by itself; 1.0 by default.
        decay: part of both averages that remains at each update, or a schedule; 0.95 by default.
        epsilon: added to both squares; the size of the first steps comes from it; 1e-6 by default.
    """

    learning_rate: Rate = 1.0
    decay: Decay = 0.95
    epsilon: Positive | PerMember = 1e-6

    @property
    def slots(self) -> tuple[str, ...]:
        """Moving averages of the squared gradient and of the squared step."""
        return ("square", "step")

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are."""
        return {"rate": h.learning_rate, "decay": h.decay, "intake": 1 - h.decay, "epsilon": h.epsilon}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """``d = sqrt(u + epsilon) / sqrt(s + epsilon) g`` in the place of ``g``, then ``rate d``."""
        xp = array_module(g)
        square, step = slots
        blend(square, xp.multiply(g, g, out=out), c.decay, c.intake, scratch)
        g *= root(step, c.epsilon, True, scratch)
        g /= root(square, c.epsilon, True, scratch)
        blend(step, xp.multiply(g, g, out=out), c.decay, c.intake, scratch)
        xp.multiply(g, c.rate, out=out)


@dataclass(frozen=True)
class RMSProp(Rule):
    """``s = decay s + (1 - decay) g^2``, ``w -= learning_rate g / (sqrt(s) + epsilon)``.

    ``centered`` takes the variance instead, ``s - m^2`` with ``m`` the moving average of ``g``.  ``momentum`` and
    ``nesterov`` treat the quotient as :class:`~gpunet.optimizers.SGD` treats a gradient.  ``eps_inside`` has
    ``sqrt(s + epsilon)``.

    Tieleman, Hinton: Lecture 6.5, RMSProp (2012); centered: Graves: Generating sequences with recurrent neural
    networks (2013).

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs; 1e-3 by default.
        decay: part of the average of squared gradients that remains at each update, or a schedule; 0.9 by default.
        momentum: part of the velocity that remains at each update, or a schedule; 0 keeps no velocity; 0.0 by default.
        epsilon: added to the root, so that nothing is divided by zero; 1e-8 by default.
        nesterov: take the quotient at the look-ahead point; needs momentum; off by default.
        centered: divide by the standard deviation of gradients instead of their root mean square; off by default.
        eps_inside: add epsilon to the square before the root is taken, instead of after it; off by default.
    """

    learning_rate: Rate = 1e-3
    decay: Decay = 0.9
    momentum: Decay = 0.0
    epsilon: Positive | PerMember = 1e-8
    nesterov: bool = False
    centered: bool = False
    eps_inside: bool = False

    def __post_init__(self) -> None:
        """Nesterov's look-ahead needs a velocity to look along."""
        super().__post_init__()
        if self.nesterov and 0 in values_of(self.momentum):
            raise ConfigError("RMSProp.nesterov", "needs momentum > 0", "momentum 0", "Set momentum=0.9")

    @property
    def slots(self) -> tuple[str, ...]:
        """Moving averages, and a velocity where there is momentum."""
        return ("square", *(("mean",) if self.centered else ()), *(() if self.momentum == 0 else ("velocity",)))

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are."""
        return {
            "rate": h.learning_rate,
            "decay": h.decay,
            "intake": 1 - h.decay,
            "momentum": h.momentum,
            "epsilon": h.epsilon,
        }

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """``g / (sqrt(s) + epsilon)`` in the place of ``g``, then momentum, then the rate."""
        xp = array_module(g)
        slot = dict(zip(self.slots, slots))
        size = slot["square"]
        blend(size, xp.multiply(g, g, out=out), c.decay, c.intake, scratch)
        if self.centered:
            blend(slot["mean"], g, c.decay, c.intake, scratch)
            size = xp.subtract(size, xp.multiply(slot["mean"], slot["mean"], out=out), out=out)
            xp.maximum(size, 0, out=size)  # rounding can make a variance of zero negative
        g /= root(size, c.epsilon, self.eps_inside, scratch)
        if self.momentum != 0:
            g = accelerated(g, slot["velocity"], c.momentum, self.nesterov, scratch)
        xp.multiply(g, c.rate, out=out)

    @classmethod
    def examples(cls) -> list[Rule]:
        """Plain, centred, with momentum, and with all options at once."""
        return [
            cls(),
            cls(centered=True, eps_inside=True),
            cls(momentum=0.9),
            cls(momentum=0.9, nesterov=True, centered=True),
        ]
