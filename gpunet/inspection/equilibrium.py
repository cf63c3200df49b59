"""Whether a machine's chains come to rest: how long they remember, from two starts, and what they pass on the way."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Arena, Context
from ..persistence import TrainedStack
from ..rbm.autocorrelation import exponential_time, integrated_time
from ..rbm.walk import Walk

DIRECTIONS = 8  # along which states are looked at
MOST_ROWS = 2000  # of the data, whose leading directions are found
LOOKS = 40  # at most, spaced evenly in the logarithm of the steps
DEVIATION = 4.0  # standard errors beyond which two starts are apart
WORSE = 2.0  # times the least distance from the data, where samples rise and then fall
RISE = 2.0  # times the distance that chance leaves, by which it must have grown as well
RESTED = 20  # autocorrelation times that a measurement of them takes


@dataclass(frozen=True)
class Equilibrium:
    """What chains of a machine do in a number of Gibbs steps, from rows of the data and from noise.

    Attributes:
        steps: Gibbs steps that were made.
        integrated: autocorrelation time of the slowest number, in steps: so many count as one independent sample.
        exponential: steps in which the slowest number forgets by a factor e in the end.
        mixing: steps after which both starts have the same means, or None where they never do.
        looks: (looks,), steps at which the chains from noise were compared with the data.
        distance: (looks,), squared distance of their means and covariances along the principal axes of the data from
            those of the data, over that of as many other rows of the data.
    """

    steps: int
    integrated: float
    exponential: float
    mixing: int | None
    looks: np.ndarray
    distance: np.ndarray

    @property
    def rises_then_falls(self) -> bool:
        """Whether samples from noise come near to the data and go away again.

        So do machines whose training took chains for samples that were none: they are right after as many steps as
        training made, and nowhere else.  Decelle, Furtlehner, Seoane: Equilibrium and non-equilibrium regimes in the
        learning of restricted Boltzmann machines (2021).
        """
        end = max(1, len(self.distance) // 8)
        least = self.distance.min()
        return bool(np.median(self.distance[-end:]) > max(WORSE * least, least + RISE))

    @property
    def measured(self) -> bool:
        """Whether the chains ran for 20 of their autocorrelation times, so that these can be believed."""
        return self.steps >= RESTED * self.integrated

    @property
    def trusted(self) -> bool:
        """Whether chains come to rest, and nothing better lies on the way."""
        return self.mixing is not None and not self.rises_then_falls

    def __repr__(self) -> str:
        """A line for each verdict."""
        mixed = f"in {self.mixing:,} Gibbs steps" if self.mixing is not None else f"not in {self.steps:,} Gibbs steps"
        less = "" if self.measured else ", at least: more steps are needed to tell"
        lines = [
            f"{'pass' if self.mixing is not None else 'FAIL'}  chains from data and from noise meet {mixed}",
            f"{'FAIL' if self.rises_then_falls else 'pass'}  samples from noise "
            + ("come near to the data and go away again" if self.rises_then_falls else "do not pass the data by"),
            f"      autocorrelation time {self.integrated:.1f} steps integrated, {self.exponential:.1f} at last{less}",
        ]
        return "\n".join(lines)


def equilibrium(
    held: TrainedStack, data: np.ndarray, steps: int = 1000, chains: int = 200, seed: int = 0
) -> Equilibrium:
    """Run chains of a single machine from two starts; of the first member of a population.

    Args:
        held: the machine.
        data: (rows, visible), prepared rows of its training.
        steps: Gibbs steps.
        chains: from each start.
        seed: of the chains.
    """
    if held.parameters.members:
        raise ValueError("one member at a time")
    rbm, device, dtype = held.dbn.top, held.parameters.device, held.parameters.dtype
    rng = np.random.default_rng(seed)
    start = data[rng.choice(len(data), chains, replace=len(data) < chains)]
    walk, ctx = Walk(held.parameters, seed), Context(False, Arena(device))
    resting = device.zeros((chains, rbm.visible.n), dtype)
    resting += device.put(rbm.visible.input_for(data.mean(axis=0)), dtype)
    noise = rbm.visible.sample(resting, walk.context)
    states = device.xp.concatenate([device.put(start, dtype), noise])
    weight = device.get(rbm.weight.value).astype(np.float64)
    own = np.linalg.svd(weight, full_matrices=False)[0][:, :DIRECTIONS]
    some = data[rng.choice(len(data), min(len(data), MOST_ROWS), replace=False)]
    leading = np.linalg.svd(some - some.mean(axis=0), full_matrices=False)[2][:DIRECTIONS].T
    axes = np.concatenate([leading, own], axis=1)
    along = device.put(axes, dtype)
    looks = sorted({round(float(step)) for step in np.geomspace(1, steps, LOOKS)})
    seen: list[np.ndarray] = []
    for _ in range(steps):
        walk.begin_step()
        rbm.visible_drawn(rbm.hidden_drawn(states, walk.context), walk.context, states)
        ctx.arena.rewind()
        energy = rbm.free_energy(states, ctx)[:, None]
        seen.append(device.get(device.xp.concatenate([states @ along, energy], axis=1)).astype(np.float64))
    series = np.stack(seen)  # (steps, 2 chains, numbers)
    places, width = (data @ leading).astype(np.float64), leading.shape[1]
    half, other = _halves(places, rng)
    unit = _apart(half, other[: len(half)])
    far = np.array([_apart(series[step - 1, chains:, :width], places) for step in looks])
    scale = unit * len(half) / chains  # what chance leaves between so few chains and all rows
    return Equilibrium(
        steps,
        *_times(series),
        _meeting(series, chains),
        np.array(looks),
        far / max(scale, np.finfo(float).tiny),
    )


def _times(series: np.ndarray) -> tuple[float, float]:
    """Of the slowest number, once the first quarter is over."""
    rest = series[len(series) // 4 :]
    integrated = [integrated_time(rest[..., number]) for number in range(rest.shape[-1])]
    slowest = int(np.argmax(integrated))
    return integrated[slowest], exponential_time(rest[..., slowest])


def _meeting(series: np.ndarray, chains: int) -> int | None:
    """The first step after which the means of both starts never differ by more than chance explains, or None.

    Differences are averaged over windows that grow with the steps, so that single looks decide nothing.
    """
    windows = [(start, min(2 * start + 1, len(series))) for start in _starts(len(series))]
    apart = []
    for start, stop in windows:
        mean = series[start:stop].mean(axis=0)
        first, second = mean[:chains], mean[chains:]
        error = np.sqrt((first.var(axis=0) + second.var(axis=0)) / chains) + 1e-12
        apart.append(bool((np.abs(first.mean(axis=0) - second.mean(axis=0)) > DEVIATION * error).any()))
    if apart[-1]:
        return None
    last = max((number for number, away in enumerate(apart) if away), default=-1)
    return windows[last + 1][0] + 1


def _starts(steps: int) -> list[int]:
    """Where windows begin, from the first step to the last half."""
    return sorted({int(x) for x in np.geomspace(1, max(2, steps // 2), 20)} - {0} | {0})


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Squared distance of means and of covariances, each over the variances of the second."""
    spread = np.maximum(b.std(axis=0), 1e-9)
    mean = ((a.mean(axis=0) - b.mean(axis=0)) / spread) ** 2
    covariance: Any = (np.cov(a.T) - np.cov(b.T)) / np.outer(spread, spread)
    return float(mean.mean() + (np.atleast_2d(covariance) ** 2).mean())


def _halves(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(len(rows))
    return rows[order[::2]], rows[order[1::2]]
