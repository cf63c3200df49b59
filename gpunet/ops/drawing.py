"""Random states for total inputs."""

from ..backend import Context, op
from ..backend.arrays import Array
from .activations import sigmoid


@op
def bernoulli(x: Array, ctx: Context) -> Array:
    """1 with probability ``sigmoid(x)``, else 0, of the shape and type of ``x`` ([members,] ...)."""
    return ctx.drawn(x, lambda part, out: sigmoid(part, out, ctx.numerics))
