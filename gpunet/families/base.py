"""What a family of models is: a section of the configuration that answers whatever the house asks about its models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..data import Description, Inputs
from ..errors import ConfigError
from ..fields import term
from ..layers import Layer
from ..losses import CategoricalCrossEntropy, Loss, SquaredError
from ..metrics import Accuracy, Metric
from ..models import DBM, DBN, LabelledDBM, LabelledDBN
from ..objectives import Objective, Reconstruction, Supervised
from ..parameter import Parameter, children, find_parameters
from ..rbm import RBM, ClassRBM
from ..vocabulary import Section

Following = Literal["predict", "evaluate", "report", "sample", "likelihood", "finetune"]


class Family(Section):
    """Base of the families: the settings of a model, and what follows from them.

    A family is a pydantic model whose ``name`` is a ``Literal`` with that name as its default; its other fields are the
    keys of ``[model]``.  :meth:`network` is all that it must define; the rest answers for networks that learn targets
    by backpropagation, and is overridden where a family differs.  A family that does not come with gpunet is passed
    wherever a file is read: ``load_config(..., families=[Mine])``, ``load_model(..., families=[Mine])``.

    Attributes:
        command: ``gpunet`` command that trains it: ``train``, or ``pretrain`` for machines of the features alone.
        has_outputs: whether a trained model gives outputs that can be evaluated; machines of features have none.
        reconstructs: whether its outputs are the features themselves, and no predictions of targets.
        transfer: how layers of a checkpoint go into it: from the bottom up, also mirrored from the top down as into
            a decoder, both ways of a network whose layers have weights upwards and others downwards, or as a deep
            machine whose posterior the layers see.
        followed_by: what one would do next with a trained model, the commands in that order; ``finetune`` is to train
            a network that starts from it.
        finetuned_by: the preset of that network.

    >>> from typing import Literal
    >>> from gpunet.layers import Dense, Sequential
    >>> class Plane(Family):
    ...     name: Literal["plane"] = "plane"
    ...
    ...     def network(self, shape, outputs):
    ...         return Sequential([Dense(outputs, n_in=shape[-1])])
    >>> Plane().summary(Plane().network((4,), 3), 4)
    'dense(4, 3)'
    """

    if TYPE_CHECKING:
        name: str

    command: ClassVar[Literal["train", "pretrain"]] = "train"
    has_outputs: ClassVar[bool] = True
    reconstructs: ClassVar[bool] = False
    transfer: ClassVar[Literal["bottom_up", "mirrored", "both_ways", "posterior"]] = "bottom_up"
    followed_by: ClassVar[tuple[Following, ...]] = ("predict", "report")
    finetuned_by: ClassVar[str] = "finetune"

    @property
    def wants_targets(self) -> bool:
        """Whether it learns from targets, so that data without any cannot train it."""
        return not self.reconstructs and self.has_outputs

    @property
    def learns_unlabelled(self) -> bool:
        """Whether it also learns from samples without a label, where only some have one."""
        return False

    @property
    def wants_standardised(self) -> bool:
        """Whether features are standardised unless the configuration says otherwise, also where they are pixels."""
        return False

    @property
    def takes_probabilities(self) -> bool:
        """Whether features that lie between 0 and 1 already are left as they are, unless configured otherwise."""
        return False

    @property
    def state_ends(self) -> tuple[float, float] | None:
        """Between which features must lie to be left as they are, unless configured otherwise."""
        return (0.0, 1.0) if self.takes_probabilities else None

    def of_sequences(self, states: int) -> Mapping[str, Any]:
        """The settings, by name, that follow from data that are sequences of so many letters; empty where none do.

        Raises:
            ConfigError: settings that do not suit sequences.
        """
        return {}

    @property
    def sees_positions(self) -> bool:
        """Whether it takes images as they are; other models take their features in one row."""
        return False

    @property
    def layerwise(self) -> Layerwise | None:
        """The family itself where its layers are trained one after the other, None where it is trained as a whole."""
        return None

    @property
    def idle(self) -> tuple[str, ...]:
        """Keys of the section that change nothing as the others are set, such as a dropout of layers that are not."""
        return ()

    def network(self, shape: tuple[int, ...], outputs: int) -> Any:
        """The model for samples of a shape, without memory.

        Args:
            shape: of one sample, as the model sees it.
            outputs: numbers that it gives for a sample, see :meth:`outputs`; machines of features ignore it.
        """
        raise NotImplementedError

    def restored(self, shape: tuple[int, ...], outputs: int, groups: int) -> Any:
        """The model that a checkpoint holds; ``groups`` are the parts of its group ``model``."""
        return self.network(shape, outputs)

    def loss(self, classes: int, chosen: Loss | None) -> Loss:
        """What is minimised and measured.

        Args:
            classes: how many, 0 for regression.
            chosen: by the configuration, or None.

        Raises:
            ConfigError: the chosen one does not suit.
        """
        if chosen is not None:
            return chosen
        return CategoricalCrossEntropy() if classes else SquaredError()

    def outputs(self, about: Description, loss: Loss) -> int:
        """How many numbers the model gives for a sample of the described data."""
        return loss.outputs(len(about.classes)) if about.classes else about.outputs

    def metrics(self, about: Description) -> tuple[Metric, ...]:
        """What is measured beside the loss."""
        return (Accuracy(),) if about.classes else ()

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """What is learned, with its model.

        Args:
            about: the data.
            inputs: samples as the model sees them.
            loss: from :meth:`loss`.

        Raises:
            DataError: features or targets that the model or the loss cannot take.
            ConfigError: a model that does not suit the task.
        """
        loss.check_targets(inputs.y)
        return self.judged(self.network(inputs.shape, self.outputs(about, loss)), loss, about)

    def judged(self, model: Any, loss: Loss, about: Description) -> Objective:
        """What a model of this family is measured by."""
        if self.reconstructs:
            return Reconstruction(model, loss)
        metrics = self.metrics(about)
        for metric in metrics:
            if not metric.suits(len(about.classes)):
                rule, received = f"{metric.name} must suit the task", f"{len(about.classes)} classes"
                raise ConfigError(f"metrics of {self.name}", rule, received, "Leave it out")
        return Supervised(model, loss, metrics, about.target_scale)

    def differentiable(self, objective: Objective) -> Objective | None:
        """What of its learning follows the gradient of a loss, to be compared with differences, or None."""
        if isinstance(objective, Supervised):  # as it is learned, without the units in which it is told
            return Supervised(objective.model, objective.loss, objective.metrics)
        return objective if isinstance(objective, Reconstruction) else None

    def machine(self, model: Any) -> RBM | None:
        """The machine that is trained inside a model, where there is one."""
        return None

    def check_machines(self, machines: Sequence[RBM]) -> None:
        """Raise :class:`ConfigError` for settings that do not suit machines, which would be idle or harmful there.

        Runs that began under rules 1 of arithmetic are not asked.
        """

    def whole(self, model: Any, below: Sequence[RBM]) -> Any:
        """The model as a checkpoint holds it: what was trained, on top of the machines that were trained before it."""
        return model

    def generator(self, model: Any) -> DBN | DBM | LabelledDBN | LabelledDBM | ClassRBM | None:
        """What features can be sampled from, given the whole model, or None."""
        return None

    def encoder(self, model: Any) -> Layer | None:
        """The part of a model that leads from features to their code, or None where it has none."""
        return None

    def decoder(self, model: Any) -> Layer | None:
        """The part of a model that leads from rows of codes back to features, or None where it has none."""
        return None

    def with_hidden(self, widths: tuple[int, ...], activation: str) -> Family | None:
        """The same family with hidden layers of these widths and this activation; None where it has no such choice."""
        return None

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """Of the layers, from the bottom, that another network may start from; empty where it has no such setting."""
        hidden = getattr(self, "hidden", ())
        return (hidden,) if isinstance(hidden, int) else tuple(hidden)

    def starting_from(self, widths: tuple[int, ...]) -> Mapping[str, Any]:
        """The settings, by name, with which layers of these widths fit into it from the bottom; empty where none do.

        Args:
            widths: of at least one layer.
        """
        return {"hidden": widths} if self.with_hidden(widths, "sigmoid") is not None else {}

    @property
    def grown_on(self) -> Family | None:
        """The family of the network that is trained next, where networks grow; None for the last and for all others."""
        return None

    @property
    def grows_at(self) -> int:
        """How many layers of the network come before those that the next one has more."""
        return 0

    @property
    def growth(self) -> str:
        """Which of the networks that grow this is, in a few words; empty for all others."""
        return ""

    def of_depth(self, layers: int, residual: bool, activation: str) -> Family | None:
        """The same family with so many layers with weights and shortcuts or none; None where it has no such choice.

        Raises:
            ConfigError: a depth that it cannot have.
        """
        return None

    def summary(self, model: Any, features: int) -> str:
        """One line: by default the layers with the shapes of their weights, as ``dense(784, 512) relu``.

        Args:
            model: that is trained.
            features: of a sample, as the lowest layer sees it.
        """
        shown = []
        for _, child in children(model):
            own = [p for _, p in children(child) if isinstance(p, Parameter) and p.role == "weight"]
            size = f"({', '.join(map(str, own[0].shape))})" if own else ""
            shown.append(f"{term(type(child))}{size}")
        return " ".join(shown)

    def _check_classes(self, about: Description) -> None:
        """Refuse targets that are no classes."""
        if not about.classes:
            raise ConfigError("model", f"{self.name} needs classes", "real-valued targets", "Use mlp")


class Layerwise(Family):
    """Base of the families whose layers are machines, trained one after the other on what is below.

    A family that derives from it has the field ``hidden``, the width of each layer, and defines :meth:`machines` and
    :meth:`stage`.
    """

    if TYPE_CHECKING:
        hidden: tuple[int, ...]

    command: ClassVar[Literal["train", "pretrain"]] = "pretrain"
    has_outputs: ClassVar[bool] = False
    followed_by: ClassVar[tuple[Following, ...]] = ("finetune", "sample", "likelihood")

    @property
    def layerwise(self) -> Layerwise:
        """This family, whose layers are trained one after the other."""
        return self

    @property
    def learning(self) -> str:
        """How its layers learn, in a word for reports."""
        return self.name

    def machines(self, shape: tuple[int, ...]) -> list[RBM]:
        """One machine for each layer, from the data upwards; each sees the hidden units of the one below."""
        raise NotImplementedError

    def stage(self, machine: RBM, inputs: Inputs, lowest: bool, classes: int) -> Objective:
        """What one layer learns.

        Args:
            machine: of the layer.
            inputs: what it sees.
            lowest: whether that are the data themselves, which may be unfit for its visible units.
            classes: how many, 0 for regression.

        Raises:
            DataError: data that the visible units cannot take.
        """
        raise NotImplementedError

    def check_stages(self, machines: Sequence[RBM], classes: int) -> None:
        """Raise :class:`ConfigError` where a layer cannot learn in the chosen way; called before the first one does."""

    def network(self, shape: tuple[int, ...], outputs: int) -> DBN:
        """All machines on top of each other."""
        return DBN(self.machines(shape))

    def restored(self, shape: tuple[int, ...], outputs: int, groups: int) -> DBN:
        """The layers that were trained, or under way, when the checkpoint was written."""
        return DBN(self.machines(shape)[:groups])

    def whole(self, model: Any, below: Sequence[RBM]) -> DBN:
        """The layers below and the one that is trained."""
        machine = self.machine(model)
        assert machine is not None
        return DBN([*below, machine])

    def generator(self, model: Any) -> DBN:
        """The whole stack, whose top machine is sampled and whose lower layers lead down to the data."""
        return model

    def objective(self, about: Description, inputs: Inputs, loss: Loss) -> Objective:
        """There is one for each layer, see :meth:`stage`."""
        raise ConfigError("model", "is trained layer by layer", self.name, "Use gpunet pretrain")

    def summary(self, model: Any, features: int) -> str:
        """The widths, from the data upwards."""
        return f"{self.name}({'-'.join(map(str, (features, *self.hidden)))})"


def learned(model: Any) -> int:
    """How many numbers a model learns."""
    return sum(math.prod(p.shape) for _, p in find_parameters(model) if p.trainable)
