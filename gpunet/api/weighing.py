"""How much samples count: weights of files, and of sequences by how many are alike."""

from dataclasses import replace

import numpy as np

from ..data import IDENTITY, Dataset, Sequences
from ..errors import ConfigError, DataError


def weighted(dataset: Dataset, source: str | None, identity: float | str = "none") -> Dataset:
    """A data set whose samples count as a file says, or as they did where there is none; sequences by their neighbours.

    Args:
        dataset: of files.
        source: path of the weights, of all samples or of those before a test part that files fix.
        identity: share of equal sites from which sequences count as one; ``auto`` for the usual one where they have no
            other weights, ``none`` for all alike.

    Raises:
        DataError: weights that are none, or of a data set that has some already.
        ConfigError: a share of equal sites for what is no sequences.
    """
    if source is None:
        return _by_neighbours(dataset, identity)
    from ..datasets import read_weights, spread_weights

    if dataset.weights is not None:
        received = f"those of the data and {source}"
        raise DataError("weights", "must stand in one place", received, "Leave one of them out")
    found = spread_weights(source, read_weights(source), len(dataset.x), dataset.test_from)
    return replace(dataset, weights=found)


def counting(dataset: Dataset, chosen: np.ndarray) -> np.ndarray:
    """Those of some samples whose weight is not 0.

    Raises:
        DataError: none has any.
    """
    if dataset.weights is None:
        return chosen
    found = chosen[dataset.weights[chosen] > 0]
    if not len(found):
        rule, remedy = "must have weights that are not all 0", "Choose other data"
        raise DataError(dataset.name, rule, f"{len(chosen)} zeros", remedy)
    return found


def _by_neighbours(dataset: Dataset, identity: float | str) -> Dataset:
    """Sequences with weights by how many are alike, and a note of how many they are in effect."""
    if isinstance(identity, str) and (identity == "none" or not dataset.alphabet or dataset.weights is not None):
        return dataset
    if not dataset.alphabet:
        rule, remedy = "needs sequences, as FASTA files hold them", "Leave it out"
        raise ConfigError("identity", rule, dataset.name, remedy)
    if dataset.weights is not None:
        received = "those of the data and of identity"
        raise DataError("weights", "must stand in one place", received, "Leave one of them out")
    share = IDENTITY if isinstance(identity, str) else identity
    weights = Sequences(dataset.x[:], dataset.alphabet).weights(share)
    note = (
        f"{len(weights):,} sequences count as {weights.sum():,.1f}: each 1 / how many agree with it in {share:.0%} "
        "of the sites; identity=none lets all count alike"
    )
    return replace(dataset, weights=weights, notes=(*dataset.notes, note))
