"""The deep Boltzmann machine that knows the class."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..data import Description, Inputs
from ..fields import Count
from ..losses import CategoricalCrossEntropy, Loss
from ..models import LabelledDBM, LabelledLearning
from ..objectives import Objective
from .base import Following
from .dbm import DeepConfig
from .machines import check_visible


class ClassDBMConfig(DeepConfig):
    """A deep Boltzmann machine with the class tied to its highest hidden layer, trained on features and class."""

    followed_by: ClassVar[tuple[Following, ...]] = ("predict", "sample", "report")

    name: Literal["classdbm"] = "classdbm"
    recognition: Count = Field(20, description="sweeps of the mean field after which the class is read")

    def network(self, shape: tuple[int, ...], outputs: int) -> LabelledDBM:
        """A layer whose outputs are the logits of the classes."""
        return LabelledDBM(self.sides(shape), outputs, self.recognition)

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """``-log p(class | features)``, whatever is chosen."""
        return CategoricalCrossEntropy()

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """The variational bound on the log-likelihood of features and class together."""
        self._check_classes(about)
        model = self.network(inputs.shape, self.outputs(about, loss))
        check_visible(model.features, inputs)
        return LabelledLearning(model, **self.learning(model.features))

    def differentiable(self, objective: Objective) -> None:
        """The gradient of a bound whose model term comes from chains is that of no function."""

    def generator(self, model: Any) -> LabelledDBM:
        """The machine, which generates features with a class held."""
        return model

    def summary(self, model: Any, features: int) -> str:
        """The widths, from the data upwards, and the classes."""
        return f"classdbm({self.widths(model.machine)}, {model.classes} classes)"
