"""Floor 5: whole networks made of layers."""

from .mlp import mlp

__all__ = ["mlp"]
