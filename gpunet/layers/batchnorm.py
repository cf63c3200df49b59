"""Batch normalisation."""

import math
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, Positive, check_fields
from ..initializers import Constant
from ..ops.positions import rows, unfold
from ..parameter import Parameter
from .base import Backward, Layer


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

    >>> layer = BatchNorm()
    >>> layer.build((28, 28, 3))
    >>> layer.scale.shape
    (3,)
    """

    n: Count | None = None
    epsilon: Positive = 1e-5
    momentum: Annotated[float, Gt(0), Le(1)] = 0.1
    unbiased: bool = False

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
        self.scale = Parameter((n,), one, role="scale", axes=axes)
        self.shift = Parameter((n,), role="shift", axes=axes)
        self.mean = Parameter((n,), role="running_mean", axes=axes, momentum=self.momentum)
        self.variance = Parameter((n,), one, role="running_variance", axes=axes, momentum=self.momentum)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the normalised, scaled and shifted input."""
        if self.n is None:
            raise self.unbuilt("n")
        axes = self._position_axes
        positions = x.shape[-1 - axes : -1]
        x = rows(x, axes)
        xp, samples = array_module(x), x.shape[-2]
        scale, shift = self.scale.value[..., None, :], self.shift.value[..., None, :]
        if ctx.training:
            if samples < 2 and ctx.numerics != 1:
                raise too_few("batch of one sample")
            mean = x.mean(axis=-2, keepdims=True)
            centred = xp.subtract(x, mean, out=ctx.like(x))
            variance = xp.multiply(centred, centred, out=ctx.like(x)).mean(axis=-2, keepdims=True)
            unbiased = samples / max(samples - 1, 1)
            correction = unbiased if self.unbiased else 1.0
            self.mean.accumulate(ctx, lambda out: xp.copyto(out, mean[..., 0, :]))
            observed = variance
            self.variance.accumulate(ctx, lambda out: xp.multiply(observed[..., 0, :], unbiased, out=out))
            variance = variance * correction if self.unbiased else variance
        else:
            variance = self.variance.value[..., None, :]
            mean = self.mean.value[..., None, :]
            centred = xp.subtract(x, mean, out=ctx.empty(xp.broadcast(x, mean).shape, x.dtype))
        inverse = 1 / xp.sqrt(variance + self.epsilon)
        normal = xp.multiply(centred, inverse, out=centred)
        y = xp.multiply(normal, scale, out=ctx.like(normal))
        y += shift

        def backward(dy: Array) -> Array:
            dy = rows(dy, axes)
            product = xp.multiply(dy, normal, out=ctx.like(dy))
            self.scale.accumulate(ctx, lambda out: product.sum(axis=-2, out=out))
            self.shift.accumulate(ctx, lambda out: dy.sum(axis=-2, out=out))
            if ctx.training:
                # d normal / d x minus its projections on the constant and on normal itself, (N, N) never formed.
                slope = product.mean(axis=-2, keepdims=True)
                if self.unbiased:
                    slope *= correction
                xp.multiply(normal, slope, out=product)
                product += dy.mean(axis=-2, keepdims=True)
                dy -= product
            dy *= scale * inverse
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
