"""Samples of models that generate, in the units of the data."""

from typing import Any

import numpy as np

from ..errors import ConfigError
from ..inspection.sampling import Sampler
from ..parameter import Parameters
from ..persistence import Trained


def check_count(name: str, number: Any, least: int = 1) -> None:
    """Refuse what is no whole number from ``least`` on.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
        raise ConfigError(name, f"must be a whole number from {least} on", repr(number), f"For example {name}=16")


def sampled(
    model: Any,
    parameters: Parameters,
    held: Trained,
    count: int,
    steps: int,
    seed: int,
    start: Any = None,
    labels: np.ndarray | None = None,
    prepared: bool = False,
    states: Any = None,
) -> np.ndarray:
    """Means of the visible units after Gibbs steps, ([members,] count, *input_shape), as the data have them.

    Args:
        model: machines, or a network that knows classes.
        parameters: its.
        held: with the preprocessing, which is undone as far as it tells.
        count: how many chains.
        steps: Gibbs steps of the top machine.
        seed: of the chains.
        start: prepared features on the device to start at; the resting state by default.
        labels: (count,) numbers of the classes to hold.
        prepared: leave the means as the visible units have them, ([members,] count, features).
        states: ([members,] count, visible) states of the top machine to start at instead.
    """
    check_count("n", count)
    check_count("steps", steps, 0)
    check_count("seed", seed, 0)
    with parameters.device.activate():
        sampler = Sampler(model, parameters, count, seed, start, labels)
        if states is not None:
            sampler.states[...] = states
        sampler.run(steps)
        drawn = sampler.data()
    if prepared:
        return drawn
    features = held.preprocessing.undo(drawn)
    return features.reshape(*features.shape[:-1], *held.description.input_shape)
