"""What a metric is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..backend import Context
from ..backend.arrays import Array
from ..fields import check_fields, term
from .outcome import Outcome, Task


@dataclass(frozen=True)
class Metric:
    """Base of the metrics: a number that tells how good a network is.

    Most are computed from all outputs together, on the host in float64: they define :meth:`each`, a number for each
    sample whose mean it is, or :meth:`by_class`.  One that is a mean over samples may also be called on the device
    inside the step, where it neither reads values back nor branches on them; it says so by ``collected = False``.

    Attributes:
        higher_is_better: whether the weights of the epoch with the highest number are the best.
        collected: whether it needs all outputs together; False where it is called inside the step.
        tasks: what it says something about.
        needs_probability: whether outputs must be probabilities.
        bounds: between which it lies.
        percent: whether it is shown in percent.
    """

    higher_is_better: ClassVar[bool] = True
    collected: ClassVar[bool] = False
    tasks: ClassVar[tuple[Task, ...]] = ("classification",)
    needs_probability: ClassVar[bool] = False
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    percent: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    @property
    def name(self) -> str:
        """In histories, after ``train_`` or ``validation_``."""
        return term(type(self))

    def __call__(self, z: Array, target: Array, ctx: Context) -> Array:
        """The number of each sample, on the device.

        Args:
            z: the network's last linear output, ([E,] N, K).
            target: ([E,] N) labels or ([E,] N, K) values; without members where all share them.
            ctx: memory.

        Returns:
            ([E,] N), of the type of ``z``.
        """
        raise NotImplementedError

    def each(self, outcome: Outcome) -> np.ndarray | None:
        """A number for each sample whose mean it is, (samples,), or None where it is no such mean."""
        return None

    def by_class(self, outcome: Outcome) -> np.ndarray | None:
        """The number of each class, label or target, NaN where it has none; None where there is no such number."""
        return None

    def value(self, outcome: Outcome) -> float:
        """The number of all samples: the mean of :meth:`each`, or of those of :meth:`by_class` that are numbers."""
        each = self.each(outcome)
        if each is not None:
            return outcome.mean(each)
        found = self.by_class(outcome)
        assert found is not None, f"{self.name} must define each, by_class or value"
        known = found[~np.isnan(found)]
        return float(known.mean()) if len(known) else float("nan")

    def interval(self, outcome: Outcome, reach: float) -> tuple[float, float] | None:
        """Where the number of endlessly many such samples lies, for a metric that knows better than the usual way.

        Args:
            outcome: with at least two samples.
            reach: standard deviations of a normal number on either side that hold the confidence asked for.
        """
        return None

    def suits(self, classes: int) -> bool:
        """Whether it says something about so many classes, or about regression where there are 0."""
        return True

    def measures(self, outcome: Outcome) -> bool:
        """Whether it says something about such an outcome."""
        classes = outcome.columns.shape[1] if outcome.task == "classification" else 0
        if outcome.task not in self.tasks or (self.needs_probability and not outcome.probability):
            return False
        return outcome.task != "classification" or self.suits(classes)

    @classmethod
    def examples(cls) -> list["Metric"]:
        """Instances that the conformance suite checks."""
        return [cls()]
