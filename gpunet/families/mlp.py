"""The multilayer perceptron."""

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ..fields import Count, Fraction, NonNegative, Positive
from ..layers import Sequential
from ..models import mlp
from ..vocabulary import BY_MEMBER, InitializerWord
from .activations import ACTIVATIONS, Activation, usual_initializer
from .base import Family


def _place(value: object) -> object:
    """``true`` and ``false`` stand for the usual place and for none."""
    return {True: "before", False: "none"}[value] if isinstance(value, bool) else value


class MLPConfig(Family):
    """A multilayer perceptron: dense hidden layers, each with its activation, and a dense output layer."""

    name: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field((128,), description="width of each hidden layer")
    activation: Activation = Field("relu", description="of each hidden layer")
    initializer: InitializerWord | None = Field(None, description="he for the relu family, else glorot")
    dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="after each hidden activation")
    input_dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="on the features")
    dropout_mode: Literal["inverted", "classic"] = Field("inverted", description="scale in training or at inference")
    input_noise: Annotated[NonNegative, BY_MEMBER] = Field(
        0.0, description="standard deviation of Gaussian noise on the features"
    )
    batch_norm: Annotated[Literal["none", "before", "after"], BeforeValidator(_place)] = Field(
        "none", description="before or after each hidden activation; true stands for before"
    )
    max_norm: Annotated[Positive | None, BY_MEMBER] = Field(
        None, description="largest length of the weights into one hidden unit"
    )
    rate_factors: tuple[NonNegative, ...] | None = Field(
        None, description="of the learning rate, for each layer with weights, the output included"
    )

    @property
    def idle(self) -> tuple[str, ...]:
        """What hidden layers have, where there are none."""
        return () if self.hidden else ("activation", "dropout", "batch_norm", "max_norm")

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """Fully connected layers on all numbers of a sample."""
        return mlp(
            math.prod(shape),
            self.hidden,
            outputs,
            ACTIVATIONS[self.activation],
            self.initializer.build() if self.initializer else usual_initializer(self.activation),
            self.dropout,
            self.input_dropout,
            self.batch_norm,
            self.max_norm,
            self.rate_factors,
            self.input_noise,
            self.dropout_mode,
        )

    def with_hidden(self, widths: tuple[int, ...], activation: str) -> "MLPConfig":
        """Other hidden layers, with the initializer that suits their activation."""
        return self.model_copy(update={"hidden": widths, "activation": activation, "initializer": None})
