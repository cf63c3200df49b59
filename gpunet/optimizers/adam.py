"""Adam and its relatives: moving averages of the gradient and of its size.

In each, ``m`` is the slot ``mean``, ``v`` the slot ``square``, and ``t`` counts updates from 1.  Where ``epsilon``
stands outside the square root, ``eps_inside`` puts it inside: ``sqrt(v + epsilon)``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..backend import array_module
from ..backend.arrays import Array
from ..fields import Positive
from ..members import PerMember
from .rules import Decay, Rate, Rule, blend, root


@dataclass(frozen=True)
class Adam(Rule):
    """Adaptive moment estimation.

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= learning_rate m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)``.

    Kingma, Ba: Adam: a method for stochastic optimization (2015), algorithm 1.  The corrections are applied to the
    rate and to epsilon, as in its section 2, so the formula above holds exactly.

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs; about the change of
            each weight in one update; 1e-3 by default.
        beta1: part of the average of gradients that remains at each update, or a schedule; 0.9 by default.
        beta2: part of the average of squared gradients that remains at each update, or a schedule; 0.999 by default.
        epsilon: added to the root, so that nothing is divided by zero; 1e-8 by default.
        eps_inside: add epsilon to the square before the root is taken, instead of after it; off by default.
    """

    learning_rate: Rate = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive | PerMember = 1e-8
    eps_inside: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """Moving averages of the gradient and of its square."""
        return ("mean", "square")

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Fold both corrections into two numbers."""
        correction = array_module(t).sqrt(1 - h.beta2**t)
        inside = correction if self.eps_inside else 1.0
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "intake1": 1 - h.beta1,
            "intake2": 1 - h.beta2,
            "rate": h.learning_rate * correction / (1 - h.beta1**t),
            "epsilon": h.epsilon * correction * inside,
        }

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """The moving averages, then ``rate mean / (sqrt(square) + epsilon)``, all in place."""
        mean, square = slots
        blend(mean, g, c.beta1, c.intake1, scratch)
        g *= g
        blend(square, g, c.beta2, c.intake2, scratch)
        array_module(g).divide(mean, root(square, c.epsilon, self.eps_inside, scratch), out=out)
        out *= c.rate

    @classmethod
    def examples(cls) -> list[Rule]:
        """Epsilon outside of the root and inside of it."""
        return [cls(), cls(eps_inside=True)]


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: besides, ``w -= learning_rate weight_decay w`` for parameters that decay.

    Loshchilov, Hutter: Decoupled weight decay regularization (2019), algorithm 2, with the decay times the learning
    rate, as is usual, so that both follow one schedule.

    Args:
        weight_decay: part of the weights that goes at each update, times the learning rate; may follow a schedule; 0.01
            by default.
    """

    weight_decay: Rate = 0.01

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The step size of Adam, and ``shrinkage = learning_rate weight_decay``: the share taken off each weight."""
        return {**super().coefficients(h, t), "shrinkage": h.learning_rate * h.weight_decay}


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's look-ahead in the average of the gradient, for a constant ``beta1``.

    ``w -= learning_rate (b1 m / (1 - b1^(t+1)) + (1 - b1) g / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)``.

    Dozat: Incorporating Nesterov momentum into Adam (2016).

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs; 2e-3 by default.
    """

    learning_rate: Rate = 2e-3

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The rate in two parts: of the average and of the gradient itself."""
        c = dict(super().coefficients(h, t))
        share = (1 - h.beta1**t) / (1 - h.beta1 ** (t + 1))
        return {**c, "rate": c["rate"] * h.beta1 * share, "own_rate": c["rate"] * (1 - h.beta1)}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """``(rate mean + own_rate g) / (sqrt(square) + epsilon)``."""
        xp = array_module(g)
        mean, square = slots
        blend(mean, g, c.beta1, c.intake1, scratch)
        xp.multiply(g, g, out=out)
        blend(square, out, c.beta2, c.intake2, scratch)
        xp.multiply(mean, c.rate, out=out)
        g *= c.own_rate
        out += g
        out /= root(square, c.epsilon, self.eps_inside, scratch)


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam whose second average never shrinks: ``w -= learning_rate m / (sqrt(max of all v so far) + epsilon)``.

    Reddi, Kale, Kumar: On the convergence of Adam and beyond (2018), algorithm 2; without corrections, as there.
    """

    @property
    def slots(self) -> tuple[str, ...]:
        """Adam's, and the largest second average."""
        return ("mean", "square", "largest")

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """The hyperparameters as they are: this rule corrects no bias."""
        return {
            "beta1": h.beta1,
            "beta2": h.beta2,
            "intake1": 1 - h.beta1,
            "intake2": 1 - h.beta2,
            "rate": h.learning_rate,
            "epsilon": h.epsilon,
        }

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """As Adam, divided by the root of the largest second average."""
        xp = array_module(g)
        mean, square, largest = slots
        blend(mean, g, c.beta1, c.intake1, scratch)
        g *= g
        blend(square, g, c.beta2, c.intake2, scratch)
        xp.maximum(largest, square, out=largest)
        xp.multiply(mean, c.rate, out=out)
        out /= root(largest, c.epsilon, self.eps_inside, scratch)


@dataclass(frozen=True)
class Adamax(Rule):
    """Adam by the largest gradient: ``u = max(b2 u, |g|)``, ``w -= learning_rate m / (1 - b1^t) / (u + epsilon)``.

    Kingma, Ba: Adam: a method for stochastic optimization (2015), algorithm 2, with an epsilon for weights that never
    had a gradient.

    Args:
        learning_rate: size of a step: a number, one for each member, or a schedule over epochs; 2e-3 by default.
        beta1: part of the average of gradients that remains at each update, or a schedule; 0.9 by default.
        beta2: part of the largest gradient that remains at each update, or a schedule; 0.999 by default.
        epsilon: added to the largest gradient, so that nothing is divided by zero; 1e-8 by default.
    """

    learning_rate: Rate = 2e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive | PerMember = 1e-8

    @property
    def slots(self) -> tuple[str, ...]:
        """Moving average of the gradient, and its decaying maximum."""
        return ("mean", "largest")

    def coefficients(self, h: Any, t: Array) -> Mapping[str, Array]:
        """Fold the correction into the rate."""
        rate = h.learning_rate / (1 - h.beta1**t)
        return {"beta1": h.beta1, "beta2": h.beta2, "intake1": 1 - h.beta1, "rate": rate, "epsilon": h.epsilon}

    def update(self, g: Array, slots: Sequence[Array], c: SimpleNamespace, out: Array, scratch: Array) -> None:
        """The average, the decaying maximum, then ``rate mean / (largest + epsilon)``."""
        xp = array_module(g)
        mean, largest = slots
        blend(mean, g, c.beta1, c.intake1, scratch)
        largest *= c.beta2
        xp.maximum(largest, xp.absolute(g, out=g), out=largest)
        xp.multiply(mean, c.rate, out=out)
        out /= xp.add(largest, c.epsilon, out=scratch)
