"""From checked configuration to objects."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from ..data import Augmentation, BagOfWords, Preparation, Scale, Standardise
from ..errors import ConfigError
from ..fields import term
from ..initializers import Glorot, He
from ..layers import Dense, Identity, Layer, LeakyReLU, ReLU, Residual, Sequential, Sigmoid, Softplus, Tanh
from ..losses import BinaryCrossEntropy, CategoricalCrossEntropy, Loss, SquaredError
from ..models import LabelledDBN, autoencoder, mlp
from ..optimizers import SWA, Averaging, Clipping, Rule
from ..rbm import RBM, Chains, ClassRBM
from ..schedules import Schedule
from ..vocabulary import WIDTHS, PreparationWord, target
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

_ACTIVATIONS = {term(layer): layer for layer in (Identity, Sigmoid, Tanh, ReLU, LeakyReLU, Softplus)}


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
    return None if value is None and norm is None else Clipping(value, norm)


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


def build_model(config: Config, n_in: int, n_out: int) -> Sequential:
    """The configured network, from ``n_in`` features to ``n_out`` linear outputs."""
    model = config.model
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
    layers = _in_sequence(model.layers, n_in)
    return Sequential([*layers, Dense(Sequential(layers).output_width(n_in), n_out)])


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


def _in_sequence(words: tuple[Any, ...], width: int) -> list[Layer]:
    layers = []
    for word in words:
        layers.append(_layer(word, width))
        width = layers[-1].output_width(width)
    return layers


def _layer(word: Any, width: int) -> Layer:
    """Build one layer for inputs of ``width`` features; layers that hold others are built from the inside."""
    cls = target(type(word))
    if cls is Sequential:
        return Sequential(_in_sequence(word.layers, width))
    if cls is Residual:
        body = _layer(word.body, width)
        shortcut = Identity() if word.shortcut is None else _layer(word.shortcut, width)
        ends = body.output_width(width), shortcut.output_width(width)
        if ends[0] != ends[1]:
            remedy = f'Add shortcut = [{{name = "dense", n_out = {ends[0]}, with_bias = false}}]'
            raise ConfigError(
                "residual", "body and shortcut must end in the same width", f"{ends[0]} and {ends[1]}", remedy
            )
        return Residual(body, shortcut)
    filled = {field.name: width for field in fields(cls) if field.name in WIDTHS}
    for name in filled:
        given = getattr(word, name)
        if given not in (None, width):
            raise ConfigError(
                f"{term(cls)}.{name}", f"must be the width of the layer before, {width}", given, "Leave it out"
            )
    return word.build(**filled)
