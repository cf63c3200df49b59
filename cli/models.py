"""Trained models and the data that they are used on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gpunet.data import Feed, split
from gpunet.datasets import load
from gpunet.errors import CheckpointError, DataError
from gpunet.members import members_first
from gpunet.persistence import Trained, TrainedModel
from gpunet.training import Predictor


def agree(models: Sequence[TrainedModel]) -> None:
    """Models that are used together must have the same classes and inputs, and outputs that mean the same.

    Raises:
        CheckpointError: where one differs from the first.
    """
    first = models[0].description
    for model in models[1:]:
        about = model.description
        if (about.classes, about.input_shape) != (first.classes, first.input_shape):
            raise CheckpointError(
                str(model.checkpoint.path), "must have the classes and inputs of the first checkpoint", about.name
            )
        if model.reconstructs != models[0].reconstructs:
            rule = "must predict targets, or reconstruct features, as the first checkpoint does"
            raise CheckpointError(str(model.checkpoint.path), rule, model.config.model.name, "Evaluate it alone")


def evaluation_data(model: Trained, source: str | None, part: str) -> tuple[Any, np.ndarray]:
    """Data and sample numbers: a part of what the model was trained on, or all of another source.

    Raises:
        DataError: the data that it was trained on is not there or has changed, or has no such part.
    """
    about, settings = model.description, model.config.data
    dataset = load(
        source or model.source,
        label=settings.label,
        header=settings.header,
        task="classification" if about.classes else "regression",
        classes=about.classes or None,
        vocabulary=about.vocabulary,
        length=about.features,
    )
    if tuple(dataset.input_shape) != about.input_shape:
        raise DataError(
            dataset.name, f"must have inputs of shape {about.input_shape}, as in training", dataset.input_shape
        )
    outputs = 0 if about.classes else dataset.y.shape[-1]
    if outputs != about.outputs:
        raise DataError(dataset.name, f"must have {about.outputs} targets per sample, as in training", outputs)
    if source is not None:
        return dataset, np.arange(len(dataset.x))
    if dataset.sha256 != about.sha256:
        remedy = "Pass the data to use with --data"
        raise DataError(model.source, "must hold the data that the model was trained on", "other content", remedy)
    parts = split(
        dataset,
        validation=settings.validation,
        test=settings.test,
        seed=settings.split_seed,
        order=settings.split,
    )
    chosen = {"train": parts.train, "validation": parts.validation, "test": parts.test}[part]
    if not len(chosen):
        raise DataError(dataset.name, f"must have a {part} part", "none", "Choose another --part")
    return dataset, chosen


def feed(model: TrainedModel, x: np.ndarray, y: np.ndarray, device: Any) -> Feed:
    """Samples with the preprocessing of the model's training."""
    return Feed(device, x.reshape(len(x), -1), y, model.preprocessing, model.parameters.dtype)


def ensemble_outputs(models: Sequence[TrainedModel], x: np.ndarray, device: Any) -> np.ndarray:
    """Activated outputs, averaged over all members of all models: (samples, outputs)."""
    total, count = None, 0
    for model in models:
        outputs = model.description.outputs
        targets = np.zeros((len(x), outputs), np.float32) if outputs else np.zeros(len(x), np.int32)
        predictor = Predictor(model.model, model.loss, feed(model, x, targets, device), device)
        batches = np.concatenate(list(predictor.batches()), axis=-2).astype(np.float64)
        summed = members_first(batches, model.parameters.members).sum(axis=0)
        total, count = summed if total is None else total + summed, count + len(model.parameters.seeds)
    assert total is not None
    return total / count
