"""Looking at what passes through the layers of a model: for what depends on it before training, and for diagnosis."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Arena, Context, Device
from ..backend.arrays import Array
from ..initializers import LSUV
from ..layers import Dense, Layer, Residual, Sequential
from ..objective import Objective
from ..parameter import Parameters, children
from .inputs import Inputs

See = Callable[[Array], Any]
SAMPLES = 500  # to estimate a variance from
FAR = 100.0  # times smaller or larger is vanishing or exploding


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

    layer.forward = shown  # type: ignore[method-assign] - of this object alone, and taken back below
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
    found = [layer for _, layer in named_layers(model) if isinstance(layer, Dense)]
    found = [layer for layer in found if isinstance(layer.initializer, LSUV)]
    if not found:
        return
    device = parameters.device
    ctx, placed = Context(False, Arena(device)), device.put(inputs.some("train", SAMPLES), parameters.dtype)
    for layer in found:
        seen: list[np.ndarray] = []
        ctx.arena.rewind()
        with watched(layer, lambda y: seen.append(device.get(y))):  # noqa: B023 - called before the next turn
            model.forward(placed, ctx)
        std = seen[-1].std(axis=(-2, -1), keepdims=True, dtype=np.float64)
        gain = layer.initializer.gain  # type: ignore[attr-defined]
        factor = np.divide(gain, std, out=np.ones_like(std), where=std > 0)
        layer.weight.value[...] *= device.put(factor, parameters.dtype)


@dataclass(frozen=True)
class Signal:
    """What passes a layer on one batch.

    Attributes:
        name: of the layer.
        mean: of its outputs.
        spread: of its outputs over the samples: the root mean square over units of their standard deviation.
        gradient_mean: of the gradients of the batch's mean loss with respect to its outputs.
        gradient_spread: their root mean square.
        verdict: ``""``, or what vanishes or explodes.
    """

    name: str
    mean: float
    spread: float
    gradient_mean: float
    gradient_spread: float
    verdict: str


def signals(objective: Objective, x: Array, target: Array, ctx: Context, device: Device) -> list[Signal]:
    """Outputs and gradients of every layer on one batch.

    Outputs are compared with those of the first layer, gradients with those of the last one.
    """
    layers = list(named_layers(objective.model))
    outputs: dict[str, np.ndarray] = {}
    gradients: dict[str, np.ndarray] = {}
    with ExitStack() as stack:
        for name, layer in layers:
            stack.enter_context(watched(layer, _keep(outputs, name, device), _keep(gradients, name, device)))
        objective.learn(x, target, ctx)
    names = [name for name, _ in layers if name in outputs and name in gradients]
    spreads = [float(np.sqrt(np.mean(outputs[name].std(axis=-2) ** 2))) for name in names]
    sizes = [float(np.sqrt(np.mean(gradients[name] ** 2))) for name in names]
    return [
        Signal(
            name,
            float(outputs[name].mean()),
            spread,
            float(gradients[name].mean()),
            size,
            _verdict(spread / spreads[0] if spreads[0] else np.nan, size / sizes[-1] if sizes[-1] else np.nan),
        )
        for name, spread, size in zip(names, spreads, sizes)
    ]


def _keep(found: dict[str, np.ndarray], name: str, device: Device) -> See:
    def keep(array: Array) -> None:
        found[name] = device.get(array).astype(np.float64)  # a copy: what comes after may overwrite it

    return keep


def _verdict(spread: float, gradient: float) -> str:
    words = []
    for what, size in (("outputs", spread), ("gradients", gradient)):
        if not 1 / FAR <= size <= FAR:
            words.append(f"{what} {'vanish' if size < 1 else 'explode' if size > 1 else 'are not finite'}")
    return ", ".join(words)


def diagnosis(signals: Sequence[Signal]) -> str:
    """One sentence about a whole network, or nothing where all is well."""
    bad = [signal for signal in signals if signal.verdict]
    if not bad:
        return ""
    words = sorted({word for signal in bad for word in signal.verdict.split(", ")})
    return f"{' and '.join(words)} in {len(bad)} of {len(signals)} layers, {bad[0].name} to {bad[-1].name}"
