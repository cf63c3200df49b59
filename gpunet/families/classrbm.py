"""The machine that classifies."""

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..data import Description, Inputs
from ..fields import Count, NonNegative
from ..losses import CategoricalCrossEntropy, Loss
from ..members import values_of
from ..objectives import Objective, Supervised
from ..rbm import RBM, ClassRBM, HybridLearning
from ..vocabulary import BY_MEMBER
from .base import Following
from .machines import MachineConfig, check_visible


class ClassRBMConfig(MachineConfig):
    """A machine whose visible units include the class, trained to know the class, the data, or both."""

    followed_by: ClassVar[tuple[Following, ...]] = ("predict", "sample", "report")

    name: Literal["classrbm"] = "classrbm"
    hidden: Count = Field(500, description="number of hidden units")
    discriminative: Annotated[NonNegative, BY_MEMBER] = Field(1.0, description="weight of -log p(class | features)")
    generative: Annotated[NonNegative, BY_MEMBER] = Field(
        0.01, description="weight of -log p(features, class), by contrastive divergence"
    )
    unlabelled: Annotated[NonNegative, BY_MEMBER] = Field(
        0.0,
        description="weight of -log p(features) of training samples without a label, the class summed out; 0 leaves "
        "them out",
    )
    entropy: Annotated[NonNegative, BY_MEMBER] = Field(
        0.0,
        description="weight of the entropy of p(class | features) of training samples without a label, of which the "
        "machine grows sure",
    )

    @property
    def learns_unlabelled(self) -> bool:
        """Where samples without a label weigh anything."""
        return any((*values_of(self.unlabelled), *values_of(self.entropy)))

    def network(self, shape: tuple[int, ...], outputs: int) -> ClassRBM:
        """A layer whose outputs are the logits of the classes."""
        visible = self.visible_units.build(n=math.prod(shape))
        return ClassRBM(visible, self.hidden_units.build(n=self.hidden), outputs)

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """``-log p(class | features)``, whatever is chosen."""
        return CategoricalCrossEntropy()

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """The weighted sum of both likelihoods."""
        self._check_classes(about)
        model = self.network(inputs.shape, self.outputs(about, loss))
        check_visible(model.features, inputs)
        generation = self.contrastive_divergence(model.joint)
        bits = self.binarise and model.features.bits
        weights = self.discriminative, self.generative
        return HybridLearning(model, generation, *weights, bits, self.unlabelled, self.entropy)

    def differentiable(self, objective: Objective) -> Objective:
        """The discriminative half, which has a loss."""
        return Supervised(objective.model, CategoricalCrossEntropy())

    def generator(self, model: Any) -> ClassRBM:
        """The model, whose machine is sampled with a class held."""
        return model

    def machine(self, model: Any) -> RBM:
        """The machine of features and class."""
        return model.joint
