"""The unrolled autoencoder."""

from collections.abc import Callable, Sequence

from ..initializers import Initializer
from ..layers import Dense, Layer, Sequential


def autoencoder(
    n_in: int,
    hidden: Sequence[int],
    code: int,
    activation: Callable[[], Layer],
    code_activation: Callable[[], Layer],
    initializer: Initializer,
) -> Sequential:
    """An encoder down to the code and its mirror image back up; the output is linear, as losses expect.

    Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks (2006).

    Args:
        n_in: features.
        hidden: width of each hidden layer of the encoder.
        code: width of the code.
        activation: makes one activation layer.
        code_activation: makes that of the code.
        initializer: of all weights.

    >>> from gpunet.initializers import Glorot
    >>> from gpunet.layers import Identity, Sigmoid
    >>> model = autoencoder(64, [32], 2, Sigmoid, Identity, Glorot())
    >>> [layer.weight.shape for layer in model.layers if isinstance(layer, Dense)]
    [(64, 32), (32, 2), (2, 32), (32, 64)]
    """
    widths = [n_in, *hidden, code, *reversed(hidden), n_in]
    layers: list[Layer] = []
    for number, (below, above) in enumerate(zip(widths, widths[1:])):
        layers.append(Dense(above, n_in=below, initializer=initializer))
        layers.append(code_activation() if number == len(hidden) else activation())
    return Sequential(layers[:-1])  # the loss brings the activation of the output
