"""What a comparison is made of: ways to start a network, what pretraining cost, and what came of each."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..checkpoint import Checkpoint
from ..experiment import Run


@dataclass(frozen=True)
class Arm:
    """One way to start a network.

    Attributes:
        name: for reports.
        title: in a few words.
        activation: of the hidden layers; its usual initializer, Glorot or He, draws what is not pretrained.
        pretrained: whether the hidden layers come from the stack.
    """

    name: str
    title: str
    activation: Literal["sigmoid", "relu"]
    pretrained: bool


ARMS = (
    Arm("pretrained", "sigmoid network, pretrained", "sigmoid", True),
    Arm("random", "sigmoid network, Glorot initialization", "sigmoid", False),
    Arm("relu", "ReLU network, He initialization", "relu", False),
)


@dataclass(frozen=True)
class Source:
    """A pretrained stack and what it cost.

    Attributes:
        checkpoint: with the layers.
        seconds: that pretraining took, for all seeds together.
    """

    checkpoint: Checkpoint
    seconds: float

    @classmethod
    def recorded(cls, checkpoint: Checkpoint) -> "Source":
        """A stack of an earlier run, with the seconds that its layers' histories record."""
        layers: Any = checkpoint.group("pretraining").children
        return cls(checkpoint, float(sum(layer["history/seconds"].data.sum() for layer in layers.values())))


@dataclass(frozen=True)
class Trial:
    """One learning rate of an arm.

    Attributes:
        rate: that was tried.
        validation_error: (seeds,) at the epoch that is best for each; None where a seed diverged.
        best_epoch: (seeds,)
        epochs: that were trained.
        settled: whether every seed stopped improving before the epochs were over.
        seconds: for all seeds together.
    """

    rate: float
    validation_error: np.ndarray | None
    best_epoch: np.ndarray
    epochs: int
    settled: bool
    seconds: float


@dataclass(frozen=True)
class ArmResult:
    """An arm at one number of labels.

    Attributes:
        arm: which.
        labels: how many it learned from.
        trials: one for each learning rate.
        chosen: the trial with the lowest mean validation error.
        test_error: (seeds,) of the chosen trial.
        pretraining: seconds that are charged to it.
        run: of the chosen trial, with its best weights; None where another process has it.
    """

    arm: Arm
    labels: int
    trials: tuple[Trial, ...]
    chosen: Trial
    test_error: np.ndarray
    pretraining: float
    run: Run | None
