"""Layers with explicit backpropagation."""

from .activations import Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from .base import Backward, Layer
from .batchnorm import BatchNorm
from .containers import Residual, Sequential
from .convolution import Conv2D
from .dense import Dense
from .dropout import Dropout, SpatialDropout, StochasticDepth
from .groupnorm import GroupNorm, LayerNorm
from .noise import GaussianNoise
from .pooling import AveragePool2D, GlobalAveragePool, MaxPool2D
from .shaping import Flatten, PadChannels, Upsample2D

__all__ = [
    "AveragePool2D",
    "Backward",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePool",
    "GroupNorm",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2D",
    "PadChannels",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout",
    "StochasticDepth",
    "Tanh",
    "Upsample2D",
]
