"""Floor 7: the training step, the epoch loop, evaluation, selection, and runs as checkpoints."""

from .description import Description, describe
from .evaluation import Evaluator, Predictor, Scores
from .loading import Trained, TrainedModel, TrainedRBM, load_model, load_rbm
from .loop import EpochRecord, Stop, fit
from .run import Run
from .selection import Selection
from .snapshot import snapshot
from .supervised import Supervised
from .trainer import Trainer

__all__ = [
    "Description",
    "EpochRecord",
    "Evaluator",
    "Predictor",
    "Run",
    "Scores",
    "Selection",
    "Stop",
    "Supervised",
    "Trained",
    "TrainedModel",
    "TrainedRBM",
    "Trainer",
    "describe",
    "fit",
    "load_model",
    "load_rbm",
    "snapshot",
]
