"""Losses of real-valued targets."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import DataError
from ..fields import Positive, term
from ..ops.activations import sigmoid, softplus
from .base import Loss, OverOutputs, as_floats, as_outputs, span

# Sizes below and above which rows are scaled before they are squared, and by what.
EXTREME = {"f": (2.0**-50, 2.0**50, 2.0**80), "d": (2.0**-500, 2.0**500, 2.0**800)}

FLOOR = 1e-3  # below which the logarithm of an output goes on as a straight line


@dataclass(frozen=True)
class SquaredError(OverOutputs):
    """``sum over outputs of (z - target)^2``, halved with ``half``; paired with the identity.

    Args:
        half: multiply by 1/2, so that the gradient loses its factor 2; off by default.
    """

    half: bool = False

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 (z - target)``, halved with ``half``."""
        xp = array_module(z)
        gradient = xp.subtract(z, as_outputs(z, target, ctx), out=ctx.like(z))
        terms = xp.multiply(gradient, gradient, out=ctx.like(z))
        loss, gradient = self._over_outputs(terms, gradient)
        factor = 0.5 if self.half else 1.0
        loss *= factor
        gradient *= 2 * factor
        return loss, gradient

    @classmethod
    def examples(cls) -> list[Loss]:
        """With the factor 1 and with the factor 1/2, and as a mean over outputs."""
        return [cls(), cls(half=True), cls(mean=True)]


@dataclass(frozen=True)
class AbsoluteError(OverOutputs):
    """``sum over outputs of |z - target|``: the mean absolute error, paired with the identity.

    Its best constant prediction is the median, so single wild targets pull on it no harder than others.
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``sign(z - target)``, 0 where they are equal."""
        xp = array_module(z)
        error = xp.subtract(z, as_outputs(z, target, ctx), out=ctx.like(z))
        gradient = xp.sign(error, out=ctx.like(z))
        return self._over_outputs(xp.absolute(error, out=error), gradient)


@dataclass(frozen=True)
class AbsolutePercentageError(OverOutputs):
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
        return self._over_outputs(error, gradient)

    def check_targets(self, y: np.ndarray) -> None:
        """No labels and no zeros."""
        remedy = "Set loss=absolute_error or loss=squared_logarithmic_error"
        if y.dtype.kind != "f":
            raise DataError("targets", f"must be numbers for {term(type(self))}", "class labels", remedy)
        zeros = int((y == 0).sum())
        self._require(zeros == 0, "must not be zero", f"{zeros:,} zeros", remedy)


@dataclass(frozen=True)
class _Linked(OverOutputs):
    """Base of the losses of a positive number, which the output says by a link.

    Args:
        link: how the number ``p`` follows from the output: ``log`` is ``p = exp(z)``, ``softplus`` is
            ``p = log(1 + exp(z))``, ``identity`` is the output itself, whose logarithm goes on below 0.001 as a
            straight line; log by default.
    """

    link: Literal["log", "softplus", "identity"] = "log"
    offset: ClassVar[float] = 0.0  # what is taken off the positive number for a prediction

    def _positive(self, z: Array, ctx: Context) -> tuple[Array, Array, Array, Array]:
        """The number ``p`` and its logarithm, each with its slope in ``z``."""
        xp = array_module(z)
        if self.link == "log":
            p = xp.exp(z, out=ctx.like(z))
            return p, p, z, xp.ones_like(z)
        if self.link == "softplus":
            p, slope = softplus(z, ctx.like(z), ctx.like(z)), sigmoid(z, ctx.like(z))
            positive = xp.maximum(p, np.finfo(z.dtype).tiny)
            return p, slope, xp.log(positive), slope / positive
        p = z + self.offset
        inside = xp.maximum(p, FLOOR)
        below = xp.minimum(p - FLOOR, 0)
        below *= 1 / FLOOR
        return p, xp.ones_like(p), xp.log(inside) + below, 1 / inside

    def predict(self, z: Array, out: Array) -> Array:
        """The number that the output stands for."""
        xp = array_module(z)
        if self.link == "log":
            return xp.expm1(z, out=out) if self.offset else xp.exp(z, out=out)
        if self.link == "softplus":
            softplus(xp.array(z), out, xp.empty_like(z))
            out -= self.offset
            return out
        xp.copyto(out, z)
        return out

    @classmethod
    def examples(cls) -> list[Loss]:
        """One instance for each link."""
        return [cls(), cls("softplus"), cls("identity")]


@dataclass(frozen=True)
class SquaredLogarithmicError(_Linked):
    """``sum over outputs of (log(1 + prediction) - log(1 + target))^2``, paired with ``prediction = exp(z) - 1``.

    Under that link it is ``(z - log(1 + target))^2``: squared error of relative size, for targets above -1 that span
    several orders of magnitude.  Other links give ``1 + prediction`` in other ways.
    """

    offset: ClassVar[float] = 1.0

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``2 (log(1 + prediction) - log(1 + target))`` times the slope of the logarithm in ``z``."""
        xp = array_module(z)
        logarithm = as_floats(z, target, ctx)
        xp.log1p(logarithm, out=logarithm)
        if self.link == "log":
            gradient = xp.subtract(z, logarithm, out=ctx.like(z))
            terms = xp.multiply(gradient, gradient, out=ctx.like(z))
        else:
            _, _, found, slope = self._positive(z, ctx)
            gradient = xp.subtract(found, logarithm, out=ctx.like(z))
            terms = xp.multiply(gradient, gradient, out=ctx.like(z))
            gradient *= slope
        gradient *= 2
        return self._over_outputs(terms, gradient)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((y > -1).all()), "must be greater than -1", span(y), "Set loss=squared_error")


@dataclass(frozen=True)
class Huber(OverOutputs):
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
        return self._over_outputs(error, gradient)

    @classmethod
    def examples(cls) -> list[Loss]:
        """With the usual threshold and with a narrow one."""
        return [cls(), cls(0.25)]


@dataclass(frozen=True)
class Poisson(_Linked):
    """``sum over outputs of p - target log p``: counts of mean ``p``, up to ``log target!``; ``p = exp(z)``.

    Paired with its link.  Nelder, Wedderburn: Generalized linear models (1972).
    """

    def __call__(self, z: Array, target: Array, ctx: Context) -> tuple[Array, Array]:
        """Gradient ``exp(z) - target``; in general the slopes of ``p`` and of ``target log p``."""
        xp = array_module(z)
        counts = as_outputs(z, target, ctx)
        if self.link != "log":
            p, slope, logarithm, slope_of_log = self._positive(z, ctx)
            return self._over_outputs(p - logarithm * counts, slope - slope_of_log * counts)
        gradient = xp.exp(z, out=ctx.like(z))
        terms = xp.multiply(z, counts, out=ctx.like(z))
        xp.subtract(gradient, terms, out=terms)
        gradient -= counts
        return self._over_outputs(terms, gradient)

    def _check_values(self, y: np.ndarray) -> None:
        self._require(bool((y >= 0).all()), "must be counts of 0 or more", span(y), "Set loss=squared_error")


@dataclass(frozen=True)
class CosineProximity(Loss):
    """``- cos(z, target)``, from -1 for the same direction to 1 for the opposite one; paired with the identity.

    Lengths do not matter, however large or small.  A ``z`` of length zero has no direction: loss and gradient are 0.
    """

    predicts: ClassVar[Literal["values", "labels", "distribution", "direction"]] = "direction"

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
    """``x`` divided by its lengths along the last axis, in place, and their inverses; 0 for a length of 0.

    Where squares would leave the range of numbers, rows are scaled by a power of two, which is exact, beforehand.
    """
    xp = array_module(x)
    low, high = x.min(axis=-1, keepdims=True), x.max(axis=-1, keepdims=True)
    peak, (small, large, factor) = xp.maximum(high, -low), EXTREME[x.dtype.char]
    scale = xp.where(peak > large, 1 / factor, xp.where(peak < small, factor, xp.ones_like(peak)))
    x *= scale
    length = xp.sqrt(xp.multiply(x, x, out=ctx.like(x)).sum(axis=-1, keepdims=True))
    inverse = (length > 0) / (length + (length == 0))
    x *= inverse
    return x, xp.minimum(inverse * scale, np.finfo(x.dtype).max)
