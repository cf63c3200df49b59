"""Markov chains of a machine that are kept and go on, from Python."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..inspection.sampling import Sampler
from ..persistence import TrainedStack
from .sampling import check_count, holding_of

Monitor = Callable[[np.ndarray], Any]


class Chains:
    """Chains that follow a machine, or the top machine of a stack, from where they are.

    Made by :meth:`gpunet.api.Machine.sampler`; the numbers depend on the seed and on how many steps were made before,
    not on how these were divided among calls.

    Args:
        held: the machine or stack.
        n: how many chains.
        seed: of the chains.
        start: prepared features on the device to start at; the resting state by default.
        clamp: features to hold, see :meth:`gpunet.api.Machine.sample`.

    Attributes:
        steps: Gibbs steps that lie behind.

    >>> import gpunet, numpy as np
    >>> bits = (np.random.default_rng(0).random((200, 8)) < 0.3).astype(np.uint8)
    >>> chains = gpunet.train("rbm", bits, hidden=4, epochs=3).sampler(2000, seed=0)
    >>> states = chains.step(100)
    >>> states.shape, sorted(set(states.ravel().tolist())), chains.steps
    ((2000, 8), [0.0, 1.0], 100)
    >>> seen = chains.run(30, {"ones": lambda v: v.mean()}, every=10)
    >>> seen["step"].tolist(), seen["ones"].shape
    ([110, 120, 130], (3,))
    """

    def __init__(self, held: TrainedStack, n: int, seed: int = 0, start: Any = None, clamp: Any = None):
        check_count("n", n)
        check_count("seed", seed, 0)
        self._held, self.steps = held, 0
        with held.parameters.device.activate():
            holding = None if clamp is None else holding_of(held.dbn, held, clamp, n)
            self._sampler = Sampler(held.dbn, held.parameters, n, seed, start, clamp=holding)

    def step(self, k: int = 1, *, as_numpy: bool = True) -> Any:
        """Make ``k`` Gibbs steps and return where the chains are then, see :meth:`states`.

        Args:
            k: how many, from 0.
            as_numpy: False leaves the states on the device.

        Raises:
            ConfigError: no whole number.
        """
        check_count("k", k, 0)
        with self._held.parameters.device.activate():
            self._sampler.run(k)
        self.steps += k
        return self.states(as_numpy=as_numpy)

    def states(self, *, as_numpy: bool = True) -> Any:
        """States of the visible units, in the units of the data: ([members,] n, *input_shape).

        Where a value stands for the probability of a bit, a state is one of its two ends.  Below a stack states are
        drawn anew at each call.
        """
        device = self._held.parameters.device
        with device.activate():
            host = self._held.preprocessing.undo(device.get(self._sampler.drawn()))
            shaped = host.reshape(*host.shape[:-1], *self._held.description.input_shape)
            return shaped if as_numpy else device.put(shaped)

    def run(self, steps: int, monitors: dict[str, Monitor], every: int = 1) -> dict[str, np.ndarray]:
        """Make Gibbs steps and measure the chains on the way.

        Args:
            steps: how many.
            monitors: functions by name; each is called with the states, see :meth:`states`, and returns a number or an
                array of always the same shape.
            every: steps between two looks.

        Returns:
            ``step`` (looks,), Gibbs steps that lay behind, and for each name (looks, *shape).

        Raises:
            ConfigError: fewer steps than one look takes, or monitors that are no functions by name.
        """
        check_count("every", every)
        check_count("steps", steps, every)
        if not isinstance(monitors, dict) or not all(callable(monitor) for monitor in monitors.values()):
            remedy = 'For example {"ones": lambda v: v.mean()}'
            raise ConfigError("monitors", "must be functions by name", repr(monitors), remedy)
        at, seen = [], []
        for _ in range(steps // every):
            states = self.step(every)
            at.append(self.steps)
            seen.append({name: np.asarray(monitor(states)) for name, monitor in monitors.items()})
        if steps % every:
            self.step(steps % every)
        return {"step": np.array(at)} | {name: np.stack([look[name] for look in seen]) for name in monitors}

    def __repr__(self) -> str:
        """How many chains of how many steps."""
        return f"Chains({self._sampler.states.shape[-2]:,} chains, {self.steps:,} Gibbs steps)"
