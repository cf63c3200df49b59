"""What went wrong in a step that failed: it is taken again, with a look at every array on the way.

Nothing of a failed step was kept and its random numbers are a function of its number, so it can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..backend import Arena
from ..backend.arrays import Array
from ..layers import Sequential
from ..ops.guard import square_sum
from ..parameter import children

if TYPE_CHECKING:
    from .trainer import Trainer

FINITE = "loss and gradients must be finite"


def diagnose(trainer: Trainer, member: int, step: int) -> tuple[str, str]:
    """Find the first thing that left the finite numbers, or its limit, in a step that was not made.

    Args:
        trainer: its weights are those before the step.
        member: that failed.
        step: counted from 0; of the epoch that is under way.

    Returns:
        The rule that was broken, and what was received.
    """
    device, clock, cursor = trainer.device, trainer.clock, trainer.cursor
    now = [device.get(array) for array in (clock, cursor, *trainer.objective.state().values())]
    device.copy_into(clock, step)
    device.copy_into(cursor, now[1] - (now[0].astype(np.int64) - step))
    try:
        with np.errstate(all="ignore"):
            return next(_findings(trainer, member), (FINITE, "NaN or infinity that did not come again"))
    finally:
        for array, before in zip((clock, cursor, *trainer.objective.state().values()), now):
            device.copy_into(array, before)


def _findings(trainer: Trainer, member: int) -> Iterator[tuple[str, str]]:
    """What is wrong in the present step of a member, in the order of computation."""
    parameters, optimizer, device = trainer.parameters, trainer.optimizer, trainer.device
    ctx = replace(trainer.context, arena=Arena(device))
    members = len(parameters.seeds)

    def numbers(array: Array) -> np.ndarray:
        return device.get(array).reshape(members, -1)[member]

    def bad(array: Array) -> bool:
        return not np.isfinite(numbers(array)).all()

    number = int(device.get(trainer.cursor)[0])
    rows = min(trainer.batch_size, trainer.feed.samples - number * trainer.batch_size)
    trainer.streams.rewind()
    parameters.zero_grad()
    trainer.feed.provide(number * trainer.batch_size, number * trainer.batch_size + rows)
    x, target, weight = trainer.feed.batch(ctx, trainer.cursor, trainer.batch_size, rows)
    for what, array in (("features", x), ("targets", target)):
        if bad(array):
            yield f"{what} must be finite", f"NaN or infinity in the batch {number + 1} of the epoch"
    for name, output in _outputs(trainer, x):
        if bad(output):
            yield FINITE, f"NaN or infinity in the output of {name}"
    trainer.streams.rewind()
    measures = trainer.objective.learn(x, target, weight, ctx)
    parameters.finish_grad()
    if bad(measures[0]):
        yield FINITE, f"NaN or infinity as the {trainer.objective.measures[0].replace('_', ' ')}"
    names = [name for name, parameter in parameters.named.items() if parameter.trainable]
    for name in reversed(names):  # in the order in which gradients come, from the last layer to the first
        if bad(parameters.named[name].grad):
            yield FINITE, f"NaN or infinity in the gradient of {name}"
    if bad(square_sum(parameters.grads)):  # which holds what layers observe as well, as batch norm does
        lengths = {name: np.abs(numbers(parameter.grad)).max() for name, parameter in parameters.named.items()}
        largest = max(lengths, key=lambda name: np.nan_to_num(lengths[name], nan=np.inf))
        what = "the gradient" if parameters.named[largest].trainable else "what layers observe in a batch"
        yield f"{what} must have a finite length", f"one of {largest} as large as {lengths[largest]:.2g}"
    for name in names:
        update = numbers(optimizer.last_update(name))
        if not np.isfinite(np.square(update).sum()):
            yield "updates must have a finite length", f"one of {name} as large as {np.abs(update).max():.2g}"
    for name, parameter in parameters.named.items():
        size = numbers(optimizer.size_after(name))[0] if parameter.limit is not None else 0.0
        if parameter.limit is not None and not size < parameter.limit:
            rule = f"{name} must not exceed a root mean square of {parameter.limit:g}"
            yield rule, f"an update that may lead to {size:.3g}"


def _outputs(trainer: Trainer, x: Array) -> Iterator[tuple[str, Array]]:
    """The output of each layer of a network, by name; each holds until the next is asked for."""
    model = trainer.objective.model
    if isinstance(model, Sequential):
        ctx = replace(trainer.context, arena=Arena(trainer.device))
        for name, layer in children(model):
            x, _ = layer.forward(x, ctx)
            yield name, x
