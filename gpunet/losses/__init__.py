"""Losses: ``loss, gradient = rule(z, target, ctx)`` from one formula.

``z`` is the network's last linear output, ([E,] N, K).  Each loss is paired with an output activation, so the
activation is part of the loss while training and of :meth:`Loss.predict` afterwards.  ``loss`` is per sample, ([E,] N),
summed over the K outputs; ``gradient`` is that of each sample's loss with respect to ``z``, ([E,] N, K); the training
step weighs samples and takes the mean.

Targets are integer class labels ([E,] N) or float values ([E,] N, K).
"""

from .base import Loss
from .classification import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Hinge,
    KullbackLeibler,
    SoftmaxSquaredError,
    SquaredHinge,
)
from .learning import learned
from .regression import (
    AbsoluteError,
    AbsolutePercentageError,
    CosineProximity,
    Huber,
    Poisson,
    SquaredError,
    SquaredLogarithmicError,
)

__all__ = [
    "AbsoluteError",
    "AbsolutePercentageError",
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "CosineProximity",
    "Hinge",
    "Huber",
    "KullbackLeibler",
    "Loss",
    "Poisson",
    "SoftmaxSquaredError",
    "SquaredError",
    "SquaredHinge",
    "SquaredLogarithmicError",
    "learned",
]
