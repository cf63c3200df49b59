"""Floor 5: whole networks made of layers and machines."""

from .autoencoder import autoencoder
from .dbn import DBN
from .mlp import mlp

__all__ = ["DBN", "autoencoder", "mlp"]
