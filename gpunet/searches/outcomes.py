"""What comes of trials: trained together where that can be done, else one after the other; nothing is written here."""

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backend import out_of_memory
from ..errors import ConfigError, DeviceError, DivergedError, GpunetError
from ..interruption import Stop
from .populations import Populations, measure_together
from .problem import Search
from .scoring import Goal, Measured, Pruned, measure

OWN = (ConfigError, DivergedError, DeviceError)  # what a trial may fail by; everything else ends the search
Ends = Callable[[int, float], bool]  # of an epoch and its score, whether the trial ends there


@dataclass(frozen=True)
class Ended:
    """A trial that was ended early.

    Attributes:
        curve: its score by epoch.
        seconds: that it took.
    """

    curve: list[float]
    seconds: float


Outcome = Measured | Ended | GpunetError


def outcomes(
    search: Search,
    goal: Goal,
    populations: Populations,
    each: Sequence[Mapping[str, Any]],
    stop: Stop,
    ends: Ends | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Train trials, by smaller populations where memory ends.

    Args:
        search: what they belong to.
        goal: what they are judged by.
        populations: of the search.
        each: values by key, of each trial.
        stop: ends it after the present step.
        ends: whether a trial that is trained alone ends after an epoch.

    Yields:
        The place of a trial and what came of it, as soon as it is known.

    Raises:
        Stopped: ``stop`` was requested.
        GpunetError: what is no fault of a trial.
    """
    config = populations.together(each) if len(each) > 1 else None
    results: Sequence[Outcome] = []
    full = False
    if config is not None:
        try:
            results = measure_together(search, goal, config, stop)
        except OWN:  # each says by itself what is wrong with it
            pass
        except Exception as error:
            full = out_of_memory(error)
            if not full:
                raise
            traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
    if full:
        search.experiment.device.release()
        half = len(each) // 2
        for first, part in ((0, each[:half]), (half, each[half:])):
            for place, found in outcomes(search, goal, populations, part, stop, ends):
                yield first + place, found
    elif results:
        yield from enumerate(results)
    else:
        for place, values in enumerate(each):
            yield place, _alone(search, goal, values, stop, ends)


def _alone(search: Search, goal: Goal, values: Mapping[str, Any], stop: Stop, ends: Ends | None) -> Outcome:
    """What comes of one trial."""
    curve: list[float] = []

    def on_value(step: int, value: float) -> None:
        curve.append(value)
        if ends is not None and ends(step, value):
            raise Pruned

    began = time.perf_counter()
    try:
        config = search.configured(values, search.settings.seeds)
        return measure(search, goal, config, search.tuned(values, config), search.splits, stop, on_value)
    except Pruned:
        return Ended(curve, time.perf_counter() - began)
    except OWN as error:
        return error
