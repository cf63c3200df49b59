"""The training step, the epoch loop, and what judges an epoch: evaluation and selection."""

from .evaluation import Evaluator, Scores
from .loop import EpochRecord, fit, last_record
from .outcomes import decided, figure, outcomes, task_of
from .places import epochs_of, rows_of
from .plateau import Plateau
from .prediction import Predictor, at_once, outputs_of
from .profile import Operation, StepProfile, profile_step
from .selection import Selection
from .trainer import NEVER, Trainer

__all__ = [
    "NEVER",
    "EpochRecord",
    "Evaluator",
    "Operation",
    "Plateau",
    "Predictor",
    "Scores",
    "Selection",
    "StepProfile",
    "Trainer",
    "at_once",
    "decided",
    "epochs_of",
    "figure",
    "fit",
    "last_record",
    "outcomes",
    "outputs_of",
    "profile_step",
    "rows_of",
    "task_of",
]
