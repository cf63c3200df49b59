"""Features that are held while chains run: pixels of an image, or sites of a sequence."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data import Sequences, Table
from ..errors import ConfigError, DataError, shortened
from ..persistence import Trained
from .arrays import plain_array

FREE = "?"  # a site of a sequence that is not held
Held = tuple[np.ndarray, np.ndarray]  # values as the visible units have them, and which are held


def clamped(held: Trained, given: Any, count: int) -> Held:
    """What chains hold, as the visible units have it.

    Args:
        held: the model, with the preparation of its features.
        given: features where NaN stands for what is free, one sample for all chains or one for each: (*input_shape),
            (1, *input_shape) or (count, *input_shape); of sequences also texts, in which ``?`` is free.
        count: how many chains.

    Returns:
        Values and which of them are held, (1 or count, visible).

    Raises:
        DataError: features beyond those of the model, other numbers of samples, or nothing that is held.
        ConfigError: a preparation that mixes features, so that none of them can be held.
    """
    about, preparation = held.description, held.preprocessing
    if not preparation.pixelwise and not (preparation.categorical and len(preparation.steps) == 1):
        rule = "needs a preparation that leaves features in their places"
        raise ConfigError("clamp", rule, preparation.kind, "Train with preprocess=scale or none")
    x = _numbers(given, about.alphabet)
    what = "sites" if about.alphabet else "features"
    x = x[None] if x.shape == about.input_shape else x
    if x.ndim < 2 or x[0].size != about.features:
        received = f"{x[0].size if x.ndim > 1 else x.size:,}"
        remedy = "Leave out what is beyond, and mark what is free"
        raise DataError("clamp", f"must have the {about.features:,} {what} of the model", received, remedy)
    if len(x) not in (1, count):
        rule, remedy = f"must be one sample, or one for each of the {count:,} chains", "Give as many as chains"
        raise DataError("clamp", rule, f"{len(x):,}", remedy)
    x = x.reshape(len(x), -1)
    known = ~np.isnan(x)
    if not known.any():
        raise DataError("clamp", f"must hold some of the {what}", "none", f"Give the values of some {what}")
    if about.alphabet:
        _check_letters(x[known], about.alphabet)
    values = preparation.on_host(np.where(known, x, 0))
    if preparation.categorical:
        known = np.repeat(known, len(about.alphabet) or values.shape[1] // x.shape[1], axis=1)
    return values, known


def as_states(values: np.ndarray, bits: bool) -> np.ndarray:
    """Values of units that are bits as 0 or 1, the nearer one; of others as they are."""
    return np.greater(values, 0.5).astype(values.dtype) if bits else values


def read_clamp(path: str, held: Trained) -> Any:
    """What a file says to hold.

    Of sequences a FASTA file in which ``?`` is free; of other features an array ``x`` of an NPZ or HDF5 file in which
    NaN is free, or a table in which empty cells are.

    Raises:
        DataError: no such file, sequences of other lengths, or letters that the model does not know.
    """
    from ..datasets import Spelling, read_features, read_sequences

    about = held.description
    if about.alphabet:
        if FREE in about.alphabet:
            rule, remedy = f"needs an alphabet without {FREE}, which stands for a free site", "Clamp from Python"
            raise DataError(path, rule, about.alphabet, remedy)
        found = read_sequences(Path(path), Spelling(about.alphabet + FREE, about.features, 1))
        return _free_as_nan(found.letters, len(about.alphabet))
    offered = read_features(path)
    if isinstance(offered, Table):
        odd = next((column for column in offered.columns if column.numbers is None), None)
        if odd is not None:
            raise DataError(
                path, "must hold numbers and empty cells", f"texts in {odd.name or 'a column'}", "Correct it"
            )
        return np.stack([column.numbers for column in offered.columns], axis=1)  # type: ignore[misc]
    return np.asarray(getattr(offered, "x", offered))


def _numbers(given: Any, alphabet: str) -> np.ndarray:
    """What was given as numbers, NaN where it is free."""
    texts = [given] if isinstance(given, str) else given
    if alphabet and isinstance(texts, list | tuple) and texts and all(isinstance(text, str) for text in texts):
        return _free_as_nan(Sequences.of(texts, alphabet + FREE).letters, len(alphabet))
    x = plain_array(given, "clamp")
    if x.dtype.kind not in "biuf":
        raise DataError(
            "clamp", "must be numbers, NaN where a feature is free", str(x.dtype), "Pass an array of floats"
        )
    return x.astype(np.float64)


def _free_as_nan(letters: np.ndarray, free: int) -> np.ndarray:
    return np.where(letters == free, np.nan, letters.astype(np.float64))


def _check_letters(x: np.ndarray, alphabet: str) -> None:
    if not ((x >= 0) & (x < len(alphabet)) & (x % 1 == 0)).all():
        rule = f"must be letters of {shortened(alphabet, 40)}, as whole numbers from 0 to {len(alphabet) - 1}"
        raise DataError("clamp", rule, f"{x.min():.4g} to {x.max():.4g}", "Pass texts, or such numbers")
