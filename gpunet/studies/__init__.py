"""Several trainings compared: pretraining against controls, shallow against deep, paired differences."""

from .arms import ARMS, Arm, ArmResult, Source, Trial
from .comparison import Comparison
from .conclusions import document
from .depth import Built, DepthResult, DepthStudy, carry_out_depth_study, depth_document
from .execution import ComparisonCallbacks, carry_out_comparison
from .listing import RunSummary, is_comparison, list_runs, read_comparison
from .paired import T975, Difference, paired_difference, t_quantile

__all__ = [
    "ARMS",
    "T975",
    "Arm",
    "ArmResult",
    "Built",
    "Comparison",
    "ComparisonCallbacks",
    "DepthResult",
    "DepthStudy",
    "Difference",
    "RunSummary",
    "Source",
    "Trial",
    "carry_out_comparison",
    "carry_out_depth_study",
    "depth_document",
    "document",
    "is_comparison",
    "list_runs",
    "paired_difference",
    "read_comparison",
    "t_quantile",
]
