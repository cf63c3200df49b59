"""Batch normalisation."""

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, NonNegative, Positive, check_fields
from ..initializers import Constant
from ..members import PerMember
from ..ops.positions import Wide, rows, unfold
from ..parameter import Parameter
from .base import Backward, Layer
from .normed import normed


@dataclass(eq=False)
class BatchNorm(Layer):
    """Normalises each feature over the batch, and over the positions where samples have some; then scales and shifts.

    Training uses the batch's mean and variance; inference uses exponential moving averages of the mean and of the
    unbiased variance, each moved by ``momentum`` towards what a step observes.  Stands before or after the activation,
    as the order of the layers says.

    Shapes: ``x`` ([E,] N, n) or ([E,] N, height, width, n), all parameters ([E,] n).  In training each feature needs at
    least two values: N at least 2 without positions, else nothing is left of the sample.  Statistics look at samples,
    not at their weights.

    Ioffe, Szegedy: Batch normalization (2015), algorithms 1 and 2; section 3.2 for positions.

    Args:
        n: features, or channels; follows from the layer before where it is not given.
        epsilon: added to each variance before its root.
        momentum: how far the running statistics move towards those of a batch at each step.
        unbiased: divide by the root of the unbiased variance in training too, as ``(x - x.mean(0)) / x.std(0)`` does in
            PyTorch; the paper's biased one by default.
        initial_scale: what the scale of each feature starts with; 0 in the last norm of a residual block makes the
            block begin as its shortcut (Goyal et al. 2017, section 5.1).

    >>> layer = BatchNorm()
    >>> layer.build((28, 28, 3))
    >>> layer.scale.shape
    (3,)
    """

    n: Count | None = None
    epsilon: Positive = 1e-5
    momentum: Annotated[float, Gt(0), Le(1)] | PerMember = 0.1
    unbiased: bool = False
    initial_scale: NonNegative = 1.0

    def __post_init__(self) -> None:
        """Declare the parameters where the width of the input is given."""
        check_fields(self)
        self._position_axes = 0
        self.positions = 1
        if self.n is not None:
            self._declare(self.n)

    def build(self, shape: tuple[int, ...]) -> None:
        """Note the width and the position axes of the input; declare the parameters."""
        n = self.width_of(shape, self.n, "n")
        self._position_axes, self.positions = len(shape) - 1, math.prod(shape[:-1])
        if self.n is None:
            self.n = n
            self._declare(n)

    def _declare(self, n: int) -> None:
        """Scale and shift, which are learned, and the two running statistics."""
        one, axes = Constant(1.0), ("feature",)
        self.scale = Parameter((n,), Constant(self.initial_scale), role="scale", axes=axes)
        self.shift = Parameter((n,), role="shift", axes=axes)
        self.mean = Parameter((n,), role="running_mean", axes=axes, momentum=self.momentum)
        self.variance = Parameter((n,), one, role="running_variance", axes=axes, momentum=self.momentum)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the normalised, scaled and shifted input."""
        if self.n is None:
            raise self.unbuilt("n")
        return normed(x, self, ctx)

    def by_arrays(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """What :meth:`forward` returns, made by array functions."""
        axes = self._position_axes
        positions = x.shape[-1 - axes : -1]
        x = rows(x, axes)
        xp, samples, wide = array_module(x), x.shape[-2], Wide(x, positions, ctx)
        scale, shift = self.scale.value[..., None, :], self.shift.value[..., None, :]
        if ctx.training:
            if samples < 2 and ctx.numerics != 1:
                raise too_few("batch of one sample")
            mean, variance = (ctx.empty((*x.shape[:-2], 1, x.shape[-1]), x.dtype) for _ in range(2))
            wide.mean(x, mean)
            with ctx.scratch():
                centred = wide.subtract(x, mean, ctx.like(x))
                wide.mean(xp.multiply(centred, centred, out=centred), variance)
            unbiased = samples / max(samples - 1, 1)
            correction = unbiased if self.unbiased else 1.0
            self.mean.accumulate(ctx, lambda out: xp.copyto(out, mean[..., 0, :]))
            observed = variance
            self.variance.accumulate(ctx, lambda out: xp.multiply(observed[..., 0, :], unbiased, out=out))
            variance = variance * correction if self.unbiased else variance
        else:
            variance = self.variance.value[..., None, :]
            mean = self.mean.value[..., None, :]
        inverse = 1 / xp.sqrt(variance + self.epsilon)

        def normalise(out: Array) -> Array:
            return wide.multiply(wide.subtract(x, mean, out), inverse, out)

        shape = xp.broadcast(x, mean).shape
        # Images are many numbers: there the normal ones are computed again on the way back instead of being kept.
        kept = None if positions else normalise(ctx.empty(shape, x.dtype))
        y = ctx.empty(shape, x.dtype)
        wide.multiply(normalise(y) if kept is None else kept, scale, y)
        wide.add(y, shift, y)

        def backward(dy: Array) -> Array:
            dy = rows(dy, axes)
            with ctx.scratch():
                normal = normalise(ctx.like(dy)) if kept is None else kept
                product = xp.multiply(dy, normal, out=ctx.like(dy))
                self.scale.accumulate(ctx, lambda out: wide.sum(product, out))
                self.shift.accumulate(ctx, lambda out: wide.sum(dy, out))
                if ctx.training:
                    # d normal / d x minus its projections on the constant and on normal itself, (N, N) never formed.
                    numbers = ctx.empty((*dy.shape[:-2], 1, dy.shape[-1]), dy.dtype)
                    wide.mean(product, numbers)
                    if self.unbiased:
                        numbers *= correction
                    wide.multiply(normal, numbers, product)
                    wide.add(product, wide.mean(dy, numbers), product)
                    dy -= product
                wide.multiply(dy, scale * inverse, dy)
            return unfold(dy, positions)

        return unfold(y, positions), backward

    @classmethod
    def examples(cls) -> list[Layer]:
        """With a given width and without, and with the unbiased variance."""
        return [cls(), cls(5), cls(unbiased=True)]


def too_few(received: str) -> ConfigError:
    """The error of a batch that gives a feature a single value."""
    rule = "must see at least two values of each feature in training"
    return ConfigError("batch_norm", rule, received, "Choose another batch size, or drop the remainder")
