"""The autoencoder."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..data import Description, Inputs
from ..errors import ConfigError, DataError
from ..fields import Count, term
from ..layers import Sequential
from ..losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss
from ..models import autoencoder
from ..objectives import Objective
from .activations import ACTIVATIONS, Activation, usual_initializer
from .base import Family, Following


class AutoencoderConfig(Family):
    """An encoder and its mirror image, trained to give back the features; the code is linear by default."""

    reconstructs: ClassVar[bool] = True
    followed_by: ClassVar[tuple[Following, ...]] = ("report",)
    transfer: ClassVar[Literal["bottom_up", "mirrored", "both_ways"]] = "mirrored"

    name: Literal["autoencoder"] = "autoencoder"
    hidden: tuple[Count, ...] = Field((1000, 500, 250), description="width of each hidden layer of the encoder")
    code: Count = Field(30, description="width of the code")
    activation: Activation = Field("sigmoid", description="of each hidden layer")
    code_activation: Activation = Field("identity", description="of the code")

    @property
    def takes_probabilities(self) -> bool:
        """Bits and probabilities are what its usual loss compares."""
        return True

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Of the encoder, with the code."""
        return (*self.hidden, self.code)

    def starting_from(self, widths: tuple[int, ...]) -> Mapping[str, Any]:
        """The last one becomes the code."""
        return {"hidden": widths[:-1], "code": widths[-1]}

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """As many outputs as features, whatever ``outputs`` says."""
        activation, code = ACTIVATIONS[self.activation], ACTIVATIONS[self.code_activation]
        initializer = usual_initializer(self.activation)
        return autoencoder(math.prod(shape), self.hidden, self.code, activation, code, initializer)

    def encoder(self, model: Sequential) -> Sequential:
        """The first half: each hidden layer and the code, with its activation."""
        return Sequential(model.layers[: 2 * (len(self.hidden) + 1)])

    def decoder(self, model: Sequential) -> Sequential:
        """The second half, which ends in the linear output."""
        return Sequential(model.layers[2 * (len(self.hidden) + 1) :])

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """Between features and what comes back; binary cross-entropy by default."""
        return reconstruction_loss(chosen)

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """Reconstruction, of features that the loss is defined for."""
        for part in inputs.training_blocks():
            check_comparable(loss, part)
        return self.judged(self.network(inputs.shape, inputs.features), loss, about)


def reconstruction_loss(chosen: Loss | None) -> Loss:
    """Between features and what comes back; binary cross-entropy by default.

    Raises:
        ConfigError: one for classes.
    """
    if isinstance(chosen, CategoricalCrossEntropy):
        raise ConfigError("loss", "must compare features", term(type(chosen)), "Set loss=binary_cross_entropy")
    return BinaryCrossEntropy() if chosen is None else chosen


def check_comparable(loss: Loss, data: np.ndarray) -> None:
    """Refuse features that a loss cannot compare with what comes back.

    Raises:
        DataError: some are not between 0 and 1 for cross-entropy, or not what another loss is defined for.
    """
    if isinstance(loss, BinaryCrossEntropy) and not 0 <= float(data.min()) <= float(data.max()) <= 1:
        raise DataError(
            "training part",
            "must lie between 0 and 1 to be reconstructed by cross-entropy",
            f"{float(data.min()):.4g} to {float(data.max()):.4g}",
            "Set preprocess=min_max (scale for 8-bit images), or loss=squared_error",
        )
    loss.check_targets(data)
