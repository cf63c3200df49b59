"""How large outputs and gradients are in every layer, before training."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from ..backend import Device
from ..backend.arrays import Array
from ..errors import ConfigError
from ..experiment import Run, See, named_layers, watched
from ..objectives import Reconstruction, Supervised

FAR = 100.0  # times smaller or larger is vanishing or exploding


@dataclass(frozen=True)
class Signal:
    """What passes a layer on one batch.

    Attributes:
        name: of the layer.
        mean: of its outputs.
        spread: of its outputs over the samples: the root mean square over units of their standard deviation.
        gradient_mean: of the gradients of the batch's mean loss with respect to its outputs; those of a unit at all
            positions of a sample are added up.
        gradient_size: their root mean square.
        verdict: ``""``, or what vanishes or explodes.
    """

    name: str
    mean: float
    spread: float
    gradient_mean: float
    gradient_size: float
    verdict: str


def first_signals(run: Run) -> list[Signal]:
    """What passes the layers of a network in the first batch of its training.

    Outputs are compared with those of the first layer, gradients with those of the last one.

    Raises:
        ConfigError: a machine, whose learning has no backward pass.
    """
    trainer, objective, device = run.trainer, run.objective, run.device
    if not isinstance(objective, Supervised | Reconstruction):
        remedy = "Choose a network; gpunet pretrain watches machines while they learn"
        raise ConfigError("signals", "needs a model of layers with a loss", run.config.model.name, remedy)
    trainer.begin_epoch(0, trainer.steps_per_epoch(drop_last=True))
    ctx = replace(trainer.context, input_gradient=True)
    trainer.feed.provide(0, trainer.batch_size)
    x, target, weight = trainer.feed.batch(ctx, trainer.cursor, trainer.batch_size, trainer.batch_size)
    layers = list(named_layers(objective.model))
    outputs: dict[str, np.ndarray] = {}
    gradients: dict[str, np.ndarray] = {}
    with ExitStack() as stack:
        for name, layer in layers:
            stack.enter_context(watched(layer, _keep(outputs, name, device), _keep(gradients, name, device)))
        objective.learn(x, target, weight, ctx)
    names, members = [name for name, _ in layers if name in outputs and name in gradients], trainer.parameters.members
    spreads = [spread_over_samples(outputs[name], members) for name in names]
    gradients = {name: over_positions(gradients[name], members) for name in names}
    sizes = [float(np.sqrt(np.mean(gradients[name] ** 2))) for name in names]
    found = [
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
    return [replace(signal, verdict="") if _waits(signal, found) else signal for signal in found]


def _waits(signal: Signal, found: Sequence[Signal]) -> bool:
    """Whether a layer lies in a residual block that begins as its shortcut, so that nothing passes it yet."""
    blocks = {each.name: each for each in found if not each.verdict}
    inside = any(signal.name.startswith(f"{name}/body/") for name in blocks)
    return inside and 0 in (signal.spread, signal.gradient_size)


def over_positions(values: np.ndarray, members: tuple[int, ...]) -> np.ndarray:
    """The sum over the positions of each sample: ([members,] samples, ..., units) to ([members,] samples, units).

    >>> over_positions(np.ones((2, 3, 3, 4)), ()).tolist()
    [[9.0, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0]]
    """
    return values.sum(axis=tuple(range(len(members) + 1, values.ndim - 1)))


def spread_over_samples(values: np.ndarray, members: tuple[int, ...]) -> float:
    """The root mean square, over all units at all positions, of their standard deviation over the samples.

    Args:
        values: ([members,] samples, ...).
        members: ``(E,)`` where they have a members axis.

    >>> spread_over_samples(np.array([[[1.0, 5.0]], [[3.0, 5.0]]]), ())
    0.7071067811865476
    """
    return float(np.sqrt(np.mean(values.std(axis=len(members)) ** 2)))


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
