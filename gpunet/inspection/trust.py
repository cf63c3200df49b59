"""Whether samples are like the data: neither other than them, nor copies of them, nor a part of them.

Everything is measured beside rows of the data that were held out of training: samples can be as much like the training
rows as those are, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .neighbours import nearest

MOST = 2000  # samples and held-out rows that are compared
FEATURES = 200  # of which correlations of two are taken
TRIPLES = 5000  # of features
DEVIATION = 4.0  # standard errors beyond which a difference is none of chance
NEARER = 0.1  # how much more often than held-out rows samples must lie nearer to be called memorised
TOLD_APART = 0.05  # adversarial accuracy beyond a half
BELOW_CEILING = 0.1  # of a Pearson correlation
GROUPS = 30  # of training rows, where no classes are known
ROUNDS = 25  # of k-means
FEW = 10  # rows with which two shares are compared


@dataclass(frozen=True)
class Correlations:
    """Connected correlations of samples against those of the training rows.

    Attributes:
        order: 1 for means, 2 for covariances, 3 for third central moments.
        pearson: correlation of the numbers of both.
        slope: of the line through them, 1 where samples have them in full.
        ceiling: the same Pearson correlation of the held-out rows, which noise leaves to as many rows.
        numbers: how many different ones were compared; few of them make a Pearson correlation of noise large.
        shown: (2, points), numbers of the training rows and of the samples, some for a picture.
    """

    order: int
    pearson: float
    slope: float
    ceiling: float
    numbers: int
    shown: np.ndarray

    @property
    def below(self) -> float:
        """How far below the ceiling chance alone may take it: Fisher's standard error of a correlation, several times.

        Fisher: On the probable error of a coefficient of correlation deduced from a small sample (1921).
        """
        return max(BELOW_CEILING, DEVIATION * (1 - self.ceiling**2) / np.sqrt(max(1, self.numbers - 3)))


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        passed: whether samples are as the held-out rows are.
        text: what was seen, in words.
    """

    name: str
    passed: bool
    text: str


@dataclass(frozen=True)
class Trust:
    """How samples stand to the data.

    Attributes:
        samples: how many were looked at.
        correlations: of one, two and three features.
        adversarial: shares of data rows nearer to other data rows than to samples, and of samples nearer to other
            samples than to data rows, both about a half where nothing tells them apart; of held-out rows, and of
            training rows.
        distances: to the nearest training row, of samples and of held-out rows.
        copies: shares of samples, and of held-out rows, that are training rows.
        shares: of samples and of held-out rows, by the class, or the group, of their nearest training row.
        groups: names of those.
        energies: free energies of training rows, held-out rows and samples, in nats; empty without a machine.
        scatter: first two principal components of training rows, held-out rows and samples.
        verdicts: what follows.
    """

    samples: int
    correlations: list[Correlations]
    adversarial: dict[str, tuple[float, float]]
    distances: dict[str, np.ndarray]
    copies: dict[str, float]
    shares: dict[str, np.ndarray]
    groups: list[str]
    scatter: dict[str, np.ndarray]
    energies: dict[str, np.ndarray] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all verdicts are good."""
        return all(verdict.passed for verdict in self.verdicts)

    def __repr__(self) -> str:
        """A line for each verdict."""
        return "\n".join(f"{'pass' if v.passed else 'FAIL'}  {v.name}: {v.text}" for v in self.verdicts)


def trust(
    samples: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
    classes: np.ndarray | None = None,
    names: Sequence[str] = (),
    energies: dict[str, np.ndarray] | None = None,
) -> Trust:
    """Compare samples with rows of the data.

    Args:
        samples: (N, features), prepared as the data are.
        train: (T, features), all rows that were learned from.
        held_out: (H, features), rows that were not, at least two.
        classes: (T,) class numbers of the training rows, or None.
        names: of the classes.
        energies: free energies by name, to be kept with the rest.

    >>> x = (np.random.default_rng(0).random((900, 12)) < 0.3).astype(float)
    >>> print(trust(x[600:], x[:300], x[300:600]).passed, trust(x[:300], x[:300], x[300:600]).passed)
    True False
    """
    rng = np.random.default_rng(0)
    everything = train
    samples, held_out, train = (_some(rows, MOST, rng) for rows in (samples, held_out, train))
    to_train = {name: nearest(rows, everything) for name, rows in (("samples", samples), ("held_out", held_out))}
    distances = {name: found[0] for name, found in to_train.items()}
    size = np.sqrt(np.square(everything[:1000] - everything[:1000].mean(axis=0)).sum(axis=1).mean())
    copies = {name: float((found < 1e-4 * size + 1e-6).mean()) for name, found in distances.items()}
    if classes is None:
        classes = grouped(train, everything, rng)
        names = [f"group {number + 1}" for number in range(int(classes.max()) + 1)]
    shares = {
        name: np.bincount(classes[found[1]], minlength=len(names)) / len(found[1]) for name, found in to_train.items()
    }
    both = {"held_out": held_out, "train": train}
    adversarial = {name: adversarial_accuracy(rows, samples) for name, rows in both.items()}
    correlations = [compared(order, samples, train, held_out, rng) for order in (1, 2, 3)]
    middle, axes = principal_axes(train)
    scatter = {n: (x - middle) @ axes for n, x in (("train", train), ("held_out", held_out), ("samples", samples))}
    made = Trust(
        len(samples), correlations, adversarial, distances, copies, shares, list(names), scatter, energies or {}
    )
    made.verdicts.extend(_verdicts(made, min(len(samples), len(held_out))))
    return made


def adversarial_accuracy(real: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """How often the nearest neighbour says what a row is: of real rows, and of samples; as many of each.

    A half where samples are like the real rows, 1 where both lie apart, and 0 where each lies beside one of the other.

    Yale, Dash, Dutta, Guyon, Pavao, Bennett: Generation and evaluation of privacy preserving synthetic health data
    (2020).

    >>> x = np.arange(10.0)[:, None]
    >>> adversarial_accuracy(x, x + 100), adversarial_accuracy(x, x + 0.1)
    ((1.0, 1.0), (0.0, 0.0))
    """
    count = min(len(real), len(samples))
    real, samples = real[:count], samples[:count]

    def share(rows: np.ndarray, others: np.ndarray) -> float:
        own, foreign = nearest(rows, rows, itself=True)[0], nearest(rows, others)[0]
        return float((foreign > own).mean() + 0.5 * (foreign == own).mean())

    return share(real, samples), share(samples, real)


def compared(
    order: int, samples: np.ndarray, train: np.ndarray, held_out: np.ndarray, rng: np.random.Generator
) -> Correlations:
    """Connected correlations of some features, of as many rows of each kind."""
    varying = np.flatnonzero(train.std(axis=0) > 1e-6)
    count = min(len(samples), len(held_out), len(train))
    if order < 3:
        chosen = np.sort(_some(varying, len(varying) if order == 1 else FEATURES, rng))
        places = (chosen,) if order == 1 else tuple(chosen[np.array(np.triu_indices(len(chosen), 1))])
    else:
        triples = rng.choice(varying, (TRIPLES, 3))
        distinct = (np.diff(np.sort(triples, axis=1), axis=1) > 0).all(axis=1)
        places = tuple(triples[distinct].T)
    found = [_moments(rows[:count], places) for rows in (train, samples, held_out)]
    spread = max(float(found[0].var()), np.finfo(float).tiny)
    slope = float(np.cov(found[0], found[1])[0, 1] / spread) if len(found[0]) > 1 else 1.0
    shown = _some(np.stack(found[:2], axis=1), 1000, rng).T
    different = len(np.unique(np.sort(np.stack(places), axis=0), axis=1).T)
    return Correlations(order, _pearson(found[0], found[1]), slope, _pearson(found[0], found[2]), different, shown)


def principal_axes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the first two principal axes, (features, 2), zeros where there are fewer."""
    middle = x.mean(axis=0)
    axes = np.linalg.svd(x - middle, full_matrices=False)[2][:2].T
    return middle, np.pad(axes, ((0, 0), (0, 2 - axes.shape[1])))


def grouped(some: np.ndarray, everything: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The group of each row, (rows,), by k-means of some of them."""
    centres = some[rng.choice(len(some), min(GROUPS, len(some)), replace=False)].astype(np.float64)
    for _ in range(ROUNDS):
        own = nearest(some, centres)[1]
        centres = np.stack([some[own == k].mean(axis=0) if (own == k).any() else c for k, c in enumerate(centres)])
    return nearest(everything, centres)[1]


def _verdicts(seen: Trust, rows: int) -> list[Verdict]:
    found = [_memorised(seen, rows), _complete(seen, rows), _told_apart(seen, rows)]
    for one, name in zip(seen.correlations, ("means", "correlations of two", "correlations of three")):
        passed = bool(one.pearson >= one.ceiling - one.below)
        text = f"Pearson {one.pearson:.3f} with a noise ceiling of {one.ceiling:.3f}, slope {one.slope:.2f}"
        found.append(Verdict(name, passed, text))
    return found


def _memorised(seen: Trust, rows: int) -> Verdict:
    """Samples must lie as far from the training rows as held-out rows do."""
    mine, theirs = (np.sort(seen.distances[name]) for name in ("samples", "held_out"))
    below, upto = (np.searchsorted(theirs, mine, side) for side in ("left", "right"))
    nearer = 1 - float((below + upto).mean()) / (2 * len(theirs))  # chance that a sample lies nearer than a row
    error = np.sqrt(1 / (6 * rows))
    copied = seen.copies["samples"] - seen.copies["held_out"]
    chance = np.sqrt(max(seen.copies["held_out"], 1 / rows) * 2 / rows)
    passed = nearer < 0.5 + max(NEARER, DEVIATION * error) and copied < max(0.02, DEVIATION * chance)
    text = (
        f"a sample is nearer to a training row than a held-out row is in {nearer:.0%} of all pairs, median distance "
        f"{np.median(mine):.3g} against {np.median(theirs):.3g}; {seen.copies['samples']:.1%} are copies, of held-out "
        f"rows {seen.copies['held_out']:.1%}"
    )
    return Verdict("not memorised" if passed else "memorised", bool(passed), text)


def _complete(seen: Trust, rows: int) -> Verdict:
    """Each class, or group, must have half its share at least."""
    mine, theirs = seen.shares["samples"], seen.shares["held_out"]
    error = np.sqrt((mine * (1 - mine) + theirs * (1 - theirs)) / rows) + 1e-12
    missing = np.flatnonzero((theirs * rows >= FEW) & (mine < theirs / 2) & (theirs - mine > DEVIATION * error))
    if not len(missing):
        ratio = np.divide(mine, theirs, out=np.ones(len(mine)), where=theirs * rows >= FEW)
        least = int(ratio.argmin())
        text = f"least {seen.groups[least]}, {mine[least]:.1%} of the samples and {theirs[least]:.1%} of held-out rows"
        return Verdict("nothing missing", True, text)
    lines = (f"{seen.groups[k]} has {mine[k]:.1%} of the samples and {theirs[k]:.1%} of held-out rows" for k in missing)
    return Verdict("parts missing", False, "; ".join(lines))


def _told_apart(seen: Trust, rows: int) -> Verdict:
    """Nearest neighbours must not tell samples from held-out rows."""
    real, made = seen.adversarial["held_out"]
    passed = max(real, made) <= 0.5 + max(TOLD_APART, DEVIATION * np.sqrt(0.25 / rows))
    train = seen.adversarial["train"]
    text = (
        f"adversarial accuracy {real:.2f} of held-out rows and {made:.2f} of samples, {train[0]:.2f} and "
        f"{train[1]:.2f} against training rows; 0.5 where they are alike"
    )
    return Verdict("like the data" if passed else "unlike the data", bool(passed), text)


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else rows[np.sort(rng.choice(len(rows), most, replace=False))]


def _moments(rows: np.ndarray, places: tuple[np.ndarray, ...]) -> np.ndarray:
    if len(places) == 1:
        return rows[:, places[0]].mean(axis=0)
    centred = rows - rows.mean(axis=0)
    if len(places) == 2:
        covariance = centred.T @ centred / len(rows)
        return covariance[places]
    first, second, third = places
    return np.concatenate([
        (centred[:, first[a : a + 500]] * centred[:, second[a : a + 500]] * centred[:, third[a : a + 500]]).mean(axis=0)
        for a in range(0, len(first), 500)
    ])  # fmt: skip


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 1.0 if np.allclose(a, b) else 0.0
    return float(np.corrcoef(a, b)[0, 1])
