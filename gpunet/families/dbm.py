"""The deep Boltzmann machine."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt
from pydantic import Field

from ..data import Description, Inputs
from ..errors import ConfigError
from ..fields import Count, NonNegative, term
from ..losses import Loss
from ..models import DBM, VariationalLearning
from ..objectives import Objective
from ..rbm import Units
from ..vocabulary import BY_MEMBER, ChainsWord, ScheduleWord, UnitsWord
from .base import Following
from .machines import MachineConfig, check_visible


class DeepConfig(MachineConfig):
    """What deep machines share."""

    hidden: tuple[Count, ...] = Field((500, 1000), description="width of each hidden layer, two or more, upwards")
    top_units: UnitsWord | None = Field(None, description="of the last hidden layer; hidden_units by default")
    k: Annotated[Count | ScheduleWord, BY_MEMBER] = Field(
        5, description="Gibbs steps of an update, or a schedule over epochs"
    )
    chains: ChainsWord = Field(
        "persistent",
        validate_default=True,
        description="where samples of the model come from; a number of them is PCD, which is the default with 100",
    )
    greedy: Annotated[int, Ge(0)] = Field(
        1, description="first epochs in which the machine of each hidden layer learns alone, with doubled inputs"
    )
    sweeps: Count = Field(10, description="most sweeps of the mean field in a step")
    tolerance: NonNegative = Field(
        1e-4, description="samples whose means have moved by less in a sweep of the mean field stand still"
    )
    damping: Annotated[float, Ge(0), Lt(1)] = Field(
        0.0, description="part of the mean field's inputs that stays in a sweep"
    )

    def sides(self, shape: tuple[int, ...]) -> list[Units]:
        """The units of the data and of all hidden layers."""
        words = [self.hidden_units] * len(self.hidden)
        if self.top_units is not None:
            words[-1] = self.top_units
        hidden = [word.build(n=width) for word, width in zip(words, self.hidden)]
        return [self.visible_units.build(n=math.prod(shape)), *hidden]

    def learning(self, visible: Units) -> dict[str, Any]:
        """The settings of :class:`~gpunet.models.VariationalLearning`."""
        if self.sparsity is not None:
            for word in (self.hidden_units, self.top_units):
                units = None if word is None else word.build(n=1 if not hasattr(word, "group") else word.group)
                if units is not None and units.range != (0.0, 1.0):
                    rule = "needs hidden units whose means lie between 0 and 1"
                    remedy = "Leave sparsity out, or use bernoulli hidden units"
                    raise ConfigError("sparsity", rule, term(type(units)), remedy)
        return {
            "k": self.steps(),
            "chains": self.chains.build(),
            "greedy": self.greedy,
            "sweeps": self.sweeps,
            "tolerance": self.tolerance,
            "damping": self.damping,
            "binarise": self.binarise and visible.bits,
            "center": self.center,
            "sparsity": None if self.sparsity is None else self.sparsity.build(),
        }

    def widths(self, machine: DBM) -> str:
        """Of all layers but labels, from the data upwards."""
        return "-".join(str(units.n) for units in machine.sides[: machine.depth + 1])


class DBMConfig(DeepConfig):
    """A deep Boltzmann machine: hidden layers above each other, all ties undirected, trained together."""

    command: ClassVar[Literal["train", "pretrain"]] = "pretrain"
    has_outputs: ClassVar[bool] = False
    followed_by: ClassVar[tuple[Following, ...]] = ("likelihood", "sample", "finetune")

    finetuned_by: ClassVar[str] = "dbm-finetune"

    name: Literal["dbm"] = "dbm"

    def network(self, shape: tuple[int, ...], outputs: int) -> DBM:
        """A visible unit for each number of a sample."""
        return DBM(self.sides(shape))

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """The variational bound on the log-likelihood of the features."""
        machine = self.network(inputs.shape, 0)
        check_visible(machine.visible, inputs)
        return VariationalLearning(machine, **self.learning(machine.visible))

    def generator(self, model: Any) -> DBM:
        """The machine itself."""
        return model

    def summary(self, model: Any, features: int) -> str:
        """The widths of its layers and the kinds of their units."""
        kinds = _kinds(model.sides)
        return f"dbm({self.widths(model)}{'' if kinds == 'bernoulli' else f', {kinds}'})"


def _kinds(sides: Sequence[Units]) -> str:
    """The kinds of units upwards, one where all are the same."""
    kinds = [term(type(side)) for side in sides]
    return kinds[0] if len(set(kinds)) == 1 else " ".join(kinds)
