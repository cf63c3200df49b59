"""Gradients of a whole model against two-sided differences, along random directions and at the worst coordinates.

A loss with ReLUs has kinks: where one lies within the step, the difference is not the slope here, and no error was
made.  So a probe that disagrees is repeated with a smaller step, and then with differences to either side: a kink lies
on one side of the point, and on the other the slope must be the gradient.  A wrong gradient agrees with none of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..backend import Purpose, host_generator
from ..backend.arrays import Array
from ..parameter import Parameters

STEPS = (1e-5, 1e-6)  # lengths of a step, the second for probes that disagree at the first
TOLERANCE = 1e-6  # of the gradient's typical size
NOISE = 10 * float(np.finfo(np.float64).eps)  # of the loss: what rounding does to one evaluation
SHAKE = 1e-3  # moves zero biases off the kinks that they lie on exactly; far longer than a step
OPENING = 0.3  # the same for weights and scales that are all 0: behind a branch that is nearly shut, kinks lie close


@dataclass(frozen=True)
class Probe:
    """The slope along one direction, as backpropagation and as differences give it."""

    found: float
    expected: float
    error: float
    holds: bool
    kink: bool


@dataclass(frozen=True)
class Finding:
    """What the probes of one parameter gave.

    Attributes:
        name: of the parameter.
        shape: with the members axis, where there is one.
        place: the coordinate that disagrees most.
        found: backpropagation there.
        expected: the difference there.
        error: largest disagreement of all probes, relative to the slope or the gradient's typical entry, whichever is
            larger; what rounding can do is counted in.
        kinks: probes that agree only with a smaller step or on one side.
        holds: whether all probes agree.
    """

    name: str
    shape: tuple[int, ...]
    place: tuple[int, ...]
    found: float
    expected: float
    error: float
    kinks: int
    holds: bool


def check_parameters(
    parameters: Parameters, gradient: Callable[[], None], loss: Callable[[], float], directions: int = 3, spots: int = 8
) -> Iterator[Finding]:
    """Check the gradient of each trained parameter; all values are shaken a little first and stay so.

    Args:
        parameters: in float64.
        gradient: writes the gradient of ``loss`` at the present values into ``parameters.grads``.
        loss: the same number whenever the values are the same.
        directions: random directions for each parameter.
        spots: coordinates for each parameter: half of them with the largest gradients, half at random.
    """
    assert parameters.dtype == np.float64, "differences in float32 say nothing"
    for site, parameter in enumerate(parameters.named.values()):
        if parameter.trainable:
            generator, value = host_generator(0, Purpose.CHECKS, site=site), parameters.device.get(parameter.value)
            size = OPENING if parameter.role in ("weight", "scale") and not value.any() else SHAKE
            parameter.value[...] += parameters.device.put(size * generator.standard_normal(value.shape))
    gradient()
    for site, (name, parameter) in enumerate(parameters.named.items()):
        if parameter.trainable:
            prober = _Prober(parameters, parameter.value, parameters.device.get(parameter.grad), loss)
            yield prober.finding(name, host_generator(0, Purpose.CHECKS, step=1, site=site), directions, spots)


class _Prober:
    """Moves one parameter and puts it back."""

    def __init__(self, parameters: Parameters, value: Array, gradient: np.ndarray, loss: Callable[[], float]):
        self.device, self.value, self.gradient, self.loss = parameters.device, value, gradient, loss
        self.origin = value.copy()
        self.centre = loss()
        self.typical = float(np.sqrt(np.mean(gradient**2)))

    def finding(self, name: str, generator: np.random.Generator, directions: int, spots: int) -> Finding:
        size = self.gradient.size
        drawn = generator.standard_normal((directions, size))
        drawn /= np.sqrt((drawn**2).sum(axis=1, keepdims=True))
        along = [self.probe(direction) for direction in drawn]
        largest = np.argsort(-np.abs(self.gradient).ravel(), kind="stable")[: -(-spots // 2)]
        places = {self.suspect(drawn[0]), *largest.tolist(), *generator.integers(size, size=spots // 2).tolist()}
        at = {place: self.probe(_unit(place, size)) for place in sorted(places)}
        worst = max(at, key=lambda place: (not at[place].holds, at[place].error))
        probes = [*along, *at.values()]
        return Finding(
            name,
            self.gradient.shape,
            tuple(int(i) for i in np.unravel_index(worst, self.gradient.shape)),
            at[worst].found,
            at[worst].expected,
            max(p.error for p in probes),
            sum(p.kink for p in probes),
            all(p.holds for p in probes),
        )

    def probe(self, direction: np.ndarray) -> Probe:
        """Compare along one direction of length 1, more closely where it disagrees."""
        found, noise = float(self.gradient.ravel() @ direction), NOISE * max(1.0, abs(self.centre))
        probes = []
        for number, (slope, step) in enumerate(self.slopes(direction)):
            size = max(abs(found), abs(slope), self.typical) + noise / step / TOLERANCE
            error = abs(found - slope) / size
            probes.append(Probe(found, slope, error, error <= TOLERANCE, number > 0))
            if probes[-1].holds:
                return probes[-1]
        return replace(min(probes, key=lambda probe: probe.error), kink=False)

    def slopes(self, direction: np.ndarray) -> Iterator[tuple[float, float]]:
        """Slopes along a direction with their steps: two-sided ones, then the one to either side."""
        for step in STEPS:
            yield (self.at(direction, step) - self.at(direction, -step)) / (2 * step), step
        for step in (STEPS[-1], -STEPS[-1]):
            near, far = self.at(direction, step), self.at(direction, 2 * step)
            yield (4 * near - far - 3 * self.centre) / (2 * step), abs(step) / 4

    def suspect(self, direction: np.ndarray) -> int:
        """The coordinate that disagrees most, by halving: the half whose part of the direction disagrees more."""
        low, high = 0, direction.size
        while high - low > 1:
            middle = (low + high) // 2
            below = self.disagreement(direction, slice(low, middle))
            above = self.disagreement(direction, slice(middle, high))
            low, high = (low, middle) if below >= above else (middle, high)
        return low

    def disagreement(self, direction: np.ndarray, part: slice) -> float:
        only = np.zeros_like(direction)
        only[part] = direction[part]
        slope = (self.at(only, STEPS[0]) - self.at(only, -STEPS[0])) / (2 * STEPS[0])
        return abs(float(self.gradient.ravel() @ only) - slope)

    def at(self, direction: np.ndarray, step: float) -> float:
        """The loss so far along a direction."""
        self.value[...] = self.origin + self.device.put(step * direction.reshape(self.gradient.shape))
        loss = self.loss()
        self.value[...] = self.origin
        return loss


def _unit(place: int, size: int) -> np.ndarray:
    direction = np.zeros(size)
    direction[place] = 1.0
    return direction
