"""The network that is fine-tuned from a deep Boltzmann machine."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..fields import Count, Fraction, Positive
from ..models import PosteriorMLP
from ..rbm import Bernoulli
from ..vocabulary import BY_MEMBER, UnitsWord
from .base import Family
from .machines import SeesUnits


class DBMMLPConfig(SeesUnits, Family):
    """Sigmoid layers that see a deep Boltzmann machine's posterior beside their inputs; give the machine with --from.

    Each hidden layer sees the layer below and the mean field of the layer above it, as in the machine, whose weights it
    begins with.  The machine itself stays as it is.
    """

    transfer: ClassVar[Literal["bottom_up", "mirrored", "both_ways", "posterior"]] = "posterior"

    name: Literal["dbm_mlp"] = "dbm_mlp"
    hidden: tuple[Count, ...] = Field((500, 1000), description="width of each hidden layer, as in the machine")
    visible_units: UnitsWord = Field("bernoulli", validate_default=True, description="of the machine")
    sweeps: Count = Field(20, description="most sweeps of the mean field for a batch")
    dropout: Annotated[Fraction, BY_MEMBER] = Field(0.0, description="after each hidden layer")
    max_norm: Annotated[Positive | None, BY_MEMBER] = Field(
        None, description="largest length of the weights into one hidden unit"
    )

    def starting_from(self, widths: tuple[int, ...]) -> Mapping[str, Any]:
        """All of them."""
        return {"hidden": widths}

    def network(self, shape: tuple[int, ...], outputs: int) -> PosteriorMLP:
        """A layer of the machine's widths and a dense output."""
        units = [self.visible_units.build(n=math.prod(shape)), *(Bernoulli(width) for width in self.hidden)]
        return PosteriorMLP(units, outputs, self.sweeps, self.dropout, self.max_norm)

    def summary(self, model: Any, features: int) -> str:
        """The widths, from the data upwards, and the outputs."""
        widths = "-".join(str(units.n) for units in model.machine.sides)
        return f"dbm_mlp({widths}, {model.n_out} outputs)"
