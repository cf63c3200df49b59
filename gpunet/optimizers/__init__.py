"""Floor 3: optimizer rules and the engine that applies them."""

from .adam import Adam, Adamax, AdamW, AMSGrad, Nadam
from .adaptive import Adadelta, Adagrad, RMSProp
from .clipping import Clipping
from .engine import Optimizer
from .rules import LARS, SGD, Rule

__all__ = [
    "LARS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Clipping",
    "Nadam",
    "Optimizer",
    "RMSProp",
    "Rule",
]
