"""Looking at what passes through the layers of a model, and weights that start by it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import Arena, Context
from ..backend.arrays import Array
from ..data import Inputs
from ..initializers import LSUV
from ..layers import Layer, Residual, Sequential
from ..members import PerMember, other_axes
from ..parameter import Parameter, Parameters, children

See = Callable[[Array], Any]
SAMPLES = 500  # to estimate a variance from


@contextmanager
def watched(layer: Layer, output: See, gradient: See = lambda dy: None) -> Iterator[None]:
    """While this is open, the layer shows its outputs, and the gradients with respect to them."""
    forward = layer.forward

    def shown(x: Array, ctx: Context) -> tuple[Array, Any]:
        y, backward = forward(x, ctx)
        output(y)

        def shown_backward(dy: Array) -> Any:
            gradient(dy)
            return backward(dy)

        return y, shown_backward

    layer.forward = shown  # type: ignore[method-assign]  # of this object alone, and taken back below
    try:
        yield
    finally:
        del layer.forward


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Layers in the order of the data, by the path of their parameters; a residual block stands after its parts."""
    for name, child in children(model):
        path = f"{prefix}/{name}" if prefix else name
        if isinstance(child, Sequential | Residual):
            yield from named_layers(child, path)
        if isinstance(child, Layer) and not isinstance(child, Sequential):
            yield path, child


def scale_to_unit_variance(model: Any, parameters: Parameters, inputs: Inputs) -> None:
    """Scale the weights of layers that start by LSUV, from the bottom upwards.

    Biases start at 0, so an output is proportional to the weights and one scaling is exact; a layer whose output does
    not vary is left alone.  Dropout and batch statistics are off.

    Args:
        model: its parameters have memory.
        parameters: of the model.
        inputs: of whose training part some samples are looked at.
    """
    found = [
        (layer, part)
        for _, layer in named_layers(model)
        for _, part in children(layer)
        if isinstance(part, Parameter) and part.role == "weight" and isinstance(part.initializer, LSUV)
    ]
    if not found:
        return
    device, members = parameters.device, parameters.members
    ctx, placed = Context(False, Arena(device)), device.put(inputs.some("train", SAMPLES), parameters.dtype)
    for layer, weight in found:
        seen: list[np.ndarray] = []
        ctx.arena.rewind()
        with watched(layer, lambda y: seen.append(device.get(y))):  # noqa: B023 - called before the next turn
            model.forward(placed, ctx)
        std = np.asarray(seen[-1].std(axis=other_axes(seen[-1], members), dtype=np.float64))
        gain: Any = weight.initializer.gain  # type: ignore[attr-defined]
        each = np.array(gain.among(*members)) if isinstance(gain, PerMember) else gain
        factor = np.divide(each, std, out=np.ones_like(std), where=std > 0)
        factor = factor.reshape(*members, *(1 for _ in weight.shape))
        weight.value[...] *= device.put(factor, parameters.dtype)
