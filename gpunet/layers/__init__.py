"""Layers with explicit backpropagation."""

from .activations import LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Softplus, Tanh
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
    "Layer",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
