"""The one schema that presets, TOML files and overrides share."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..fields import Count, Fraction, NonNegative, Positive
from .vocabulary import AveragingWord, InitializerWord, LayerWord, LossWord, RuleWord, UnitsWord, expand

Part = Annotated[float, Field(ge=0, lt=1)] | Annotated[int, Field(ge=0)]
Activation = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "softplus"]


class Section(BaseModel):
    """Base of the sections: unknown keys are errors, and nothing changes after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """Where samples come from and how they are divided and prepared."""

    source: str = Field("digits", description="digits, or the path of a file or folder")
    label: str | int | None = Field(None, description="name or number of the label column of a table")
    header: bool | None = Field(None, description="whether a table has a header row; found out by default")
    task: Literal["auto", "classification", "regression"] = Field("auto", description="what the targets are")
    validation: Part = Field(0.15, description="part for model selection: a fraction or a count")
    test: Part = Field(0.15, description="part for the final figure, unless the files fix one")
    split: Literal["stratified", "tail"] = Field("stratified", description="random within classes, or the last samples")
    split_seed: int = Field(0, ge=0, description="seed of the split; the same for all members")
    preprocess: Literal["auto", "standardise", "scale", "none"] = Field(
        "auto", description="auto scales images to 0..1 and standardises everything else"
    )


class MLPConfig(Section):
    """A multilayer perceptron."""

    name: Literal["mlp"] = "mlp"
    hidden: tuple[Count, ...] = Field((128,), description="width of each hidden layer")
    activation: Activation = "relu"
    initializer: InitializerWord | None = Field(None, description="he for the relu family, else glorot")
    dropout: Fraction = Field(0.0, description="after each hidden activation")
    input_dropout: Fraction = Field(0.0, description="on the features")
    batch_norm: bool = Field(False, description="before each hidden activation")


class LayersConfig(Section):
    """A network spelled out layer by layer; the linear output layer is added."""

    name: Literal["layers"] = "layers"
    layers: tuple[LayerWord, ...]


class RBMConfig(Section):
    """A restricted Boltzmann machine, trained by contrastive divergence."""

    name: Literal["rbm"] = "rbm"
    hidden: Count = Field(500, description="number of hidden units")
    visible_units: UnitsWord = Field("bernoulli", validate_default=True, description="bernoulli for values of 0 to 1")
    hidden_units: UnitsWord = Field("bernoulli", validate_default=True)
    k: Count = Field(1, description="Gibbs steps of an update")
    chains: Count | None = Field(None, description="persistent chains (PCD); without, chains start at the data (CD)")
    binarise: bool = Field(True, description="draw Bernoulli data anew at every step, its values as probabilities")
    center: bool = Field(True, description="centre the gradient on the running means of both sides")


ModelConfig = Annotated[MLPConfig | LayersConfig | RBMConfig, Field(discriminator="name"), BeforeValidator(expand)]


class PlateauConfig(Section):
    """A learning rate that falls where the monitored number no longer improves, on top of any schedule."""

    patience: Count = Field(5, description="epochs without improvement after which it falls, and again after as many")
    factor: Fraction = Field(0.1, description="what it is multiplied by")


class TrainingConfig(Section):
    """How long, in which steps, and which weights are kept."""

    epochs: Count = 20
    batch_size: Count = 64
    drop_last: bool = Field(True, description="leave out the remainder of each epoch; it differs every time")
    l2: NonNegative = Field(0.0, description="penalty l2 / 2 * sum of squared weights; biases are left alone")
    clip_value: Positive | None = Field(None, description="largest size of each number of the gradient")
    clip_norm: Positive | None = Field(None, description="largest length of each member's gradient")
    averaging: AveragingWord | None = Field(None, description="average of the weights, which is judged and kept")
    monitor: Literal["auto", "validation_accuracy", "validation_loss", "train_loss", "last"] = Field(
        "auto", description="what selects the weights that are kept"
    )
    patience: Count | None = Field(None, description="epochs without improvement after which training stops")
    plateau: PlateauConfig | None = Field(None, description="lowers the learning rate on a plateau")


class Config(Section):
    """Everything that a run depends on."""

    name: str = Field("run", pattern=r"^[a-z0-9_-]+$", description="names the run's folder")
    seed: int = Field(0, ge=0, lt=2**63, description="of weights, order and dropout")
    members: Count = Field(1, description="models trained at once, with seeds seed, seed + 1, ...")
    data: DataConfig = DataConfig()
    model: ModelConfig = MLPConfig()
    loss: LossWord | None = Field(None, description="categorical_cross_entropy for classes, else squared_error")
    optimizer: RuleWord = Field("adam", validate_default=True)
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="before")
    @classmethod
    def _default_names(cls, values: Any) -> Any:
        """A section without a name keeps the default's, so that ``optimizer.learning_rate=0.1`` alone works."""
        if isinstance(values, dict):
            defaults = {"model": "mlp", "optimizer": "adam"}
            for key, name in defaults.items():
                if isinstance(values.get(key), dict):
                    values = values | {key: {"name": name} | values[key]}
        return values

    @property
    def seeds(self) -> int | list[int]:
        """One seed, or that of each member."""
        return self.seed if self.members == 1 else [self.seed + i for i in range(self.members)]
