"""Samples that trained models are measured on: a part of the data of their training, or all of other data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..errors import DataError, LearnedError, NoTargetsError
from ..persistence import ALL_SAMPLES, Trained
from .reading import cache_for, dataset_of, features_in, found_in, parts, reading_of
from .weighing import weighted


def evaluation_data(
    model: Trained, source: str | None, part: str, weights: str | None = None
) -> tuple[Dataset, np.ndarray]:
    """Data and sample numbers: a part of what the model was trained on, or all of another source.

    Args:
        model: that is measured.
        source: of the data; those that it was trained on, with their weights, where None.
        part: of these.
        weights: path of a file with weights of the other source.

    Raises:
        DataError: the data that it was trained on is not there or has changed, has no such part, or does not fulfil
            the contract of the model.
        LearnedError: the model learned in folds of these samples, so that there is no such part.
    """
    about, config = model.description, model.config
    dataset = samples_for(model, source or model.source, own=source is None)
    if source is None and weights is not None:
        rule, remedy = "belong to other data", "Leave them out: samples count as in the training"
        raise DataError("weights", rule, "those it was trained on", remedy)
    same = source is None
    dataset = weighted(dataset, config.data.weights if same else weights, config.data.identity if same else "none")
    if source is not None:
        return dataset, np.arange(len(dataset.x))
    if dataset.sha256 != about.sha256:
        remedy = "Pass the data to use"
        raise DataError(model.source, "must hold the data that the model was trained on", "other content", remedy)
    if model.folds_of is not None and (part != "test" or (model.folds_of == ALL_SAMPLES and dataset.test_from is None)):
        received = f"networks of folds, which learned from {model.folds_of} between them"
        raise LearnedError(f"{part} part", "must be samples that no network learned from", received, "Pass other data")
    chosen: np.ndarray = getattr(parts(config, dataset), part)
    if not len(chosen):
        raise DataError(dataset.name, f"must have a {part} part", "none", "Choose another part")
    return dataset, dataset.labelled(chosen)


def samples_for(model: Trained, source: str, own: bool = False) -> Dataset:
    """Data that a model is measured on, as it reads them: with targets where it needs them, else with or without.

    In its ``own`` data labels may be missing where it has learned without.

    Raises:
        DataError: no targets, or data that do not fulfil its contract.
    """
    about = model.description
    try:
        found = found_in(model.config, model, source, cache_for(model))
        return dataset_of(model.config, found, model, measured=not own)
    except NoTargetsError as error:
        if model.config.model.wants_targets:
            rule, remedy = "has no targets to measure by", "Add them, or use gpunet predict"
            received = error.received if "column" in str(error.received) else "samples alone"
            raise NoTargetsError(source, rule, received, remedy) from None
    given = features_in(source, model)
    nothing = np.zeros((len(given.x), 0), np.float32)
    return Dataset(
        Path(source).name, given.x, nothing, columns=about.columns, scale=about.scale, vocabulary=about.vocabulary,
        notes=(*given.notes, "no targets, which are not needed"), contract=about.contract, ids=given.ids,
        alphabet=about.alphabet,
    )  # fmt: skip


def evaluation_sets(models: Sequence[Trained], source: str | None, part: str) -> tuple[list[Dataset], np.ndarray]:
    """The same samples as each of several models reads them, by its own contract, and the numbers of those that count.

    Args:
        models: that are measured together.
        source: of the data; those that the first was trained on where None.
        part: of these.

    Raises:
        DataError: as :func:`evaluation_data`, for whichever model does not take them.
    """
    first = models[0]
    dataset, chosen = evaluation_data(first, source, part)
    found = [dataset]
    held: Any = None
    for model in models[1:]:
        about, other = first.description, model.description
        alike = about.contract == other.contract and about.classes == other.classes and about.scale == other.scale
        if alike and about.vocabulary == other.vocabulary and about.input_shape == other.input_shape:
            found.append(dataset)
            continue
        if held is None or reading_of(model.config) != reading_of(first.config):
            held = found_in(model.config, model, source or first.source, cache_for(model))
        found.append(dataset_of(model.config, held, model))
    return found, chosen
