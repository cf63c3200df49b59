"""The network that is spelled out layer by layer."""

import math
from dataclasses import fields
from typing import Any, Literal

from pydantic import Field

from ..errors import ConfigError
from ..fields import term
from ..layers import Dense, Layer, Linear, Residual, Sequential
from ..vocabulary import WIDTHS, LayerWord, target
from .base import Family


class LayersConfig(Family):
    """A network spelled out layer by layer."""

    name: Literal["layers"] = "layers"
    layers: tuple[LayerWord, ...]
    output: bool = Field(True, description="add the linear output layer; false where the layers end in it")

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """The layers, each as wide as the one before it, and the output layer where it is to be added.

        Raises:
            ConfigError: layers that end in another width than loss and targets ask for.
        """
        width = math.prod(shape)
        layers = _in_sequence(self.layers, width)
        end = Sequential(layers).output_width(width)
        if self.output:
            return Sequential([*layers, Dense(end, outputs)])
        if end != outputs:
            rule, remedy = f"must end in the {outputs} outputs that loss and targets ask for", f"Set n_out={outputs}"
            raise ConfigError("model.layers", rule, end, remedy)
        return Sequential(layers)


def _in_sequence(words: tuple[Any, ...], width: int) -> list[Layer]:
    layers = []
    for word in words:
        layers.append(_layer(word, width))
        width = layers[-1].output_width(width)
    return layers


def _layer(word: Any, width: int) -> Layer:
    """Build one layer for inputs of ``width`` features; layers that hold others are built from the inside."""
    cls = target(type(word))
    if cls is Sequential:
        return Sequential(_in_sequence(word.layers, width))
    if cls is Residual:
        body = _layer(word.body, width)
        shortcut = Linear() if word.shortcut is None else _layer(word.shortcut, width)
        ends = body.output_width(width), shortcut.output_width(width)
        if ends[0] != ends[1]:
            remedy = f'Add shortcut = [{{name = "dense", n_out = {ends[0]}, with_bias = false}}]'
            raise ConfigError(
                "residual", "body and shortcut must end in the same width", f"{ends[0]} and {ends[1]}", remedy
            )
        return Residual(body, shortcut)
    filled = {field.name: width for field in fields(cls) if field.name in WIDTHS}
    for name in filled:
        given = getattr(word, name)
        if given not in (None, width):
            raise ConfigError(
                f"{term(cls)}.{name}", f"must be the width of the layer before, {width}", given, "Leave it out"
            )
    return word.build(**filled)
