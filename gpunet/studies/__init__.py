"""Several trainings compared: arms, paired differences."""

from .arms import ARMS, Arm, ArmResult, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .execution import ComparisonCallbacks, carry_out_comparison
from .paired import T975, Difference, paired_difference, t_quantile

__all__ = [
    "ARMS",
    "T975",
    "Arm",
    "ArmResult",
    "Comparison",
    "ComparisonCallbacks",
    "Difference",
    "Source",
    "Trial",
    "carry_out_comparison",
    "document",
    "paired_difference",
    "t_quantile",
]
