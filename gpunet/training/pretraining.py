"""Pretraining objectives from a configuration, with the checks that unit types ask of data."""

import numpy as np

from ..config import RBMConfig, build_rbm
from ..data import Preprocessing
from ..errors import DataError
from ..rbm import Bernoulli, Binomial, ContrastiveDivergence, Gaussian, Softmax, Units


def contrastive_divergence(config: RBMConfig, data: np.ndarray, preprocessing: Preprocessing) -> ContrastiveDivergence:
    """The configured machine and its learning.

    Args:
        config: of the machine.
        data: the training part as the machine will see it, (samples, features), preprocessed.
        preprocessing: how it was.

    Raises:
        DataError: data that the visible units cannot take.
    """
    rbm = build_rbm(config, data.shape[-1])
    check_visible(rbm.visible, data, preprocessing)
    binarise = config.binarise and isinstance(rbm.visible, Bernoulli)
    return ContrastiveDivergence(rbm, config.k, config.chains, binarise, config.center)


def check_visible(units: Units, data: np.ndarray, preprocessing: Preprocessing) -> None:
    """Raise :class:`DataError` where data are no states, or means of states, of the visible units."""
    low, high = float(data.min()), float(data.max())
    top = units.trials if isinstance(units, Binomial) else 1
    if isinstance(units, Bernoulli | Binomial) and not 0 <= low <= high <= top:
        raise DataError(
            "training part",
            f"must lie between 0 and {top} for {type(units).__name__} visible units",
            f"{low:.4g} to {high:.4g}",
            "Set data.preprocess=scale, or model.visible_units=gaussian with data.preprocess=standardise",
        )
    if isinstance(units, Gaussian) and preprocessing.kind != "standardise":
        raise DataError(
            "training part",
            "must be standardised for Gaussian visible units, which have unit variance",
            f"data.preprocess={preprocessing.kind}",
            "Set data.preprocess=standardise",
        )
    if isinstance(units, Softmax):
        groups = data.reshape(len(data), -1, units.group)
        if not (((groups == 0) | (groups == 1)).all() and (groups.sum(axis=-1) == 1).all()):
            rule = f"must hold exactly one 1 in each group of {units.group} for Softmax visible units"
            raise DataError("training part", rule, "other values", "Use one-hot data with data.preprocess=none")
