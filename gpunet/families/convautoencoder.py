"""The convolutional autoencoder."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..data import Description, Inputs
from ..fields import Count, Fraction
from ..layers import Flatten, Sequential
from ..losses import Loss
from ..members import values_of
from ..models import convolutional_autoencoder
from ..models.denoiser import EncoderDecoder
from ..objectives import Objective, Reconstruction
from ..vocabulary import BY_MEMBER, InitializerWord
from .activations import ACTIVATIONS, Activation
from .autoencoder import check_comparable, reconstruction_loss
from .images import ImageFamily, check_image


class ConvAutoencoderConfig(ImageFamily):
    """The convolutions of a convnet and their mirror image, trained to give back images of which parts are missing."""

    command: ClassVar[Literal["train", "pretrain"]] = "pretrain"
    reconstructs: ClassVar[bool] = True

    name: Literal["conv_autoencoder"] = "conv_autoencoder"
    channels: tuple[Count, ...] = Field((32, 64), min_length=1, description="of each stage")
    convolutions: Count = Field(1, description="of each stage")
    size: Count = Field(3, description="rows and columns of a kernel")
    norm: Literal["batch", "group", "none"] = Field("batch", description="behind each convolution")
    separable: bool = Field(False, description="depthwise-separable blocks in place of convolutions but the first")
    activation: Activation = Field("relu", description="of each hidden layer")
    initializer: InitializerWord | None = Field(None, description="of the kernels; he by default")
    corruption: Annotated[Fraction, BY_MEMBER] = Field(
        0.25, description="part of the pixels that are set to 0 and must come back"
    )

    @property
    def takes_probabilities(self) -> bool:
        """Bits and probabilities are what its usual loss compares."""
        return True

    def network(self, shape: tuple[int, ...], outputs: int) -> EncoderDecoder:
        """As many outputs as pixels and channels, whatever ``outputs`` says."""
        check_image(self.name, shape)
        return convolutional_autoencoder(
            shape,
            self.channels,
            self.convolutions,
            self.size,
            self.norm,
            self.separable,
            ACTIVATIONS[self.activation],
            self.initializer.build() if self.initializer else None,
        )

    def encoder(self, model: EncoderDecoder) -> Sequential:
        """The convolutions, with all numbers of the last stage in one row."""
        end = Flatten()
        end.build(model.code_shape)
        return Sequential([*model.layers[: model.encoder_layers], end])

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """Between image and what comes back; binary cross-entropy by default."""
        return reconstruction_loss(chosen)

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """Reconstruction, of pixels that the loss is defined for."""
        for part in inputs.training_blocks():
            check_comparable(loss, part)
        return self.judged(self.network(inputs.shape, math.prod(inputs.shape)), loss, about)

    def judged(self, model: EncoderDecoder, loss: Loss, about: Description) -> Reconstruction:
        """Against whole images."""
        return Reconstruction(model, loss, self.corruption)

    def summary(self, model: EncoderDecoder, features: int) -> str:
        """Its stages, and what is missing."""
        widths = ", ".join(map(str, self.channels))
        missing = " or ".join(f"{part:g}" for part in values_of(self.corruption))
        return f"convolutional autoencoder, stages of {widths} channels, {missing} of the pixels missing"
