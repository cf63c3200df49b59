"""Gradients on their way back through elementwise functions, changed in place; all arrays are of one shape."""

from typing import Any

from ..backend import Context, array_module, loops, op
from ..backend.arrays import Array
from .activations import step_at_zero

LOOPS = "gpunet.ops.cpu.slopes"


@op
def through_relu(dy: Array, x: Array, at_zero: float, ctx: Context) -> Array:
    """``dy`` times 0 below 0, 1 above, and ``at_zero`` at 0, as ``x`` is."""
    slope = ctx.empty(x.shape, bool if at_zero in (0, 1) else x.dtype)
    dy *= step_at_zero(x, at_zero, slope)
    return dy


@op
def through_leaky_relu(dy: Array, x: Array, low: float, ctx: Context) -> Array:
    """``dy`` times 1 above 0 and ``low`` elsewhere, as ``x`` is."""
    xp, factor = array_module(x), ctx.like(x)
    xp.copyto(factor, xp.greater(x, 0, out=ctx.empty(x.shape, bool)))
    factor *= 1 - low
    factor += low
    dy *= factor
    return dy


@op
def through_sigmoid(dy: Array, y: Array, ctx: Context) -> Array:
    """``dy`` times ``y (1 - y)``."""
    slope = array_module(y).subtract(1, y, out=ctx.like(y))
    slope *= y
    dy *= slope
    return dy


@op
def through_tanh(dy: Array, y: Array, ctx: Context) -> Array:
    """``dy`` times ``1 - y^2``."""
    xp = array_module(y)
    slope = xp.multiply(y, y, out=ctx.like(y))
    xp.subtract(1, slope, out=slope)
    dy *= slope
    return dy


@op
def masked(x: Array, dropped: Array, scale: Any, ctx: Context) -> tuple[Array, Array]:
    """``x`` with 0 where it is dropped and ``scale`` times itself elsewhere, and these factors.

    Args:
        x: of any shape.
        dropped: bool, of a shape that broadcasts over ``x``; spoilt.
        scale: a number, an array of those of each member, or None for 1.
        ctx: memory.
    """
    xp, factor = array_module(x), ctx.empty(dropped.shape, x.dtype)
    xp.logical_not(dropped, out=dropped)
    xp.copyto(factor, dropped)
    if scale is not None:
        factor *= scale
    return xp.multiply(x, factor, out=ctx.like(x)), factor


def _flat(*arrays: Array) -> list[Array] | None:
    """All arrays as rows of numbers, or None where they do not lie one after the other in one order."""
    plain = all(a.flags.c_contiguous and a.shape == arrays[0].shape for a in arrays)
    return [a.reshape(-1) for a in arrays] if plain else None


def _by_loop(name: str, reference: Any, dy: Array, x: Array, numbers: tuple[float, ...], ctx: Context) -> Array:
    flat = _flat(dy, x)
    if flat is None or dy.dtype != x.dtype:
        return reference(dy, x, *numbers, ctx)
    getattr(loops(LOOPS), name)(*flat, *(dy.dtype.type(number) for number in numbers))
    return dy


@through_relu.override("compiled")
def _through_relu_by_a_loop(dy: Array, x: Array, at_zero: float, ctx: Context) -> Array:
    return _by_loop("through_relu", through_relu.reference, dy, x, (at_zero,), ctx)


@through_leaky_relu.override("compiled")
def _through_leaky_relu_by_a_loop(dy: Array, x: Array, low: float, ctx: Context) -> Array:
    flat = _flat(dy, x)
    if flat is None or dy.dtype != x.dtype:
        return through_leaky_relu.reference(dy, x, low, ctx)
    loops(LOOPS).through_leaky_relu(*flat, *map(dy.dtype.type, (1 - low, low)))
    return dy


@through_sigmoid.override("compiled")
def _through_sigmoid_by_a_loop(dy: Array, y: Array, ctx: Context) -> Array:
    return _by_loop("through_sigmoid", through_sigmoid.reference, dy, y, (), ctx)


@through_tanh.override("compiled")
def _through_tanh_by_a_loop(dy: Array, y: Array, ctx: Context) -> Array:
    return _by_loop("through_tanh", through_tanh.reference, dy, y, (), ctx)


@masked.override("compiled")
def _masked_by_a_loop(x: Array, dropped: Array, scale: Any, ctx: Context) -> tuple[Array, Array]:
    flat = _flat(x, dropped)
    if flat is None or not (scale is None or isinstance(scale, float)):
        return masked.reference(x, dropped, scale, ctx)
    y, factor = ctx.like(x), ctx.like(x)
    loops(LOOPS).masked(*flat, x.dtype.type(1 if scale is None else scale), y.reshape(-1), factor.reshape(-1))
    return y, factor
