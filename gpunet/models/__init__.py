"""Whole networks made of layers and machines."""

from .autoencoder import autoencoder
from .convnet import convnet, depthwise_separable
from .dbm import DBM, LabelledDBM, LabelledLearning, PosteriorMLP, VariationalLearning
from .dbn import DBN
from .denoiser import convolutional_autoencoder
from .mlp import mlp
from .resnet import residual_block, resmlp, resnet
from .updown import LabelledDBN, UpDown

__all__ = [
    "DBM",
    "DBN",
    "LabelledDBM",
    "LabelledDBN",
    "LabelledLearning",
    "PosteriorMLP",
    "UpDown",
    "VariationalLearning",
    "autoencoder",
    "convnet",
    "convolutional_autoencoder",
    "depthwise_separable",
    "mlp",
    "residual_block",
    "resmlp",
    "resnet",
]
