"""The fully connected layer."""

from dataclasses import dataclass
from typing import Any

from ..backend import Context
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, NonNegative, Positive, check_fields
from ..initializers import Glorot, Initializer
from ..ops.linear import affine, affine_grad_bias, affine_grad_input, affine_grad_weight
from ..parameter import Parameter
from .base import Backward, Layer


@dataclass(eq=False)
class Dense(Layer):
    """``y = x @ weight + bias``.

    Shapes: ``x`` ([E,] N, n_in), ``y`` ([E,] N, n_out), ``weight`` ([E,] n_in, n_out), ``bias`` ([E,] n_out).

    ``max_norm`` bounds the length of the weights into each unit after every update (Srivastava et al. 2014, section
    5.1); ``rate_factor`` multiplies the learning rate of this layer, ``unit_rates`` that of each of its units.

    >>> Dense(784, 10).weight.shape
    (784, 10)
    """

    n_in: Count
    n_out: Count
    with_bias: bool = True
    initializer: Initializer = Glorot()
    max_norm: Positive | None = None
    rate_factor: NonNegative = 1.0
    unit_rates: tuple[NonNegative, ...] | None = None

    def __post_init__(self) -> None:
        """Declare the weight and, where wanted, the bias."""
        check_fields(self)
        if self.unit_rates is not None and len(self.unit_rates) != self.n_out:
            raise ConfigError("unit_rates", f"must be one for each of the {self.n_out} units", len(self.unit_rates))
        rates: Any = {"rate_factor": self.rate_factor, "unit_rates": self.unit_rates}
        shape, axes = (self.n_in, self.n_out), ("input", "output")
        self.weight = Parameter(shape, self.initializer, axes=axes, max_norm=self.max_norm, **rates)
        self.bias = Parameter((self.n_out,), role="bias", axes=("output",), **rates) if self.with_bias else None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the products and their backward."""
        weight, bias = self.weight, self.bias
        members = weight.value.shape[:-2]  # one input may serve a whole population
        y = ctx.empty((*members, x.shape[-2], self.n_out), x.dtype)
        affine(x, weight.value, None if bias is None else bias.value, y)

        def backward(dy: Array) -> Array | None:
            weight.accumulate(ctx, lambda out: affine_grad_weight(x, dy, out))
            if bias is not None:
                bias.accumulate(ctx, lambda out: affine_grad_bias(dy, out))
            if not ctx.input_gradient:
                return None
            return affine_grad_input(dy, weight.value, ctx.empty((*dy.shape[:-1], self.n_in), x.dtype))

        return y, backward

    def output_width(self, width: int) -> int:
        """Always ``n_out``."""
        return self.n_out

    @classmethod
    def examples(cls) -> list[Layer]:
        """With and without bias."""
        return [cls(5, 4), cls(5, 3, with_bias=False)]
