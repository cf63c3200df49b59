"""What the families that are made of Boltzmann machines share."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from ..data import Inputs
from ..errors import ConfigError
from ..fields import Count, term
from ..members import PerMember, each
from ..rbm import RBM, Bernoulli, Chains, ContrastiveDivergence, Softmax, Units
from ..schedules import Schedule
from ..vocabulary import BY_MEMBER, ChainsWord, ScheduleWord, SparsityWord, UnitsWord, target
from .base import Family

PSEUDOCOUNT = 1.0  # sequences of letters that are spread evenly


class SeesUnits:
    """What visible units say about the features, for families that have the field ``visible_units``."""

    @property
    def wants_standardised(self: Any) -> bool:
        """Where the visible units ask for it."""
        units: Any = target(type(self.visible_units))
        return units.wants_standardised

    @property
    def takes_probabilities(self: Any) -> bool:
        """Where the visible units are bits, whose means they are."""
        units: Any = target(type(self.visible_units))
        return units.bits

    @property
    def state_ends(self: Any) -> tuple[float, float] | None:
        """The two states of visible units that have no others."""
        units: Any = target(type(self.visible_units))
        return units.ends


class GenerativeConfig(SeesUnits, Family):
    """What all models of the features share."""

    visible_units: UnitsWord = Field("bernoulli", validate_default=True, description="bernoulli for values of 0 to 1")
    k: Annotated[Count | ScheduleWord, BY_MEMBER] = Field(
        1, description="Gibbs steps of an update, or a schedule over epochs"
    )
    binarise: bool = Field(True, description="draw Bernoulli data anew at every step, its values as probabilities")
    center: bool = Field(True, description="centre the gradient on the running means of both sides")

    def of_sequences(self, states: int) -> Mapping[str, Any]:
        """Softmax visible units, one for each letter at each site.

        Bernoulli units, which is what visible units are where nobody chose some, and softmax units in pairs become
        softmax units in groups of as many as there are letters, whose fields start from the letters' frequencies with a
        pseudocount of one sequence.

        Raises:
            ConfigError: units of another kind or in groups of another size.
        """
        kind: Any = target(type(self.visible_units))
        group = getattr(self.visible_units, "group", None)
        if kind is Softmax and group == states:
            return {}
        if kind is Bernoulli or (kind is Softmax and group == 2):
            pseudocount = getattr(self.visible_units, "pseudocount", 0.0) or PSEUDOCOUNT
            return {"visible_units": {"name": term(Softmax), "group": states, "pseudocount": pseudocount}}
        said = f"softmax in groups of {group}" if kind is Softmax else term(kind)
        rule = f"must be softmax in groups of {states} for sequences of {states} letters"
        raise ConfigError("visible_units", rule, said, "Leave it out")

    def steps(self) -> int | Schedule | PerMember:
        """Gibbs steps of an update: a number or a schedule, or that of each member."""
        return each(lambda k: k if isinstance(k, int) else k.build(), self.k)


class MachineConfig(GenerativeConfig):
    """What all machines of visible and hidden units share."""

    hidden_units: UnitsWord = Field("bernoulli", validate_default=True, description="kind of the hidden units")
    chains: ChainsWord = Field(
        "from_data", validate_default=True, description="where samples of the model come from; a number of them is PCD"
    )
    sparsity: SparsityWord | None = Field(None, description="pull the mean activity of hidden units to a target")

    def contrastive_divergence(self, machine: RBM) -> ContrastiveDivergence:
        """How a machine learns."""
        chains: Chains = self.chains.build()
        sparsity = None if self.sparsity is None else self.sparsity.build()
        bits = self.binarise and machine.visible.bits
        return ContrastiveDivergence(machine, self.steps(), chains, bits, self.center, sparsity)

    def check_machines(self, machines: Sequence[RBM]) -> None:
        """Sparsity compares means with a target between 0 and 1, so means must lie there."""
        for hidden in (machine.hidden for machine in machines if self.sparsity is not None):
            if hidden.range != (0.0, 1.0):
                rule = "needs hidden units whose means lie between 0 and 1"
                remedy = "Leave sparsity out, or use bernoulli hidden units"
                raise ConfigError("sparsity", rule, term(type(hidden)), remedy)

    def summary(self, model: Any, features: int) -> str:
        """The units of both sides."""
        machine = self.machine(model)
        assert machine is not None
        sides = ", ".join(f"{term(type(side))} {side.n}" for side in (machine.visible, machine.hidden))
        return f"{term(type(model))}({sides})"


def check_visible(units: Units, inputs: Inputs) -> None:
    """Raise :class:`DataError` where the training part are no states, or means of states, of visible units."""
    for part in inputs.training_blocks():
        units.check(part, inputs.preprocessing)
