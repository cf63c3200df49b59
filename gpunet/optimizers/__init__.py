"""Optimizer rules and the engine that applies them."""

from .adam import Adam, Adamax, AdamW, AMSGrad, Nadam
from .adaptive import Adadelta, Adagrad, RMSProp
from .averaging import EMA, SWA, Averaging
from .clipping import Clipping
from .ending import NEVER, Counters, end_step
from .engine import Optimizer
from .optimization import Optimization
from .rules import LARS, SGD, Rule

__all__ = [
    "EMA",
    "LARS",
    "NEVER",
    "SGD",
    "SWA",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Averaging",
    "Clipping",
    "Counters",
    "Nadam",
    "Optimization",
    "Optimizer",
    "RMSProp",
    "Rule",
    "end_step",
]
