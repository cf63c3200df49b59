"""The features of an experiment, prepared as configured or as suits the model."""

import numpy as np

from ..backend import Device
from ..config import Config, build_preparations
from ..data import (
    BagOfWords,
    Dataset,
    Features,
    Inputs,
    OneHot,
    Preprocessing,
    Split,
    Standardise,
    TargetScale,
    extent,
    fit_preprocessing,
    some_of,
    with_channels,
)
from ..errors import ConfigError
from ..fields import term

FAINT = 1 / 16  # of the full scale; photographs and drawings deviate by a quarter of it
SEEN = 1000  # images that are looked at


def prepare_inputs(
    config: Config,
    dataset: Dataset,
    split: Split,
    device: Device,
    positions: bool | None = None,
    target_scale: TargetScale | None = None,
    fitted: Preprocessing | None = None,
) -> Inputs:
    """The features of a data set, preprocessed as configured or as suits the model.

    Args:
        config: of the run.
        dataset: samples and targets on the host.
        split: which samples train.
        device: where feeds will live.
        positions: whether the model takes images as they are; as the configured model says by default.
        target_scale: by what targets are standardised.
        fitted: the preparations with their numbers; they are fitted to the training part by default.
    """
    images = dataset.x.reshape(len(dataset.x), *with_channels(tuple(dataset.input_shape)))
    if fitted is None:
        weights = None if dataset.weights is None else dataset.weights[split.train]
        fitted = _fitted(config, dataset, some_of(images, split.train), weights)
    x = images if (config.model.sees_positions if positions is None else positions) else images.reshape(len(images), -1)
    y = dataset.y if target_scale is None else target_scale.apply(dataset.y, config.dtype)
    return Inputs(x, y, split, fitted, device, weights=dataset.weights, dtype=config.dtype, seed=config.data.split_seed)


def _fitted(config: Config, dataset: Dataset, training: Features, weights: np.ndarray | None) -> Preprocessing:
    """The preparations that are configured or suit the model, fitted to the images or features of the training part."""
    if dataset.alphabet:
        return _of_letters(config, dataset.alphabet, training)
    texts = bool(dataset.vocabulary)
    chain = build_preparations(config, dataset.scale, config.model.wants_standardised, texts)
    if texts != any(isinstance(preparation, BagOfWords) for preparation in chain[:1]):
        rule, received = ("must begin with bag_of_words", "texts") if texts else ("must be texts", "numbers")
        thing = "preprocess" if texts else "data of bag_of_words"
        raise ConfigError(thing, rule, received, "Leave preprocess out")
    if config.data.preprocess is None and dataset.scale == 1 and _are_probabilities(config, training):
        chain = []  # states of Bernoulli units, or their probabilities, are what such units take
    elif config.data.preprocess is None and config.numerics > 1 and _is_faint(config, training, dataset.scale):
        chain = [Standardise(per="channel")]
    weights = weights if weights is not None and weights.any() else None
    return fit_preprocessing(chain, training, dataset.scale, weights)


def _of_letters(config: Config, alphabet: str, training: Features) -> Preprocessing:
    """Sequences become one unit for each letter at each site; what is configured comes after."""
    wanted = [] if config.data.preprocess is None else build_preparations(config, 1.0, False, False)
    coded = OneHot(states=len(alphabet))
    if wanted and wanted[0] not in (OneHot(), coded):
        rule, remedy = "must begin with one_hot for sequences", "Leave preprocess out"
        raise ConfigError("preprocess", rule, term(type(wanted[0])), remedy)
    return fit_preprocessing([coded, *wanted[1:]], training.reshape(len(training), -1), 1.0)


def _is_faint(config: Config, x: Features, scale: float) -> bool:
    """Whether images vary in so small a part of their full scale that over it hardly anything of them would be left."""
    if scale == 1 or x.ndim != 4 or config.model.takes_probabilities:
        return False
    count = SEEN if isinstance(x, np.ndarray) else min(SEEN, 1 + x.most // (64 * x.bytes_of_one))
    seen = x[:count].astype(np.float64)
    return float(np.abs(seen - seen.mean()).mean()) < FAINT * scale  # which single hot pixels hardly change


def _are_probabilities(config: Config, x: Features) -> bool:
    """Whether the model takes states, or means of states, as they are, and the features are such values."""
    ends = config.model.state_ends
    if ends is None:
        return False
    found = extent(x)
    return ends[0] <= found.low and found.high <= ends[1]
