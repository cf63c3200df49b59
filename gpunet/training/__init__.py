"""Floor 7: the training step, the epoch loop, evaluation, selection, and runs as checkpoints."""

from .checking import GradientCheck
from .description import Description, describe
from .evaluation import Evaluator, Predictor, Scores
from .grafting import graft
from .loading import Trained, TrainedModel, TrainedStack, load_model, load_stack
from .loop import EpochRecord, Stop, fit
from .pictures import pictures, tiled
from .run import Run
from .sampling import Sampler, reconstructions
from .selection import Selection
from .snapshot import snapshot
from .stack import Stack
from .supervised import Reconstruction, Supervised
from .trainer import Trainer
from .watching import Signal, diagnosis, signals

__all__ = [
    "Description",
    "EpochRecord",
    "Evaluator",
    "GradientCheck",
    "Predictor",
    "Reconstruction",
    "Run",
    "Sampler",
    "Scores",
    "Selection",
    "Signal",
    "Stack",
    "Stop",
    "Supervised",
    "Trained",
    "TrainedModel",
    "TrainedStack",
    "Trainer",
    "describe",
    "diagnosis",
    "fit",
    "graft",
    "load_model",
    "load_stack",
    "signals",
    "pictures",
    "reconstructions",
    "snapshot",
    "tiled",
]
