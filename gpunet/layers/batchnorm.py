"""Batch normalisation."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Le

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..fields import Count, Positive, check_fields
from ..initializers import Constant
from ..parameter import Parameter
from .base import Backward, Layer


@dataclass(eq=False)
class BatchNorm(Layer):
    """Normalises each feature over the batch, then scales and shifts it.

    Training uses the batch's mean and biased variance; inference uses exponential moving averages of the mean and of
    the unbiased variance, each moved by ``momentum`` towards what a step observes.  Stands before or after the
    activation, as the order of the layers says.

    Shapes: ``x`` ([E,] N, n), N at least 2 in training; all parameters ([E,] n).

    Ioffe, Szegedy: Batch normalization (2015), algorithms 1 and 2.
    """

    n: Count
    epsilon: Positive = 1e-5
    momentum: Annotated[float, Gt(0), Le(1)] = 0.1

    def __post_init__(self) -> None:
        """Declare scale and shift, which are learned, and the two running statistics."""
        check_fields(self)
        one, axes = Constant(1.0), ("feature",)
        self.scale = Parameter((self.n,), one, role="scale", axes=axes)
        self.shift = Parameter((self.n,), role="shift", axes=axes)
        self.mean = Parameter((self.n,), role="running_mean", axes=axes, momentum=self.momentum)
        self.variance = Parameter((self.n,), one, role="running_variance", axes=axes, momentum=self.momentum)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the normalised, scaled and shifted input."""
        xp, samples = array_module(x), x.shape[-2]
        scale, shift = self.scale.value[..., None, :], self.shift.value[..., None, :]
        if ctx.training:
            mean = x.mean(axis=-2, keepdims=True)
            centred = xp.subtract(x, mean, out=ctx.like(x))
            variance = xp.multiply(centred, centred, out=ctx.like(x)).mean(axis=-2, keepdims=True)
            unbiased = samples / max(samples - 1, 1)
            self.mean.accumulate(ctx, lambda out: xp.copyto(out, mean[..., 0, :]))
            self.variance.accumulate(ctx, lambda out: xp.multiply(variance[..., 0, :], unbiased, out=out))
        else:
            variance = self.variance.value[..., None, :]
            mean = self.mean.value[..., None, :]
            centred = xp.subtract(x, mean, out=ctx.empty(xp.broadcast(x, mean).shape, x.dtype))
        inverse = 1 / xp.sqrt(variance + self.epsilon)
        normal = xp.multiply(centred, inverse, out=centred)
        y = xp.multiply(normal, scale, out=ctx.like(normal))
        y += shift

        def backward(dy: Array) -> Array:
            product = xp.multiply(dy, normal, out=ctx.like(dy))
            self.scale.accumulate(ctx, lambda out: product.sum(axis=-2, out=out))
            self.shift.accumulate(ctx, lambda out: dy.sum(axis=-2, out=out))
            if ctx.training:
                # d normal / d x minus its projections on the constant and on normal itself, (N, N) never formed.
                xp.multiply(normal, product.mean(axis=-2, keepdims=True), out=product)
                product += dy.mean(axis=-2, keepdims=True)
                dy -= product
            dy *= scale * inverse
            return dy

        return y, backward

    @classmethod
    def examples(cls) -> list[Layer]:
        """Five features."""
        return [cls(5)]
