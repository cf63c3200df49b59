"""What can be trained: the sections that ``model`` may hold, told apart by their name."""

from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..fields import Count, Fraction, NonNegative, Positive
from ..vocabulary import ChainsWord, InitializerWord, LayerWord, ScheduleWord, SparsityWord, UnitsWord, expand

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky_relu", "softplus"]


class Section(BaseModel):
    """Base of the sections: unknown keys are errors, and nothing changes after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _place(value: object) -> object:
    """``true`` and ``false`` stand for the usual place and for none."""
    return {True: "before", False: "none"}[value] if isinstance(value, bool) else value


class MLPConfig(Section):
    """A multilayer perceptron."""

    name: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field((128,), description="width of each hidden layer")
    activation: Activation = "relu"
    initializer: InitializerWord | None = Field(None, description="he for the relu family, else glorot")
    dropout: Fraction = Field(0.0, description="after each hidden activation")
    input_dropout: Fraction = Field(0.0, description="on the features")
    dropout_mode: Literal["inverted", "classic"] = Field("inverted", description="scale in training or at inference")
    input_noise: NonNegative = Field(0.0, description="standard deviation of Gaussian noise on the features")
    batch_norm: Annotated[Literal["none", "before", "after"], BeforeValidator(_place)] = Field(
        "none", description="before or after each hidden activation; true stands for before"
    )
    max_norm: Positive | None = Field(None, description="largest length of the weights into one hidden unit")
    rate_factors: tuple[NonNegative, ...] | None = Field(
        None, description="of the learning rate, for each layer with weights, the output included"
    )


class LayersConfig(Section):
    """A network spelled out layer by layer; the linear output layer is added."""

    name: Literal["layers"] = "layers"
    layers: tuple[LayerWord, ...]


class AutoencoderConfig(Section):
    """An encoder and its mirror image, trained to give back the features; the code is linear by default."""

    name: Literal["autoencoder"] = "autoencoder"
    hidden: tuple[Count, ...] = Field((1000, 500, 250), description="width of each hidden layer of the encoder")
    code: Count = Field(30, description="width of the code")
    activation: Activation = "sigmoid"
    code_activation: Activation = "identity"


class GenerativeConfig(Section):
    """What all models of the features share."""

    visible_units: UnitsWord = Field("bernoulli", validate_default=True, description="bernoulli for values of 0 to 1")
    k: Count | ScheduleWord = Field(1, description="Gibbs steps of an update, or a schedule over epochs")
    binarise: bool = Field(True, description="draw Bernoulli data anew at every step, its values as probabilities")
    center: bool = Field(True, description="centre the gradient on the running means of both sides")


class MachineConfig(GenerativeConfig):
    """What all machines of visible and hidden units share."""

    hidden_units: UnitsWord = Field("bernoulli", validate_default=True)
    chains: ChainsWord = Field(
        "from_data", validate_default=True, description="where samples of the model come from; a number of them is PCD"
    )
    sparsity: SparsityWord | None = Field(None, description="pull the mean activity of hidden units to a target")


class RBMConfig(MachineConfig):
    """A restricted Boltzmann machine."""

    name: Literal["rbm"] = "rbm"
    hidden: Count = Field(500, description="number of hidden units")


class ClassRBMConfig(MachineConfig):
    """A machine whose visible units include the class, trained to know the class, the data, or both."""

    name: Literal["classrbm"] = "classrbm"
    hidden: Count = Field(500, description="number of hidden units")
    discriminative: NonNegative = Field(1.0, description="weight of -log p(class | features)")
    generative: NonNegative = Field(0.01, description="weight of -log p(features, class), by contrastive divergence")


class DBNConfig(MachineConfig):
    """A deep belief network: machines trained one on top of the other."""

    name: Literal["dbn"] = "dbn"
    hidden: tuple[Count, ...] = Field((500, 500, 2000), description="width of each hidden layer")
    top_units: UnitsWord | None = Field(None, description="of the last hidden layer; hidden_units by default")
    method: Literal["contrastive_divergence", "denoising", "supervised"] = Field(
        "contrastive_divergence", description="how each layer learns"
    )
    corruption: Fraction = Field(0.25, description="part of the inputs that denoising sets to 0")
    rate_factors: tuple[Positive, ...] | None = Field(None, description="of the learning rate, for each layer")


class UpDownConfig(GenerativeConfig):
    """A deep belief network that knows the class, fine-tuned by contrastive wake-sleep."""

    name: Literal["updown"] = "updown"
    hidden: tuple[Count, ...] = Field(
        (500, 500, 2000), description="width of each hidden layer, the top machine's last"
    )
    greedy: Annotated[int, Ge(0)] = Field(0, description="epochs in which the top machine alone learns")


MODELS: list[type[Section]] = [
    MLPConfig,
    LayersConfig,
    AutoencoderConfig,
    RBMConfig,
    ClassRBMConfig,
    DBNConfig,
    UpDownConfig,
]
ModelConfig = Annotated[
    MLPConfig | LayersConfig | AutoencoderConfig | RBMConfig | ClassRBMConfig | DBNConfig | UpDownConfig,
    Field(discriminator="name"),
    BeforeValidator(expand),
]
