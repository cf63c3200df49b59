"""The restricted Boltzmann machine."""

import math
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..data import Description, Inputs
from ..fields import Count
from ..losses import Loss
from ..models import DBN
from ..objectives import Objective
from ..rbm import RBM
from .base import Following
from .machines import MachineConfig, check_visible


class RBMConfig(MachineConfig):
    """A restricted Boltzmann machine."""

    command: ClassVar[Literal["train", "pretrain"]] = "pretrain"
    has_outputs: ClassVar[bool] = False
    followed_by: ClassVar[tuple[Following, ...]] = ("sample", "likelihood", "finetune")

    name: Literal["rbm"] = "rbm"
    hidden: Count = Field(500, description="number of hidden units")

    def network(self, shape: tuple[int, ...], outputs: int) -> RBM:
        """A visible unit for each number of a sample."""
        return RBM(self.visible_units.build(n=math.prod(shape)), self.hidden_units.build(n=self.hidden))

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """The log-likelihood of the features."""
        machine = self.network(inputs.shape, 0)
        check_visible(machine.visible, inputs)
        return self.contrastive_divergence(machine)

    def machine(self, model: Any) -> RBM:
        """The model, which is a machine and nothing else."""
        return model

    def generator(self, model: Any) -> DBN:
        """A stack of one."""
        return DBN([model])
