"""One side of a machine given its inputs: on CUDA, whatever its units are, one kernel adds the bias and draws.

What is drawn, and with which random numbers, is what :meth:`.Units.sample` says.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops
from ..backend import Context, array_module, kernel, op
from ..backend.arrays import Array
from ..ops.linear import affine_grad_bias
from ..ops.weighting import average, shares
from ..parameter import Parameter
from .continuous import Gaussian, NoisyReLU
from .discrete import Bernoulli, Binomial, Softmax
from .heat import Heat, Rungs
from .joint import Joint
from .spins import Spin
from .units import Units

SOURCE = Path(ops.__file__).parent / "cuda" / "machine.cu"
THREADS, SPAN, COLUMNS = 256, 4096, 32  # as in the source
BERNOULLI, SPIN, BINOMIAL, SOFTMAX, GAUSSIAN, COUNTED, RECTIFIED, GIVEN = range(8)  # its kinds


@dataclass(frozen=True)
class Part:
    """Units of one kind as kernels take them.

    Attributes:
        units: themselves.
        kind: their number in the source.
        number: trials, or choices of a group; 1 where there is no such thing.
        sites: where a draw of them takes its random numbers.
    """

    units: Units
    kind: int
    number: int = 1
    sites: int = 1

    @classmethod
    def of(cls, units: Units) -> "Part | None":
        """None for units that no kernel knows: a class of a user's own may do anything."""
        kind = type(units)
        if kind is Bernoulli or kind is Spin:
            return cls(units, BERNOULLI if kind is Bernoulli else SPIN)
        if isinstance(units, Binomial) and kind is Binomial:
            return cls(units, BINOMIAL, units.trials, units.trials)
        if isinstance(units, Softmax) and kind is Softmax:
            return cls(units, SOFTMAX, units.group)
        if kind is Gaussian:
            return cls(units, GAUSSIAN, sites=2)
        if isinstance(units, NoisyReLU) and kind is NoisyReLU:
            return cls(units, COUNTED) if units.sampler == "exact" else cls(units, RECTIFIED, sites=2)
        return None

    def blocks(self, rows: int) -> int:
        """How many blocks of threads draw so many rows."""
        if self.kind == SOFTMAX:
            team = 1
            while team < min(self.number, THREADS):
                team *= 2
            return -(-rows * (self.units.n // self.number) // (THREADS // team))
        return -(-rows * self.units.n // (SPAN if self.kind < SOFTMAX else SPAN // 2))


@dataclass(frozen=True)
class Side:
    """All units of a side: those of one kind, or of two beside each other."""

    first: Part
    second: Part | None = None

    @classmethod
    def of(cls, units: Units) -> "Side | None":
        """None where kernels do not know the units."""
        if isinstance(units, Joint) and type(units) is Joint:
            first, second = Part.of(units.first), Part.of(units.second)
            learns = isinstance(units.second, Gaussian) and units.second.log_variance is not None
            return None if first is None or second is None or learns else cls(first, second)
        only = Part.of(units)
        return None if only is None else cls(only)

    @property
    def parts(self) -> list[Part]:
        """The one kind, or both."""
        return [part for part in (self.first, self.second) if part is not None]

    @property
    def sites(self) -> int:
        """How many a draw takes."""
        return sum(part.sites for part in self.parts)

    @property
    def variance(self) -> Any:
        """The parameter that holds the logarithms of variances, where they are learned."""
        units = self.first.units
        return units.log_variance if isinstance(units, Gaussian) else None

    @property
    def of_means(self) -> "Side":
        """The same units, of whom kernels get expected states in place of inputs."""
        return Side(*(replace(part, kind=GIVEN) for part in self.parts))

    def arguments(self, like: Array) -> tuple[Any, ...]:
        """What a launch is told of the side; ``like`` stands where there is no array."""
        first, second, variance = self.first, self.second, self.variance
        return (
            np.int32(first.kind), np.int32(first.units.n), np.int32(first.number),
            like if variance is None else variance.value, np.int64(0) if variance is None else stride(variance.value),
            np.int32(variance is not None), np.int32(0 if second is None else second.kind),
            np.int32(0 if second is None else second.units.n), np.int32(1 if second is None else second.number),
        )  # fmt: skip


@dataclass
class Inputs:
    """Inputs of one side, which may lack the bias until someone adds it on the way.

    Attributes:
        x: ([E,] N, n).
        lacking: the bias, ([E,] n), or None where nothing is missing.
    """

    x: Array
    lacking: Array | None = None

    def complete(self) -> Array:
        """The inputs with the bias."""
        if self.lacking is not None:
            self.x += self.lacking[..., None, :]
            self.lacking = None
        return self.x

    def drawn(self, units: Units, ctx: Context, out: Array = None, heat: Heat | Rungs | None = None) -> Array:
        """States for the inputs, which are complete afterwards; see :func:`drawn`."""
        states = drawn(self.x, units, ctx, self.lacking, out, heat)
        self.lacking = None
        return states

    def expected(self, units: Units, ctx: Context, out: Array = None) -> Array:
        """Expected states for the inputs, which must not be used afterwards; see :func:`expected`."""
        return expected(self.x, units, ctx, self.lacking, out)


@op
def drawn(
    x: Array,
    units: Units,
    ctx: Context,
    bias: Array | None = None,
    out: Array = None,
    heat: Heat | Rungs | None = None,
) -> Array:
    """States drawn for inputs.

    Args:
        x: ([E,] N, n), inputs of the units, which get the bias.
        units: of what kind they are.
        ctx: memory and random numbers.
        bias: ([E,] n), which the inputs lack, or None.
        out: ([E,] N, n), where the states are written; memory of the step by default.
        heat: at which temperature they are drawn; that of the machine by default.
    """
    if bias is not None:
        x += bias[..., None, :]
    states = units.sample(x if heat is None else heat.soften(x, ctx), ctx)
    if out is None:
        return states
    array_module(x).copyto(out, states)
    return out


@drawn.override("cupy")
def _drawn_cuda(
    x: Array,
    units: Units,
    ctx: Context,
    bias: Array | None = None,
    out: Array = None,
    heat: Heat | Rungs | None = None,
) -> Array:
    side, streams = Side.of(units), ctx.streams
    if side is None or streams is None or streams.apart or not suits(x, ctx) or len(streams.keys) != members_of(x):
        return drawn.reference(x, units, ctx, bias, out, heat)
    state = ctx.like(x) if out is None else out
    rows, (keys, clock, site) = x.shape[-2], ctx.site(side.sites)
    blocks = side.first.blocks(rows)
    none = (x, x, keys, np.int32(0), np.int32(0), np.int32(0), np.int64(0))
    launch("draw", x, sum(part.blocks(rows) for part in side.parts))(
        x, *given(bias, x), state, np.int64(state.strides[-2] // state.itemsize),
        np.int64(state.strides[0] // state.itemsize if state.ndim == 3 else 0), np.int32(rows), *side.arguments(x),
        np.int32(blocks), *(none if heat is None else heat.arguments(x)), keys, clock, np.uint64(site),
    )  # fmt: skip
    return state


@op
def expected(x: Array, units: Units, ctx: Context, bias: Array | None = None, out: Array = None) -> Array:
    """Expected states for inputs; arguments are those of :func:`drawn`, but ``x`` may or may not get the bias."""
    if bias is not None:
        x += bias[..., None, :]
    means = units.mean(x, ctx)
    if out is None:
        return means
    array_module(x).copyto(out, means)
    return out


@expected.override("cupy")
def _expected_cuda(x: Array, units: Units, ctx: Context, bias: Array | None = None, out: Array = None) -> Array:
    side = Side.of(units)
    if side is None or not suits(x, ctx) or not (out is None or out.flags.c_contiguous):
        return expected.reference(x, units, ctx, bias, out)
    out = ctx.like(x) if out is None else out
    launch("expect", x, -(-x.size // (members_of(x) * SPAN)))(
        x, *given(bias, x), out, np.int32(x.shape[-2]), *side.arguments(x)
    )
    return out


@op
def error(x: Array, units: Units, wanted: Array, weight: Array | None, bias: Parameter, ctx: Context) -> Array:
    """The gradient of ``-log p(wanted | x + bias)``, the mean over a batch, with respect to the inputs, ([E,] N, n).

    It is what is expected less what is wanted; its sum over the samples is added to the gradient of the bias.

    Args:
        x: ([E,] N, n), inputs without the bias, which they may or may not get.
        units: that have them.
        wanted: ([E,] N, n), their states.
        weight: of each sample, ([E,] N), or None.
        bias: of the units.
        ctx: memory.
    """
    x += bias.value[..., None, :]
    errors = units.mean(x, ctx)
    errors -= wanted
    average(errors, shares(weight))
    bias.accumulate(ctx, lambda out: affine_grad_bias(errors, out))
    return errors


@error.override("cupy")
def _error_cuda(x: Array, units: Units, wanted: Array, weight: Array | None, bias: Parameter, ctx: Context) -> Array:
    side = Side.of(units)
    alike = wanted.ndim == x.ndim and wanted.strides[-1] == wanted.itemsize and wanted.dtype == x.dtype
    if side is None or not suits(x, ctx) or not alike or not (weight is None or weight.flags.c_contiguous):
        return error.reference(x, units, wanted, weight, bias, ctx)
    errors = ctx.like(x)

    def add(sums: Array) -> None:
        launch("error", x, -(-x.shape[-1] // COLUMNS))(
            x, *given(bias.value, x)[:2], wanted, np.int64(wanted.strides[-2] // wanted.itemsize),
            np.int64(wanted.strides[0] // wanted.itemsize if wanted.ndim == 3 else 0), x if weight is None else weight,
            np.int32(weight is not None), errors, *given(sums, x)[:2], np.int32(x.shape[-2]), *side.arguments(x),
        )  # fmt: skip

    bias.accumulate(ctx, add)
    return errors


def suits(x: Array, ctx: Context) -> bool:
    """Whether kernels can read an array, ([E,] N, n), under the rules of arithmetic."""
    return ctx.numerics != 1 and x.ndim in (2, 3) and bool(x.flags.c_contiguous) and x.size > 0


def members_of(x: Array) -> int:
    """How many members an array ([E,] N, n) has."""
    return math.prod(x.shape[:-2])


def stride(numbers: Array) -> np.int64:
    """From the numbers of a member to those of the next, ([E,] ...) of a parameter."""
    return np.int64(numbers.strides[0] // numbers.itemsize)


def given(numbers: Array | None, like: Array) -> tuple[Array, np.int64, np.int32]:
    """An array ([E,] n) that a launch may lack, how far members are apart in it, and whether it is there."""
    if numbers is None:
        return like, np.int64(0), np.int32(0)
    return numbers, np.int64(0) if numbers.ndim == 1 else stride(numbers), np.int32(1)


def launch(name: str, x: Array, blocks: int, members: int | None = None) -> Any:
    """A kernel of the source for numbers like those of an array, to be called with its arguments."""
    found = kernel(SOURCE, f"{name}_{'double' if x.dtype == np.float64 else 'float'}")
    grid = (blocks, members_of(x) if members is None else members)
    return lambda *arguments: found(grid, (THREADS,), arguments)
