"""Several trainings compared: arms, paired differences."""

from .arms import ARMS, Arm, ArmResult, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .paired import T975, Difference, paired_difference, t_quantile

__all__ = [
    "ARMS",
    "T975",
    "Arm",
    "ArmResult",
    "Comparison",
    "Difference",
    "Source",
    "Trial",
    "document",
    "paired_difference",
    "t_quantile",
]
