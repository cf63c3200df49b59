"""What a training step learns from a batch: the part of the step that differs between kinds of learning."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from ..backend import NUMERICS, Context, Device
from ..backend.arrays import Array
from ..data import Feed
from ..errors import ConfigError
from ..layers import Layer
from ..metrics import Metric


class Objective:
    """Accumulates the gradients of a batch; the trainer does everything around it.

    Attributes:
        model: whose parameters are trained.
        measures: names of what :meth:`learn` returns.
        scores: names of what :meth:`judge` returns.
        metrics: those among the scores that are metrics; all others are better when they are lower.
        wants_targets: whether :meth:`learn` looks at targets; what does not may learn from samples without labels.
        numerics: by which rules of arithmetic its steps go; runs that began under older ones keep them.
    """

    model: Any
    measures: tuple[str, ...]
    scores: tuple[str, ...]
    metrics: Sequence[Metric] = ()
    wants_targets: bool = False
    numerics: int = NUMERICS

    def build(self, shape: tuple[int, ...]) -> None:
        """Tell a network the shape of a sample, before its parameters get memory; machines know theirs.

        Raises:
            ConfigError: samples that a layer cannot take, or an output that is no row of features.
        """
        if not isinstance(self.model, Layer):
            return
        self.model.build(shape)
        end = self.model.output_shape(shape)
        if len(end) != 1:
            received = "x".join(map(str, end))
            raise ConfigError("model", "must end in features for a loss", received, "Add Flatten and Dense layers")

    def start(self, device: Device, members: tuple[int, ...], dtype: Any) -> None:
        """Make the arrays that go on from step to step, where there are any; called once the parameters have memory."""

    def start_from(self, feed: Feed) -> None:
        """Let first values follow from the data, where there are such; called after :meth:`start`.

        Args:
            feed: what is going to be learned from.
        """

    def begin_at(self, x: Array, target: Array, ctx: Context) -> None:
        """Let Markov chains begin near samples, where there are some; called where weights come from another model.

        Args:
            x: some samples, ([members,] N, *shape).
            target: their targets.
            ctx: memory and random numbers.
        """

    def state(self) -> dict[str, Array]:
        """Arrays that the next step goes on from, by name, for checkpoints."""
        return {}

    def kept(self) -> dict[str, Array]:
        """Arrays beside :meth:`state` that change between steps alone, for checkpoints; more may come with time."""
        return {}

    def make_room(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make arrays for what :meth:`kept` was in a checkpoint, from which they are then filled.

        Args:
            shapes: of arrays of the checkpoint, by name; those that are no such arrays are left alone.
        """

    def between(self, number: int, ctx: Context) -> np.ndarray | None:
        """Called on the host before each step that :meth:`looks` speaks of, at least; it may read the device and change
        parameters.

        Args:
            number: of the step in its epoch; what is done may depend on it and on what is saved, on nothing else.
            ctx: of the steps.

        Returns:
            Members that were put back to where they were before, bool (members,), for which the optimizer begins anew
            at half its learning rate; None where there are none.
        """
        return None

    def looks(self) -> int:
        """Every how many steps of an epoch, counted from 0, :meth:`between` has something to do; 0 where it never has.

        Steps between two looks may be one launch.  Before the first one of a launch it is called in any case.
        """
        return 0 if type(self).between is Objective.between else 1

    @property
    def sampled(self) -> "Objective | None":
        """The part that takes samples of the model from Markov chains, of which an epoch has something to tell."""
        return None

    def begin_epoch(self, epoch: int, batch: int = 0) -> Hashable:
        """Called on the host before each epoch; steps are captured anew for each value that it returns.

        Args:
            epoch: counted from 0.
            batch: batches of it that are done already, where training goes on inside an epoch.
        """
        return None

    def learn(self, x: Array, target: Array, weight: Array | None, ctx: Context) -> tuple[Array, ...]:
        """Add the gradient of the batch's mean to the parameters.

        Args:
            x: ([members,] N, *shape of a sample).
            target: ([members,] N) labels or ([members,] N, outputs).
            weight: None where all samples count alike, which costs nothing; else ([members,] N), from 0.  The mean of
                losses ``l`` is ``sum(weight l) / sum(weight)``: a sample of weight 2 counts as two of them, one of
                weight 0 as none, and a batch whose weights are all 0 has the gradient 0 and moves no running mean of a
                machine.
            ctx: memory and random numbers.

        Returns:
            Each measure per sample, ([members,] N), not weighted yet.
        """
        raise NotImplementedError

    def judge(self, x: Array, target: Array, ctx: Context) -> tuple[Array, ...]:
        """Return each score per sample, ([members,] N), without learning and without random numbers."""
        raise NotImplementedError

    def higher_is_better(self, name: str) -> bool:
        """Whether a measure or score is better when it is higher, as its metric says; losses and errors are not."""
        return any(metric.name == name and metric.higher_is_better for metric in self.metrics)
