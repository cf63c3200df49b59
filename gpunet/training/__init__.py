"""Floor 7: the training step, the epoch loop, evaluation, selection, and runs as checkpoints."""

from .description import Description, describe
from .evaluation import Evaluator, Predictor, Scores
from .grafting import graft
from .loading import Trained, TrainedModel, TrainedStack, load_generator, load_model, load_stack
from .loop import EpochRecord, Stop, fit
from .pictures import pictures, tiled
from .portrait import portrait
from .run import Run
from .sampling import Sampler, dreams, reconstructions
from .selection import Selection
from .snapshot import snapshot
from .stack import Stack
from .supervised import Reconstruction, Supervised
from .trainer import Trainer

__all__ = [
    "Description",
    "EpochRecord",
    "Evaluator",
    "Predictor",
    "Reconstruction",
    "Run",
    "Sampler",
    "Scores",
    "Selection",
    "Stack",
    "Stop",
    "Supervised",
    "Trained",
    "TrainedModel",
    "TrainedStack",
    "Trainer",
    "describe",
    "dreams",
    "fit",
    "graft",
    "load_generator",
    "load_model",
    "load_stack",
    "pictures",
    "portrait",
    "reconstructions",
    "snapshot",
    "tiled",
]
