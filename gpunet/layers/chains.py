"""Layers that follow each other as one: on CUDA, bias, activation and dropout behind a product are a single kernel.

:func:`chained` finds them in a list of layers; what they compute is what the layers say by themselves.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops
from ..backend import Context, array_module, kernel, sixteen_bits
from ..backend.arrays import Array
from ..members import PerMember
from ..ops.positions import rows, unfold
from .activations import Identity, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from .base import Backward, Layer
from .dense import Dense
from .dropout import Dropout

SOURCE = Path(ops.__file__).parent / "cuda" / "layers.cu"
THREADS, SPAN, COLUMNS = 256, 4096, 32  # as in the source
ACTIVATIONS: dict[type[Layer], int] = {Identity: 0, ReLU: 1, LeakyReLU: 2, Sigmoid: 3, Tanh: 4, Softplus: 5}
NUMBERS: dict[type[Layer], str] = {ReLU: "grad_at_zero", LeakyReLU: "slope"}  # of the kernel
STEPS = 65536  # of 16 bits


class Chain:
    """A dense layer, an activation and dropout, each of which may be missing.

    Args:
        layers: in their order.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = tuple(layers)
        self.dense = next((layer for layer in layers if isinstance(layer, Dense)), None)
        self.dropout = next((layer for layer in layers if isinstance(layer, Dropout)), None)
        self.activation = next((layer for layer in layers if type(layer) in ACTIVATIONS), None)

    def forward(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        """As the layers one after the other."""
        if not self._suits(x, ctx):
            return self._one_by_one(x, ctx)
        dense = self.dense
        if dense is None:
            return self._passed(x, None, ctx)
        seen, z, positions = dense.multiplied(x, ctx)
        y, back = self._passed(z, dense, ctx)

        def backward(dy: Array) -> Array | None:
            dz = back(rows(dy, len(positions)))
            return dense.back_through(seen, dz, positions, ctx)

        return unfold(y, positions), backward

    def _suits(self, x: Array, ctx: Context) -> bool:
        """Whether the kernel can do it: members with rates of their own, or that draw apart, it does not know."""
        dropout = self.dropout
        if dropout is not None and isinstance(dropout.rate, PerMember):
            return False
        apart = dropout is not None and ctx.training and ctx.streams is not None and ctx.streams.apart
        return not apart and bool(x.flags.c_contiguous) and x.size > 0

    def _one_by_one(self, x: Array, ctx: Context) -> tuple[Array, Backward]:
        backwards: list[Backward] = []
        wanted = ctx.input_gradient
        for layer in self.layers:
            x, back = layer.forward(x, ctx.with_input_gradient(wanted))
            backwards.append(back)
            wanted = wanted or layer is self.dense
        return x, lambda dy: ctx.arena.relay(backwards[::-1], dy)

    def _passed(self, x: Array, dense: Dense | None, ctx: Context) -> tuple[Array, Backward]:
        """Bias, activation and dropout, in rows; with a dense layer ``x`` is its product, and is spoilt."""
        bias = None if dense is None else dense.bias
        kind = ACTIVATIONS[type(self.activation)] if self.activation is not None else 0
        expected, kept = self._dropping(ctx)
        if not kind and bias is None and not expected and kept == 1:
            return x, lambda dy: dy
        keys, clock, site = ctx.site() if expected else (x, x, 0)
        members = len(keys) if expected else _members(None if bias is None else bias.value)
        count = x.size // members
        sloped = bool(kind or expected or kept != 1)
        slope: Array = (x if dense is not None else ctx.like(x)) if sloped else None
        y = x if dense is not None and not sloped else ctx.like(x)
        name = None if self.activation is None else NUMBERS.get(type(self.activation))
        dtype = x.dtype.type
        _kernel("forward", x)(
            (-(-count // SPAN), members),
            (THREADS,),
            (
                x, x if bias is None else bias.value, _stride(None if bias is None else bias.value),
                np.int32(bias is not None), y, x if slope is None else slope, np.int32(sloped), np.int64(count),
                np.int32(x.shape[-1]), np.int32(kind), dtype(getattr(self.activation, name) if name else 0),
                np.int32(ctx.numerics), np.float64(expected), dtype(kept), keys, clock, np.uint64(site),
            ),
        )  # fmt: skip

        def backward(dy: Array) -> Array:
            dy = array_module(dy).ascontiguousarray(dy)

            def pull(sums: Array | None) -> None:
                owners, n = _members(sums), dy.shape[-1]
                _kernel("backward", dy)(
                    (-(-n // COLUMNS), owners),
                    (THREADS,),
                    (
                        dy, dy if slope is None else slope, np.int32(sloped), dy if sums is None else sums,
                        _stride(sums), np.int32(sums is not None), np.int64(dy.size // (owners * n)), np.int32(n),
                    ),
                )  # fmt: skip

            if bias is None:
                pull(None)
            else:
                bias.accumulate(ctx, pull)
            return dy

        return y, backward

    def _dropping(self, ctx: Context) -> tuple[float, float]:
        """65536 times the probability that an entry is dropped, and the factor of those that are kept."""
        dropout = self.dropout
        if dropout is None:
            return 0.0, 1.0
        given: Any = dropout.rate
        rate = sixteen_bits(given) / STEPS if ctx.numerics == 1 else float(given)
        if not ctx.training:
            return 0.0, 1 - rate if dropout.mode == "classic" else 1.0
        return rate * STEPS, 1 / (1 - rate) if dropout.mode == "inverted" and rate < 1 else 1.0


def chained(layers: Sequence[Layer]) -> list[Layer | Chain]:
    """Layers in their order, those that a kernel does together as one.

    >>> [len(chain.layers) for chain in chained([Dense(3), ReLU(), Dropout(), Dense(2)])]
    [3, 1]
    """
    found: list[Layer | Chain] = []
    held: list[Layer] = []
    for layer in layers:
        rank = 0 if type(layer) is Dense else 1 if type(layer) in ACTIVATIONS else 2 if type(layer) is Dropout else None
        if held and (rank is None or rank <= _rank(held[-1])):
            found.append(Chain(held))
            held = []
        if rank is None:
            found.append(layer)
        else:
            held.append(layer)
    return [*found, Chain(held)] if held else found


def _rank(layer: Layer) -> int:
    return 0 if type(layer) is Dense else 2 if type(layer) is Dropout else 1


def _kernel(name: str, x: Array) -> Any:
    return kernel(SOURCE, f"{name}_{'double' if x.dtype == np.float64 else 'float'}")


def _members(numbers: Array | None) -> int:
    """How many rows of numbers of the features there are, ([members,] n)."""
    return 1 if numbers is None or numbers.ndim == 1 else int(numbers.shape[0])


def _stride(numbers: Array | None) -> np.int64:
    return np.int64(0 if numbers is None or numbers.ndim == 1 else numbers.strides[0] // numbers.itemsize)
