"""The training step, the epoch loop, and what judges an epoch: evaluation and selection."""

from .evaluation import Evaluator, Predictor, Scores, at_once, outputs_of
from .loop import EpochRecord, fit
from .plateau import Plateau
from .selection import Selection
from .trainer import NEVER, Trainer

__all__ = [
    "NEVER",
    "EpochRecord",
    "Evaluator",
    "Plateau",
    "Predictor",
    "Scores",
    "Selection",
    "Trainer",
    "at_once",
    "fit",
    "outputs_of",
]
