"""Normalisation of each sample by itself, over groups of its channels or over its features."""

from dataclasses import dataclass
from typing import ClassVar

from ..backend import Context, array_module
from ..backend.arrays import Array
from ..errors import ConfigError
from ..fields import Count, Positive, check_fields
from ..initializers import Constant
from ..ops.positions import rows
from ..ops.windows import column_sums
from ..parameter import Parameter
from .base import Backward, Layer


@dataclass(eq=False)
class _SampleNorm(Layer):
    """Base of the two: a scale and a shift for each channel, and the numbers of one sample that are taken together.

    Args:
        n: features, or channels; follows from the layer before where it is not given.
        epsilon: added to each variance before its root.
    """

    n: Count | None = None
    epsilon: Positive = 1e-5

    def __post_init__(self) -> None:
        """Declare the parameters where the width of the input is given."""
        check_fields(self)
        self._position_axes = 0
        if self.n is not None:
            self._declare(self.n)

    def build(self, shape: tuple[int, ...]) -> None:
        """Note the width and the position axes of the input; declare the parameters."""
        n = self.width_of(shape, self.n, "n")
        self._position_axes = len(shape) - 1
        if self.n is None:
            self.n = n
            self._declare(n)

    def _declare(self, n: int) -> None:
        self.scale = Parameter((n,), Constant(1.0), role="scale", axes=("feature",))
        self.shift = Parameter((n,), role="shift", axes=("feature",))

    def _parts(self, x: Array) -> tuple[Array, int]:
        """The input as ([E,] samples, numbers, groups, numbers), of which the axes beside the groups go together."""
        raise NotImplementedError

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """Return the normalised, scaled and shifted input."""
        if self.n is None:
            raise self.unbuilt("n")
        xp, axes = array_module(x), self._position_axes
        spread = (1,) * (axes + 1)
        scale, shift = (p.value.reshape(*p.value.shape[:-1], *spread, self.n) for p in (self.scale, self.shift))
        parts, count = self._parts(x)
        mean = parts.sum(axis=(-3, -1), keepdims=True)
        mean *= 1 / count
        normal = xp.subtract(parts, mean, out=ctx.like(parts))
        with ctx.scratch():
            variance = xp.multiply(normal, normal, out=ctx.like(normal)).sum(axis=(-3, -1), keepdims=True)
        variance *= 1 / count
        inverse = 1 / xp.sqrt(variance + self.epsilon)
        normal *= inverse
        flat = normal.reshape(x.shape)
        y = xp.multiply(flat, scale, out=ctx.empty(xp.broadcast(flat, scale).shape, x.dtype))
        y += shift

        def backward(dy: Array) -> Array:
            with ctx.scratch():
                product = xp.multiply(dy, flat, out=ctx.like(dy))
                self.scale.accumulate(ctx, lambda out: column_sums(rows(product, axes), out, ctx))
                self.shift.accumulate(ctx, lambda out: column_sums(rows(dy, axes), out, ctx))
                dy *= scale
                ours, _ = self._parts(dy)
                along = xp.multiply(ours, normal, out=self._parts(product)[0])
                factor = along.sum(axis=(-3, -1), keepdims=True)
                factor *= -1 / count
                level = ours.sum(axis=(-3, -1), keepdims=True)
                level *= -1 / count
                xp.multiply(normal, factor, out=along)
                along += level
                ours += along
                ours *= inverse
            return dy

        return y, backward


@dataclass(eq=False)
class GroupNorm(_SampleNorm):
    """Normalises the channels of each group over all positions of one sample; then scales and shifts each channel.

    Does the same in training and at inference, whatever the batch.  One group takes all numbers of a sample together,
    as many groups as channels make it instance normalisation.

    Shapes: ``x`` ([E,] N, height, width, n) or ([E,] N, n), scale and shift ([E,] n).

    Wu, He: Group normalization (2018).

    Args:
        n: features, or channels; follows from the layer before where it is not given.
        groups: of neighbouring channels; 8 by default.

    >>> layer = GroupNorm(groups=4)
    >>> layer.build((8, 8, 16))
    >>> layer.scale.shape
    (16,)
    """

    groups: Count = 8

    def _declare(self, n: int) -> None:
        if n % self.groups:
            remedy = f"Use groups={next(g for g in range(min(self.groups, n), 0, -1) if n % g == 0)}"
            raise ConfigError("group_norm.groups", f"must divide the {n} channels", self.groups, remedy)
        super()._declare(n)

    def _parts(self, x: Array) -> tuple[Array, int]:
        axes = self._position_axes
        parts = x.reshape(*x.shape[: -1 - axes], -1, self.groups, x.shape[-1] // self.groups)
        return parts, parts.shape[-3] * parts.shape[-1]

    example_shape: ClassVar[tuple[int, ...]] = (3, 2, 6)

    @property
    def needs_positions(self) -> bool:
        """Not: samples of plain features will do."""
        return False

    @classmethod
    def examples(cls) -> list[Layer]:
        """One group, several, and as many as channels."""
        return [cls(groups=1), cls(groups=3), cls(6, groups=6)]


@dataclass(eq=False)
class LayerNorm(_SampleNorm):
    """Normalises the features of each sample, at each position by itself; then scales and shifts each feature.

    Does the same in training and at inference, whatever the batch.  On images this takes the channels of one position
    together; :class:`GroupNorm` of one group takes the positions together too.

    Shapes: ``x`` ([E,] N, n) or ([E,] N, height, width, n), scale and shift ([E,] n).

    Ba, Kiros, Hinton: Layer normalization (2016).

    >>> layer = LayerNorm()
    >>> layer.build((5,))
    >>> layer.scale.shape
    (5,)
    """

    def _parts(self, x: Array) -> tuple[Array, int]:
        return x.reshape(*x.shape[:-1], 1, 1, x.shape[-1]), x.shape[-1]

    @classmethod
    def examples(cls) -> list[Layer]:
        """With a given width and without."""
        return [cls(), cls(5)]
