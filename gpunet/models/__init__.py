"""Whole networks made of layers and machines."""

from .autoencoder import autoencoder
from .dbn import DBN
from .mlp import mlp
from .updown import LabelledDBN, UpDown

__all__ = ["DBN", "LabelledDBN", "UpDown", "autoencoder", "mlp"]
