"""Layers with explicit backpropagation."""

from .activations import Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from .base import Backward, Layer
from .batchnorm import BatchNorm
from .containers import Residual, Sequential
from .dense import Dense
from .dropout import Dropout
from .noise import GaussianNoise
from .shaping import Flatten

__all__ = [
    "Backward",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "Identity",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
