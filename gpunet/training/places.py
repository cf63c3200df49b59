"""Populations of several places: which members are at each, and how long they were trained."""

from collections.abc import Sequence

import numpy as np

from .loop import EpochRecord


def rows_of(members: int, places: int) -> list[slice]:
    """Members at each place of the values by member, in whose order they lie.

    >>> rows_of(4, 2)
    [slice(0, 2, None), slice(2, 4, None)]
    """
    seeds = members // places
    return [slice(place * seeds, (place + 1) * seeds) for place in range(places)]


def epochs_of(history: Sequence[EpochRecord], rows: slice) -> int:
    """Epochs until the last of some members stopped; it would have been trained for so many without the others."""
    going = [record.epoch for record in history if np.any(record.active[rows])]
    return min(len(history), len(going) + 1)
