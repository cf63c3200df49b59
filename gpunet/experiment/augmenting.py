"""Augmentation as configured, with the checks that it asks of model, loss and data."""

from typing import Any

import numpy as np

from ..config import Config, build_augmentations
from ..data import Augmenter, Dataset, extent, some_of
from ..data.mixing import Mixing
from ..errors import ConfigError, DataError
from ..fields import term
from ..objectives import Objective, Supervised
from .experiment import Experiment


def build_augmenter(experiment: Experiment, samples: int, objective: Objective, dtype: Any = None) -> Augmenter | None:
    """What training batches go through, or None where nothing is configured.

    Args:
        experiment: whose configuration and data.
        samples: of an epoch.
        objective: what is learned from the batches.
        dtype: of the batches; as configured by default.

    Raises:
        ConfigError: a model, loss or data set that an augmentation does not suit.
    """
    config, dataset = experiment.config, experiment.dataset
    found = build_augmentations(config)
    if not found:
        return None
    if config.model.layerwise is not None:
        remedy = "Leave [augmentation] out, or train an rbm"
        rule = "needs a model that sees the samples themselves"
        raise ConfigError("augmentation", rule, config.model.name, remedy)
    mixing = next((a for a in found if isinstance(a, Mixing)), None)
    outputs = 0 if mixing is None else _outputs(config, dataset, objective, f"augmentation.{term(type(mixing))}")
    shape, scale = tuple(dataset.input_shape), dataset.scale
    texts, kind = bool(dataset.vocabulary), np.dtype(dtype or config.dtype)
    return Augmenter(found, shape, scale, outputs, samples, experiment.device, kind, texts, _bounds(experiment))


def _bounds(experiment: Experiment) -> tuple[float, float] | None:
    """The range of images of another scale than that of bytes, which rules 1 of arithmetic let them leave."""
    dataset = experiment.dataset
    if experiment.config.numerics == 1 or dataset.scale != 1 or len(dataset.input_shape) not in (2, 3):
        return None
    found = extent(some_of(dataset.x, experiment.split.train))
    return found.low, found.high


def _outputs(config: Config, dataset: Dataset, objective: Objective, key: str) -> int:
    """How many targets a mixed sample has; raises where the loss takes no targets between classes."""
    classes = len(dataset.classes)
    if not objective.wants_targets:
        return max(classes, 1)
    if not isinstance(objective, Supervised):
        remedy = "Leave it out, or train a network such as mlp"
        raise ConfigError(key, "needs a network with a loss", config.model.name, remedy)
    outputs = objective.loss.outputs(classes) if classes else dataset.y.shape[-1]
    if classes:
        try:
            objective.loss.check_targets(np.full((1, outputs), 1 / max(outputs, 2), np.float32))
        except DataError as error:
            remedy = "Leave it out, or use categorical_cross_entropy"
            raise ConfigError(key, "needs a loss for targets between classes", error, remedy) from None
    return outputs
