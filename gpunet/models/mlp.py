"""The multilayer perceptron."""

from collections.abc import Callable, Sequence
from typing import Literal

from ..errors import ConfigError
from ..initializers import Initializer
from ..layers import BatchNorm, Dense, Dropout, GaussianNoise, Layer, Sequential


def mlp(
    n_in: int,
    hidden: Sequence[int],
    n_out: int,
    activation: Callable[[], Layer],
    initializer: Initializer,
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    batch_norm: Literal["none", "before", "after"] = "none",
    max_norm: float | None = None,
    rate_factors: Sequence[float] | None = None,
    input_noise: float = 0.0,
    dropout_mode: Literal["inverted", "classic"] = "inverted",
) -> Sequential:
    """Fully connected layers with an activation between them; the output is linear, as losses expect.

    Args:
        n_in: features.
        hidden: width of each hidden layer; none gives a linear model.
        n_out: outputs.
        activation: makes one activation layer.
        initializer: of the hidden weights; the output layer keeps its own default.
        dropout: rate after each hidden activation.
        input_dropout: rate on the features.
        batch_norm: where to normalise: before or after each hidden activation.
        max_norm: bound on the length of the weights into each hidden unit.
        rate_factors: of the learning rate, one for each layer with weights, the output included.
        input_noise: standard deviation of Gaussian noise on the features.
        dropout_mode: scale while training, or at inference.

    Raises:
        ConfigError: for another number of rate factors.

    >>> from gpunet.layers import ReLU
    >>> from gpunet.initializers import He
    >>> [type(layer).__name__ for layer in mlp(64, [32], 10, ReLU, He(), dropout=0.5).layers]
    ['Dense', 'ReLU', 'Dropout', 'Dense']
    """
    factors = [1.0] * (len(hidden) + 1) if rate_factors is None else list(rate_factors)
    if len(factors) != len(hidden) + 1:
        rule = f"must be one for each of the {len(hidden) + 1} layers with weights"
        raise ConfigError("rate_factors", rule, len(factors))
    layers: list[Layer] = [GaussianNoise(input_noise)] if input_noise else []
    layers += [Dropout(input_dropout, dropout_mode)] if input_dropout else []
    for width, factor in zip(hidden, factors):
        # The shift of a batch norm that follows takes the place of the bias.
        bias = batch_norm != "before"
        layers.append(Dense(width, with_bias=bias, initializer=initializer, max_norm=max_norm, rate_factor=factor))
        layers += [BatchNorm()] if batch_norm == "before" else []
        layers.append(activation())
        layers += [BatchNorm()] if batch_norm == "after" else []
        layers += [Dropout(dropout, dropout_mode)] if dropout else []
    model = Sequential([*layers, Dense(n_out, rate_factor=factors[-1])])
    model.build((n_in,))
    return model
