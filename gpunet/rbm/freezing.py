"""Adding versions to a ladder: brought to equilibrium, looked at, and refused where they are not there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..backend.arrays import Array
from ..errors import ConfigError
from .autocorrelation import integrated_time
from .bennett import foreseen_acceptance, resampled
from .ladder import Exchanges, Ladder, Values

FREEZE, REFUSE = 0.3, 0.1  # acceptance of exchanges with the last version
TIMES = 20  # autocorrelation times that a new version is given
BLOCK = 10  # sweeps between looks
HIGHEST = 8  # versions of most sweeps
BURN = 4  # one in so many of the sweeps of a new version is not counted
DIRECTIONS = 3  # along which a version is looked at
DEVIATION = 4.0  # standard errors beyond which two means are not the same
MOST_BRIDGES = 200  # between two machines
MOST_BETWEEN = 8  # versions before one that is out of reach is given up
CLOSER = 12  # halvings of the way to the next bridge


@dataclass(frozen=True)
class Frozen:
    """What came of a new version.

    Attributes:
        refused: why it was taken away again, or empty.
        acceptance: of exchanges with the version below.
        log_ratio: ``log Z`` less that of the version below, in nats.
        error: standard error of that.
        sweeps: that it was given.
        time: integrated autocorrelation time in sweeps, of the slowest number that was looked at.
    """

    refused: str
    acceptance: float
    log_ratio: float
    error: float
    sweeps: int
    time: float


def freeze(ladder: Ladder, values: Values, most: int, least: float = REFUSE) -> Frozen:
    """Add a version above the others and thermalise the ladder for 20 autocorrelation times of it.

    Chains start at states of the version below, as often as the new one would have them, and all versions go on
    together.  Three things are looked at in the end: whether exchanges are accepted; whether energies and places along
    the leading directions still move; and whether both halves of the states along each direction have the mass that the
    states of the version below say with their weights, since acceptance does not tell that a mode was lost.

    Args:
        ladder: with at least one version; the new one is taken away again where it is refused.
        values: parameters of the new version.
        most: sweeps at most.
        least: acceptance below which it is refused.
    """
    difference = ladder.difference(values)
    if not np.isfinite(difference).all():
        return Frozen("energies are not finite", 0.0, np.nan, np.inf, 0, np.inf)
    directions = leading_directions(ladder, values)
    ladder.extend(values, resampled(difference, ladder.chance()))
    parts, sweeps, time = [], 0, np.inf
    while sweeps < most and sweeps < max(2 * BLOCK, TIMES * time):
        parts.append(sweep(ladder, min(BLOCK, most - sweeps), directions))
        sweeps += len(parts[-1].energy)
        time = slowest(Exchanges.joined(parts))
        if len(parts) > 1 and parts[-1].acceptance[-1] < least / 2:
            break
    seen = Exchanges.joined(parts)
    seen = seen.after(len(seen.energy) // BURN)
    acceptance = float(seen.acceptance[-1])
    refused = f"acceptance {acceptance:.2f}" if acceptance < least else ""
    refused = refused or ("it still moves" if sweeps < TIMES * time and is_moving(seen) else "")
    refused = refused or ("a part of its mass is lost" if is_losing(seen) else "")
    ratio, columns = seen.ratios()
    if refused:
        ladder.drop()
    return Frozen(refused, acceptance, float(ratio[-1]), float(np.sqrt((columns[-1] ** 2).sum())), sweeps, time)


def thin(ladder: Ladder, least: float = FREEZE) -> None:
    """Take versions away that are not needed: from each the next is the farthest that it exchanges states with.

    Args:
        ladder: of versions that are all at rest.
        least: acceptance of neighbours that is enough.
    """
    needed = [0]
    while needed[-1] < len(ladder) - 1:
        lower = upper = needed[-1]
        while upper < len(ladder) - 1 and (upper == lower or ladder.acceptance(lower, upper + 1) >= least):
            upper += 1
        needed.append(upper)
    ladder.keep(needed)


def sweep(ladder: Ladder, sweeps: int, directions: Array = None) -> Exchanges:
    """Sweeps of which the first is of all versions and the others are of the highest 8 alone.

    All versions are at rest but for the new one, and any sweeps leave them there.  States take many sweeps to come up
    from below, so that there is little to gain where they move in each.

    Args:
        ladder: of versions.
        sweeps: how many.
        directions: along which states are measured, see :meth:`~gpunet.rbm.ladder.Ladder.run`.

    Returns:
        What was seen of the highest versions.
    """
    if len(ladder) <= HIGHEST:
        return ladder.run(sweeps, directions)
    parts = [ladder.run(1, directions).highest(HIGHEST)]
    if sweeps > 1:
        parts.append(ladder.run(sweeps - 1, directions, HIGHEST))
    return Exchanges.joined(parts)


def reach(ladder: Ladder, values: Values, most: int, least: float = REFUSE) -> list[Frozen]:
    """Add a version as :func:`freeze` does, and others between where it exchanges too rarely with the highest.

    How often states are exchanged is known when both are at rest; less often than states of the lower one foretell.

    Args:
        ladder: with at least one version.
        values: parameters of the new version.
        most: sweeps of each at most.
        least: acceptance below which there are versions between.

    Returns:
        What came of each; where the last one is refused, those between stay.
    """
    found: list[Frozen] = []
    while True:
        made = freeze(ladder, values, most, least)
        step = None
        if made.refused and made.acceptance < least and len(found) < MOST_BETWEEN:
            step = _bridge(ladder, values, most)
        if step is None:
            return [*found, made]
        found.append(step)


def climb(ladder: Ladder, values: Values, most: int, name: str) -> list[Frozen]:
    """Add versions between the highest and another machine until those two exchange their states.

    A version between is a machine whose parameters lie on the straight line between both.

    Args:
        ladder: with at least one version.
        values: of the other machine, which is not added.
        most: sweeps of each new version.
        name: of the other machine, for messages.

    Raises:
        ConfigError: no ladder of 200 versions leads there.
    """
    found: list[Frozen] = []
    while foreseen_acceptance(ladder.difference(values)) < FREEZE:
        made = _bridge(ladder, values, most) if len(found) < MOST_BRIDGES else None
        if made is None:
            rule, remedy = "must lie near the machine before it", "Keep more snapshots, or train with chains=trajectory"
            raise ConfigError(name, rule, f"no exchanges after {len(found)} machines between", remedy)
        found.append(made)
    return found


def _bridge(ladder: Ladder, values: Values, most: int) -> Frozen | None:
    """The farthest version towards another machine that exchanges well with the highest."""
    low, high, last = 0.0, 1.0, ladder.version(-1)
    for _ in range(CLOSER):
        middle = (low + high) / 2
        if foreseen_acceptance(ladder.difference(between(last, values, middle))) > 1.5 * FREEZE:
            low = middle
            if high - low < low / 8:
                break
        else:
            high = middle
    part = low
    for _ in range(CLOSER):
        made = freeze(ladder, between(last, values, part), most) if part else None
        if made is not None and not made.refused:
            return made
        part /= 2
    return None


def between(lower: Values, upper: Values, part: float) -> Mapping[str, Array]:
    """Parameters on the line from one machine, at 0, to another, at 1."""
    return {name: array + part * (upper[name] - array) for name, array in lower.items()}


def leading_directions(ladder: Ladder, values: Values) -> Array:
    """The visible sides of the largest singular values of a weight, (visible, q)."""
    weight = ladder.device.get(values["weight"]).astype(np.float64)
    left = np.linalg.svd(weight, full_matrices=False)[0][:, :DIRECTIONS]
    return ladder.device.put(left, ladder.dtype)


def slowest(seen: Exchanges) -> float:
    """Integrated autocorrelation time of the highest version, in sweeps: the longest of energy and places."""
    series = [seen.energy, *np.moveaxis(seen.places[1], -1, 0)]
    return max(integrated_time(one) for one in series)


def is_moving(seen: Exchanges) -> bool:
    """Whether energies or places of the highest version differ between the first and the last third of the sweeps."""
    third = max(1, len(seen.energy) // 3)
    series = np.concatenate([seen.energy[..., None], seen.places[1]], axis=-1)
    change = series[-third:].mean(axis=0) - series[:third].mean(axis=0)  # (columns, numbers)
    return beyond(change)


def is_losing(seen: Exchanges) -> bool:
    """Whether the highest version has another mass than the states of the one below say with their weights."""
    ratio = seen.ratios()[0][-1]
    weights = np.exp(np.clip(seen.lower[-1] - ratio, None, 50.0))  # (sweeps, columns), with a mean of 1
    middle = np.median(seen.places, axis=(0, 1, 2))
    below, above = (places > middle for places in seen.places)  # (sweeps, columns, directions)
    expected = (weights[..., None] * below).mean(axis=(0, 1)) / weights.mean()
    share = above.mean(axis=(0, 1))
    own = (weights[..., None] * (below - expected)).mean(axis=0) / weights.mean()
    return beyond(expected - share + own - (above - share).mean(axis=0))


def beyond(columns: np.ndarray) -> bool:
    """Whether the mean over independent columns, (columns, numbers), is away from 0 by more than chance explains."""
    error = columns.std(axis=0, ddof=1) / np.sqrt(len(columns)) + 1e-12
    return bool((np.abs(columns.mean(axis=0)) > DEVIATION * error).any())
