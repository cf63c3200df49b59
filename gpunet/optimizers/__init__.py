"""Floor 3: optimizer rules and the engine that applies them."""

from .engine import Optimizer
from .rules import SGD, Adam, Rule

__all__ = ["SGD", "Adam", "Optimizer", "Rule"]
