"""The residual network for features."""

import math
from typing import Annotated, Literal

from pydantic import Field

from ..errors import ConfigError
from ..fields import Count, Fraction
from ..layers import Sequential
from ..models import resmlp
from ..vocabulary import BY_MEMBER, InitializerWord
from .activations import ACTIVATIONS, Activation
from .base import learned
from .growing import Growing


class ResMLPConfig(Growing):
    """A residual network for features."""

    name: Literal["resmlp"] = "resmlp"
    width: Count = Field(128, description="of all hidden layers")
    blocks: Count = Field(4, description="of two dense layers each")
    norm: bool = Field(True, description="normalise over the batch, in front of each activation")
    activation: Activation = Field("relu", description="of each hidden layer")
    initializer: InitializerWord | None = Field(None, description="of the hidden weights; he by default")
    zero_start: bool = Field(True, description="blocks begin as their shortcuts")
    stochastic_depth: Annotated[Fraction, BY_MEMBER] = Field(
        0.0, description="chance that a sample passes the last block by its shortcut"
    )
    dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="in front of the second dense layer of each block")
    shortcut: bool = Field(True, description="false is a plain network of the same layers")
    grow: Literal["none", "all", "newest"] = Field(
        "none",
        description="train one block first, then one more at a time, each for all epochs: all learn, or the newest and "
        "the output alone and at the end all",
    )
    grown: Count | None = Field(None, description="how far a network that grows has come; 1 at the beginning")

    @property
    def most(self) -> int:
        """The blocks of the whole network."""
        return self.blocks

    @property
    def grows_at(self) -> int:
        """Behind the first layer and the blocks."""
        return 1 + self.present

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """Blocks on all numbers of a sample."""
        self.check_growth(self.shortcut)
        model = resmlp(
            math.prod(shape),
            outputs,
            self.width,
            self.present,
            self.norm,
            ACTIVATIONS[self.activation],
            self.initializer.build() if self.initializer else None,
            self.zero_start,
            self.stochastic_depth,
            self.dropout,
            self.shortcut,
        )
        self.hold(model.layers[: self.present])
        return model

    def of_depth(self, layers: int, residual: bool, activation: str) -> "ResMLPConfig":
        """Two layers for each block, and two more."""
        if layers < 4 or layers % 2:
            rule = "must be even and at least 4, two for each block and two more"
            raise ConfigError("depths", rule, layers, f"Use {max(4, layers + 1)}")
        blocks = (layers - 2) // 2
        return self.model_copy(update={"blocks": blocks, "shortcut": residual, "activation": activation})

    def summary(self, model: Sequential, features: int) -> str:
        """Its blocks, their width and how many numbers it learns."""
        kind = "residual" if self.shortcut else "plain"
        return f"resmlp, {self.present} {kind} blocks {self.width} wide, {learned(model):,} parameters"
