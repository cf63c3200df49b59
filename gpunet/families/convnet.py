"""The convolutional network without shortcuts."""

from typing import Annotated, Literal

from pydantic import Field

from ..fields import Count, Fraction
from ..layers import Sequential
from ..models import convnet
from ..vocabulary import BY_MEMBER, InitializerWord
from .activations import ACTIVATIONS, Activation
from .images import ImageFamily, check_image


class ConvNetConfig(ImageFamily):
    """Stages of convolutions, each closed by a 2x2 maximum, then dense layers."""

    name: Literal["convnet"] = "convnet"
    channels: tuple[Count, ...] = Field((32, 64), min_length=1, description="of each stage")
    convolutions: Count = Field(1, description="of each stage")
    size: Count = Field(3, description="rows and columns of a kernel")
    hidden: tuple[Count, ...] = Field((128,), description="width of each dense layer behind")
    norm: Literal["batch", "group", "none"] = Field("batch", description="behind each convolution")
    separable: bool = Field(False, description="depthwise-separable blocks in place of convolutions but the first")
    activation: Activation = Field("relu", description="of each hidden layer")
    initializer: InitializerWord | None = Field(None, description="of kernels and hidden weights; he by default")
    spatial_dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="of channels, behind each stage")
    dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="behind each dense layer")

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """Stages and dense layers on images."""
        check_image(self.name, shape)
        return convnet(
            shape,
            outputs,
            self.channels,
            self.convolutions,
            self.size,
            self.hidden,
            self.norm,
            self.separable,
            ACTIVATIONS[self.activation],
            self.initializer.build() if self.initializer else None,
            self.spatial_dropout,
            self.dropout,
        )
