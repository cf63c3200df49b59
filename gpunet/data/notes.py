"""What is noted of data, short enough to be read: a table of many columns has a note for each."""

import re
from collections import defaultdict
from collections.abc import Iterable

EACH = 3  # notes of one kind that are shown
VARIES = re.compile(r"'[^']*'|[-+]?\d[\d.,]*(?:e[-+]?\d+)?")  # names and numbers, by which notes of one kind differ


def abridged(notes: Iterable[str]) -> list[str]:
    """The first notes of each kind, and how many more there are; no note stands there twice.

    >>> abridged([f"column 'c{k}': {k} missing cells become the median of training, 0.{k}" for k in range(60)])[2:]
    ["column 'c2': 2 missing cells become the median of training, 0.2", 'and the same of 57 more columns']
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for note in dict.fromkeys(notes):
        kinds[VARIES.sub("#", note)].append(note)
    lines = []
    for kind, found in kinds.items():
        few = found if len(found) <= EACH + 1 else found[:EACH]
        lines += few
        if left := len(found) - len(few):
            lines.append(f"and the same of {left:,} more {'columns' if kind.startswith('column') else 'places'}")
    return lines
