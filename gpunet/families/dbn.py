"""The deep belief network."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from ..data import Inputs
from ..errors import ConfigError
from ..fields import Count, Fraction, Positive
from ..objectives import Objective
from ..parameter import find_parameters
from ..rbm import RBM, Denoising, SupervisedGreedy, WithOutput
from ..vocabulary import BY_MEMBER, UnitsWord
from .base import Layerwise
from .machines import MachineConfig, check_visible


class DBNConfig(Layerwise, MachineConfig):
    """A deep belief network: machines trained one on top of the other."""

    name: Literal["dbn"] = "dbn"
    hidden: tuple[Count, ...] = Field((500, 500, 2000), description="width of each hidden layer")
    top_units: UnitsWord | None = Field(None, description="of the last hidden layer; hidden_units by default")
    method: Literal["contrastive_divergence", "denoising", "supervised"] = Field(
        "contrastive_divergence", description="how each layer learns"
    )
    corruption: Annotated[Fraction, BY_MEMBER] = Field(0.25, description="part of the inputs that denoising sets to 0")
    rate_factors: tuple[Positive, ...] | None = Field(None, description="of the learning rate, for each layer")

    @property
    def wants_targets(self) -> bool:
        """Where each layer learns with an output layer on top."""
        return self.method == "supervised"

    @property
    def learning(self) -> str:
        """How its layers learn, ``model.method`` in a word."""
        return self.method

    def machines(self, shape: tuple[int, ...]) -> list[RBM]:
        """The hidden units of each machine are the visible ones of the next."""
        factors = [1.0] * len(self.hidden) if self.rate_factors is None else self.rate_factors
        if len(factors) != len(self.hidden):
            raise ConfigError("rate_factors", f"must be one for each of {len(self.hidden)} layers", len(factors))
        visible, machines = self.visible_units.build(n=math.prod(shape)), []
        for number, (width, factor) in enumerate(zip(self.hidden, factors)):
            last = number == len(self.hidden) - 1
            word = self.top_units if last and self.top_units is not None else self.hidden_units
            machines.append(RBM(visible, word.build(n=width), rate_factor=factor))
            visible = word.build(n=width)
        return machines

    def check_stages(self, machines: Sequence[RBM], classes: int) -> None:
        """Both other ways than contrastive divergence go back through sigmoids."""
        if self.method == "supervised" and not classes:
            raise ConfigError("method", "supervised needs classes", "real-valued targets", "Use denoising")
        if self.method != "contrastive_divergence" and not all(machine.hidden.bits for machine in machines):
            remedy = "Leave hidden_units and top_units out"
            raise ConfigError("method", f"{self.method} needs bernoulli hidden units", "others", remedy)

    def check_machines(self, machines: Sequence[RBM]) -> None:
        """Denoising has no gradient for variances."""
        if self.method == "contrastive_divergence":
            super().check_machines(machines)
        elif any(any(find_parameters(machine.visible)) for machine in machines):
            rule = f"{self.method} needs visible units of a fixed variance"
            raise ConfigError("method", rule, "learn_variance=true", "Leave learn_variance out")

    def stage(self, machine: RBM, inputs: Inputs, lowest: bool, classes: int) -> Objective:
        """By the chosen method."""
        if self.method == "supervised":
            return SupervisedGreedy(WithOutput(machine, classes))
        if lowest:
            check_visible(machine.visible, inputs)
        if self.method == "denoising":
            return Denoising(machine, self.corruption)
        return self.contrastive_divergence(machine)

    def machine(self, model: Any) -> RBM:
        """The machine of the layer that is trained; supervised learning puts an output layer beside it."""
        return model.machine if self.method == "supervised" else model
