"""The residual network for images."""

from typing import Annotated, Literal

from pydantic import Field

from ..fields import Count, Fraction
from ..layers import Sequential
from ..models import resnet
from ..models.resnet import blocks_for, normalised, stacked_blocks
from ..vocabulary import BY_MEMBER, InitializerWord
from .activations import ACTIVATIONS, Activation
from .base import learned
from .growing import Growing
from .images import ImageFamily, check_image


class ResNetConfig(Growing, ImageFamily):
    """A residual network for small images."""

    name: Literal["resnet"] = "resnet"
    depth: Count = Field(20, description="layers with weights: 20, 32, 44, 56 or 110 with three widths")
    widths: tuple[Count, ...] = Field(
        (16, 32, 64), min_length=1, description="channels of each stage; each but the first halves height and width"
    )
    block: Literal["basic", "bottleneck"] = Field("basic", description="two 3x3 convolutions, or one between two 1x1")
    order: Literal["post", "pre"] = Field("post", description="norm and activation behind convolutions, or in front")
    shortcut: Literal["projection", "zeros", "none"] = Field(
        "projection",
        description="where shapes differ: a 1x1 convolution, or channels of zeros; none is a plain network",
    )
    norm: Literal["batch", "group", "none"] = Field("batch", description="of the batch, or of groups of 8 channels")
    activation: Activation = Field("relu", description="of each hidden layer")
    initializer: InitializerWord | None = Field(None, description="of the kernels; he by default")
    zero_start: bool = Field(True, description="blocks begin as their shortcuts")
    stochastic_depth: Annotated[Fraction, BY_MEMBER] = Field(
        0.0, description="chance that a sample passes the last block by its shortcut"
    )
    dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="in front of the output layer")

    grow: Literal["none", "all", "newest"] = Field(
        "none",
        description="train one block first, then one more at a time, each for all epochs: all learn, or the newest and "
        "the output alone and at the end all",
    )
    grown: Count | None = Field(None, description="how far a network that grows has come; 1 at the beginning")

    @property
    def most(self) -> int:
        """The blocks of all stages."""
        return len(self.widths) * blocks_for(self.depth, len(self.widths), self.block)

    @property
    def grows_at(self) -> int:
        """Behind the first convolution and the blocks."""
        return self._layers(self.present)

    def _layers(self, blocks: int) -> int:
        """Layers of the first convolution and so many blocks."""
        stem = 1 + (len(normalised(self.norm, self.widths[0])) + 1 if self.order == "post" else 0)
        each = blocks_for(self.depth, len(self.widths), self.block)
        return stem + sum(
            len(made)
            for made in stacked_blocks(
                self.widths, each, self.block, self.order, self.shortcut, self.norm, blocks=blocks
            )
        )

    def network(self, shape: tuple[int, ...], outputs: int) -> Sequential:
        """Stages of blocks on images."""
        check_image(self.name, shape)
        self.check_growth(self.shortcut != "none")
        model = resnet(
            shape,
            outputs,
            self.depth,
            self.widths,
            self.block,
            self.order,
            self.shortcut,
            self.norm,
            ACTIVATIONS[self.activation],
            self.initializer.build() if self.initializer else None,
            self.zero_start,
            self.stochastic_depth,
            self.dropout,
            self.present,
        )
        self.hold(model.layers[: self._layers(self.present - 1)] if self.holds else [])
        return model

    def of_depth(self, layers: int, residual: bool, activation: str) -> "ResNetConfig":
        """As many blocks in each stage as it takes; depths that no whole number of blocks has are refused."""
        blocks_for(layers, len(self.widths), self.block)
        shortcut = "none" if not residual else "projection" if self.shortcut == "none" else self.shortcut
        return self.model_copy(update={"depth": layers, "shortcut": shortcut, "activation": activation})

    def summary(self, model: Sequential, features: int) -> str:
        """Its depth, its stages and how many numbers it learns, instead of dozens of layers."""
        kind = (
            f"{self.order}-activation {self.block} blocks" if self.shortcut != "none" else f"plain {self.block} blocks"
        )
        widths = ", ".join(map(str, self.widths))
        return f"resnet-{self.depth}, {kind} of {widths} channels, {learned(model):,} parameters"
