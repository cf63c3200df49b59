"""What a metric is."""

from dataclasses import dataclass
from typing import ClassVar

from ..backend import Context
from ..backend.arrays import Array
from ..fields import check_fields, term


@dataclass(frozen=True)
class Metric:
    """Base of the metrics: a number for each sample whose mean tells how good a network is.

    A metric runs on the device inside the step, so it neither reads values back nor branches on them.

    Attributes:
        higher_is_better: whether the weights of the epoch with the highest mean are the best.
    """

    higher_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the bounds of the fields."""
        check_fields(self)

    @property
    def name(self) -> str:
        """In histories, after ``train_`` or ``validation_``."""
        return term(type(self))

    def __call__(self, z: Array, target: Array, ctx: Context) -> Array:
        """The number of each sample.

        Args:
            z: the network's last linear output, ([E,] N, K).
            target: ([E,] N) labels or ([E,] N, K) values; without members where all share them.
            ctx: memory.

        Returns:
            ([E,] N), of the type of ``z``.
        """
        raise NotImplementedError

    def suits(self, classes: int) -> bool:
        """Whether it says something about so many classes, or about regression where there are 0."""
        return True

    @classmethod
    def examples(cls) -> list["Metric"]:
        """Instances that the conformance suite checks."""
        return [cls()]
