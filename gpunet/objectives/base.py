"""What a training step learns from a batch: the part of the step that differs between kinds of learning."""

from collections.abc import Hashable
from typing import Any

from ..backend import Context, Device
from ..backend.arrays import Array
from ..layers import Layer


class Objective:
    """Accumulates the gradients of a batch; the trainer does everything around it.

    Attributes:
        model: whose parameters are trained.
        measures: names of what :meth:`learn` returns.
        scores: names of what :meth:`judge` returns.
        wants_targets: whether :meth:`learn` looks at targets; what does not may learn from samples without labels.
    """

    model: Any
    measures: tuple[str, ...]
    scores: tuple[str, ...]
    wants_targets: bool = False

    def build(self, shape: tuple[int, ...]) -> None:
        """Tell a network the shape of a sample, before its parameters get memory; machines know theirs."""
        if isinstance(self.model, Layer):
            self.model.build(shape)

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Make the arrays that go on from step to step, where there are any; called once the parameters have memory."""

    def state(self) -> dict[str, Array]:
        """Arrays that the next step goes on from, by name, for checkpoints."""
        return {}

    def begin_epoch(self, epoch: int, batch: int = 0) -> Hashable:
        """Called on the host before each epoch; steps are captured anew for each value that it returns.

        Args:
            epoch: counted from 0.
            batch: batches of it that are done already, where training goes on inside an epoch.
        """
        return None

    def learn(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch's mean to the parameters; return each measure per sample, ([members,] N)."""
        raise NotImplementedError

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Return each score per sample, ([members,] N), without learning and without random numbers."""
        raise NotImplementedError
