"""Whether new numbers are on the scale of those of a training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .codes import Code, NumberCode
from .contract import Contract
from .streamed import Features, Streamed
from .table import Table

if TYPE_CHECKING:
    from .description import Description

SLIVER = 100  # the range of training is so many times as wide as that of data on another scale
FAR = 3  # ranges of training away from it
MOST = 0.5  # share of the values that must be elsewhere
BYTE = 255  # full scale of images of 8 bits
SEEN = 10_000  # samples that are looked at of those that are streamed
ENOUGH = 20  # rows that say something about a range


def check_scale(about: "Description", contract: Contract, x: Features, name: str) -> list[str]:
    """What is out of the range of training; refuses numbers that are all on another scale than those of training.

    Of samples that are streamed some are looked at, evenly spaced over all of them.
    """
    if isinstance(x, Streamed):
        x = x[:: -(-len(x) // max(1, min(SEEN, x.rows_of_block)))]
    high = float(np.abs(x).max())
    known = max(abs(contract.low), abs(contract.high))
    seen = f"{float(x.min()):.4g} to {float(x.max()):.4g}"
    if x.dtype.kind == "f" and high > 0 and not known and about.scale > 1 and x.min() >= 0 and high <= 1:
        rule = f"must be on the scale of training, 0 to {about.scale:g}"
        remedy = f"Pass {name} * {about.scale:g}, or the bytes as they were"
        raise DataError(name, rule, "numbers between 0 and 1", remedy)
    if not known or not high:
        return []
    small = x.dtype.kind == "f" and high <= 1 and bool((x != np.floor(x)).any())
    sliver = small and (high * SLIVER <= known or (contract.whole and known >= 4))
    typical = float(np.abs(x[x != 0]).mean())
    span = FAR * (contract.high - contract.low)
    far = span > 0 and float(((x > contract.high + span) | (x < contract.low - span)).mean()) > MOST
    if sliver or far or (typical > 5 * known and high > 10 * known):
        rule = f"must be on the scale of training, {contract.low:.4g} to {contract.high:.4g}"
        remedy = "Scale them as they were in training"
        if sliver and about.scale > 1:
            times = f"Pass {name} * {about.scale:g}" if name.isidentifier() else f"Multiply them by {about.scale:g}"
            remedy = f"{times}, or give the bytes as they were"
        received = "numbers between 0 and 1" if sliver and x.min() >= 0 else f"numbers from {seen}"
        raise DataError(name, rule, received, remedy)
    return _far_features(contract, x, name) if len(contract.lows) == x[0].size else []


def check_depth(about: "Description", scale: float, name: str) -> None:
    """Refuse images of 8 bits for a model of 16 and the reverse, by their full scale.

    Raises:
        DataError: the other ones.
    """
    if 1 in (scale, about.scale) or about.scale < BYTE or (scale > BYTE) == (about.scale > BYTE):
        return
    bits = ["16 bits a channel" if one > BYTE else "8 bits a channel" for one in (about.scale, scale)]
    raise DataError(name, f"must have {bits[0]}, as in training", bits[1], "Save them as those of training")


def _far_features(contract: Contract, x: np.ndarray, name: str) -> list[str]:
    """Features most of whose values are far from those of training; refuses rows all of whose features are."""
    low, high = np.array(contract.lows), np.array(contract.highs)
    rows, span = x.reshape(len(x), -1), high - low
    far = ((rows > high + FAR * span) | (rows < low - FAR * span)).mean(axis=0) > MOST
    far &= span > 0
    if not far.any():
        return []
    first = int(far.argmax())
    seen = f"{float(rows[:, first].min()):.4g} to {float(rows[:, first].max()):.4g}"
    before = f"{low[first]:.4g} to {high[first]:.4g} in training"
    if int(far.sum()) == int((span > 0).sum()) > 1:
        received, remedy = (
            f"feature {first} from {seen}, which went from {before}",
            "Give them in the units of training",
        )
        raise DataError(name, "must be on the scale of training", received, remedy)
    others = f" and {int(far.sum()) - 1} more" if far.sum() > 1 else ""
    return [f"feature {first}{others} goes from {seen}, and went from {before}"]


def check_ranges(codes: Sequence[Code], table: Table, places: Sequence[int]) -> list[str]:
    """What is out of the range of training; refuses a table whose columns of numbers all are on another scale."""
    notes, numbers, elsewhere = [], 0, 0
    for code, place in zip(codes, places):
        if not isinstance(code, NumberCode) or code.high <= code.low:
            continue
        numbers += 1
        values = table.columns[place].numbers
        assert values is not None, "it was encoded"
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        low, high, span = float(values.min()), float(values.max()), code.high - code.low
        outside = np.maximum(values - code.high, code.low - values)
        far = float((outside > FAR * span).mean()) > MOST
        narrow = len(values) >= ENOUGH and 0 < high - low <= span / SLIVER
        seen = f"{table.called(place)} goes from {low:.4g} to {high:.4g}"
        before = f"went from {code.low:.4g} to {code.high:.4g} in training"
        if far or narrow:
            elsewhere += 1
            notes.append(f"{seen}, and {before}")
        elif len(values) >= ENOUGH and (share := float((outside > 0).mean())) > MOST:
            notes.append(f"{table.called(place)}: {100 * share:.0f} % are beyond what training saw, since it {before}")
    if elsewhere == numbers > 1:
        raise DataError(
            table.source or table.name,
            "must be on the scale of training",
            notes[0],
            "Give them in the units of training",
        )
    return notes
