"""Gradients on their way back through elementwise functions, each in one pass; arrays are (numbers,)."""

from ...backend.compiled import loop


@loop
def through_relu(dy, x, at_zero):
    """0 below 0, 1 above, a number at 0."""
    zero, one = dy.dtype.type(0), dy.dtype.type(1)
    for i in range(dy.size):
        dy[i] *= one if x[i] > zero else (at_zero if x[i] == zero else zero)


@loop
def through_leaky_relu(dy, x, rest, low):
    """1 above 0, ``low`` elsewhere."""
    zero, above = dy.dtype.type(0), rest + low  # which is 1 but for rounding
    for i in range(dy.size):
        dy[i] *= above if x[i] > zero else low


@loop
def through_sigmoid(dy, y):
    """``y (1 - y)``."""
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dy[i] *= (one - y[i]) * y[i]


@loop
def through_tanh(dy, y):
    """``1 - y^2``."""
    one = dy.dtype.type(1)
    for i in range(dy.size):
        dy[i] *= one - y[i] * y[i]


@loop
def masked(x, dropped, scale, y, factor):
    """0 where it is dropped, else ``scale`` times ``x``; and these factors."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        factor[i] = zero if dropped[i] else scale
        y[i] = x[i] * factor[i]
