"""Activations and initializers that families name instead of spelling them out."""

from typing import Literal

from ..fields import term
from ..initializers import Glorot, He, Initializer
from ..layers import Identity, Layer, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus"]
ACTIVATIONS: dict[str, type[Layer]] = {
    term(layer): layer for layer in (Identity, Sigmoid, Tanh, ReLU, LeakyReLU, Softplus)
}


def usual_initializer(activation: str) -> Initializer:
    """What suits weights in front of an activation: He for the family of ReLU, else Glorot."""
    return He() if activation in ("relu", "leaky_relu") else Glorot()
