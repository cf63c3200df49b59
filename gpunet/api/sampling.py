"""Samples of models that generate, in the units of the data."""

from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from ..inspection.sampling import Sampler
from ..inspection.tempering import states_of_trajectory
from ..models import DBM, DBN, LabelledDBM
from ..parameter import Parameters
from ..persistence import Trained, TrainedStack
from ..rbm import ClassRBM
from .arrays import feature_array
from .clamping import Held, as_states, clamped


def check_count(name: str, number: Any, least: int = 1) -> None:
    """Refuse what is no whole number from ``least`` on.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
        raise ConfigError(name, f"must be a whole number from {least} on", repr(number), f"For example {name}=16")


def holding_of(model: Any, held: Trained, clamp: Any, count: int) -> Held:
    """What the chains of a model hold.

    Raises:
        ConfigError: a stack or a network whose features follow from hidden layers alone.
        DataError: see :func:`.clamping.clamped`.
    """
    single = isinstance(model, DBN) and model.single
    if not single and not isinstance(model, ClassRBM | DBM | LabelledDBM):
        received = f"{model.depth} layers" if isinstance(model, DBN) else type(model).__name__
        raise ConfigError("clamp", "needs a machine that sees the features", received, "Use an rbm or a dbm")
    values, known = clamped(held, clamp, count)
    units = model.features if isinstance(model, ClassRBM | LabelledDBM) else model.visible
    return as_states(values, units.bits), known


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
    clamp: Any = None,
) -> np.ndarray:
    """Means of the visible units after Gibbs steps, ([members,] count, *input_shape), as the data have them.

    Of sequences they are letters that were drawn, as numbers.

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
        clamp: features to hold, see :func:`.clamping.clamped`.
    """
    check_count("n", count)
    check_count("steps", steps, 0)
    check_count("seed", seed, 0)
    holding = None if clamp is None else holding_of(model, held, clamp, count)
    with parameters.device.activate():
        sampler = Sampler(model, parameters, count, seed, start, labels, holding)
        if states is not None:
            sampler.states[...] = states
        sampler.run(steps)
        letters = bool(held.description.alphabet) and isinstance(model, DBN | DBM)
        # Of letters the states that the chains are in, since a mean of letters is none.
        drawn = parameters.device.get(sampler.drawn()) if letters else sampler.data()
    if prepared:
        return drawn
    features = held.preprocessing.undo(drawn)
    return features.reshape(*features.shape[:-1], *held.description.input_shape)


def sampled_along(held: TrainedStack, count: int, steps: int, seed: int, prepared: bool) -> np.ndarray:
    """Means of the visible units of chains that exchange states with earlier versions of a machine, as :func:`sampled`.

    Raises:
        CheckpointError: there are no versions, or those of another machine.
        ConfigError: versions too far apart.
    """
    check_count("n", count)
    check_count("steps", steps, 1)
    with held.parameters.device.activate():
        states = states_of_trajectory(held, count, steps, seed)
    return sampled(held.dbn, held.parameters, held, count, 0, seed, states=states, prepared=prepared)


def hidden_states(h: Any, held: TrainedStack) -> np.ndarray:
    """States of the top hidden units that were passed, (samples, hidden).

    Raises:
        DataError: another number of units.
    """
    width, states = held.dbn.code.n, feature_array(h, "h")
    if states.shape[1:] != (width,):
        rule, got = f"must be states of the {width} hidden units at the top", f"shape {states.shape}"
        raise DataError("h", rule, got, f"Pass (samples, {width}), as encode gives them")
    return states
