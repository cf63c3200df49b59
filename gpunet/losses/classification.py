"""Losses of classes: on labels, or on values that say how much of each class."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import Fraction
from ..members import PerMember, each
from ..ops.activations import cross_entropy, log_softmax, sigmoid, sigmoid_error, softmax, softplus
from .base import SUM_TOLERANCE, Loss, OverOutputs, as_floats, as_outputs, span

CLASSES = "Set loss=squared_error, or task=classification where the targets are classes"


@dataclass(frozen=True)
class BinaryCrossEntropy(OverOutputs):
    """``sum over outputs of softplus(z) - target z``: independent yes-or-no outputs, paired with the sigmoid.

    Two classes have one output, the logit of the second class.
    """

    meaning: ClassVar[str] = "probability"
    predicts: ClassVar[Literal["values", "labels", "distribution", "direction"]] = "labels"

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``sigmoid(z) - target``."""
        xp = array_module(z)
        wanted = as_outputs(z, target, ctx)
        if ctx.numerics == 1:
            terms = softplus(z, ctx.like(z), ctx.like(z))
            terms -= xp.multiply(z, wanted, out=ctx.like(z))
            gradient = sigmoid(z, ctx.like(z), 1)
            gradient -= wanted
            return self._over_outputs(terms, gradient)
        scratch = ctx.like(z)
        terms = cross_entropy(z, wanted, ctx.like(z), scratch)
        return self._over_outputs(terms, sigmoid_error(z, wanted, ctx.like(z), scratch))

    def predict(self, z: Array, out: Array) -> Array:
        """The sigmoid: the probability of each output."""
        return sigmoid(z, out)

    def activate(self, z: Array, out: Array, ctx: Context) -> Array:
        """The sigmoid by the rules of the training."""
        return sigmoid(z, out, ctx.numerics)

    def outputs(self, classes: int) -> int:
        """One for two classes, else one for each."""
        return 1 if classes == 2 else classes

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool(((y >= 0) & (y <= 1)).all()), "must lie between 0 and 1", span(y), CLASSES)


@dataclass(frozen=True)
class _Distribution(Loss):
    """Base of the losses between distributions over the classes, paired with the softmax."""

    meaning: ClassVar[str] = "probability"
    predicts: ClassVar[Literal["values", "labels", "distribution", "direction"]] = "distribution"

    def predict(self, z: Array, out: Array) -> Array:
        """The softmax: the probability of each class."""
        return softmax(z, out)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((y >= 0).all()), "must not be negative", span(y), CLASSES)
        sums = y.sum(axis=-1, dtype=np.float64).ravel()
        worst = float(sums[np.abs(sums - 1).argmax()])
        rule = "must sum to one in each row"
        self._require(abs(worst - 1) <= SUM_TOLERANCE, rule, f"a row that sums to {worst:.4g}", CLASSES)


@dataclass(frozen=True)
class CategoricalCrossEntropy(_Distribution):
    """``- sum over classes of target log softmax(z)``: one class of several, paired with the softmax.

    With ``label_smoothing`` s, training aims at ``(1 - s) target + s / K`` instead, so that no logit has to grow
    without end; evaluation takes the targets as they are.

    Bishop: Pattern recognition and machine learning (2006), eq. 4.108; Szegedy et al.: Rethinking the Inception
    architecture for computer vision (2016).

    Args:
        label_smoothing: part of each target that is taken from its class and given to all classes alike, in training;
            0.0 by default.
        both_terms: add ``- sum over classes of (1 - target) log(1 - softmax(z))``, which also asks each wrong class to
            be unlikely by itself; off by default.
    """

    label_smoothing: Fraction | PerMember = 0.0
    both_terms: bool = False

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``softmax(z) - target``, for targets that sum to one."""
        xp = array_module(z)
        wanted = as_outputs(z, target, ctx)
        if self.label_smoothing and ctx.training:
            kept = ctx.number(each(lambda part: 1 - part, self.label_smoothing), z)
            wanted = xp.multiply(wanted, kept, out=ctx.empty(wanted.shape, z.dtype))
            wanted += ctx.number(each(lambda part: part / z.shape[-1], self.label_smoothing), z)
        log_p = log_softmax(z, ctx.like(z), ctx.like(z))
        if self.both_terms:
            return _both_terms(z, log_p, wanted, ctx)
        gradient = xp.exp(log_p, out=ctx.like(z))
        gradient -= wanted
        log_p *= wanted
        return xp.negative(log_p.sum(axis=-1)), gradient

    @classmethod
    def examples(cls) -> list[Loss]:
        """Without and with label smoothing, and with both terms."""
        return [cls(), cls(label_smoothing=0.1), cls(both_terms=True)]


def _both_terms(z: Array, log_p: Array, wanted: Array, ctx: Context) -> tuple[Array, Array]:
    """``- sum of target log p + (1 - target) log(1 - p)``, and its gradient with respect to ``z``.

    Of the likeliest class ``1 - p`` is the sum of the others, so that nothing cancels and nothing becomes infinite.
    With ``a_i = - target_i + (1 - target_i) p_i / (1 - p_i)`` the gradient is ``a_i - p_i sum(a)``; the term of the
    likeliest class, which may be endless, enters as its product with ``1 - p``.
    """
    xp = array_module(z)
    top = z.argmax(axis=-1)[..., None] == xp.arange(z.shape[-1])
    target, p = ctx.like(z), xp.exp(log_p, out=ctx.like(z))
    xp.copyto(target, wanted)
    others = xp.where(top, -np.inf, z)
    peak = others.max(axis=-1, keepdims=True)
    log_rest = xp.log(xp.exp(others - peak).sum(axis=-1, keepdims=True)) + peak
    share = xp.exp(others - log_rest)  # of each other class in all of them; 0 for the likeliest
    log_sum = xp.where(top, z - log_p, 0).sum(axis=-1, keepdims=True)
    log_else = xp.where(top, log_rest - log_sum, xp.log1p(-xp.where(top, 0, p)))
    loss = -(target * log_p + (1 - target) * log_else).sum(axis=-1)
    a = xp.where(top, 0, -target + (1 - target) * xp.exp(xp.where(top, 0, log_p - log_else)))
    rest = a.sum(axis=-1, keepdims=True)
    own, likeliest = (xp.where(top, x, 0).sum(axis=-1, keepdims=True) for x in (target, p))
    pull = (1 - own) * likeliest
    gradient = ctx.like(z)
    of_top = pull - own * xp.exp(log_rest - log_sum) - likeliest * rest
    xp.copyto(gradient, xp.where(top, of_top, a - p * (rest - own) - pull * share))
    return loss, gradient


@dataclass(frozen=True)
class KullbackLeibler(_Distribution):
    """``sum over classes of target (log target - log softmax(z))``: cross-entropy less the entropy of the target.

    Zero where the prediction is the target; paired with the softmax.

    Kullback, Leibler: On information and sufficiency (1951).
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``softmax(z) - target``, for targets that sum to one."""
        xp = array_module(z)
        wanted = as_floats(z, target, ctx)
        log_p = log_softmax(z, ctx.like(z), ctx.like(z))
        gradient = xp.exp(log_p, out=ctx.like(z))
        gradient -= wanted
        log_p *= wanted
        # A target of 0 adds 0 log 0 = 0, which the product with the logarithm of any positive number gives.
        entropy = xp.add(wanted, wanted == 0, out=ctx.empty(wanted.shape, z.dtype))
        xp.log(entropy, out=entropy)
        entropy *= wanted
        xp.subtract(entropy, log_p, out=log_p)
        return log_p.sum(axis=-1), gradient


@dataclass(frozen=True)
class SoftmaxSquaredError(_Distribution):
    """``sum over classes of (softmax(z) - target)^2``, halved with ``half``: the Brier score as a loss.

    Paired with the softmax.  Brier: Verification of forecasts expressed in terms of probability (1950).

    Args:
        half: multiply by 1/2, so that the gradient loses its factor 2; off by default.
    """

    remark: ClassVar[str] = (
        "softmax with squared error: its gradient vanishes where a wrong class is certain; "
        "categorical_cross_entropy has one there"
    )
    half: bool = False

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 p (d - sum(p d))`` with ``p = softmax(z)`` and ``d = p - target``, halved with ``half``."""
        xp = array_module(z)
        factor = 0.5 if self.half else 1.0
        p = softmax(z, ctx.like(z))
        gradient = xp.subtract(p, as_outputs(z, target, ctx), out=ctx.like(z))
        loss = xp.multiply(gradient, gradient, out=ctx.like(z)).sum(axis=-1)
        loss *= factor
        gradient -= xp.multiply(p, gradient, out=ctx.like(z)).sum(axis=-1, keepdims=True)
        gradient *= p
        gradient *= 2 * factor
        return loss, gradient

    @classmethod
    def examples(cls) -> list[Loss]:
        """With the factor 1 and with the factor 1/2."""
        return [cls(), cls(half=True)]


@dataclass(frozen=True)
class Hinge(OverOutputs):
    """``sum over outputs of max(0, 1 - sign z)`` with ``sign`` 1 for yes and -1 for no: the margin of an SVM.

    Class labels become one yes among noes; values must be -1 or 1.  Paired with the identity: predictions are scores,
    not probabilities.

    Cortes, Vapnik: Support-vector networks (1995).
    """

    predicts: ClassVar[Literal["values", "labels", "distribution", "direction"]] = "labels"

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``- sign`` where the margin is violated, else 0."""
        xp = array_module(z)
        sign = _signs(z, target, ctx)
        violation = _violation(z, sign, ctx)
        gradient = xp.multiply(sign, violation > 0, out=ctx.like(z))
        xp.negative(gradient, out=gradient)
        return self._over_outputs(violation, gradient)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((np.abs(y) == 1).all()), "must be -1 or 1", span(y), CLASSES)


@dataclass(frozen=True)
class SquaredHinge(Hinge):
    """``sum over outputs of max(0, 1 - sign z)^2``: a hinge without a kink, otherwise as :class:`Hinge`.

    Tang: Deep learning using linear support vector machines (2013).
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``- 2 sign max(0, 1 - sign z)``."""
        xp = array_module(z)
        sign = _signs(z, target, ctx)
        violation = _violation(z, sign, ctx)
        gradient = xp.multiply(sign, violation, out=ctx.like(z))
        gradient *= -2
        violation *= violation
        return self._over_outputs(violation, gradient)


def _signs(z: Array, target: Array, ctx: Context) -> Array:
    """1 for yes and -1 for no; values are that already."""
    sign = as_floats(z, target, ctx)
    if target.dtype.kind != "f":
        sign *= 2
        sign -= 1
    return sign


def _violation(z: Array, sign: Array, ctx: Context) -> Array:
    """``max(0, 1 - sign z)``, of the shape of ``z``."""
    xp = array_module(z)
    violation = xp.multiply(sign, z, out=ctx.like(z))
    xp.subtract(1, violation, out=violation)
    return xp.maximum(violation, 0, out=violation)
