"""Floor 7: the training step, the epoch loop, evaluation, selection, and runs as checkpoints."""

from .arms import ARMS, Arm, Result, Source, Trial
from .checking import GradientCheck
from .comparison import Comparison
from .description import Description, describe
from .evaluation import Evaluator, Predictor, Scores
from .grafting import graft
from .loading import Trained, TrainedModel, TrainedStack, load_generator, load_model, load_stack, open_trained
from .loop import EpochRecord, Stop, fit
from .memory import largest_batch, within_memory
from .paired import Difference, paired_difference
from .pictures import pictures, tiled
from .portrait import portrait
from .resuming import resume, resumed_config
from .run import Run
from .sampling import Sampler, reconstructions
from .selection import Selection
from .signals import Signal, diagnosis, first_signals
from .snapshot import snapshot
from .stack import Stack
from .supervised import Reconstruction, Supervised
from .trainer import Trainer

__all__ = [
    "ARMS",
    "Arm",
    "Comparison",
    "Description",
    "Difference",
    "EpochRecord",
    "Evaluator",
    "GradientCheck",
    "Predictor",
    "Reconstruction",
    "Result",
    "Run",
    "Sampler",
    "Scores",
    "Selection",
    "Signal",
    "Source",
    "Stack",
    "Stop",
    "Supervised",
    "Trained",
    "TrainedModel",
    "TrainedStack",
    "Trainer",
    "Trial",
    "describe",
    "diagnosis",
    "first_signals",
    "fit",
    "graft",
    "largest_batch",
    "load_generator",
    "load_model",
    "load_stack",
    "open_trained",
    "paired_difference",
    "pictures",
    "portrait",
    "reconstructions",
    "resume",
    "resumed_config",
    "snapshot",
    "tiled",
    "within_memory",
]
