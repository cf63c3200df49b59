"""A convolution for tests: a layer on images, made of nothing but what every layer may use.

It shows that shapes, members, scratch memory, checkpoints and inspection carry layers on positions.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gpunet.backend import Context, array_module
from gpunet.backend.arrays import Array
from gpunet.errors import ConfigError
from gpunet.fields import Count, Positive, check_fields
from gpunet.initializers import He, Initializer
from gpunet.layers import Backward, Layer
from gpunet.ops.linear import affine, affine_grad_bias, affine_grad_input, affine_grad_weight
from gpunet.parameter import Parameter


@dataclass(eq=False)
class Convolution(Layer):
    """A 3x3 convolution with zeros around the image: ``x`` ([E,] N, H, W, n_in) to ([E,] N, H, W, n_out)."""

    n_out: Count
    n_in: Count | None = None
    initializer: Initializer = He()
    max_norm: Positive | None = None
    unit_rates: tuple[float, ...] | None = None

    example_shape: ClassVar[tuple[int, ...]] = (4, 3, 2)

    def __post_init__(self) -> None:
        """Declare the parameters where the channels of the input are given."""
        check_fields(self)
        if self.n_in is not None:
            self._declare(self.n_in)

    def build(self, shape: tuple[int, ...]) -> None:
        """Note the channels of the input; declare the parameters."""
        if len(shape) != 3:
            received = "x".join(map(str, shape))
            raise ConfigError("convolution", "needs images of height x width x channels", received)
        n_in = self.width_of(shape, self.n_in, "n_in")
        if self.n_in is None:
            self.n_in = n_in
            self._declare(n_in)

    def _declare(self, n_in: int) -> None:
        """The kernel, (height, width, in, out), and the bias."""
        axes = ("height", "width", "input", "output")
        settings = {"max_norm": self.max_norm, "unit_rates": self.unit_rates}
        self.weight = Parameter((3, 3, n_in, self.n_out), self.initializer, axes=axes, **settings)
        self.bias = Parameter((self.n_out,), role="bias", axes=("output",))

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Multiply the columns, nine shifted copies side by side, with the kernel as a matrix."""
        xp, (height, width) = array_module(x), x.shape[-3:-1]
        members = self.weight.value.shape[:-4]
        kernel = self.weight.value.reshape(*members, -1, self.n_out)
        y = ctx.empty((*members, x.shape[-4], height, width, self.n_out), x.dtype)
        with ctx.scratch():
            affine(self._columns(x, ctx), kernel, self.bias.value, y.reshape(*members, -1, self.n_out))

        def backward(dy: Array) -> Array | None:
            rows = dy.reshape(*members, -1, self.n_out)
            with ctx.scratch():  # the columns are many times as large as the images, so they are made again
                columns = self._columns(x, ctx)
                self.weight.accumulate(
                    ctx, lambda out: affine_grad_weight(columns, rows, out.reshape(*members, -1, self.n_out))
                )
                self.bias.accumulate(ctx, lambda out: affine_grad_bias(rows, out))
            if not ctx.input_gradient:
                return None
            dx = ctx.empty((*dy.shape[:-1], self.n_in), dy.dtype)
            with ctx.scratch():
                spread = affine_grad_input(rows, kernel, ctx.empty((*rows.shape[:-1], 9 * self.n_in), dy.dtype))
                spread = spread.reshape(*dy.shape[:-1], 9, self.n_in)
                padded = ctx.empty((*dy.shape[:-3], height + 2, width + 2, self.n_in), dy.dtype)
                padded.fill(0)
                for number, (i, j) in enumerate(np.ndindex(3, 3)):
                    padded[..., i : i + height, j : j + width, :] += spread[..., number, :]
                xp.copyto(dx, padded[..., 1:-1, 1:-1, :])
            return dx

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As high and as wide as the input, with ``n_out`` channels."""
        return (*shape[:-1], self.n_out)

    @classmethod
    def examples(cls) -> list[Layer]:
        """Two channels."""
        return [cls(3)]

    def _columns(self, x: Array, ctx: Context) -> Array:
        """([E,] N * H * W, 9 * n_in); a leading members axis is that of ``x``, which all members may share."""
        xp, (samples, height, width) = array_module(x), x.shape[-4:-1]
        padded = ctx.empty((*x.shape[:-3], height + 2, width + 2, self.n_in), x.dtype)
        padded.fill(0)
        padded[..., 1:-1, 1:-1, :] = x
        columns = ctx.empty((*x.shape[:-4], samples, height, width, 9, self.n_in), x.dtype)
        for number, (i, j) in enumerate(np.ndindex(3, 3)):
            xp.copyto(columns[..., number, :], padded[..., i : i + height, j : j + width, :])
        return columns.reshape(*x.shape[:-4], samples * height * width, 9 * self.n_in)
