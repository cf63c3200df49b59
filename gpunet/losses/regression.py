"""Losses of real-valued targets."""

from dataclasses import dataclass

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import DataError
from ..fields import Positive, term
from .base import Loss, as_floats, as_outputs, span


@dataclass(frozen=True)
class SquaredError(Loss):
    """``sum over outputs of (z - target)^2``, halved with ``half``; paired with the identity.

    Args:
        half: multiply by 1/2, so that the gradient loses its factor 2; off by default.
    """

    half: bool = False

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 (z - target)``, halved with ``half``."""
        xp = array_module(z)
        gradient = xp.subtract(z, as_outputs(z, target, ctx), out=ctx.like(z))
        loss = xp.multiply(gradient, gradient, out=ctx.like(z)).sum(axis=-1)
        factor = 0.5 if self.half else 1.0
        loss *= factor
        gradient *= 2 * factor
        return loss, gradient

    @classmethod
    def examples(cls) -> list[Loss]:
        """With the factor 1 and with the factor 1/2."""
        return [cls(), cls(half=True)]


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """``sum over outputs of |z - target|``: the mean absolute error, paired with the identity.

    Its best constant prediction is the median, so single wild targets pull on it no harder than others.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``sign(z - target)``, 0 where they are equal."""
        xp = array_module(z)
        error = xp.subtract(z, as_outputs(z, target, ctx), out=ctx.like(z))
        gradient = xp.sign(error, out=ctx.like(z))
        return xp.absolute(error, out=error).sum(axis=-1), gradient


@dataclass(frozen=True)
class AbsolutePercentageError(Loss):
    """``100 * sum over outputs of |z - target| / |target|``, in percent; paired with the identity.

    Class labels and targets of zero have no percentage.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``100 sign(z - target) / |target|``."""
        xp = array_module(z)
        weight = as_floats(z, target, ctx)
        error = xp.subtract(z, weight, out=ctx.like(z))
        xp.absolute(weight, out=weight)
        xp.divide(100, weight, out=weight)
        gradient = xp.sign(error, out=ctx.like(z))
        gradient *= weight
        xp.absolute(error, out=error)
        error *= weight
        return error.sum(axis=-1), gradient

    def check_targets(self, y: np.ndarray) -> None:
        """No labels and no zeros."""
        remedy = "Set loss=absolute_error or loss=squared_logarithmic_error"
        if y.dtype.kind != "f":
            raise DataError("targets", f"must be numbers for {term(type(self))}", "class labels", remedy)
        zeros = int((y == 0).sum())
        self._require(zeros == 0, "must not be zero", f"{zeros:,} zeros", remedy)


@dataclass(frozen=True)
class SquaredLogarithmicError(Loss):
    """``sum over outputs of (log(1 + prediction) - log(1 + target))^2``, paired with ``prediction = exp(z) - 1``.

    Under that activation it is ``(z - log(1 + target))^2``: squared error of relative size, for targets above -1 that
    span several orders of magnitude.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 (z - log(1 + target))``."""
        xp = array_module(z)
        logarithm = as_floats(z, target, ctx)
        xp.log1p(logarithm, out=logarithm)
        gradient = xp.subtract(z, logarithm, out=ctx.like(z))
        loss = xp.multiply(gradient, gradient, out=ctx.like(z)).sum(axis=-1)
        gradient *= 2
        return loss, gradient

    def predict(self, z: Array, out: Array) -> Array:
        """The prediction ``exp(z) - 1``, which is above -1."""
        return array_module(z).expm1(z, out=out)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((y > -1).all()), "must be greater than -1", span(y), "Set loss=squared_error")


@dataclass(frozen=True)
class Huber(Loss):
    """``e^2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``, summed over outputs, ``e = z - target``.

    Paired with the identity.  Huber: Robust estimation of a location parameter (1964).

    Args:
        delta: size of an error, in units of the targets, beyond which the loss grows in a straight line; 1.0 by
            default.
    """

    delta: Positive = 1.0

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``c = clip(e, -delta, delta)``; the loss is ``c (e - c / 2)`` on both stretches."""
        xp = array_module(z)
        error = xp.subtract(z, as_outputs(z, target, ctx), out=ctx.like(z))
        gradient = xp.clip(error, -self.delta, self.delta, out=ctx.like(z))
        error -= xp.multiply(gradient, 0.5, out=ctx.like(z))
        error *= gradient
        return error.sum(axis=-1), gradient

    @classmethod
    def examples(cls) -> list[Loss]:
        """With the usual threshold and with a narrow one."""
        return [cls(), cls(0.25)]


@dataclass(frozen=True)
class Poisson(Loss):
    """``sum over outputs of exp(z) - target z``: counts of mean ``exp(z)``, up to ``log target!``.

    Paired with the exponential.  Nelder, Wedderburn: Generalized linear models (1972).
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``exp(z) - target``."""
        xp = array_module(z)
        counts = as_outputs(z, target, ctx)
        gradient = xp.exp(z, out=ctx.like(z))
        terms = xp.multiply(z, counts, out=ctx.like(z))
        xp.subtract(gradient, terms, out=terms)
        gradient -= counts
        return terms.sum(axis=-1), gradient

    def predict(self, z: Array, out: Array) -> Array:
        """The mean count ``exp(z)``, which is above 0."""
        return array_module(z).exp(z, out=out)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((y >= 0).all()), "must be counts of 0 or more", span(y), "Set loss=squared_error")


@dataclass(frozen=True)
class CosineProximity(Loss):
    """``- cos(z, target)``, from -1 for the same direction to 1 for the opposite one; paired with the identity.

    Lengths do not matter.  A ``z`` of length zero has no direction: its loss and gradient are 0.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``(cos u - v) / |z|`` with ``u``, ``v`` the unit vectors along ``z`` and ``target``."""
        xp = array_module(z)
        v = _unit(as_floats(z, target, ctx), ctx)[0]
        gradient = ctx.like(z)
        xp.copyto(gradient, z)
        u, inverse = _unit(gradient, ctx)
        cosine = xp.multiply(u, v, out=ctx.like(z)).sum(axis=-1, keepdims=True)
        u *= cosine
        u -= v
        u *= inverse
        return xp.negative(cosine[..., 0]), gradient

    def _check_values(self, y: np.ndarray) -> None:
        remedy = "Set loss=squared_error"
        self._require(y.shape[-1] > 1, "must have at least two columns", y.shape[-1], remedy)
        empty = int((y == 0).all(axis=-1).sum())
        self._require(empty == 0, "must not be zero in all columns", f"{empty:,} such rows", remedy)


def _unit(x: Array, ctx: Context) -> tuple[Array, Array]:
    """``x`` divided by its lengths along the last axis, in place, and their inverses; 0 for a length of 0."""
    xp = array_module(x)
    length = xp.sqrt(xp.multiply(x, x, out=ctx.like(x)).sum(axis=-1, keepdims=True))
    inverse = (length > 0) / (length + (length == 0))
    x *= inverse
    return x, inverse
