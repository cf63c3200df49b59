"""Trained models and the data that they are used on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gpunet.datasets import load, split

from gpunet.backend import Arena, Context
from gpunet.data import Feed
from gpunet.errors import CheckpointError, DataError
from gpunet.rbm import Bernoulli, LogZ, ais_log_z, exact_log_z, log_likelihood
from gpunet.training import Predictor, Trained, TrainedModel, TrainedRBM

BATCH = 1000  # samples at once


def agree(models: Sequence[TrainedModel]) -> None:
    """Models that are used together must have the same classes and inputs.

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


def log_likelihoods(
    model: TrainedRBM, x: np.ndarray, device: Any, exact: bool, runs: int, steps: int
) -> tuple[LogZ, np.ndarray]:
    """Normaliser and log-likelihood of each sample, (members, samples), in nats.

    Args:
        model: the machine, in float64.
        x: raw samples; Bernoulli data are rounded to states after preprocessing.
        device: where it lives.
        exact: sum over all states, else AIS.
        runs: of AIS, of each member.
        steps: of AIS.
    """
    p, rbm = model.preprocessing, model.rbm
    flat = x.reshape(len(x), -1)
    v = p.apply(flat, p.shift.astype(np.float64), p.factor.astype(np.float64), np.empty(flat.shape))
    if isinstance(rbm.visible, Bernoulli):
        v = np.round(v)
    if exact:
        log_z = exact_log_z(rbm, model.parameters)
    else:
        base = device.get(rbm.visible_offset.value).reshape(-1, rbm.visible.n).mean(axis=0)
        log_z = ais_log_z(rbm, model.parameters, base, runs=runs, steps=steps)
    ctx = Context(training=False, arena=Arena(device))
    parts = []
    for start in range(0, len(v), BATCH):
        ctx.arena.rewind()
        parts.append(log_likelihood(rbm, log_z, device.put(v[start : start + BATCH]), ctx))
    return log_z, np.concatenate(parts, axis=1)


def ensemble_outputs(models: Sequence[TrainedModel], x: np.ndarray, device: Any) -> np.ndarray:
    """Activated outputs, averaged over all members of all models: (samples, outputs)."""
    total, count = None, 0
    for model in models:
        outputs = model.description.outputs
        targets = np.zeros((len(x), outputs), np.float32) if outputs else np.zeros(len(x), np.int32)
        predictor = Predictor(model.model, model.loss, feed(model, x, targets, device), device)
        batches = np.concatenate(list(predictor.batches()), axis=-2).astype(np.float64)
        summed = batches.sum(axis=0) if batches.ndim == 3 else batches
        total, count = summed if total is None else total + summed, count + len(model.parameters.seeds)
    assert total is not None
    return total / count
