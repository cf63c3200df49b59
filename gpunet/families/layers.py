"""The network that is spelled out layer by layer."""

from typing import Any, Literal

from pydantic import Field

from ..errors import ConfigError
from ..layers import Dense, Sequential
from ..vocabulary import LayerWord
from .base import Family
from .images import check_image


class LayersConfig(Family):
    """A network spelled out layer by layer."""

    name: Literal["layers"] = "layers"
    layers: tuple[LayerWord, ...] = Field(description="one after the other, by name or as a table of settings")
    output: bool = Field(True, description="add the linear output layer; false where the layers end in it")

    @property
    def sees_positions(self) -> bool:
        """Where the first layers work on images rather than on their features in a row."""
        return self._layers().needs_positions

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """The layers, each told what the one before it gives, and the output layer where it is to be added.

        Raises:
            ConfigError: layers that do not fit the samples or each other, or that end in another width than loss and
                targets ask for.
        """
        body = self._layers()
        if body.needs_positions:
            check_image(self.name, shape)
        body.build(shape)
        end = body.output_shape(shape)
        if len(end) != 1:
            received, remedy = "x".join(map(str, end)), "Add flatten as the last of the layers"
            raise ConfigError("layers", "must end in features, which the loss takes", received, remedy)
        if not self.output:
            if end != (outputs,):
                rule = f"must end in the {outputs} outputs that loss and targets ask for"
                raise ConfigError("layers", rule, end[0], f"Use n_out={outputs} in the last layer")
            return body
        output = Dense(outputs)
        output.build(end)
        return Sequential([*body.layers, output])

    def _layers(self) -> Sequential:
        """The configured layers, which do not know yet what they will see."""
        words: Any = self.layers
        return Sequential([word.build() for word in words])
