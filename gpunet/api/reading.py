"""Files and tables into data sets, as a configuration says and a trained model asks for."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..data import (
    Coding,
    Dataset,
    Features,
    Given,
    Pictures,
    Reading,
    Sequences,
    Split,
    Table,
    Targets,
    Wanted,
    assemble,
    check_depth,
    check_scale,
    divide,
    fulfil,
    in_blocks,
    in_colours,
    reassemble,
    split,
)
from ..errors import DataError
from ..persistence import Trained
from .memory import memory_of
from .weighing import weighted

CACHE = "cache"  # folder beside those of runs that keeps decoded images
IN_MEMORY = "arrays in memory"  # stands for the source of data that no file holds


def load_split(
    config: Config,
    known: Trained | None = None,
    features_of: Trained | None = None,
    run: Path | str | None = None,
    writes: bool = True,
) -> tuple[Dataset, Split]:
    """The data set of a configuration out of its files, and its parts.

    Args:
        config: whose ``data`` section says where the data are, and what.
        known: the model that is trained on, whose contract the data fulfil; None for a new one.
        features_of: a model whose layers are taken over, so that features must be those of its training.
        run: folder of the run that is going to be trained, beside which decoded images are kept; None keeps nothing.
        writes: whether images may be kept that are not there yet.

    Raises:
        DataError: data that are missing or damaged, that were passed as arrays, or that do not fulfil a contract.
    """
    found = found_in(config, known, cache=cache_of(config, run, writes))
    dataset = dataset_of(config, found, known)
    if features_of is not None and known is None:
        dataset = with_features_of(dataset, features_of, found)
    dataset = weighted(dataset, config.data.weights, config.data.identity)
    return dataset, parts(config, dataset)


def found_in(
    config: Config, known: Trained | None = None, source: str | None = None, cache: Any = None
) -> Table | Dataset:
    """What the files of a configuration hold, or those of another source."""
    from ..datasets import read

    source = source or config.data.source
    if source == IN_MEMORY:
        remedy = "Pass the same arrays in Python, or the path of a file that holds them"
        raise DataError(IN_MEMORY, "must be passed again, since no file holds them", "nothing", remedy)
    task = config.data.task if known is None else _task_of(known)
    classes = (known.description.classes or None) if known is not None else None
    naming, unlabelled = naming_of(config), not config.model.wants_targets
    if known is not None:  # weights of other data are no part of its contract
        naming = replace(naming, weight_optional=True)
    spelling = spelling_of(config, known)
    return read(
        source, reading_of(config), naming, task, classes, imaging_of(config, known), cache, unlabelled, spelling,
        memory_of(config),
    )  # fmt: skip


def dataset_of(config: Config, found: Table | Dataset, known: Trained | None = None, measured: bool = False) -> Dataset:
    """A data set by the rules of a new model or the contract of a trained one; where that is measured, all labelled."""
    if isinstance(found, Table):
        if known is not None:
            partly = config.model.learns_unlabelled and not measured
            return reassemble(found, known.description, config.data.split_column, partly)
        return table_dataset(config, found)
    if known is None:
        return found
    about = known.description
    if found.alphabet != about.alphabet:
        got, rule = ("sequences", "numbers") if found.alphabet else ("numbers", "sequences")
        raise DataError(found.name, f"must be {rule}, as in training", got, "Choose data of that kind")
    check_depth(about, found.scale, found.name)
    given = fulfil(about, _in_rows(_as_read(found), known), found.name)
    check_outputs(found, known)
    return replace(found, x=given.x, scale=about.scale, contract=about.contract, task=about.task)


def table_dataset(config: Config, table: Table, given: Targets | None = None) -> Dataset:
    """A data set out of a table by the configuration and the rules; ``given`` are targets from elsewhere."""
    data = config.data

    def parts_of(samples: int, labels: np.ndarray | None, by: np.ndarray | None) -> Split:
        return divide(
            table.name, samples, labels, by, table.test_from,
            validation=data.validation, test=data.test, seed=data.split_seed, order=data.split,
        )  # fmt: skip

    targets = data.target if isinstance(data.target, tuple) else () if data.target is None else (data.target,)
    wanted = Wanted(targets, data.task, data.features, data.ignore, data.id, data.weight, data.split_column)
    wanted = replace(wanted, partly=config.model.learns_unlabelled)
    coding = Coding(data.fill, data.categories, data.unseen, data.rare, data.words, config.dtype == np.float64)
    return assemble(table, wanted, coding, parts_of, data.target != (), given)


def with_features_of(dataset: Dataset, source: Trained, found: Table | Dataset) -> Dataset:
    """The same samples with features as another model knows them, whose layers see them first.

    Args:
        dataset: what the table became by the rules of a new model.
        source: the other model.
        found: the table, or the data set of arrays.

    Raises:
        DataError: the features are not those of its training.
    """
    about = source.description
    if not isinstance(found, Table):
        return _arrays_of(dataset, source, found)
    if not about.contract.codes or dataset.contract is None or not dataset.contract.codes:
        return dataset
    given = fulfil(about, found, found.name)
    codes = about.contract.codes
    contract = replace(dataset.contract, codes=tuple(
        replace(code, place=found.find(code.column, "feature") if found.named else code.place) for code in codes
    ))  # fmt: skip
    return replace(
        dataset, x=given.x, columns=about.columns, vocabulary=about.vocabulary, contract=contract, notes=given.notes,
        scale=about.scale, learned=None,
    )  # fmt: skip


def _arrays_of(dataset: Dataset, source: Trained, found: Dataset) -> Dataset:
    """Arrays on the scale of another model, where it has learned from arrays of their shape."""
    about, name = source.description, "x" if found.name == "arrays" else found.name
    if about.contract.codes or about.contract.old or about.vocabulary or dataset.vocabulary:
        return dataset
    x = _in_rows(_as_read(found), source)
    if prod(x.shape[1:]) != about.features:  # kernels take images of any size, and other layers say what they take
        notes = check_scale(about, about.contract, x, name)
        return replace(dataset, notes=(*dataset.notes, *notes))
    given = fulfil(about, x, name)
    contract = replace(about.contract, lows=(), highs=()) if about.contract.offset else None
    return replace(dataset, x=given.x, scale=about.scale, contract=contract, notes=(*dataset.notes, *given.notes))


def parts(config: Config, dataset: Dataset) -> Split:
    """Training, validation and test part of a data set as configured."""
    data = config.data
    return split(dataset, validation=data.validation, test=data.test, seed=data.split_seed, order=data.split)


def features_in(source: str, model: Trained, held: bytes | None = None) -> Given:
    """Features out of files as a trained model takes them, with the names of the samples.

    Args:
        source: of the data.
        model: whose contract they fulfil.
        held: the text of a table that was read already; ``source`` is then its name.
    """
    return features_for([model], source, held)[0]


def features_for(models: Sequence[Trained], source: str, held: bytes | None = None) -> list[Given]:
    """The same samples as features of each of several models, read by its own contract; files are read once.

    Args:
        models: that predict together.
        source: of the data.
        held: the text of a table that was read already; ``source`` is then its name.

    Raises:
        DataError: as :func:`~gpunet.data.fulfil`, for whichever model does not take them.
    """
    from ..datasets import read_features

    found: list[Given] = []
    ways: list[Any] = []
    offered: Any = None
    for model in models:
        way = (reading_of(model.config), naming_of(model.config), imaging_of(model.config, model))
        spelling = spelling_of(model.config, model)
        if not ways or (way, spelling) != ways[-1]:
            offered = read_features(source, *way, cache_for(model), held, spelling, memory_of(model.config))
        ways.append((way, spelling))
        given: Any = offered
        if isinstance(given, Pictures):
            given = replace(given, x=_in_rows(given.x, model))
        elif not isinstance(given, Table | Sequences):
            given = _in_rows(given, model)
        found.append(fulfil(model.description, given, source))
    return found


def reading_of(config: Config) -> Reading:
    """How the tables of a configuration are read."""
    data = config.data
    return Reading(data.header, data.delimiter, data.decimal, data.thousands, data.missing)


def naming_of(config: Config) -> Any:
    """Which arrays of its archives are what."""
    from ..datasets import Naming

    data = config.data
    weight = None if data.weight is None else str(data.weight)
    return Naming(data.x, data.y, data.channels, data.transposed, weight, wide=config.dtype == np.float64)


def spelling_of(config: Config, known: Trained | None = None) -> Any:
    """How its sequences are read, or those for a trained model, whose letters and sites they have."""
    from ..datasets import Spelling

    data, about = config.data, None if known is None else known.description
    named = data.target if isinstance(data.target, str) else None
    weight = None if data.weight is None else str(data.weight)
    if about is None or not about.alphabet:
        return Spelling(data.alphabet, target=named, weight=weight)
    return Spelling(about.alphabet, about.features, 1, named, weight, weight_optional=True)


def imaging_of(config: Config, known: Trained | None = None) -> Any:
    """What becomes of the images of a configuration, or of those for a model of before there were rules for them."""
    from ..datasets import Imaging

    data, old = config.data, known is not None and known.description.contract.old
    return Imaging(data.resize, data.resize_by, data.background, old)


def cache_of(config: Config, run: Path | str | None, writes: bool = True) -> Any:
    """Where decoded images are kept: in the folder of the configuration, or beside a run; None for nowhere.

    Args:
        config: whose ``data.cache`` says it.
        run: folder of a run.
        writes: whether images may be kept that are not there yet.
    """
    from ..datasets import Cache

    if config.data.cache == "auto":
        return None if run is None else Cache(Path(run).parent / CACHE, writes)
    return None if config.data.cache == "none" else Cache(Path(config.data.cache), writes)


def cache_for(model: Trained) -> Any:
    """The cache of a trained model's data; nothing is written beside runs by those who only look at them."""
    path = model.checkpoint.path
    return cache_of(model.config, None if path is None else Path(path).parent, writes=model.config.data.cache != "auto")


def after_those_of(dataset: Dataset, before: Trained) -> Dataset:
    """A data set of arrays as the next samples of a training that goes on.

    Raises:
        DataError: samples of another shape.
    """
    about = before.description
    if dataset.input_shape != about.input_shape:
        wanted = "x".join(map(str, about.input_shape))
        received = f"samples of shape {'x'.join(map(str, dataset.input_shape))}"
        raise DataError(dataset.name, f"must have samples of shape {wanted}, as before", received, "Prepare them alike")
    return replace(dataset, scale=about.scale)


def check_outputs(dataset: Dataset, known: Trained) -> None:
    """Refuse another number of targets than in training."""
    about = known.description
    outputs = 0 if about.classes else dataset.y.shape[-1]
    if outputs != about.outputs:
        raise DataError(dataset.name, f"must have {about.outputs} targets per sample, as in training", outputs)


def _as_read(dataset: Dataset) -> Features:
    """The features of arrays in a file with what was subtracted from them put back."""
    offset = np.array(dataset.contract.offset if dataset.contract is not None else ())
    if not len(offset):
        return dataset.x
    found: Features = in_blocks(dataset.x, lambda x: x.astype(np.float64) + offset, dtype=np.float64)
    return found


def _in_rows(x: Features, known: Trained) -> Features:
    """Images of a file as rows, for a model that was trained on rows of as many numbers."""
    about = known.description
    x = in_colours(x, about.input_shape)
    flat = len(about.input_shape) == 1 and len(x) and prod(x.shape[1:]) == about.features
    return x.reshape(len(x), -1) if flat else x


def _task_of(known: Trained) -> str:
    task = known.description.task
    return "auto" if task == "none" else task
