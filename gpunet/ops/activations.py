"""Elementwise nonlinearities and the softmax, with their slopes.

Every function writes into ``out`` and returns it; no intermediate array is made that ``out`` can hold.
"""

import math

import numpy as np

from ..backend import NUMERICS, array_module
from ..backend.arrays import Array


def sigmoid(x: Array, out: Array, numerics: int = NUMERICS) -> Array:
    """``1 / (1 + exp(-x))``, within a few roundings of itself down to the smallest numbers.

    Rules 1 of arithmetic compute ``(1 + tanh(x / 2)) / 2``, whose error is relative to 1 and not to the result: in
    float32 nothing is left of it below -17.
    """
    xp = array_module(x)
    if numerics != 1:
        xp.negative(x, out=out)
        with np.errstate(over="ignore"):  # one over infinity is the 0 that is right there
            xp.exp(out, out=out)
        out += 1
        return xp.divide(1, out, out=out)
    xp.multiply(x, 0.5, out=out)
    xp.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def softplus(x: Array, out: Array, scratch: Array) -> Array:
    """``log(1 + exp(x))``, computed as ``max(x, 0) + log1p(exp(-|x|))``, which cannot overflow."""
    xp = array_module(x)
    xp.absolute(x, out=scratch)
    xp.negative(scratch, out=scratch)
    xp.exp(scratch, out=scratch)
    xp.log1p(scratch, out=scratch)
    xp.maximum(x, 0, out=out)
    out += scratch
    return out


def cross_entropy(z: Array, target: Array, out: Array, scratch: Array) -> Array:
    """``softplus(z) - target z`` as ``z ([z > 0] - target) + log1p(exp(-|z|))``.

    For targets from 0 to 1 both terms are positive, so nothing cancels: at ``z = 16`` and target 1 it is 1.1e-7, where
    the difference of the two would be 0 in float32.
    """
    xp = array_module(z)
    xp.absolute(z, out=scratch)
    xp.negative(scratch, out=scratch)
    xp.exp(scratch, out=scratch)
    xp.log1p(scratch, out=scratch)
    xp.copyto(out, z > 0)
    out -= target
    out *= z
    out += scratch
    return out


def sigmoid_error(z: Array, target: Array, out: Array, scratch: Array) -> Array:
    """``sigmoid(z) - target``, computed from the nearer of 0 and 1 so that nothing cancels where they all but agree.

    That is ``([z > 0] - target) + sign sigmoid(-|z|)``, with the sign -1 where ``z > 0`` and 1 elsewhere.
    """
    xp = array_module(z)
    positive = z > 0
    xp.absolute(z, out=scratch)
    xp.negative(scratch, out=scratch)
    sigmoid(scratch, scratch)
    xp.copyto(out, positive)
    out *= -2
    out += 1
    scratch *= out  # the sign; CuPy has no ``where`` for this
    xp.copyto(out, positive)
    out -= target
    out += scratch
    return out


def softplus_integral(x: Array, out: Array, u: Array, square: Array) -> Array:
    """The integral of softplus from minus infinity to ``x``, which is ``-Li2(-exp(x))``, to 4e-9.

    With ``u = log(1 + exp(-|x|))``, at most log 2, Bernoulli's series of the dilogarithm,
    ``u + u^2/4 + u^3/36 - u^5/3600 + u^7/211680 - ...``, is the value for ``-|x|``; the inversion formula
    ``value(x) = x^2/2 + pi^2/6 - value(-x)`` gives the other half.  ``u`` and ``square`` are scratch.
    """
    xp = array_module(x)
    softplus(xp.negative(xp.absolute(x, out=square), out=square), u, out)
    xp.multiply(u, u, out=square)
    xp.multiply(square, 1 / 211680, out=out)
    out -= 1 / 3600
    out *= square
    out += 1 / 36
    out *= u
    out += 1 / 4
    out *= u
    out += 1
    out *= u
    xp.multiply(x, x, out=square)
    square *= 0.5
    square += math.pi**2 / 6
    square -= out
    xp.copyto(out, square, where=x > 0)
    return out


def step_at_zero(x: Array, at_zero: float, out: Array) -> Array:
    """1 where ``x > 0``, 0 where ``x < 0``, ``at_zero`` at 0: the slope of ReLU with its subgradient chosen.

    ``out`` may be bool where ``at_zero`` is 0 or 1.
    """
    xp = array_module(x)
    if at_zero == 0:
        return xp.greater(x, 0, out=out)
    if at_zero == 1:
        return xp.greater_equal(x, 0, out=out)
    xp.multiply(x == 0, at_zero, out=out)
    out += x > 0
    return out


def log_softmax(z: Array, out: Array, scratch: Array) -> Array:
    """Logarithm of the softmax over the last axis, shifted by the maximum so that it cannot overflow."""
    xp = array_module(z)
    xp.subtract(z, z.max(axis=-1, keepdims=True), out=out)
    out -= xp.log(xp.exp(out, out=scratch).sum(axis=-1, keepdims=True))
    return out


def entropy_grad(z: Array, out: Array, scratch: Array) -> Array:
    """Gradient of the entropy ``H = -sum(p log p)`` of ``p = softmax(z)``, which is ``-p (log p + H)``.

    >>> z = np.array([[1.0, 3.0]])
    >>> entropy_grad(z, np.empty_like(z), np.empty_like(z)).round(4).tolist()
    [[0.21, -0.21]]
    """
    xp = array_module(z)
    log_softmax(z, out, scratch)
    xp.exp(out, out=scratch)
    out -= (scratch * out).sum(axis=-1, keepdims=True)
    out *= scratch
    return xp.negative(out, out=out)


def softmax(z: Array, out: Array) -> Array:
    """Softmax over the last axis."""
    xp = array_module(z)
    xp.subtract(z, z.max(axis=-1, keepdims=True), out=out)
    xp.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out
