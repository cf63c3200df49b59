"""The shapes of samples on their way through a network, for whoever reads a checkpoint."""

from typing import Any

from ..layers import Layer, Residual, Sequential
from ..parameter import children


def output_shapes(model: Any, shape: tuple[int, ...], path: str = "") -> dict[str, tuple[int, ...]]:
    """The shape of a sample after each layer, by the path of the layer's parameters; empty for machines.

    Args:
        model: layers that are built.
        shape: of a sample as the model sees it.
        path: of the model.

    >>> from gpunet.layers import Dense, Flatten, Sequential
    >>> model = Sequential([Flatten(), Dense(3)])
    >>> model.build((4, 4, 1))
    >>> output_shapes(model, (4, 4, 1))
    {'000_flatten': (16,), '001_dense': (3,)}
    """
    if not isinstance(model, Layer):
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for name, child in children(model):
        if not isinstance(child, Layer):
            continue
        inner = f"{path}/{name}" if path else name
        after = child.output_shape(shape)
        found[inner] = after
        if isinstance(child, Sequential | Residual):
            found |= output_shapes(child, shape, inner)
        if isinstance(model, Sequential):
            shape = after
    return found
