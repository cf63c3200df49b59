"""From checked configuration to objects."""

import itertools
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from ..data import Augmentation, BagOfWords, Preparation, Scale, Standardise
from ..errors import ConfigError
from ..losses import BinaryCrossEntropy, Loss
from ..members import own, values_of
from ..optimizers import SWA, Averaging, Clipping, Optimization, Rule
from ..schedules import Schedule
from ..vocabulary import PreparationWord
from .schema import Config


def build_loss(config: Config, classes: int, several: bool = False) -> Loss:
    """The configured loss, or what suits model and task.

    Args:
        config: of a run.
        classes: how many, 0 for regression and several labels.
        several: whether targets are several labels, each of which is there or not.
    """
    chosen = None if config.loss is None else config.loss.build()
    if several and chosen is None and config.model.wants_targets:
        chosen = BinaryCrossEntropy()
    return config.model.loss(classes, chosen)


def build_rule(config: Config) -> Rule:
    """The configured optimizer rule.

    Raises:
        ConfigError: settings that do not go together, or a schedule that ends before the training.
    """
    rule, epochs, places = config.optimizer.build(), config.training.epochs, config.places
    for member, field in itertools.product(range(places), fields(rule)):
        schedule = own(getattr(rule, field.name), member, places)
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
    if isinstance(averaging, SWA) and (start := max(values_of(averaging.start))) > epochs:
        rule = f"must be one of the {epochs} epochs of training"
        raise ConfigError("training.averaging.start", rule, start, f"Set it to {max(1, epochs * 3 // 4)}")
    return averaging


def build_clipping(config: Config) -> Clipping | None:
    """The configured bounds on gradients, or None where there are none."""
    value, norm = config.training.clip_value, config.training.clip_norm
    return None if value is None and norm is None else Clipping(value, norm)


def build_optimization(config: Config) -> Optimization:
    """The configured rule with its penalties, clipping and averaging.

    Raises:
        ConfigError: settings that do not go together.
    """
    training = config.training
    return Optimization(build_rule(config), training.l1, training.l2, build_clipping(config), build_averaging(config))


def build_preparations(config: Config, scale: float, standardise: bool, texts: bool) -> list[Preparation]:
    """The configured preparations, or the usual one: texts are counted, images scaled unless the model wants more."""
    if config.data.preprocess is not None:
        chain = [word.build() for word in config.data.preprocess]
    elif texts:
        chain = [BagOfWords()]
    else:
        chain = [Scale()] if scale != 1 and not standardise else [Standardise()]
    return [_of_rules_1(preparation) for preparation in chain] if config.numerics == 1 else chain


def _of_rules_1(preparation: Preparation) -> Preparation:
    """A feature counted as constant at a millionth of its mean, unless a run said otherwise."""
    if isinstance(preparation, Standardise) and preparation.flat == Standardise.flat:
        return replace(preparation, flat=1e-6)
    return preparation


def build_augmentations(config: Config) -> list[Augmentation]:
    """The configured augmentations, in the order of the schema."""
    words = (getattr(config.augmentation, name) for name in type(config.augmentation).model_fields)
    return [word.build() for word in words if word is not None]


def rebuild_preparation(settings: Mapping[str, Any]) -> Preparation:
    """A preparation out of its name and settings, as a checkpoint keeps them.

    Raises:
        ValueError: for unknown names or settings, or values outside their bounds.
    """
    return _preparation_words().validate_python(settings).build()


@cache
def _preparation_words() -> TypeAdapter[Any]:
    """What checks the words of preparations; making it takes ten times as long as using it."""
    return TypeAdapter(PreparationWord)
