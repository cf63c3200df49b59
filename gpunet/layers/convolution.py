"""The convolution."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal

from ..backend import Context
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, NonNegative, Positive, check_fields
from ..initializers import He, Initializer
from ..members import PerMember
from ..ops.convolution import convolve, convolve_grad_bias, convolve_grad_input, convolve_grad_kernel
from ..ops.windows import Windows
from ..parameter import Parameter
from .base import Backward, Layer
from .images import Padding, Size, windows_for


@dataclass(eq=False)
class Conv2D(Layer):
    """``y[p] = sum over the window at p of x * weight + bias``: the same units at every position of an image.

    Shapes: ``x`` ([E,] N, height, width, n_in), ``y`` ([E,] N, down, across, n_out), ``weight`` ([E,] rows, columns,
    n_in / groups, n_out), ``bias`` ([E,] n_out).  With padding ``same`` there are ceil(height / stride) windows below
    each other, with ``valid`` floor((height - span) / stride) + 1, where span = (rows - 1) * dilation + 1.

    The kernel is not turned, as in all libraries: this is a cross-correlation.

    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition (1998), section II; groups:
    Krizhevsky, Sutskever, Hinton: ImageNet classification (2012); dilation: Yu, Koltun: Multi-scale context
    aggregation by dilated convolutions (2016).

    Args:
        n_out: channels that it gives, as many as it sees where it is not given; their kernels are its units.
        size: pixels of the kernel, one number or one for rows and one for columns; 3 by default.
        stride: distance of windows, likewise; 1 by default.
        padding: zeros around the image: same, valid for none, or so many on every side; same by default.
        dilation: distance of the pixels that a kernel sees; 1 by default.
        groups: of channels, each seen by its share of the units alone; depthwise stands for as many as there are
            channels; 1 by default.
        n_in: channels that it sees; follows from the data, or the layer before, where it is not given.
        with_bias: whether to add a bias.
        initializer: of the weight.
        max_norm: bound on the length of the weights into each unit, or None.
        rate_factor: multiplies the learning rate of this layer.
        unit_rates: multiply the learning rate further, one for each unit.

    Raises:
        ConfigError: samples that are no images, channels that groups do not divide, windows that do not fit.

    >>> layer = Conv2D(16, size=3, stride=2, padding=1)
    >>> layer.build((32, 32, 3))
    >>> layer.weight.shape, layer.output_shape((32, 32, 3))
    ((3, 3, 3, 16), (16, 16, 16))
    """

    n_out: Count | None = None
    size: Size = 3
    stride: Size = 1
    padding: Padding = "same"
    dilation: Size = 1
    groups: Count | Literal["depthwise"] = 1
    n_in: Count | None = None
    with_bias: bool = True
    initializer: Initializer = He()
    max_norm: Positive | PerMember | None = None
    rate_factor: NonNegative = 1.0
    unit_rates: tuple[NonNegative, ...] | None = None

    example_shape: ClassVar[tuple[int, ...]] = (5, 4, 4)

    def __post_init__(self) -> None:
        """Declare the parameters where the channels of the input are given."""
        check_fields(self)
        self._windows: Windows | None = None
        self._groups = 1
        if self.n_in is not None:
            self._declare(self.n_in)

    def build(self, shape: tuple[int, ...]) -> None:
        """Note where the windows lie, and the channels of the input; declare the weight and, where wanted, the bias."""
        self._windows = self._windows_on(shape)
        n_in = self.width_of(shape, self.n_in, "n_in")
        if self.n_in is None:
            self.n_in = n_in
            self._declare(n_in)

    def _windows_on(self, shape: tuple[int, ...]) -> Windows:
        return windows_for("conv2d", shape, self.size, self.stride, self.padding, self.dilation)

    def _declare(self, n_in: int) -> None:
        self.n_out = n_in if self.n_out is None else self.n_out
        self._groups = groups = n_in if self.groups == "depthwise" else self.groups
        for name, n in (("n_in", n_in), ("n_out", self.n_out)):
            if n % groups:
                rule = f"must divide the channels, n_in = {n_in} and n_out = {self.n_out}"
                raise ConfigError(
                    "conv2d.groups", rule, groups, f"Use {name}={n // groups * groups or groups} or groups=1"
                )
        if self.unit_rates is not None and len(self.unit_rates) != self.n_out:
            raise ConfigError("unit_rates", f"must be one for each of the {self.n_out} units", len(self.unit_rates))
        rates: Any = {"rate_factor": self.rate_factor, "unit_rates": self.unit_rates}
        size = (self.size, self.size) if isinstance(self.size, int) else tuple(self.size)
        shape, axes = (*size, n_in // groups, self.n_out), ("height", "width", "input", "output")
        self.weight = Parameter(shape, self.initializer, axes=axes, max_norm=self.max_norm, **rates)
        self.bias = Parameter((self.n_out,), role="bias", axes=("output",), **rates) if self.with_bias else None

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the products of all windows and their backward, which makes the columns of windows again."""
        windows, groups = self._windows, self._groups
        if windows is None:
            raise self.unbuilt("input_shape")
        weight, bias = self.weight, self.bias
        members, image = weight.value.shape[:-4], x.shape[-3:-1]  # one input may serve a whole population
        shape = (*members, x.shape[-4], *windows.positions(image), self.n_out)
        y = ctx.empty(shape, x.dtype)
        convolve(x, weight.value, None if bias is None else bias.value, windows, groups, y, ctx)

        def backward(dy: Array) -> Array | None:
            def learn() -> None:
                weight.accumulate(ctx, lambda out: convolve_grad_kernel(x, dy, windows, groups, out, ctx))
                if bias is not None:
                    bias.accumulate(ctx, lambda out: convolve_grad_bias(dy, out, ctx))

            def pass_on() -> Array:
                dx = ctx.empty((*dy.shape[:-3], *image, x.shape[-1]), dy.dtype)
                return convolve_grad_input(dy, weight.value, windows, groups, dx, ctx)

            if not ctx.input_gradient:
                learn()
                return None
            columns = prod(dy.shape[:-1]) * prod(weight.shape[:-1]) * groups  # which either may have to write
            return ctx.beside(learn, pass_on, columns)[1]

        return y, backward

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Windows below each other, windows beside each other, units."""
        return (*self._windows_on(shape).positions((shape[0], shape[1])), self.n_out or shape[-1])

    @classmethod
    def examples(cls) -> list[Layer]:
        """Strides, paddings, dilations, groups and sizes that differ by axis, on an image of odd height."""
        return [
            cls(3),
            cls(3, size=(1, 2), padding="valid", with_bias=False),
            cls(2, size=3, stride=2, padding=1),
            cls(3, size=(3, 2), dilation=(2, 1), stride=(1, 2)),
            cls(6, groups=2, n_in=4),
            cls(groups="depthwise", stride=(2, 1)),
            cls(8, size=2, groups="depthwise"),
            cls(5, size=1),
            cls(5, size=1, stride=2),
        ]
