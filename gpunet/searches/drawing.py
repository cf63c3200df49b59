"""What random and coarse-to-fine searches try: functions of seed, trial and key, and of finished stages alone."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .space import Space

STREAM = 11  # beside that of splits: a search shares no numbers with a training or a split of the same seed
KEPT = 0.25  # share of the trials of a stage whose values span the region of the next one
LEAST = 2  # trials that span it at least
WIDER = 0.1  # of its width that a region is widened by, at each end
NARROWEST = 0.2  # width of a region at least, of the whole scale: so few trials may agree by accident

Region = Mapping[str, tuple[float, float]]  # by key, between which places


@dataclass(frozen=True)
class Judged:
    """A finished trial, as far as the next stage depends on it.

    Attributes:
        number: of the trial.
        values: by key.
        loss: lower is better; infinity where it failed.
    """

    number: int
    values: Mapping[str, Any]
    loss: float


def place(seed: int, trial: int, key: str) -> float:
    """A number in [0, 1): uniform, and a function of seed, trial and key alone.

    So the draws of a key stay the same when other keys are added.
    """
    digest = hashlib.sha256(f"{trial} {key}".encode()).digest()[:8]
    generator = np.random.Generator(np.random.Philox(key=[seed, STREAM], counter=[0, 0, 0, int.from_bytes(digest)]))
    return float(generator.random())


def draw(space: Space, seed: int, trial: int, region: Region, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one trial.

    Args:
        space: to draw from.
        seed: of the search.
        trial: its number.
        region: to stay in, by key; all of it for keys that are not named.
        fixed: values of other keys that conditions may speak of.
    """
    places = {}
    for one in space:
        low, high = region.get(one.key, (0.0, 1.0))
        places[one.key] = low + place(seed, trial, one.key) * (high - low)
    return space.values(places, fixed)


def sizes(trials: int, stages: int) -> list[int]:
    """How many trials each stage has; the remainder goes to the first ones.

    >>> sizes(7, 2)
    [4, 3]
    """
    return [trials // stages + (number < trials % stages) for number in range(stages)]


def zoomed(space: Space, judged: Sequence[Judged]) -> dict[str, tuple[float, float]]:
    """The region that the best trials span, a little widened, each key on its own scale.

    A key that matters is spanned narrowly by the best trials, one that does not matter stays wide.  Of choices only a
    single one can become a region: all others stay open, since they lie in no order.

    Args:
        space: of the search.
        judged: trials that are finished.
    """
    finite = sorted((one for one in judged if math.isfinite(one.loss)), key=lambda one: (one.loss, one.number))
    best = finite[: max(LEAST, math.ceil(KEPT * len(judged)))]
    found: dict[str, tuple[float, float]] = {}
    for one in space:
        places = [one.place(trial.values[one.key]) for trial in best if one.key in trial.values]
        if not places:
            continue
        low, high = min(places), max(places)
        if one.kind == "choice":
            if low == high:
                half = 0.5 / len(one.choices)
                found[one.key] = (low - half, high + half)
            continue
        half = max((0.5 + WIDER) * (high - low), NARROWEST / 2)
        middle = (low + high) / 2
        found[one.key] = (max(0.0, middle - half), min(1.0, middle + half))
    return found
