"""What is learned from a batch: backpropagation of a loss, or reconstruction."""

from .base import Objective
from .supervised import Reconstruction, Supervised, degree

__all__ = [
    "Objective",
    "Reconstruction",
    "Supervised",
    "degree",
]
