"""From checked configuration to objects."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from ..data import Augmentation, BagOfWords, Preparation, Scale, Standardise
from ..errors import ConfigError
from ..fields import term
from ..initializers import Glorot, He
from ..layers import Dense, LeakyReLU, Linear, ReLU, Sequential, Sigmoid, Softplus, Tanh
from ..losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss, SquaredError
from ..models import LabelledDBN, autoencoder, mlp
from ..optimizers import SWA, Averaging, Clipping, Rule
from ..rbm import RBM, Chains, ClassRBM
from ..schedules import Schedule
from ..vocabulary import PreparationWord
from .models import (
    AutoencoderConfig,
    ClassRBMConfig,
    DBNConfig,
    GenerativeConfig,
    LayersConfig,
    MachineConfig,
    MLPConfig,
    RBMConfig,
    UpDownConfig,
)
from .schema import Config

_ACTIVATIONS = {term(layer): layer for layer in (Linear, Sigmoid, Tanh, ReLU, LeakyReLU, Softplus)}


def build_loss(config: Config, classes: int) -> Loss:
    """The configured loss, or the usual one for the task; ``classes`` is 0 for regression."""
    if isinstance(config.model, AutoencoderConfig):
        loss = BinaryCrossEntropy() if config.loss is None else config.loss.build()
        if isinstance(loss, CategoricalCrossEntropy):
            raise ConfigError("loss", "must compare features", term(type(loss)), "Set loss=binary_cross_entropy")
        return loss
    if config.loss is not None:
        return config.loss.build()
    return CategoricalCrossEntropy() if classes else SquaredError()


def build_rule(config: Config) -> Rule:
    """The configured optimizer rule.

    Raises:
        ConfigError: settings that do not go together, or a schedule that ends before the training.
    """
    rule, epochs = config.optimizer.build(), config.training.epochs
    for field in fields(rule):
        schedule = getattr(rule, field.name)
        if isinstance(schedule, Schedule) and schedule.ends < epochs:
            raise ConfigError(
                f"optimizer.{field.name}",
                f"must cover all {epochs} epochs of training",
                f"a schedule that ends after {schedule.ends:g}",
                f"Make it longer, or set training.epochs={int(schedule.ends)}",
            )
    return rule


def build_averaging(config: Config) -> Averaging | None:
    """The configured average of the weights, or None where there is none."""
    if config.training.averaging is None:
        return None
    averaging, epochs = config.training.averaging.build(), config.training.epochs
    if isinstance(averaging, SWA) and averaging.start > epochs:
        rule = f"must be one of the {epochs} epochs of training"
        raise ConfigError("training.averaging.start", rule, averaging.start, f"Set it to {max(1, epochs * 3 // 4)}")
    return averaging


def build_clipping(config: Config) -> Clipping | None:
    """The configured bounds on gradients, or None where there are none."""
    value, norm = config.training.clip_value, config.training.clip_norm
    return None if value is norm is None else Clipping(value, norm)


def build_preparations(config: Config, scale: float, standardise: bool, texts: bool) -> list[Preparation]:
    """The configured preparations, or the usual one: texts are counted, images scaled unless the model wants more."""
    if config.data.preprocess is not None:
        return [word.build() for word in config.data.preprocess]
    if texts:
        return [BagOfWords()]
    return [Scale()] if scale != 1 and not standardise else [Standardise()]


def build_augmentations(config: Config) -> list[Augmentation]:
    """The configured augmentations, in the order of the schema."""
    words = (getattr(config.augmentation, name) for name in type(config.augmentation).model_fields)
    return [word.build() for word in words if word is not None]


def rebuild_preparation(settings: Mapping[str, Any]) -> Preparation:
    """A preparation out of its name and settings, as a checkpoint keeps them.

    Raises:
        ValueError: for unknown names or settings, or values outside their bounds.
    """
    return TypeAdapter(PreparationWord).validate_python(settings).build()


def sees_positions(config: Config) -> bool:
    """Whether the configured model takes images as they are; all others take their features in one row."""
    model = config.model
    return isinstance(model, LayersConfig) and _in_sequence(model).needs_positions


def build_model(config: Config, shape: tuple[int, ...], n_out: int) -> Sequential:
    """The configured network, from samples of a shape to ``n_out`` linear outputs.

    Raises:
        ConfigError: layers that do not fit the samples, or each other.
    """
    model, n_in = config.model, math.prod(shape)
    if isinstance(model, MLPConfig):
        return mlp(
            n_in,
            model.hidden,
            n_out,
            _ACTIVATIONS[model.activation],
            model.initializer.build() if model.initializer else _usual_initializer(model.activation),
            model.dropout,
            model.input_dropout,
            model.batch_norm,
            model.max_norm,
            model.rate_factors,
            model.input_noise,
            model.dropout_mode,
        )
    if isinstance(model, AutoencoderConfig):
        activation = _ACTIVATIONS[model.activation]
        code = _ACTIVATIONS[model.code_activation]
        return autoencoder(n_in, model.hidden, model.code, activation, code, _usual_initializer(model.activation))
    assert isinstance(model, LayersConfig), "machines have builders of their own"
    body = _in_sequence(model)
    body.build(shape)
    end = body.output_shape(shape)
    if len(end) != 1:
        received, remedy = "x".join(map(str, end)), "Add flatten as the last of model.layers"
        raise ConfigError("model.layers", "must end in features, which the output layer takes", received, remedy)
    output = Dense(n_out)
    output.build(end)
    return Sequential([*body.layers, output])


def build_rbm(config: RBMConfig, n_visible: int) -> RBM:
    """The configured machine for so many visible units."""
    return RBM(config.visible_units.build(n=n_visible), config.hidden_units.build(n=config.hidden))


def build_classrbm(config: ClassRBMConfig, features: int, classes: int) -> ClassRBM:
    """The configured classifying machine."""
    return ClassRBM(config.visible_units.build(n=features), config.hidden_units.build(n=config.hidden), classes)


def build_updown(config: UpDownConfig, features: int, classes: int) -> LabelledDBN:
    """The configured deep belief network that knows the class."""
    return LabelledDBN(config.visible_units.build(n=features), config.hidden, classes)


def build_stack(config: DBNConfig, n_visible: int) -> list[RBM]:
    """The configured machines, from the data upwards; each sees the hidden units of the one below."""
    factors = [1.0] * len(config.hidden) if config.rate_factors is None else config.rate_factors
    if len(factors) != len(config.hidden):
        raise ConfigError("model.rate_factors", f"must be one for each of {len(config.hidden)} layers", len(factors))
    visible, machines = config.visible_units.build(n=n_visible), []
    for number, (width, factor) in enumerate(zip(config.hidden, factors)):
        last = number == len(config.hidden) - 1
        word = config.top_units if last and config.top_units is not None else config.hidden_units
        machines.append(RBM(visible, word.build(n=width), rate_factor=factor))
        visible = word.build(n=width)
    return machines


def build_chains(config: MachineConfig) -> Chains:
    """Where the configured machine takes samples of its model from."""
    return config.chains.build()


def build_steps(config: GenerativeConfig) -> int | Schedule:
    """Gibbs steps of an update, a number or a schedule."""
    return config.k if isinstance(config.k, int) else config.k.build()


def _usual_initializer(activation: str) -> Any:
    return He() if activation in ("relu", "leaky_relu") else Glorot()


def _in_sequence(model: LayersConfig) -> Sequential:
    """The configured layers, which do not know yet what they will see."""
    return Sequential([word.build() for word in model.layers])
