"""What a network said about samples, beside what was so: all that figures are computed from."""

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

Task = Literal["classification", "multilabel", "regression"]


@dataclass(frozen=True)
class Outcome:
    """Outputs and targets of samples, on the host.

    Attributes:
        task: what the targets are: one class each, several labels each, or numbers.
        outputs: (samples, K) float64, activated; for two classes perhaps one column, that of the second class.
        target: (samples,) class numbers, or (samples, K) of 0 and 1 or of numbers.
        weight: (samples,), how much each counts, or None where all count alike.
        probability: whether outputs are probabilities, rather than scores that are larger for likelier classes.
        threshold: of the second class's output or of each label's, beyond which it is predicted; None is 1/2 for
            probabilities and 0 for scores.
    """

    task: Task
    outputs: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None = None
    probability: bool = True
    threshold: float | None = None

    @property
    def samples(self) -> int:
        """How many."""
        return len(self.outputs)

    @property
    def limit(self) -> float:
        """The threshold that holds."""
        return (0.5 if self.probability else 0.0) if self.threshold is None else self.threshold

    @cached_property
    def columns(self) -> np.ndarray:
        """(samples, C): a number for each class, label or target; two columns for two classes."""
        if self.task != "classification" or self.outputs.shape[1] > 1:
            return self.outputs
        second = self.outputs[:, 0]
        return np.stack([1 - second if self.probability else -second, second], axis=1)

    @cached_property
    def coded(self) -> np.ndarray:
        """(samples, C) of 0 and 1: which class or which labels a sample has."""
        if self.task == "multilabel":
            return self.target > 0.5
        return self.target[:, None] == np.arange(self.columns.shape[1])

    @cached_property
    def said(self) -> np.ndarray:
        """(samples, C) of 0 and 1: which class or which labels are predicted."""
        if self.task == "multilabel":
            return self.columns > self.limit
        return self.predicted[:, None] == np.arange(self.columns.shape[1])

    @cached_property
    def predicted(self) -> np.ndarray:
        """(samples,) numbers of the predicted classes: the largest output, or by the threshold between two."""
        return class_numbers(self.outputs, self.probability, self.threshold)

    @cached_property
    def weights(self) -> np.ndarray:
        """(samples,): ones where there are none."""
        return np.ones(self.samples) if self.weight is None else np.asarray(self.weight, np.float64)

    @cached_property
    def orders(self) -> np.ndarray:
        """(C, samples): sample numbers by falling output of each class or label."""
        return np.argsort(-self.columns.T, axis=1, kind="stable")

    def reweighted(self, weight: np.ndarray) -> "Outcome":
        """The same with other weights; what was found about its outputs is not found anew."""
        other = copy(self)
        other.__dict__.pop("weights", None)
        object.__setattr__(other, "weight", weight)
        return other

    def mean(self, each: np.ndarray) -> float:
        """Of a number for each sample, weighted."""
        return float(np.average(each, weights=self.weight))

    def part(self, rows: np.ndarray) -> "Outcome":
        """Of some of the samples."""
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, outputs=self.outputs[rows], target=self.target[rows], weight=weight)

    def constant(self, row: np.ndarray) -> "Outcome":
        """What a model would give that says the same about all samples, (K,): the baseline."""
        return replace(self, outputs=np.broadcast_to(row, self.outputs.shape).astype(np.float64), threshold=None)


def constant_prediction(outcome: Outcome) -> np.ndarray:
    """What is best said of all samples alike: the share of each class or label, or the mean of each target, (K,).

    >>> o = Outcome("classification", np.zeros((4, 2)), np.array([0, 1, 1, 1]))
    >>> constant_prediction(o).tolist()
    [0.25, 0.75]
    """
    if outcome.task == "regression":
        return np.average(outcome.target.astype(np.float64), axis=0, weights=outcome.weight)
    shares = np.average(outcome.coded.astype(np.float64), axis=0, weights=outcome.weight)
    shares = shares[1:] if outcome.task == "classification" and outcome.outputs.shape[1] == 1 else shares
    return shares if outcome.probability else shares - (0.5 if len(shares) == 1 or outcome.task == "multilabel" else 0)


def class_numbers(outputs: Any, probability: bool = True, threshold: float | None = None) -> Any:
    """The number of the class that each row of outputs speaks for, on the device of the outputs.

    Args:
        outputs: (..., K), activated; one column is that of the second of two classes.
        probability: whether they are probabilities.
        threshold: of the second class, where it is not the usual one.

    >>> class_numbers(np.array([[0.2], [0.6]])).tolist(), class_numbers(np.array([[0.2]]), probability=False).tolist()
    ([0, 1], [1])
    """
    if outputs.shape[-1] == 1 or (outputs.shape[-1] == 2 and threshold is not None):
        usual = 0.5 if probability else 0.0
        return (outputs[..., -1] > (usual if threshold is None else threshold)).astype(np.int64)
    return outputs.argmax(axis=-1)
