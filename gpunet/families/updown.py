"""The deep belief network that knows the class."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from pydantic import Field

from ..data import Description, Inputs
from ..fields import Count
from ..losses import CategoricalCrossEntropy, Loss
from ..models import LabelledDBN, UpDown
from ..objectives import Objective
from .base import Following
from .machines import GenerativeConfig, check_visible


class UpDownConfig(GenerativeConfig):
    """A deep belief network that knows the class, fine-tuned by contrastive wake-sleep."""

    transfer: ClassVar[Literal["bottom_up", "mirrored", "both_ways"]] = "both_ways"
    followed_by: ClassVar[tuple[Following, ...]] = ("predict", "sample", "report")

    name: Literal["updown"] = "updown"
    hidden: tuple[Count, ...] = Field(
        (500, 500, 2000), description="width of each hidden layer, the top machine's last"
    )
    greedy: Annotated[int, Ge(0)] = Field(0, description="epochs in which the top machine alone learns")

    def starting_from(self, widths: tuple[int, ...]) -> Mapping[str, Any]:
        """All of them; the top machine, which is another one here, keeps its width above a single layer."""
        return {"hidden": widths if len(widths) > 1 else (*widths, self.hidden[-1])}

    def network(self, shape: tuple[int, ...], outputs: int) -> LabelledDBN:
        """A layer whose outputs are the logits of the classes."""
        return LabelledDBN(self.visible_units.build(n=math.prod(shape)), self.hidden, outputs)

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """``-log p(class | features)``, whatever is chosen."""
        return CategoricalCrossEntropy()

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """Contrastive wake-sleep: the network is trained up to recognise and down to generate."""
        self._check_classes(about)
        model = self.network(inputs.shape, self.outputs(about, loss))
        check_visible(model.visible, inputs)
        return UpDown(model, self.steps(), self.greedy, self.binarise and model.visible.bits, self.center)

    def generator(self, model: Any) -> LabelledDBN:
        """The network, which generates downwards from its top machine with a class held."""
        return model

    def summary(self, model: Any, features: int) -> str:
        """The widths, from the data upwards, and the classes."""
        return f"updown({'-'.join(map(str, (model.visible.n, *model.widths)))}, {model.classes} classes)"
