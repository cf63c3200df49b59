"""The fully connected layer."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

from ..backend import Context
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, NonNegative, Positive, check_fields
from ..initializers import Glorot, Initializer
from ..members import PerMember
from ..ops.linear import affine, affine_grad_bias, affine_grad_input, affine_grad_weight
from ..ops.positions import rows, unfold
from ..parameter import Parameter
from .base import Backward, Layer


@dataclass(eq=False)
class Dense(Layer):
    """``y = x @ weight + bias``, at every position of a sample that has positions.

    Shapes: ``x`` ([E,] N, n_in), ``y`` ([E,] N, n_out), ``weight`` ([E,] n_in, n_out), ``bias`` ([E,] n_out); on images
    ``x`` ([E,] N, height, width, n_in) and ``y`` ([E,] N, height, width, n_out), which is a 1x1 convolution.

    ``max_norm`` bounds the length of the weights into each unit after every update (Srivastava et al. 2014, section
    5.1); ``rate_factor`` multiplies the learning rate of this layer, ``unit_rates`` that of each of its units.

    Args:
        n_out: units.
        n_in: numbers that each unit sees; follows from the data, or the layer before, where it is not given.
        with_bias: whether to add a bias.
        initializer: of the weight.
        max_norm: bound on the length of the weights into each unit, or None.
        rate_factor: multiplies the learning rate of this layer.
        unit_rates: multiply the learning rate further, one for each unit.

    >>> Dense(10, n_in=784).weight.shape
    (784, 10)
    >>> layer = Dense(10)
    >>> layer.build((28, 28, 3))
    >>> layer.weight.shape, layer.output_shape((28, 28, 3))
    ((3, 10), (28, 28, 10))
    """

    n_out: Count
    _: KW_ONLY
    n_in: Count | None = None
    with_bias: bool = True
    initializer: Initializer = Glorot()
    max_norm: Positive | PerMember | None = None
    rate_factor: NonNegative = 1.0
    unit_rates: tuple[NonNegative, ...] | None = None

    def __new__(cls, *units: Any, **settings: Any) -> "Dense":
        """Refuse two numbers, which meant (n_in, n_out) once and would be taken for something else now."""
        if len(units) > 1:
            remedy = f"Write Dense({units[1]}, n_in={units[0]}), or leave n_in out where it follows from the data"
            raise ConfigError("dense", "takes n_out alone without a name", ", ".join(map(str, units)), remedy)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        """Declare the parameters where the width of the input is given."""
        check_fields(self)
        if self.unit_rates is not None and len(self.unit_rates) != self.n_out:
            raise ConfigError("unit_rates", f"must be one for each of the {self.n_out} units", len(self.unit_rates))
        self._position_axes = 0
        if self.n_in is not None:
            self._declare(self.n_in)

    def build(self, shape: tuple[int, ...]) -> None:
        """Note the width and the position axes of the input; declare the weight and, where wanted, the bias."""
        n_in = self.width_of(shape, self.n_in, "n_in")
        self._position_axes = len(shape) - 1
        if self.n_in is None:
            self.n_in = n_in
            self._declare(n_in)

    def _declare(self, n_in: int) -> None:
        rates: Any = {"rate_factor": self.rate_factor, "unit_rates": self.unit_rates}
        shape, axes = (n_in, self.n_out), ("input", "output")
        self.weight = Parameter(shape, self.initializer, axes=axes, max_norm=self.max_norm, **rates)
        self.bias = Parameter((self.n_out,), role="bias", axes=("output",), **rates) if self.with_bias else None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the products and their backward."""
        x, y, positions = self.multiplied(x, ctx)
        bias = self.bias
        if bias is not None:
            y += bias.value[..., None, :]

        def backward(dy: Array) -> Array | None:
            dy = rows(dy, len(positions))
            if bias is not None:
                bias.accumulate(ctx, lambda out: affine_grad_bias(dy, out))
            return self.back_through(x, dy, positions, ctx)

        return unfold(y, positions), backward

    def multiplied(self, x: Array, ctx: Context) -> tuple[Array, Array, tuple[int, ...]]:
        """The input in rows, its products with the weight in rows, without the bias, and the positions of a sample."""
        if self.n_in is None:
            raise self.unbuilt("n_in")
        weight, axes = self.weight.value, self._position_axes
        positions = x.shape[-1 - axes : -1]
        x = rows(x, axes)
        # One input may serve a whole population.
        y = ctx.empty((*weight.shape[:-2], x.shape[-2], self.n_out), x.dtype)
        return x, affine(x, weight, None, y), positions

    def back_through(self, x: Array, dy: Array, positions: tuple[int, ...], ctx: Context) -> Array | None:
        """Add to the gradient of the weight; the gradient of the input, where it is wanted.

        Args:
            x: the input in rows.
            dy: the gradient of the products, in rows.
            positions: of a sample.
            ctx: of the pass.
        """
        weight = self.weight

        def learn() -> None:
            weight.accumulate(ctx, lambda out: affine_grad_weight(x, dy, out))

        def pass_on() -> Array:
            return affine_grad_input(dy, weight.value, ctx.empty((*dy.shape[:-1], x.shape[-1]), x.dtype))

        if not ctx.input_gradient:
            learn()
            return None
        _, dx = ctx.beside(learn, pass_on, max(weight.value.size, dy.size // self.n_out * x.shape[-1]))
        return unfold(dx, positions)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """``n_out`` in place of the last axis."""
        return (*shape[:-1], self.n_out)

    @classmethod
    def examples(cls) -> list[Layer]:
        """With a given width and without, with and without bias."""
        return [cls(4), cls(4, n_in=5), cls(3, with_bias=False)]
