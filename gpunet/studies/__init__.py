"""Several trainings compared: pretraining against controls, shallow against deep, paired differences.

Each file is loaded when something of it is first used, so that listing runs does not wait for what trains.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arms import ARMS, Arm, ArmResult, Source, Trial
    from .comparison import Comparison
    from .conclusions import document
    from .depth import Built, DepthResult, DepthStudy, carry_out_depth_study, depth_document
    from .execution import ComparisonCallbacks, carry_out_comparison
    from .foldfiles import kept_in
    from .listing import RunSummary, is_comparison, list_runs, read_comparison
    from .paired import T975, Difference, paired_difference, t_quantile

FILES = {
    "arms": ("ARMS", "Arm", "ArmResult", "Source", "Trial"),
    "comparison": ("Comparison",),
    "conclusions": ("document",),
    "depth": ("Built", "DepthResult", "DepthStudy", "carry_out_depth_study", "depth_document"),
    "execution": ("ComparisonCallbacks", "carry_out_comparison"),
    "foldfiles": ("kept_in",),
    "listing": ("RunSummary", "is_comparison", "list_runs", "read_comparison"),
    "paired": ("T975", "Difference", "paired_difference", "t_quantile"),
}

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
    "kept_in",
    "list_runs",
    "paired_difference",
    "read_comparison",
    "t_quantile",
]


def __getattr__(name: str) -> Any:
    """Load the file that has a name when it is first used."""
    for file, names in FILES.items():
        if name in names:
            return getattr(import_module(f".{file}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What can be had, loaded or not."""
    return sorted({*globals(), *__all__})
