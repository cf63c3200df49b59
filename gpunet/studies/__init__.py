"""Several trainings compared: arms, paired differences."""

from .arms import ARMS, Arm, Result, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .paired import T975, Difference, paired_difference, t_quantile

__all__ = [
    "ARMS",
    "T975",
    "Arm",
    "Comparison",
    "Difference",
    "Result",
    "Source",
    "Trial",
    "document",
    "paired_difference",
    "t_quantile",
]
