"""Small deep Boltzmann machines, and all of their states."""

import itertools

import numpy as np
import pytest

from gpunet.models import DBM
from gpunet.parameter import Parameters
from gpunet.rbm import (
    Bernoulli,
    Binomial,
    Softmax,
    Spin,
)
from gpunet.testing import make_context

BITS = [Bernoulli(3), Bernoulli(2), Bernoulli(3)]


MACHINES = {
    "two hidden layers": (BITS, 0),
    "three": ([Bernoulli(3), Bernoulli(2), Bernoulli(2), Bernoulli(3)], 0),
    "mixed units": ([Binomial(2), Spin(3), Softmax(4, group=2), Bernoulli(2)], 0),
    "labels": (BITS, 3),
    "three and labels": ([Spin(2), Bernoulli(2), Bernoulli(2), Bernoulli(1)], 2),
}


each = pytest.mark.parametrize("name", MACHINES)


def made(name, device, seeds=0, spread=0.8):
    units, classes = MACHINES[name]
    machine = DBM(units, classes)
    parameters = Parameters(machine, seeds, device, np.float64)
    values = np.random.default_rng(3).normal(size=parameters.values.shape) * spread
    device.copy_into(parameters.values, values)
    return machine, parameters


class Table:
    """All states of a machine with their energies, computed from the formula alone."""

    def __init__(self, machine, device):
        self.levels, self.ctx = machine.levels, make_context(device)
        self.value = lambda parameter: device.get(parameter.value)
        each = [level.units.states() for level in self.levels]
        self.rows = np.array(list(itertools.product(*(range(len(states)) for states in each))))
        self.states = [states[self.rows[:, number]] for number, states in enumerate(each)]
        self.energy = self.energies(self.states)
        self.log_z = np.logaddexp.reduce(-self.energy)
        self.p = np.exp(-self.energy - self.log_z)

    def energies(self, states):
        """``-log_base - bias s`` of each level, and ``-s W s`` between neighbours."""
        total = 0.0
        for level, s in zip(self.levels, states):
            total = total - level.units.log_base(s, self.ctx) - s @ self.value(level.bias)
        for lower, level, below, s in zip(self.levels, self.levels[1:], states, states[1:]):
            assert lower.units.n == below.shape[-1]
            total = total - np.einsum("ni,ij,nj->n", below, self.value(level.weight), s)
        return total

    def log_p(self, *numbers):
        """Log-probabilities of the states of some levels, in order, with those states."""
        keys, found = self.rows[:, numbers], {}
        for key, log_p in zip(map(tuple, keys), -self.energy - self.log_z):
            found.setdefault(key, []).append(log_p)
        states = [self.levels[number].units.states() for number in numbers]
        ordered = list(itertools.product(*(range(len(s)) for s in states)))
        logs = np.array([np.logaddexp.reduce(found[key]) for key in ordered])
        return logs, [s[[key[place] for key in ordered]] for place, s in enumerate(states)]
